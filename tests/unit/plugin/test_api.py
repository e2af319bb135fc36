"""What the page is told: results in their order, rows by pages, costs, models."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery import Gallery

RESULT = {
    "dag_id", "run_id", "task_id", "map_index", "map_label", "state", "page", "created", "task", "status", "prompt",
    "negative_prompt", "parameters", "seed", "model", "width", "height", "price_usd", "latency_ms", "blocked",
    "warnings", "manifest_uri", "inputs", "mask", "outputs", "bulk", "failure", "problem",
}  # fmt: skip


def _run(gallery: Gallery, query: str = "") -> Any:
    return gallery.json(f"/titan/api/dags/alpha/runs/{gallery.runs['alpha'][0]}{query}")


def _rows(gallery: Gallery, query: str = "", dag_id: str = "alpha", task_id: str = "bulk") -> Any:
    return gallery.json(f"/titan/api{gallery.instance(dag_id, task_id)}/rows{query}")


def test_a_run_shows_its_tasks_in_the_order_of_the_graph(gallery: Gallery) -> None:
    """Neither by name nor by time; mapped ones by their index; with what all cost, joined rows not twice."""
    run = _run(gallery)
    names = [(result["task_id"], result["map_index"]) for result in run["results"]]
    assert names.index(("z_first", -1)) < names.index(("edit", -1)) < names.index(("a_last", -1))
    assert names.index(("bulk", -1)) < names.index(("merge", -1))
    assert names.index(("mapped", 1)) == names.index(("mapped", 0)) + 1
    assert (run["total"], len(names), run["next"]) == (8, 8, None)
    prices = [result["price_usd"] or 0 for result in run["results"] if result["task"] != "merge_results"]
    assert run["price_usd"] == pytest.approx(sum(prices)) == pytest.approx(9 * 0.008)
    assert run["images"] == 1 + 1 + 1 + 2 + 5


def test_a_run_comes_by_pages(gallery: Gallery) -> None:
    """Each page goes on where the one before it ended."""
    first, second = _run(gallery, "?limit=5"), _run(gallery, "?limit=5&offset=5")
    assert (first["next"], second["next"], len(second["results"])) == (5, None, 3)
    whole = [result["task_id"] for result in _run(gallery)["results"]]
    assert [result["task_id"] for result in first["results"] + second["results"]] == whole


def test_a_result_says_what_its_record_says(gallery: Gallery) -> None:
    """Of an edit: what went in, the mask, what came out, how, and for how much."""
    result = gallery.result("alpha", "edit")
    assert set(result) == RESULT
    assert (result["task"], result["status"], result["state"]) == ("inpainting", "complete", "success")
    assert (result["parameters"]["mask_prompt"], result["price_usd"], result["width"]) == ("boat", 0.008, 320)
    assert result["model"] == {"id": "amazon.titan-image-generator-v2:0", "asked_for": None, "region": "us-east-1"}
    (image,) = result["inputs"]
    assert (image["parameter"], image["uri"]) == ("image", gallery.result("alpha", "z_first")["outputs"][0]["uri"])
    assert result["mask"]["url"].endswith("/mask/0")
    assert result["manifest_uri"] == gallery.xcom("alpha", "edit")["manifest_uri"]


def test_what_a_prompt_holds_stays_data(gallery: Gallery) -> None:
    """It comes as it was sent, within JSON that no browser takes for a page."""
    from gallery import HOSTILE

    response = gallery.get(f"/titan/api{gallery.instance('alpha', 'edit')}")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["results"][0]["prompt"] == HOSTILE


def test_a_placeholder_for_the_map_index_is_none(gallery: Gallery) -> None:
    """Airflow leaves it in the address of a task that isn't mapped."""
    path = gallery.instance("alpha", "edit").replace("/-1", "/%7BMAP_INDEX%7D")
    (result,) = gallery.json(f"/titan/api{path}")["results"]
    assert (result["map_index"], result["page"]) == (-1, f"/titan{gallery.instance('alpha', 'edit')}".replace(
        gallery.runs["alpha"][0], gallery.runs["alpha"][0].replace(":", "%3A").replace("+", "%2B")
    ))  # fmt: skip
    assert gallery.get(f"/titan{path}").status_code == 200


def test_a_mapped_task_is_named_as_its_template_names_it(gallery: Gallery) -> None:
    """Its label is the one that Airflow shows."""
    assert gallery.result("alpha", "mapped", 1)["map_label"] == "a hill"


def test_a_failure_says_why(gallery: Gallery) -> None:
    """What the content filter stopped has no pictures, and a reason."""
    result = gallery.result("alpha", "blocked")
    assert (result["state"], result["outputs"], result["failure"]["error"]) == ("failed", [], "ContentBlocked")


def test_a_task_without_pictures_shows_none(gallery: Gallery) -> None:
    """The tab is on every task of every DAG."""
    assert gallery.json("/titan/api/dags/alpha/runs/none/tasks/none/-1") == {"results": []}
    assert gallery.json("/titan/api/dags/nobody")["results"] == []


def test_a_dag_and_a_task_show_what_is_newest(gallery: Gallery) -> None:
    """All of it comes by pages, each result once."""
    seen, cursor = [], ""
    while cursor is not None:
        page = gallery.json(f"/titan/api/dags/beta?limit=3&before={cursor}")
        seen += page["results"]
        cursor = page["next"]
    assert [result["run_id"] for result in seen] == [run for run in reversed(gallery.runs["beta"]) for _ in range(2)]
    page = gallery.json("/titan/api/dags/beta/tasks/bulk")
    assert [result["run_id"] for result in page["results"]] == gallery.runs["beta"][::-1]


NOW = "2026-11-26T09:30:00+00:00"


@pytest.mark.parametrize(
    "place",
    [
        "x", "null", "[1,2,3,4,5]", '["2026-11-26T09:30:00", 1, "t", -1, "manifest"]',
        f'["{NOW}", 1, "\\u0000", 1, ""]', f'["{NOW}", 1e400, "t", -1, "manifest"]',
        f'["{NOW}", 1, "t", 4294967296, "manifest"]',
        '["0001-01-01T00:00:00+23:59", 1, "t", -1, "manifest"]', "[" * 1_400, f'["{NOW}", 1, "\\ud800", -1, "m"]',
    ],
)  # fmt: skip
def test_a_cursor_of_ones_own_is_refused(gallery: Gallery, place: str) -> None:
    """It is told what is allowed: also a time of no zone, a number that is none, what is too deep or too early."""
    cursor = "x" if place == "x" else base64.urlsafe_b64encode(place.encode()).decode()
    response = gallery.get(f"/titan/api/dags/beta?before={cursor}")
    assert (response.status_code, "before" in response.json()["problem"]) == (400, True)


def test_rows_come_by_pages(gallery: Gallery) -> None:
    """With how many there are of each status, whichever are asked for."""
    page = _rows(gallery, "?limit=2&offset=2")
    assert [(row["line"], row["id"], row["status"]) for row in page["rows"]] == [
        (3, "sku-2", "done"), (4, "sku-3", "invalid"),
    ]  # fmt: skip
    assert (page["total"], page["counts"]) == (6, {"done": 5, "invalid": 1})
    assert page["rows"][1]["error"]["error"] == "InvalidRequest"
    assert _rows(gallery, "?offset=900")["rows"] == []


def test_rows_are_filtered(gallery: Gallery) -> None:
    """By status, and by a text in the id, the prompt or the error."""
    assert [row["line"] for row in _rows(gallery, "?status=invalid")["rows"]] == [4]
    assert _rows(gallery, "?status=done,invalid")["total"] == 6
    assert [row["id"] for row in _rows(gallery, "?search=SKU-4")["rows"]] == ["sku-4"]
    assert [row["line"] for row in _rows(gallery, "?search=333x704")["rows"]] == [4]
    assert _rows(gallery, "?status=invalid&search=sku-4")["total"] == 0
    assert gallery.get(f"/titan/api{gallery.instance('alpha', 'bulk')}/rows?status=fine").status_code == 400


@pytest.mark.parametrize("task_id", ["bulk", "merge"])
def test_a_row_has_its_own_record(gallery: Gallery, task_id: str) -> None:
    """Also where the results of several tasks were joined."""
    (result,) = gallery.json(f"/titan/api{gallery.instance('alpha', task_id)}/rows/2")["results"]
    assert (result["prompt"], result["task"], result["status"]) == ("alpha row 1", "text_to_image", "complete")
    (picture,) = result["outputs"]
    assert (picture["width"], picture["url"].endswith("/rows/2/outputs/0")) == (320, True)
    assert gallery.get(picture["url"]).headers["content-type"] == "image/png"


def test_a_row_that_failed_says_what_was_asked(gallery: Gallery) -> None:
    """The file of rows repeats the request."""
    (result,) = gallery.json(f"/titan/api{gallery.instance('alpha', 'bulk')}/rows/4")["results"]
    assert (result["prompt"], result["status"], result["outputs"]) == ("alpha row 3", "invalid", [])
    assert result["parameters"]["width"] == 333


def test_costs_are_added_up(gallery: Gallery) -> None:
    """By day, DAG and model; joined rows, and what no model made, not at all."""
    overview = gallery.json("/titan/api/overview?days=7")
    (alpha,) = [cost for cost in overview["costs"] if cost["dag_id"] == "alpha"]
    assert (alpha["price_usd"], alpha["images"]) == (pytest.approx(9 * 0.008), 9)
    assert (alpha["model_id"], overview["days"]) == ("amazon.titan-image-generator-v2:0", 7)
    assert overview["truncated"] is False


def test_more_records_than_are_added_up_is_said(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of a part never looks like the whole."""
    monkeypatch.setattr("airflow_titan.plugin.costs.BOUND", 3)
    assert gallery.json("/titan/api/overview")["truncated"] is True


def test_models_are_shown_with_their_life(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """With where the deployment sends what asks for them; a slip in the setting fails no page."""
    route = {"amazon.titan-image-generator-v2:0": "amazon.nova-canvas-v1:0"}
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", json.dumps(route))
    models = {model["id"]: model for model in gallery.json("/titan/api/overview")["models"]}
    titan = models["amazon.titan-image-generator-v2:0"]
    assert (titan["rerouted_to"], titan["family"], titan["price_usd"] > 0) == ("amazon.nova-canvas-v1:0", "titan", True)
    assert titan["lifecycle"] in {"active", "legacy", "retired"}
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", "nonsense")
    assert gallery.json("/titan/api/overview")["models"]


@pytest.mark.parametrize("price", ["1", True, -1, 1e300, float("inf"), float("nan"), None, [], {"usd": 1}])
def test_a_price_that_is_none_costs_nothing(gallery: Gallery, price: Any) -> None:
    """Users may write anything into XCom; the page stays."""
    with gallery.edited("beta", "bulk", price_usd=price, images=price, model_id={"a": price}):
        overview = gallery.json("/titan/api/overview")
        assert all(isinstance(cost["price_usd"], float) for cost in overview["costs"])
        assert gallery.json(f"/titan/api/dags/beta/runs/{gallery.runs['beta'][0]}")["price_usd"] == 0.008


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "days=0", "days=9999"])
def test_bounds_of_a_page(gallery: Gallery, query: str) -> None:
    """A request can't ask for everything at once."""
    path = "overview" if "days" in query else f"dags/alpha/runs/{gallery.runs['alpha'][0]}"
    assert gallery.get(f"/titan/api/{path}?{query}").status_code == 422


def test_a_manifest_that_is_gone_is_told(gallery: Gallery) -> None:
    """So is one that is damaged; the page of the run still shows all others."""
    from gallery import place

    uri = gallery.xcom("alpha", "z_first")["manifest_uri"]
    kept = gallery.s3.get_object(**place(uri))["Body"].read()
    for body, said in ((b"{}", "damaged"), (b"\xff", "damaged"), (None, "deleted")):
        gallery.s3.delete_object(**place(uri))
        if body:
            gallery.s3.put_object(**place(uri), Body=body)
        _forget()
        problems = {result["task_id"]: result["problem"] for result in _run(gallery)["results"]}
        assert said in problems.pop("z_first")
        assert set(problems.values()) == {None}
    gallery.s3.put_object(**place(uri), Body=kept)


def _forget() -> None:
    from airflow_titan.plugin import records

    records.kept_records.clear()


def test_addresses_hold_where_airflow_lives_below_a_path(gallery: Gallery) -> None:
    """They are as the browser sees them."""
    from fastapi.testclient import TestClient

    client = TestClient(gallery.app, root_path="/airflow", headers={"Authorization": f"Bearer {gallery.token('ann')}"})
    path = f"/airflow/titan/api{gallery.instance('alpha', 'edit')}"
    (result,) = client.get(path).json()["results"]
    addresses = [result["page"], result["mask"]["url"], result["outputs"][0]["thumbnail_url"]]
    assert all(address.startswith("/airflow/titan/dags/alpha/") for address in addresses)
    assert 'src="/airflow/titan/static/gallery.js"' in client.get("/airflow/titan/").text


def _session() -> Any:
    from airflow.utils.session import create_session

    return create_session(scoped=False)


@contextmanager
def _left(gallery: Gallery, dag_id: str, task_id: str, key: str, value: Any) -> Iterator[None]:
    """Let a task instance have left something else in XCom, too."""
    from airflow.models.xcom import XComModel

    names = {"dag_id": dag_id, "task_id": task_id, "run_id": gallery.runs[dag_id][0], "map_index": -1}
    with _session() as session:
        other = session.query(XComModel).filter_by(**names).first()
        assert other is not None
        run = other.dag_run_id
        session.add(XComModel(dag_run_id=run, key=key, value=json.dumps(value), **names))
    try:
        yield
    finally:
        with _session() as session:
            session.query(XComModel).filter_by(**names, key=key).delete()


@contextmanager
def _of_class(gallery: Gallery, dag_id: str, task_id: str, name: str) -> Iterator[None]:
    """Let a task be of another class."""
    from airflow.models.taskinstance import TaskInstance

    names = {"dag_id": dag_id, "task_id": task_id, "run_id": gallery.runs[dag_id][0]}
    with _session() as session:
        found = session.query(TaskInstance).filter_by(**names).one()
        before = {"operator": found.operator, "custom_operator_name": found.custom_operator_name}
        session.query(TaskInstance).filter_by(**names).update(dict.fromkeys(before, name))
    try:
        yield
    finally:
        with _session() as session:
            session.query(TaskInstance).filter_by(**names).update(before)


def test_a_task_that_left_rows_and_failed_comes_once(gallery: Gallery) -> None:
    """Also where a page ends between the two, as of a bulk task with too many failures."""
    with _left(gallery, "beta", "bulk", "failure", {"error": "TooManyFailures", "message": "3 of 6"}):
        seen, cursor = [], ""
        while cursor is not None:
            page = gallery.json(f"/titan/api/dags/beta?limit=1&before={cursor}")
            seen += [(result["run_id"], result["task_id"]) for result in page["results"]]
            cursor = page["next"]
        assert len(seen) == len(set(seen)) == 4
        assert gallery.result("beta", "bulk")["failure"]["error"] == "TooManyFailures"


def test_what_other_tasks_leave_is_theirs(gallery: Gallery) -> None:
    """Any task may push an XCom of such a name; one whose class is a user's own is known by what it left."""
    run = f"/titan/api/dags/beta/runs/{gallery.runs['beta'][0]}"
    with _of_class(gallery, "beta", "bulk", "PythonOperator"):
        assert len(gallery.json(run)["results"]) == 2
        for value in ("hello", {"images": 5}, 7):
            with gallery.replaced("beta", "bulk", value):
                found = gallery.json(run)
                assert ([result["task_id"] for result in found["results"]], found["total"]) == (["z_first"], 1)
                assert found["images"] == 1
                assert gallery.json(f"/titan/api{gallery.instance('beta', 'bulk')}") == {"results": []}
                assert len(gallery.json("/titan/api/dags/beta")["results"]) == 3
    with gallery.replaced("beta", "bulk", "s3://elsewhere/xcom.json"):
        assert "is no record" in gallery.result("beta", "bulk")["problem"]


def test_the_overview_shows_pictures_and_no_failures(gallery: Gallery) -> None:
    """A hundred tasks that failed would push all pictures off the page; that of the DAG tells of them."""

    def tasks(path: str) -> set[str]:
        return {result["task_id"] for result in gallery.json(f"/titan/api/{path}?limit=100")["results"]}

    assert "blocked" in tasks("dags/alpha")
    assert "blocked" not in tasks("overview")


def test_only_the_first_page_of_the_overview_adds_up(gallery: Gallery) -> None:
    """The next ones are pictures."""
    first = gallery.json("/titan/api/overview?limit=2")
    assert set(gallery.json(f"/titan/api/overview?limit=2&before={first['next']}")) == {"results", "next"}


def test_a_sum_of_a_part_of_a_run_says_so(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all of its task instances are there, though not all were added up."""
    assert _run(gallery)["truncated"] is False
    monkeypatch.setattr("airflow_titan.plugin.api.BOUND", 3)
    run = _run(gallery)
    assert (run["truncated"], run["total"], len(run["results"])) == (True, 8, 8)


def test_pictures_of_others_are_counted_where_they_were_made() -> None:
    """A review shows them, and joined rows name them."""
    from airflow_titan.plugin.costs import totals

    made = {"task": "text_to_image", "price_usd": 0.04, "images": 4}
    assert totals([made, {"task": "review", "images": 4}, {"task": "merge_results", "images": 4, "price_usd": 1}]) == (
        0.04,
        4,
    )


def test_a_page_waits_for_no_record_too_long(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came in time is shown, and of the others that they took too long."""
    from airflow_titan.plugin import api

    real, over = api.result_of, Event()

    def slowly(entry: Any, base: str) -> Any:
        if entry.key.task_id == "z_first":
            over.wait(60)
        return real(entry, base)

    monkeypatch.setattr(api, "result_of", slowly)
    monkeypatch.setattr(api, "_PATIENCE", 3.0)
    try:
        results = {result["task_id"]: result for result in gallery.json("/titan/api/dags/beta?limit=2")["results"]}
    finally:
        over.set()
    assert "too long" in results["z_first"]["problem"]
    assert (results["bulk"]["problem"], results["bulk"]["bulk"]["requests"]) == (None, 6)


def test_a_record_that_is_far_too_large_is_not_read(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be parsed in the memory of the api-server."""
    monkeypatch.setattr("airflow_titan.plugin.records._LARGEST", 100)
    assert "up to 100 are shown" in gallery.result("alpha", "z_first")["problem"]


def test_a_message_of_any_length_is_cut(gallery: Gallery) -> None:
    """Users can write XCom."""
    with _left(gallery, "beta", "bulk", "failure", {"error": "E" * 9_000, "message": "m" * 9_000}):
        failure = gallery.result("beta", "bulk")["failure"]
        assert (len(failure["error"]), len(failure["message"])) == (2_000, 2_000)


def test_searched_rows_are_counted(gallery: Gallery) -> None:
    """By status, as the buttons above them show it."""
    assert _rows(gallery, "?search=sku-3")["counts"] == {"invalid": 1}


@pytest.mark.parametrize(("ago", "counted"), [(6, True), (7, False)])
def test_a_period_is_of_whole_days(gallery: Gallery, ago: int, *, counted: bool) -> None:
    """Today is one of them, from midnight UTC on."""
    from airflow.models.xcom import XComModel

    names = {"dag_id": "alpha", "task_id": "bulk", "key": "manifest"}
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with _session() as session:
        row = session.query(XComModel).filter_by(**names).one()
        before, row.timestamp = row.timestamp, midnight - timedelta(days=ago) + timedelta(minutes=1)
    try:
        costs = gallery.json("/titan/api/overview?days=7")["costs"]
    finally:
        with _session() as session:
            session.query(XComModel).filter_by(**names).update({"timestamp": before})
    day = (midnight - timedelta(days=ago)).date().isoformat()
    assert [cost["images"] for cost in costs if cost["day"] == day] == ([5] if counted else [])


def test_a_path_of_any_letters_stays_an_attribute(gallery: Gallery) -> None:
    """What Airflow lives below is a deployment's own, and text in the page all the same."""
    from fastapi.testclient import TestClient

    path = '/a"><script>'
    client = TestClient(gallery.app, root_path=path, headers={"Authorization": f"Bearer {gallery.token('ann')}"})
    assert '"><script>' not in client.get(f"{path}/titan/").text
