"""What a task makes is told by the events of its outlets, and runs the DAGs that are scheduled on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Runs = Callable[..., Any]


def events(run_id: str) -> dict[str, dict[str, Any]]:
    """Give the extra of each event of a run by the URI of its asset."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    tables = ("asset_event", "asset", "asset_id"), ("dataset_event", "dataset", "dataset_id")
    with create_session() as session:
        for event, asset, key in tables:
            try:
                rows = session.execute(
                    text(f"SELECT a.uri, e.extra FROM {event} e JOIN {asset} a ON a.id = e.{key} "  # noqa: S608 - our own names
                         "WHERE e.source_run_id = :run_id"),
                    {"run_id": run_id},
                ).all()  # fmt: skip
            except Exception:  # noqa: BLE001, S112 - a table that this Airflow calls otherwise
                continue
            return {uri: json.loads(extra) if isinstance(extra, str) else extra for uri, extra in rows}
    return {}


@pytest.fixture
def lamps(run: Runs) -> Any:
    """Run the DAG that makes pictures."""
    done = run("example_titan_assets")
    assert done.state == "success", done.tasks
    return done


def test_an_outlet_says_what_was_made(lamps: Any) -> None:
    """The event of an asset has the URIs and the record, as XCom has them."""
    extra = events(lamps.run_id)["s3://titan-images/catalogue"]
    record = lamps.xcom("lamp", "manifest")
    assert extra["uris"] == lamps.xcom("lamp")
    for name in ("manifest_uri", "model_id", "seed", "price_usd", "task", "images"):
        assert extra[name] == record[name], name


def test_an_alias_stands_for_one_place_of_all_runs(lamps: Any) -> None:
    """An alias brings one asset, however often the DAG runs."""
    assert set(events(lamps.run_id)) == {
        "s3://titan-images/catalogue",
        "s3://titan-images/results/example_titan_assets",
    }


def test_each_picture_can_be_an_asset(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the configuration says so, an alias brings an asset a picture, each with its own URI in the extra."""
    monkeypatch.setenv("AIRFLOW__TITAN__ASSET_PER_RESULT", "True")
    done = run("example_titan_assets")
    told = {uri: extra["uris"] for uri, extra in events(done.run_id).items() if not uri.endswith("/catalogue")}
    assert told == {uri: [uri] for uri in done.xcom("lamp")}


def test_a_dag_is_run_by_the_pictures_of_another(run: Runs, run_by_assets: Callable[[str], Any]) -> None:
    """The DAG that is scheduled on the asset varies exactly the pictures that the event names."""
    made = run("example_titan_assets").xcom("lamp")
    done = run_by_assets("example_titan_assets_varied")
    assert done.state == "success", done.tasks
    assert done.xcom("new_pictures")[-len(made) :] == made
    assert sum(1 for task_id, _ in done.manifests() if task_id == "varied") >= len(made)
