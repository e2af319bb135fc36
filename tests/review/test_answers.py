"""People who answer in a real Airflow, and the tasks that go on with what they chose."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import airflow
import boto3
import pytest
from documentation import blocks
from pictures import photo
from whole_airflow import Airflow, running_airflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.skipif(airflow.__version__ < "3.1", reason="people can be asked from Airflow 3.1 on")

BUCKET = "titan-images"
IMAGES = [f"s3://{BUCKET}/uploads/{number}.png" for number in range(1, 5)]
DAGS = f'''
"""Four pictures, and different ways to choose among them."""

from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_titan.operators import TitanPrepareImageOperator, TitanReviewOperator

for dag_id, settings in {{
    "pick": {{"minimum": 2, "maximum": 2, "subject": "Which *two*?"}},
    "reject": {{"on_reject": "skip"}},
    "refuse": {{"retries": 3}},
    "late": {{"defaults": [1, 3], "response_timeout": timedelta(seconds=1)}},
    "never": {{"response_timeout": timedelta(seconds=1), "retries": 3}},
}}.items():
    with DAG(dag_id, schedule="@once", start_date=datetime(2025, 1, 1), catchup=False):
        chosen = TitanReviewOperator(task_id="review", images={IMAGES!r}, **settings)
        TitanPrepareImageOperator(task_id="next", image=chosen.output, max_side=320)
'''


def tutorial() -> str:
    """Give the DAG file of the tutorial, with a DAG that runs by itself."""
    (shown,) = (block.code for block in blocks("python") if block.page == "docs/tutorials/review.md")
    return shown.replace("schedule=None", 'schedule="@once", start_date=datetime(2025, 1, 1), catchup=False')


class Reviews:
    """What a person does by the REST API, and what is seen there."""

    def __init__(self, running: Airflow, s3: Any) -> None:
        self.running = running
        self.s3 = s3
        self._asked: Counter[str] = Counter()

    def question(self, dag_id: str, task_id: str = "review") -> dict[str, Any]:
        """Wait until a task asks, and give what it asks."""

        def asked() -> dict[str, Any] | None:
            (task,) = self.running.ask(f"dags/{dag_id}/dagRuns/~/taskInstances?task_id={task_id}")["task_instances"]
            if task["state"] not in {"awaiting_input", "deferred"}:
                return None
            detail: dict[str, Any] = self.running.ask(f"{self._task(dag_id, task_id)}/-1/hitlDetails")
            return None if detail["response_received"] else detail

        found = self.running.wait_until(asked) or {}
        # nobody is quicker than this but a test: Airflow takes a task for lost that is answered before its scheduler
        # has heard that the process which asked has ended
        self._asked[dag_id] += 1
        ended = f"for task instance TaskInstanceKey(dag_id='{dag_id}', task_id='{task_id}'"
        self.running.wait_until(lambda: self.running.log("scheduler").count(ended) >= self._asked[dag_id])
        return found

    def answer(self, dag_id: str, *options: str, task_id: str = "review", **form: str) -> None:
        """Choose options and fill in the form."""
        change = {"chosen_options": list(options), "params_input": form}
        self.running.wait_until(lambda: self.running.ask(f"{self._task(dag_id, task_id)}/-1/hitlDetails", change))

    def states(self, dag_id: str) -> dict[str, str]:
        """Give the state of each task."""
        tasks = self.running.ask(f"dags/{dag_id}/dagRuns/~/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def xcom(self, dag_id: str, key: str, task_id: str = "review") -> Any:
        """Give what a task pushed."""
        return self.running.ask(f"{self._task(dag_id, task_id)}/xcomEntries/{key}?deserialize=false")["value"]

    def record(self, dag_id: str) -> dict[str, Any]:
        """Give the record of the decision in S3."""
        folder = self.xcom(dag_id, "manifest")["manifest_uri"].removeprefix(f"s3://{BUCKET}/").rpartition("/")[0]
        body = self.s3.get_object(Bucket=BUCKET, Key=f"{folder}/decision-1.json")["Body"].read()
        return dict(json.loads(body))

    def _task(self, dag_id: str, task_id: str = "review") -> str:
        (run,) = self.running.ask(f"dags/{dag_id}/dagRuns")["dag_runs"]
        return f"dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}"


@pytest.fixture(scope="module")
def reviews(_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviews]:
    """Start one Airflow for all of them, with four pictures in S3."""
    _emulator.reset()
    s3 = boto3.client("s3", endpoint_url=_emulator.url)
    s3.create_bucket(Bucket=BUCKET)
    for uri in IMAGES:
        s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=photo(640, 640))
    settings = {"AWS_ENDPOINT_URL": _emulator.url, "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1"}
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("airflow")
        with running_airflow(folder, f"{DAGS}\n{tutorial()}", patch, settings) as running:
            yield Reviews(running, s3)


def test_the_next_task_gets_the_two_that_were_picked(reviews: Reviews) -> None:
    """An answer with three is asked for again; two of four go on, and who took them is kept in XCom and in S3."""
    asked = reviews.question("pick")
    assert asked["options"] == ["Picture 1", "Picture 2", "Picture 3", "Picture 4", "Reject"]
    assert asked["subject"] == "Which *two*?"
    assert asked["multiple"] is True
    assert "/titan/dags/pick/runs/" in asked["body"]
    assert asked["body"].count("/thumbnail)](/titan/") == 4
    reviews.answer("pick", "Picture 1", "Picture 2", "Picture 3")
    reviews.question("pick")
    reviews.answer("pick", "Picture 4", "Picture 2", remark="more sky")
    assert reviews.running.wait_for_run("pick") == "success", reviews.running.logs()
    assert reviews.xcom("pick", "return_value") == [IMAGES[1], IMAGES[3]]
    assert len(reviews.xcom("pick", "return_value", "next")) == 2
    decision = reviews.record("pick")
    told = {key: reviews.xcom("pick", key) for key in ("chosen", "rejected", "remark", "text", "timedout")}
    assert told == {
        "chosen": [IMAGES[1], IMAGES[3]], "rejected": [IMAGES[0], IMAGES[2]],
        "remark": "more sky", "text": "", "timedout": False,
    }  # fmt: skip
    assert {key: decision[key] for key in told} == told
    assert decision["responded_by_user"]["id"]
    assert decision["responded_at"] == reviews.xcom("pick", "responded_at")
    assert decision["task_instance"]["dag_id"] == "pick"


def test_a_rejection_skips_what_follows(reviews: Reviews) -> None:
    """Nothing goes on, and the new prompt is there for whoever makes others."""
    reviews.question("reject")
    reviews.answer("reject", "Reject", text="a red door")
    reviews.running.wait_for_run("reject")
    assert reviews.states("reject") == {"review": "skipped", "next": "skipped"}
    assert reviews.xcom("reject", "text") == "a red door"
    assert reviews.xcom("reject", "rejected") == IMAGES
    assert reviews.record("reject")["chosen"] == []


def test_a_rejection_fails_without_a_retry(reviews: Reviews) -> None:
    """By default a rejection is the end: a retry would only ask the same again."""
    reviews.question("refuse")
    reviews.answer("refuse", "Reject")
    assert reviews.running.wait_for_run("refuse") == "failed"
    assert reviews.states("refuse") == {"review": "failed", "next": "upstream_failed"}
    assert reviews.xcom("refuse", "failure")["error"] == "Rejected"


def test_the_timeout_takes_the_defaults(reviews: Reviews) -> None:
    """Nobody answers; the pictures that were named for that go on."""
    assert reviews.running.wait_for_run("late") == "success", reviews.running.logs()
    assert reviews.xcom("late", "return_value") == [IMAGES[0], IMAGES[2]]
    assert reviews.xcom("late", "timedout") is True
    assert reviews.record("late")["responded_by_user"] is None
    assert len(reviews.xcom("late", "return_value", "next")) == 2


def test_the_timeout_without_defaults_fails(reviews: Reviews) -> None:
    """There is nothing to go on with, and the message says what to do."""
    assert reviews.running.wait_for_run("never") == "failed"
    assert reviews.xcom("never", "failure")["error"] == "NoAnswer"


def test_the_tutorial_goes_on_with_what_was_chosen(reviews: Reviews) -> None:
    """Its DAG asks which of four variations to go on with, and each that is chosen gets a kitchen."""
    assert len(reviews.question("teapots", "pick")["options"]) == 5
    reviews.answer("teapots", "Picture 2", "Picture 4", task_id="pick")
    assert reviews.running.wait_for_run("teapots") == "success", reviews.running.logs()
    tasks = reviews.running.ask("dags/teapots/dagRuns/~/taskInstances?task_id=kitchen")["task_instances"]
    assert [task["state"] for task in tasks] == ["success"] * 2
    assert len(reviews.xcom("teapots", "chosen", "pick")) == 2
