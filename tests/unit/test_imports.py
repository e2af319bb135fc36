"""What importing costs: a DAG file that names our operators must not pull in what only tasks need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

_HEAVY = ("boto3", "botocore", "PIL", "numpy", "s3transfer", "urllib3", "moto", "airflow.providers.amazon")
_SCRIPT = """
import json, sys
{before}
known = set(sys.modules)
{then}
print(json.dumps(sorted(set(sys.modules) - known)))
"""


def added(before: str, then: str) -> list[str]:
    """Name the modules that a fresh process imports between two steps."""
    done = subprocess.run(  # noqa: S603 - this Python, our own script
        [sys.executable, "-c", _SCRIPT.format(before=before, then=then)],
        capture_output=True, text=True, check=True, env={**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _heavy(names: list[str]) -> list[str]:
    return [name for name in names if name in _HEAVY or name.startswith(tuple(f"{heavy}." for heavy in _HEAVY))]


@pytest.mark.heavy
def test_operators_bring_nothing_heavy_to_a_dag_file() -> None:
    """Beside Airflow itself, only our own few modules are new."""
    airflow = "try:\n    from airflow.sdk import DAG\nexcept ImportError:\n    from airflow.models import DAG"
    new = added(airflow, "import airflow_titan.operators")
    assert _heavy(new) == []
    assert "airflow_titan.operators.inpainting" in new
    # the compatibility layer, and on Airflow 2 the name space that it lies in, and the few lines that links stand on
    ours = (
        "airflow_titan",
        "airflow.providers.common.compat",
        "airflow.models.baseoperatorlink",
        "airflow.sdk.bases.operatorlink",
    )
    assert [name for name in new if not name.startswith(ours) and name != "airflow.providers.common"] == []


_MAKING = """
from airflow_titan import operators
operators.TitanTextToImageOperator(task_id="a", text="a cup")
operators.TitanBulkOperator(task_id="b", requests="s3://b/k")
operators.TitanMaskOperator(task_id="c", image="s3://b/k", alpha=True)
"""
_ASKING = 'operators.TitanReviewOperator(task_id="d", images=["s3://b/1"], defaults=1)'


def test_making_operators_brings_nothing_heavy_to_a_dag_file() -> None:
    """What is checked where a DAG is parsed needs neither S3's client nor a decoder of pictures."""
    people = version("apache-airflow").startswith("3.")
    airflow = "import airflow.providers.standard.operators.hitl" if people else "import airflow.models"
    assert _heavy(added(airflow, _MAKING + (_ASKING if people else ""))) == []


@pytest.mark.parametrize(
    "module", ["models.validation", "models.families", "models.catalog", "models.tasks", "imaging.verify", "errors"]
)
def test_the_core_knows_neither_airflow_nor_aws(module: str) -> None:
    """Requests can be checked and encoded anywhere."""
    new = added("", f"import airflow_titan.{module}")
    assert [name for name in new if name.partition(".")[0] in {"airflow", "boto3", "botocore", "PIL", "numpy"}] == []


def test_airflow_may_ask_for_provider_info_while_it_starts() -> None:
    """Airflow asks before its configuration is made, so nothing of it may be imported, and nothing heavy either."""
    new = added("", "import airflow_titan; airflow_titan.get_provider_info()")
    roots = {name.partition(".")[0] for name in new}
    assert roots & {"airflow", "boto3", "botocore", "PIL", "numpy", "pydantic", "tenacity"} == set()
    assert [name for name in new if name.startswith("airflow_titan.")] == [
        "airflow_titan.config",
        "airflow_titan.decorators",
        "airflow_titan.errors",
        "airflow_titan.errors.abbreviation",
        "airflow_titan.errors.exhaustion",
        "airflow_titan.errors.refusal",
    ]


@pytest.mark.heavy
def test_the_types_of_shared_parameters_cost_nothing() -> None:
    """Only type checkers read them."""
    assert "airflow_titan.operators.base_parameters" not in added("", "import airflow_titan.operators")


def test_the_package_tells_airflow_of_itself() -> None:
    """Every module that the provider's description names is there."""
    from importlib import import_module

    from airflow_titan import get_provider_info

    info = get_provider_info()
    for entry in (*info["operators"], *info["hooks"]):
        for name in entry["python-modules"]:
            assert import_module(name)
