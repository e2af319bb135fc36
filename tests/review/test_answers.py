"""People who answer in a real Airflow, and the tasks that go on with what they chose."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import airflow
import boto3
import pytest
from chromium import launched
from documentation import blocks
from pictures import photo
from shooting import shoot
from waiting import until
from whole_airflow import PATIENCE, Airflow, running_airflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.skipif(airflow.__version__ < "3.1", reason="people can be asked from Airflow 3.1 on")

ROOT = Path(__file__).parents[2]
PICKED, ROUNDS = "example_titan_review", "example_titan_review_rounds"
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


def examples() -> str:
    """Give the examples with reviews; that with several rounds twice, for people who like different rounds."""
    picked, rounds = ((ROOT / "example_dags" / f"{name}.py").read_text() for name in (PICKED, ROUNDS))
    return "\n".join([picked, rounds, rounds.replace(f'"{ROUNDS}"', '"liked_at_once"')])


class Reviews:
    """What a person does by the REST API, and what is seen there."""

    def __init__(self, running: Airflow, s3: Any) -> None:
        self.running = running
        self.s3 = s3
        self._asked: Counter[tuple[str, str, int]] = Counter()

    def question(self, dag_id: str, task_id: str = "review") -> dict[str, Any]:
        """Wait until a task asks, and give what it asks."""

        def asked() -> tuple[dict[str, Any], int] | None:
            (task,) = self.tasks(dag_id, task_id)
            if task["state"] not in {"awaiting_input", "deferred"}:
                return None
            detail: dict[str, Any] = self.running.ask(f"{self._task(dag_id, task_id)}/-1/hitlDetails")
            return None if detail["response_received"] else (detail, task["try_number"])

        found, try_number = self.running.wait_until(asked) or ({}, 0)
        # nobody is quicker than this but a test: Airflow takes a task for lost that is answered before its scheduler
        # has heard that the process which asked has ended
        self._asked[dag_id, task_id, try_number] += 1
        key = rf"dag_id='{dag_id}', task_id='{task_id}', run_id='[^']*', try_number={try_number}\b"
        ended = re.compile(rf"for task instance TaskInstanceKey\({key}")
        times = self._asked[dag_id, task_id, try_number]
        self.running.wait_until(lambda: len(ended.findall(self.running.log("scheduler"))) >= times)
        return found

    def answer(self, dag_id: str, *options: str, task_id: str = "review", **form: str) -> None:
        """Choose options and fill in the form."""
        change = {"chosen_options": list(options), "params_input": form}
        self.running.wait_until(lambda: self.running.ask(f"{self._task(dag_id, task_id)}/-1/hitlDetails", change))

    def begin(self, dag_id: str, **told: str) -> None:
        """Trigger a run, as the form of Airflow's UI does: with all params of the DAG."""
        run = {"logical_date": None, "conf": told}
        self.running.wait_until(lambda: self.running.ask(f"dags/{dag_id}/dagRuns", run, "POST"))

    def states(self, dag_id: str) -> dict[str, str]:
        """Give the state of each task."""
        return {task["task_id"]: task["state"] for task in self.tasks(dag_id)}

    def tasks(self, dag_id: str, task_id: str = "") -> list[dict[str, Any]]:
        """Give the task instances of a DAG, or of one of its tasks."""
        which = f"?task_id={task_id}" if task_id else ""
        return list(self.running.ask(f"dags/{dag_id}/dagRuns/~/taskInstances{which}")["task_instances"])

    def xcom(self, dag_id: str, key: str, task_id: str = "review") -> Any:
        """Give what a task pushed."""
        return self.running.ask(f"{self._task(dag_id, task_id)}/xcomEntries/{key}?deserialize=false")["value"]

    def record(self, dag_id: str, try_number: int = 1) -> dict[str, Any]:
        """Give the record of the decision in S3."""
        folder = self.xcom(dag_id, "manifest")["manifest_uri"].removeprefix(f"s3://{BUCKET}/").rpartition("/")[0]
        body = self.s3.get_object(Bucket=BUCKET, Key=f"{folder}/decision-{try_number}.json")["Body"].read()
        return dict(json.loads(body))

    def page(self, dag_id: str, task_id: str) -> str:
        """Give the path of a task instance in Airflow's UI."""
        (run,) = self.running.ask(f"dags/{dag_id}/dagRuns")["dag_runs"]
        return f"dags/{dag_id}/runs/{quote(run['dag_run_id'], safe='')}/tasks/{task_id}"

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
        with running_airflow(folder, f"{DAGS}\n{tutorial()}\n{examples()}", patch, settings) as running:
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


def test_a_cleared_task_asks_again(reviews: Reviews) -> None:
    """Whoever had turned all down may think better of it; both decisions are kept."""
    reviews.running.wait_for_run("refuse")
    before = reviews.record("refuse")
    (run,) = reviews.running.ask("dags/refuse/dagRuns")["dag_runs"]
    clear = {"dry_run": False, "dag_run_id": run["dag_run_id"], "only_failed": False, "task_ids": ["review", "next"]}
    reviews.running.ask("dags/refuse/clearTaskInstances", clear, "POST")
    reviews.question("refuse")
    reviews.answer("refuse", "Picture 2")
    assert reviews.running.wait_for_run("refuse") == "success", reviews.running.logs()
    assert reviews.xcom("refuse", "return_value") == [IMAGES[1]]
    assert reviews.record("refuse") == before
    assert reviews.record("refuse", try_number=2)["chosen"] == [IMAGES[1]]


def test_the_pictures_are_seen_in_airflows_own_page(reviews: Reviews) -> None:
    """Of the example: four variations in two rows of two, each with its number; two that are picked get a kitchen."""
    reviews.begin(PICKED)
    assert reviews.question(PICKED, "pick")["defaults"] == ["Picture 1"]
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1300}, locale="en-US", color_scheme="light")
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{reviews.running.url}/{reviews.page(PICKED, 'pick')}/required_actions")
        pictures = page.locator('td img[src*="/thumbnail"]')
        pictures.nth(3).wait_for()
        until(page, "[...document.querySelectorAll('td img')].every((image) => image.naturalWidth > 0)")
        boxes = [picture.bounding_box() or {} for picture in pictures.all()]
        assert [len({box[side] for box in boxes}) for side in ("x", "y")] == [2, 2]
        shoot(page, "review")
    reviews.answer(PICKED, "Picture 2", "Picture 4", task_id="pick")
    assert reviews.running.wait_for_run(PICKED) == "success", reviews.running.logs()
    variations = reviews.xcom(PICKED, "return_value", "variations")
    assert reviews.xcom(PICKED, "return_value", "pick") == [variations[1], variations[3]]
    assert len(reviews.tasks(PICKED, "kitchen")) == 2


def test_what_is_turned_down_is_made_anew_as_somebody_typed(reviews: Reviews) -> None:
    """The example with rounds: rejected with a remark, made from the new prompt, chosen; nothing more is made."""
    reviews.begin(ROUNDS, text="A lighthouse at noon")
    reviews.question(ROUNDS, "review_1")
    reviews.answer(ROUNDS, "Reject", task_id="review_1", remark="too bright", text="A lighthouse at night")
    asked = reviews.question(ROUNDS, "review_2")
    assert "Prompt: A lighthouse at night" in asked["body"]
    assert {name: each["value"] for name, each in asked["params"].items()} == {"remark": None, "text": None}
    reviews.answer(ROUNDS, "Picture 3", task_id="review_2")
    assert reviews.running.wait_for_run(ROUNDS) == "success", reviews.running.logs()
    assert reviews.states(ROUNDS) == {
        "pictures_1": "success", "review_1": "skipped", "pictures_2": "success", "review_2": "success",
        "pictures_3": "skipped", "review_3": "skipped", "chosen": "success", "variation": "success",
    }  # fmt: skip
    assert reviews.xcom(ROUNDS, "remark", "review_1") == "too bright"
    assert reviews.xcom(ROUNDS, "return_value", "chosen") == [reviews.xcom(ROUNDS, "return_value", "pictures_2")[2]]


def test_what_is_liked_at_once_is_all_that_is_made(reviews: Reviews) -> None:
    """No later round is paid for, whichever is the first that somebody likes."""
    reviews.begin("liked_at_once")
    reviews.question("liked_at_once", "review_1")
    reviews.answer("liked_at_once", "Picture 1", task_id="review_1")
    assert reviews.running.wait_for_run("liked_at_once") == "success", reviews.running.logs()
    states = reviews.states("liked_at_once")
    assert {states[f"{kind}_{number}"] for kind in ("pictures", "review") for number in (2, 3)} == {"skipped"}
    assert states["variation"] == "success"
