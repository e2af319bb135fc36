"""The examples in which a person chooses, run by Airflow with a person who answers at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import airflow
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Runs = Callable[..., Any]

pytestmark = pytest.mark.skipif(airflow.__version__ < "3.1", reason="people can be asked from Airflow 3.1 on")

ROUNDS = "example_titan_review_rounds"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what a person answers to each task: ``dag.test()`` leaves the question waiting, so it is not put."""
    given: dict[str, Any] = {}

    def ask(operator: Any, context: Any) -> Any:
        options, form = given[operator.task_id]
        event = {"chosen_options": options, "params_input": form, "responded_at": datetime.now(UTC), "timedout": False}
        return operator.execute_complete(context, {**event, "responded_by_user": {"id": "7", "name": "Ada"}})

    monkeypatch.setattr("airflow.providers.standard.operators.hitl.HITLOperator.execute", ask)
    return given


def ended(done: Any) -> Mapping[str, str]:
    """Give how each task of a run ended."""
    assert done.state == "success", done.tasks
    return {task_id: str(state) for (task_id, _), state in done.tasks.items()}


def test_outpainting_goes_on_with_the_two_that_were_picked(run: Runs, answers: dict[str, Any]) -> None:
    """Four variations, two of which get a kitchen each."""
    answers["pick"] = ["Picture 4", "Picture 2"], {}
    done = run("example_titan_review")
    assert ended(done)["kitchen"] == "success"
    variations = done.xcom("variations")
    assert done.xcom("pick") == [variations[1], variations[3]]
    assert [len(done.xcom("kitchen", map_index=index)) for index in (0, 1)] == [1, 1]


def test_what_is_turned_down_is_made_anew_as_somebody_typed(run: Runs, answers: dict[str, Any], emulator: Any) -> None:
    """The new prompt goes before the one that the run was triggered with, and nothing is made after the choice."""
    answers["review_1"] = ["Reject"], {"remark": "too bright", "text": "A lighthouse at night"}
    answers["review_2"] = ["Picture 3"], {}
    done = run(ROUNDS, {"text": "A lighthouse at noon"})
    assert ended(done) == {
        "pictures_1": "success", "review_1": "skipped", "pictures_2": "success", "review_2": "success",
        "pictures_3": "skipped", "review_3": "skipped", "chosen": "success", "variation": "success",
    }  # fmt: skip
    assert (done.xcom("review_1", "remark"), done.xcom("review_2", "text")) == ("too bright", "")
    assert done.xcom("chosen") == [done.xcom("pictures_2")[2]]
    prompts = [call.body["textToImageParams"]["text"] for call in emulator.calls if "textToImageParams" in call.body]
    assert prompts == ["A lighthouse at noon", "A lighthouse at night"]


def test_what_is_liked_at_once_is_all_that_is_paid_for(run: Runs, answers: dict[str, Any], emulator: Any) -> None:
    """No later round is made, whichever is the first that somebody likes."""
    answers["review_1"] = ["Picture 1"], {}
    states = ended(run(ROUNDS))
    assert {states[f"{kind}_{number}"] for kind in ("pictures", "review") for number in (2, 3)} == {"skipped"}
    assert [call.task_type for call in emulator.calls] == ["TEXT_IMAGE", "IMAGE_VARIATION"]
