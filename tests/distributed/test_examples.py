"""Every example DAG on several workers."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from compose_services import ROOT
from pictures import photo
from stored import BUCKET, objects_written_twice

if TYPE_CHECKING:
    from compose_stack import Stack

EXAMPLES = {
    dag_id
    for path in (ROOT / "example_dags").glob("*.py")
    for dag_id in re.findall(r'DAG\(\s*"(\w+)"', path.read_text())
}
RUN_BY_ASSETS = {"example_titan_assets_varied"}
CONFS = {"example_titan_edit_photo": {"image": f"s3://{BUCKET}/uploads/photo.png", "mask_prompt": "sky"}}
ENDED = {"success", "failed"}
GOOD = {"success", "skipped"}


def test_every_example_succeeds(stack: Stack, store: Any) -> None:
    """All at once; people answer as soon as they are asked."""
    store.upload_fileobj(BytesIO(photo(640, 480)), BUCKET, "uploads/photo.png")
    stack.wait_until(lambda: {dag["dag_id"] for dag in stack.ask("dags?limit=1000")["dags"]} >= EXAMPLES)
    for dag_id in sorted(EXAMPLES - RUN_BY_ASSETS):
        stack.ask(f"dags/{dag_id}", {"is_paused": False})
        begin = {"dag_run_id": "by-hand", "logical_date": None, "conf": CONFS.get(dag_id, {})}
        stack.ask(f"dags/{dag_id}/dagRuns", begin, "POST")

    def ended() -> list[dict[str, Any]] | None:
        answer_questions(stack)
        runs = of_examples(stack.ask("dags/~/dagRuns?limit=1000")["dag_runs"])
        here = {run["dag_id"] for run in runs} >= EXAMPLES
        return runs if here and all(run["state"] in ENDED for run in runs) else None

    runs = stack.wait_until(ended, pause=1.0)
    tasks = of_examples(stack.ask("dags/~/dagRuns/~/taskInstances?limit=1000")["task_instances"])
    others = {(task["dag_id"], task["task_id"], task["state"]) for task in tasks if task["state"] not in GOOD}
    assert others == set()
    assert {run["state"] for run in runs} == {"success"}
    assert stack.falls == []
    assert {task["try_number"] for task in tasks if task["state"] == "success"} == {1}
    assert objects_written_twice(store) == []


def of_examples(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what other tests have run."""
    return [one for one in found if one["dag_id"] in EXAMPLES]


def answer_questions(stack: Stack) -> None:
    """Choose the first picture, wherever a task asks and Airflow has heard that the process which asked has ended."""
    for detail in stack.ask("dags/~/dagRuns/~/hitlDetails?response_received=false")["hitl_details"]:
        task = detail["task_instance"]
        key = rf"dag_id='{task['dag_id']}', task_id='{task['task_id']}', run_id='{task['dag_run_id']}'"
        if re.search(rf"for task instance TaskInstanceKey\({key}", stack.log("airflow-scheduler")):
            path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
            stack.ask(path, {"chosen_options": ["Picture 1"], "params_input": {}})
