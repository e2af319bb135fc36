"""What a person chose, in the events of outlets and in OpenLineage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset, AssetAlias
from instance import Instance
from pictures import photo

from airflow_titan.operators import TitanReviewOperator

pytestmark = pytest.mark.skipif(airflow.__version__ < "3.1", reason="people can be asked from Airflow 3.1 on")

IMAGES = [f"s3://titan-images/in/{number}.png" for number in range(3)]
CATALOGUE, ALIAS = Asset("s3://titan-images/catalogue"), AssetAlias("approved")


class Here(Instance):
    """A task instance as Airflow's own operator wants it."""

    id = "an id"


@pytest.fixture
def operator(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> TitanReviewOperator:
    """Give an operator with outlets that has asked its question."""
    from airflow.sdk.exceptions import TaskAwaitingInput

    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **_: None)
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.png", Body=photo(320, 320))
    made = TitanReviewOperator(task_id="task", images=IMAGES, outlets=[CATALOGUE, ALIAS], asset_per_result=True)
    ti = Here()
    with pytest.raises(TaskAwaitingInput):
        made.execute({"ti": ti, "task_instance": ti})  # type: ignore[typeddict-item]
    return made


def answer(operator: TitanReviewOperator, *options: str) -> Any:
    """Go on with an answer, and give the events of the outlets."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    ti, events = Here(), OutletEventAccessors()
    event = {
        "chosen_options": list(options), "params_input": {}, "responded_at": datetime(2026, 1, 2, tzinfo=UTC),
        "timedout": False, "responded_by_user": {"id": "7", "name": "Ada"},
    }  # fmt: skip
    operator.execute_complete({"ti": ti, "task_instance": ti, "outlet_events": events}, event)  # type: ignore[typeddict-item]
    return events


def test_an_outlet_tells_the_chosen_images(operator: TitanReviewOperator) -> None:
    """So that a DAG runs when a person has chosen, and goes on from what was chosen."""
    events = answer(operator, "Picture 3", "Picture 1")
    extra = events[CATALOGUE].extra
    assert (extra["uris"], extra["task"], extra["images"]) == ([IMAGES[0], IMAGES[2]], "review", 2)
    assert extra["manifest_uri"].endswith("/decision-1.json")
    assert [event.dest_asset_key.uri for event in events[ALIAS].asset_alias_events] == [IMAGES[0], IMAGES[2]]


def test_openlineage_hears_what_was_looked_at(operator: TitanReviewOperator) -> None:
    """All images are inputs, also where all were turned down; none is an output, as none was made."""
    pytest.importorskip("airflow.providers.openlineage", reason="airflow-titan[openlineage] is not installed")
    answer(operator, "Picture 2")
    told = operator.get_openlineage_facets_on_complete(None)
    assert ({dataset.name for dataset in told.inputs}, told.outputs) == ({f"in/{n}.png" for n in range(3)}, [])
    assert (told.run_facets["titan_outcome"].task, told.run_facets["titan_outcome"].outcome) == ("review", "complete")
    with pytest.raises(AirflowFailException):
        answer(operator, "Reject")
    told = operator.get_openlineage_facets_on_failure(None)
    assert len(told.inputs) == 3
    assert (told.run_facets["titan_outcome"].outcome, told.run_facets["titan_outcome"].error) == ("failed", "Rejected")
