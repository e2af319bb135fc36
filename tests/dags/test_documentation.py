"""The DAGs that the documentation shows load in Airflow, and those of its tutorials run to their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import airflow
import pytest
from documentation import Block, blocks
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Runs = Callable[..., Any]

FILES = [block for block in blocks("python") if block.is_dag_file]
TUTORIALS = {block.file: block for block in FILES if block.page.startswith("docs/tutorials/")}
#: Those that need no file and no connection, and nobody who answers: they run as they stand there.
WHOLE = [
    block
    for block in FILES
    if block not in TUTORIALS.values() and not any(word in block.code for word in ("s3://", "Review", "BashOperator"))
]


def load(folder: Path, source: str) -> dict[str, Any]:
    """Load a DAG file as Airflow loads it."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2
        from airflow.models.dagbag import DagBag

    (folder / "shown.py").write_text(source)
    bag = DagBag(str(folder))
    assert not bag.import_errors
    return dict(bag.dags)


@pytest.fixture
def dags(
    _database: None, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Load the DAG that the test is about, for ``run``."""
    # Airflow 3 runs what lies in the folder of DAGs
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path))
    block: Block = request.param if isinstance(request.param, Block) else TUTORIALS[request.param]
    # the tests' bucket has another name
    return load(tmp_path, block.code.replace("s3://pictures/", "s3://titan-images/"))


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize("block", FILES, ids=str)
def test_a_dag_that_is_shown_loads(block: Block, tmp_path: Path) -> None:
    """Airflow finds a DAG with tasks in it, and nothing to object to."""
    if "TitanReviewOperator" in block.code and airflow.__version__ < "3.1":
        pytest.skip("people can be asked from Airflow 3.1 on")
    if "providers.standard" in block.code:
        pytest.importorskip("airflow.providers.standard", reason="Airflow 2 has these operators in its core")
    dags = load(tmp_path, block.code)
    assert dags
    assert all(dag.tasks for dag in dags.values())


@pytest.mark.parametrize("dags", WHOLE, indirect=True, ids=str)
def test_a_dag_that_is_shown_runs(dags: dict[str, Any], run: Runs) -> None:
    """Each of its tasks ends well."""
    (dag_id,) = dags
    done = run(dag_id)
    assert done.state == "success", done.tasks


@pytest.mark.parametrize("dags", ["airflow/dags/chain.py"], indirect=True)
def test_the_chain_makes_what_the_tutorial_says(run: Runs) -> None:
    """Each of its tasks ends well, and the last makes three pictures of the canvas's size."""
    done = run("chain")
    assert done.state == "success", done.tasks
    assert (done.xcom("alike", "manifest")["width"], len(done.xcom("alike"))) == (1408, 3)


@pytest.mark.parametrize("dags", ["airflow/dags/product_photo.py"], indirect=True)
def test_the_product_photo_is_cut_into_five_formats(run: Runs, s3: Any, tmp_path: Path) -> None:
    """A photo of a phone's size becomes five files, each as large as it is named."""
    photo = tmp_path / "kettle.jpg"
    Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(photo)
    s3.upload_file(str(photo), "titan-images", "uploads/kettle.jpg")
    done = run("product_photo")
    assert done.state == "success", done.tasks
    sizes = {}
    for name in ("square", "portrait", "landscape", "banner", "thumbnail"):
        bucket, _, key = done.xcom(name)[0].removeprefix("s3://").partition("/")
        sizes[name] = Image.open(s3.get_object(Bucket=bucket, Key=key)["Body"]).size
    assert sizes == {
        "square": (1024, 1024),
        "portrait": (768, 1280),
        "landscape": (1280, 768),
        "banner": (1408, 512),
        "thumbnail": (256, 256),
    }


def _rows_shown() -> list[str]:
    """Give the lines of requests and results that the tutorial of the catalogue shows."""
    return [line for b in blocks("jsonl") if b.page == "docs/tutorials/catalogue.md" for line in b.code.splitlines()]


@pytest.mark.parametrize("dags", ["airflow/dags/catalogue.py"], indirect=True)
def test_the_catalogue_gives_what_failed_a_second_turn(run: Runs, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests are those of the tutorial, but 200 of the 10,000; one that is blocked is asked for again."""
    monkeypatch.setattr("boto3.client", lambda _: s3)
    writing = next(b for b in blocks("python") if b.page == "docs/tutorials/catalogue.md" and "put_object" in b.code)
    code = writing.code.replace("10_000", "200").replace('"pictures"', '"titan-images"')
    exec(compile(code.replace("number {number} on", "{'flagged' if number == 7 else number} on"), "shown", "exec"), {})  # noqa: S102
    done = run("catalogue")
    record = done.xcom("pictures", "manifest")
    assert record["counts"] == {"done": 199, "blocked": 1}
    (price,) = {row["price_usd"] for row in map(json.loads, _rows_shown()) if "price_usd" in row}
    assert record["price_usd"] == pytest.approx(199 * price)
    bucket, _, key = done.xcom("failed").removeprefix("s3://").partition("/")
    (line,) = s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
    assert json.loads(line)["id"] == "sku-7"
    assert done.tasks["again", -1] == "success"
