"""Events of outlets: what their extra says, what an alias becomes, and that nothing of it fails a task."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset, AssetAlias
from instance import Instance
from pictures import photo

from airflow_titan.lineage.asset_events import asset_uri, event_extra, send_asset_events
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanMaskOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ROOT = Path(__file__).parents[3]
CATALOGUE = Asset("s3://titan-images/catalogue")
ALIAS = AssetAlias("made")


def outlet_events() -> Any:
    """Give Airflow's own accessors of outlet events."""
    try:
        from airflow.sdk.execution_time.context import OutletEventAccessors
    except ImportError:  # Airflow 2
        from airflow.utils.context import OutletEventAccessors
    return OutletEventAccessors()


def aliased(events: Any, alias: Any = ALIAS) -> dict[str, dict[str, Any]]:
    """Give the extra of each asset that an alias has become, by its URI."""
    accessor = events[alias]
    added = getattr(accessor, "asset_alias_events", None)
    if added is None:  # Airflow 2
        return {event["dest_dataset_uri"]: _as_lists(event["extra"]) for event in accessor.dataset_alias_events}
    return {event.dest_asset_key.uri: event.extra for event in added}


def _as_lists(extra: dict[str, Any]) -> dict[str, Any]:
    """Give an extra as it is read from the database, where Airflow 2 can take it: its values go through a set."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dict(frozenset(extra.items())).items()
    }


def execute(operator: Any, **instance: Any) -> tuple[Any, Any]:
    """Run an operator, and give its outlets' events and what it returned."""
    events = outlet_events()
    return events, operator.execute({"ti": Instance(**instance), "outlet_events": events})


def picture(**given: Any) -> TitanTextToImageOperator:
    """Make an operator that makes two small pictures."""
    return TitanTextToImageOperator(task_id="task", text="a cup", width=512, height=512, number_of_images=2, **given)


@pytest.mark.usefixtures("bucket")
def test_the_extra_names_the_result() -> None:
    """URIs, record, model, seed and price; no prompt."""
    events, uris = execute(picture(outlets=[CATALOGUE]))
    extra = events[CATALOGUE].extra
    assert extra["uris"] == uris
    assert extra["manifest_uri"].endswith("/manifest.json")
    assert (extra["task"], extra["model_id"], extra["images"]) == (
        "text_to_image", "amazon.titan-image-generator-v2:0", 2,
    )  # fmt: skip
    assert extra["seed"] >= 0
    assert extra["price_usd"] > 0
    assert "a cup" not in json.dumps(extra)


@pytest.mark.usefixtures("bucket")
def test_what_the_user_put_there_stays() -> None:
    """Ours is laid under it."""
    events = outlet_events()
    events[CATALOGUE].extra = {"seed": "mine", "season": "spring"}
    picture(outlets=[CATALOGUE]).execute({"ti": Instance(), "outlet_events": events})
    assert (events[CATALOGUE].extra["seed"], events[CATALOGUE].extra["season"]) == ("mine", "spring")
    assert events[CATALOGUE].extra["images"] == 2


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("given", "instance", "place"),
    [
        ({}, {}, "s3://titan-images/results/dag"),
        ({}, {"map_index": 3}, "s3://titan-images/results/dag"),
        ({"output_prefix": "None"}, {"map_index": 3}, "s3://titan-images/results/dag"),
        ({"output_prefix": " "}, {}, "s3://titan-images/results/dag"),
        ({"output_prefix": "s3://titan-images/mine"}, {}, "s3://titan-images/mine"),
        ({"output_prefix": "s3://titan-images/mine"}, {"map_index": 3}, "s3://titan-images/mine"),
    ],
)
def test_an_alias_becomes_one_place_of_all_runs(given: dict[str, Any], instance: dict[str, Any], place: str) -> None:
    """Of all runs, of all map indexes."""
    events, uris = execute(picture(outlets=[ALIAS], **given), **instance)
    assert {uri: extra["uris"] for uri, extra in aliased(events).items()} == {place: uris}


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("value", [True, "true", "True"])
def test_an_alias_becomes_an_asset_for_each_picture(value: Any) -> None:
    """Where the parameter says so, as a template renders it."""
    events, uris = execute(picture(outlets=[ALIAS], asset_per_result=value))
    assert {uri: extra["uris"] for uri, extra in aliased(events).items()} == {uri: [uri] for uri in uris}


@pytest.mark.usefixtures("bucket")
def test_the_parameter_goes_before_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """False is a word, too."""
    monkeypatch.setenv("AIRFLOW__TITAN__ASSET_PER_RESULT", "True")
    events, _ = execute(picture(outlets=[ALIAS], asset_per_result=False))
    assert set(aliased(events)) == {"s3://titan-images/results/dag"}


@pytest.mark.usefixtures("bucket")
def test_a_wrong_word_fails_before_anything_is_paid(emulator: Emulator) -> None:
    """With the parameter's name."""
    with pytest.raises(AirflowFailException, match=r"asset_per_result: got 'perhaps'; allowed is"):
        execute(picture(outlets=[ALIAS], asset_per_result="perhaps"))
    assert emulator.calls == []


def test_a_bulk_task_brings_its_result_file(bucket: str) -> None:
    """However many pictures there are, and whatever ``asset_per_result`` says."""
    requests = [{"task": "text_to_image", "text": f"cup {n}", "width": 512, "height": 512} for n in range(3)]
    events, uri = execute(
        TitanBulkOperator(task_id="task", requests=requests, outlets=[CATALOGUE, ALIAS], asset_per_result=True)
    )
    assert uri.startswith(f"s3://{bucket}/")
    assert {place: extra["uris"] for place, extra in aliased(events).items()} == {uri: [uri]}
    assert events[CATALOGUE].extra["counts"] == {"done": 3}


def test_operators_without_a_model_tell_theirs(s3: Any, bucket: str) -> None:
    """A prepared picture and a mask."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo())
    for operator in (
        TitanPrepareImageOperator(task_id="task", image=f"s3://{bucket}/in.png", outlets=[CATALOGUE]),
        TitanMaskOperator(task_id="task", image=f"s3://{bucket}/in.png", threshold=100, outlets=[CATALOGUE]),
    ):
        events, uris = execute(operator)
        assert events[CATALOGUE].extra["uris"] == uris


def test_an_outlet_that_airflow_refuses_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and the others get their events."""

    class Refusing(dict[Any, Any]):
        def __missing__(self, key: Any) -> Any:
            raise RuntimeError("no such asset") if key is CATALOGUE else KeyError(key)

    other = Asset("s3://titan-images/other")
    events = Refusing({other: type("Event", (), {"extra": {}})()})
    send_asset_events(
        {"outlet_events": events}, [CATALOGUE, "a text", other], {"seed": 1}, [], prefix="s3://b/p", per_result=False
    )  # type: ignore[typeddict-item]
    assert "no such asset" in caplog.text
    assert events[other].extra == {"seed": 1, "uris": []}


def test_an_extra_is_bounded() -> None:
    """Of a thousand pictures it has some, and says how many are left out."""
    uris = [f"s3://bucket/prefix/{number:04}.png" for number in range(1000)]
    extra = event_extra({"task": "mask"}, uris)
    assert len(json.dumps(extra)) <= 4096
    assert len(extra["uris"]) + extra["uris_omitted"] == 1000
    assert extra["uris"] == uris[: len(extra["uris"])] != []


def test_too_many_assets_become_one(caplog: pytest.LogCaptureFixture) -> None:
    """What would leave thousands of rows is told, and is one asset."""
    events = outlet_events()
    uris = [f"s3://bucket/prefix/{number}.png" for number in range(101)]
    send_asset_events({"outlet_events": events}, [ALIAS], {}, uris, prefix="s3://bucket/prefix", per_result=True)  # type: ignore[typeddict-item]
    assert set(aliased(events)) == {"s3://bucket/prefix"}
    assert "101 results are more than the 100 assets" in caplog.text


@pytest.mark.parametrize(
    ("uri", "asset"),
    [
        ("s3://bucket/a b+c=d/%20/image-1.png", "s3://bucket/a b+c=d/%20/image-1.png"),
        ("s3://bucket/what?#1.png", "s3://bucket/what%3F%231.png"),
        ("s3://bucket/käfig.png", "s3://bucket/k%C3%A4fig.png"),
        ("s3a://bucket/key.png", "s3://bucket/key.png"),
        ("s3://bucket", "s3://bucket/"),
    ],
)
def test_airflow_keeps_the_uri_of_an_asset(uri: str, asset: str) -> None:
    """Airflow changes nothing of what stands there, so that two pictures never are one asset."""
    assert asset_uri(uri) == asset
    assert Asset(uri=asset).uri == asset


def test_the_documented_dags_are_some() -> None:
    """What docs/lineage.md shows loads, and reads events as they are."""
    page = (ROOT / "docs/lineage.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(source, "lineage.md", "exec"), space)  # noqa: S102 - our own documentation
    event = type("Event", (), {"extra": {"uris": ["s3://b/1.png"]}})
    read = space["new_pictures"].function(triggering_asset_events={"s3://my-bucket/catalogue": [event]})
    assert read == ["s3://b/1.png"]
