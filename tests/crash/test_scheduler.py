"""Under all of Airflow: a task whose process dies when it has paid, one that is marked failed, and its scheduler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import airflow
import pytest
from whole_airflow import Airflow, running_airflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crew import Stage

    from airflow_titan.emulator import Emulator

MORTAL = '''
"""One picture, made by a worker that dies on its first try as soon as the answer is in S3."""

import os
import signal
from datetime import timedelta

import botocore
from airflow.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

written = []


def note(request, **_):
    written.append(request.url)


def die(**_):
    if "/answer-" in written[-1]:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(session):
    session.register("before-send.s3.PutObject", note)
    session.register("response-received.s3.PutObject", die)


class MortalOperator(TitanTextToImageOperator):
    def execute(self, context):
        if context["ti"].try_number == 1:
            botocore.register_initializer(watch)
        return super().execute(context)


with DAG("mortal", schedule=None):
    MortalOperator(
        task_id="picture", text="a lighthouse", width=320, height=704, number_of_images=2,
        retries=1, retry_delay=timedelta(seconds=1),
    )
'''

MANY = '''
"""More pictures than are made before somebody loses patience."""

from airflow.sdk import DAG

from airflow_titan.operators import TitanBulkOperator

with DAG("many", schedule=None):
    TitanBulkOperator(
        task_id="pictures", requests=[{"text": f"a lighthouse in {month}"} for month in range(1, 13)],
        defaults={"task": "text_to_image", "width": 320, "height": 704}, max_concurrency=3,
    )
'''

#: The same, of a DAG of its own, because a run of it is to end well.
FINISHED = MANY.replace('"many"', '"finished"')

REFUSED = '''
"""A picture that can't be made: there are two things wrong with what is asked for."""

from datetime import timedelta

from airflow.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

with DAG("refused", schedule=None):
    TitanTextToImageOperator(
        task_id="picture", text="a harbor", seed="soon", cfg_scale=0, retries=3, retry_delay=timedelta(seconds=1)
    )
'''

pytestmark = pytest.mark.skipif(airflow.__version__ < "3", reason="Airflow 2 has other parts, started otherwise")


@pytest.fixture(scope="module")
def airflow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home of the Airflow of all tests here."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def whole_airflow(_emulator: Emulator, airflow_folder: Path) -> Iterator[Airflow]:
    """Start Airflow with the DAGs, each of which waits for its test; end it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", _emulator.url)
        with running_airflow(airflow_folder, MORTAL + MANY + FINISHED + REFUSED, patch) as running:
            yield running


def begin(whole_airflow: Airflow, dag_id: str) -> None:
    """Start a run of a DAG, as soon as Airflow has read its file."""
    whole_airflow.wait_until(lambda: whole_airflow.ask(f"dags/{dag_id}"))
    whole_airflow.ask(f"dags/{dag_id}/dagRuns", {"logical_date": None}, "POST")


def named(stage: Stage, ending: str) -> list[str]:
    """Give the keys in the bucket that end so."""
    listed = stage.s3.list_objects_v2(Bucket=stage.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if entry["Key"].endswith(ending)]


def test_the_next_try_pays_nothing(stage: Stage, whole_airflow: Airflow) -> None:
    """A task whose process was killed with a journaled answer succeeds on its second try, paid once."""
    begin(whole_airflow, "mortal")
    assert whole_airflow.wait_for_run("mortal") == "success", whole_airflow.logs()
    (task,) = whole_airflow.ask("dags/mortal/dagRuns/~/taskInstances")["task_instances"]
    found = stage.left()
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert stage.emulator.billed == 1
    assert len(found.manifests) == 1
    assert (found.broken, found.journals) == ([], [])


def test_a_bulk_task_that_is_marked_failed_leaves_its_rows(stage: Stage, whole_airflow: Airflow) -> None:
    """Airflow kills it 5 s after it has told it to stop, before any answer has come; what became of each is known."""
    stage.emulator.inject("latency", seconds=60, times=None)
    begin(whole_airflow, "many")
    whole_airflow.wait_until(lambda: len(named(stage, "slot-1.json")) == 3)
    (run,) = whole_airflow.ask("dags/many/dagRuns")["dag_runs"]
    whole_airflow.ask(f"dags/many/dagRuns/{run['dag_run_id']}/taskInstances/pictures", {"new_state": "failed"})
    (key,) = whole_airflow.wait_until(lambda: named(stage, ".jsonl"))
    body = stage.s3.get_object(Bucket=stage.bucket, Key=key)["Body"].read()
    assert [json.loads(line)["status"] for line in body.splitlines()] == ["not_run"] * 12
    assert len(named(stage, "slot-1.json")) == 3


def test_the_log_of_a_refused_task_says_what_to_do(stage: Stage, whole_airflow: Airflow, airflow_folder: Path) -> None:
    """It has few entries; that of the failure is the message, behind Airflow's own frames and one of ours."""
    begin(whole_airflow, "refused")
    assert whole_airflow.wait_for_run("refused") == "failed", whole_airflow.logs()
    # those of the task above may still be on their way
    assert not [call for call in stage.emulator.calls if "harbor" in json.dumps(call.body)]
    # a slow machine may lose a try before it begins, and Airflow makes another
    log = max(
        (airflow_folder / "logs" / "dag_id=refused").rglob("attempt=*.log"), key=lambda path: path.stat().st_mtime
    )
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    (error,) = next(entry["error_detail"] for entry in entries if "error_detail" in entry)
    assert error["exc_value"].startswith("InvalidRequest: 2 problems with text_to_image")
    assert len(entries) <= 15
    assert len([frame for frame in error["frames"] if "airflow_titan" in frame["filename"]]) == 1


def test_a_scheduler_that_is_told_to_stop_waits_for_its_task(stage: Stage, whole_airflow: Airflow) -> None:
    """It exits with 0 when its bulk task, told nothing, has ended well; the next one asks for nothing again."""
    stage.emulator.inject("latency", seconds=2, times=None)
    begin(whole_airflow, "finished")
    whole_airflow.wait_until(lambda: len(named(stage, "slot-1.json")) >= 3)
    assert stage.emulator.billed < 12
    assert whole_airflow.stop_part("scheduler") == 0
    (task,) = whole_airflow.ask("dags/finished/dagRuns/~/taskInstances")["task_instances"]
    assert (task["state"], stage.emulator.billed) == ("success", 12)
    whole_airflow.start_part("scheduler")
    assert whole_airflow.wait_for_run("finished") == "success", whole_airflow.logs()
    (task,) = whole_airflow.ask("dags/finished/dagRuns/~/taskInstances")["task_instances"]
    assert (task["try_number"], stage.emulator.billed) == (1, 12)
