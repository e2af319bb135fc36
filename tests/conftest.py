"""What every test stands on: an Airflow of its own, no way to a real AWS, and the emulator."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

ROOT = Path(__file__).parent.parent
BUCKET = "titan-images"

# Airflow reads its environment when it is first imported, so this comes before any test module.
_HOME = tempfile.mkdtemp(prefix="airflow-titan-tests-")
# the tests of the real service need the real settings; everything else must not see them
_LIVE = "TITAN_LIVE_BUCKET" in os.environ
for _name in [name for name in os.environ if name.startswith("AIRFLOW" if _LIVE else ("AIRFLOW", "AWS_"))]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__TITAN__OUTPUT_ROOT": f"s3://{BUCKET}/results",
    }
)
if not _LIVE:
    os.environ.update(
        {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # a client that was not told of the emulator meets a closed port of this machine, not AWS
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        }
    )


def pytest_unconfigure() -> None:
    """Take Airflow's home away."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> None:
    """Leave to the garbage collector what is new: a look at all of Airflow outlasts the timeouts of some clients."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _descriptions_are_read_once() -> None:
    """Let all sessions of the SDK share what they read of its services: that takes longer than most tests."""
    from botocore.loaders import Loader

    shared: dict[tuple[str, ...], dict[Any, Any]] = {}
    begin = Loader.__init__

    def begin_with_shared(loader: Loader, extra_search_paths: Any = None, **options: Any) -> None:
        begin(loader, extra_search_paths, **options)
        loader._cache = shared.setdefault(tuple(extra_search_paths or ()), {})  # noqa: SLF001 - it has no public name

    Loader.__init__ = begin_with_shared


@pytest.fixture(autouse=True, scope="session")
def _stacks_have_no_source() -> None:
    """Spare what asks who called it the source of each frame: the Amazon provider does so for each client."""
    inspect.stack.__defaults__ = (0,)


@pytest.fixture(scope="session")
def _emulator() -> Iterator[Emulator]:
    """One server for the whole run: starting it costs a second, emptying it nothing."""
    from airflow_titan.emulator import running

    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give the emulator, empty, with every AWS client of this process pointed at it."""
    _emulator.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", _emulator.url)
    return _emulator


@pytest.fixture(scope="session")
def _s3(_emulator: Emulator) -> Any:
    """Give the one S3 client of the tests."""
    import boto3

    return boto3.client("s3", endpoint_url=_emulator.url)


@pytest.fixture
def s3(_s3: Any, emulator: Emulator) -> Any:  # noqa: ARG001 - is emptied
    """Give an S3 client of the emulator, which is empty."""
    return _s3


@pytest.fixture
def bucket(s3: Any) -> str:
    """Give the name of an empty bucket, the one that ``[titan] output_root`` lies in."""
    s3.create_bucket(Bucket=BUCKET)
    return BUCKET
