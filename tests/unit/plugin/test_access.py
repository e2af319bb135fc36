"""Who sees what: each address asks whose DAG it is, and no record shows what isn't its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gallery import Gallery

ANN, BEN, ADMIN = "ann", "ben", "admin"
#: What stands for the parts of an address.
PARTS = {
    "dag_id": "alpha", "task_id": "z_first", "map_index": "-1", "role": "outputs", "number": "0", "line": "1",
    "name": "icon.svg",
}  # fmt: skip
#: What is the same for everybody, or filtered by what one may see.
OF_NO_DAG = {"/", "/static/{name}", "/api/overview"}


def _templates(app: Any) -> list[str]:
    """Name all addresses of the application."""
    from fastapi import routing

    return [path for route in app.routes for path in _paths(route, routing)]


def _paths(route: Any, routing: Any) -> list[str]:
    if isinstance(route, routing.APIRoute):
        return [route.path]
    effective = getattr(route, "effective_route_contexts", None)
    return [context.path for context in effective()] if effective else []


@pytest.fixture
def addresses(gallery: Gallery) -> dict[str, str]:
    """Give an address for each route of the application, with what exists in DAG alpha."""
    from airflow_titan.plugin import TitanPlugin

    (mounted,) = TitanPlugin.fastapi_apps
    templates = _templates(mounted["app"].build())
    assert len(templates) > 15, templates
    parts = {**PARTS, "run_id": gallery.runs["alpha"][0]}
    found = {}
    for template in templates:
        task = {"task_id": "bulk"} if "/rows" in template else {}
        found[template] = f"/titan{template.format(**{**parts, **task})}"
    return found


def test_who_is_not_signed_in_sees_nothing(gallery: Gallery, addresses: dict[str, str]) -> None:
    """Every route refuses with 401."""
    assert {template: gallery.get(path, None).status_code for template, path in addresses.items()} == dict.fromkeys(
        addresses, 401
    )


def test_who_may_not_see_the_dag_sees_nothing_of_it(gallery: Gallery, addresses: dict[str, str]) -> None:
    """Every route of a DAG refuses with 403, and says nothing of what is there."""
    for template, path in addresses.items():
        if template not in OF_NO_DAG:
            response = gallery.get(path, BEN)
            assert (template, response.status_code) == (template, 403)
            assert response.json() == {"detail": "Forbidden"}


def test_who_may_see_the_dag_sees_it(gallery: Gallery, addresses: dict[str, str]) -> None:
    """Every route answers, so that the refusals above are refusals of the person."""
    assert {template: gallery.get(path, ANN).status_code for template, path in addresses.items()} == dict.fromkeys(
        addresses, 200
    )


def test_every_answer_is_sealed(gallery: Gallery, addresses: dict[str, str]) -> None:
    """No script but the page's own, no guessing of types; also with refusals, and with what isn't there."""
    for path in (*addresses.values(), "/titan/nothing/there", "/titan/dags/alpha/runs/none/tasks/none/-1/outputs/0"):
        for user in (ANN, BEN, None):
            headers = gallery.get(path, user).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; "), path
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"


def test_a_picture_is_sandboxed(gallery: Gallery) -> None:
    """Somebody who opens it by its address, whatever it holds, runs nothing."""
    policy = gallery.get(f"/titan{gallery.instance('alpha', 'z_first')}/outputs/0").headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_the_overview_shows_nothing_of_other_dags(gallery: Gallery) -> None:
    """Neither pictures nor costs nor a word of a prompt."""
    seen = gallery.json("/titan/api/overview?limit=100", BEN)
    assert {result["dag_id"] for result in seen["results"]} == {"beta"}
    assert {cost["dag_id"] for cost in seen["costs"]} == {"beta"}
    assert "alpha" not in json.dumps(seen)
    assert {result["dag_id"] for result in gallery.json("/titan/api/overview?limit=100")["results"]} == {
        "alpha",
        "beta",
    }


def test_a_cursor_shows_nothing_of_other_dags(gallery: Gallery) -> None:
    """One that somebody else was given only says from where on."""
    cursor = gallery.json("/titan/api/dags/alpha?limit=1", ANN)["next"]
    for path in ("/titan/api/overview", "/titan/api/dags/beta"):
        assert "alpha" not in gallery.get(f"{path}?before={cursor}", BEN).text


@pytest.mark.parametrize(
    "path",
    [
        "/titan/api/dags/~",
        "/titan/dags/~",
        "/titan/api/dags/beta/../alpha",
        "/titan/api/dags/beta%2F..%2Falpha",
        "/titan/api/dags/beta%2f%2e%2e%2falpha",
        "/titan/api/dags/beta/%2e%2e/alpha",
        "/titan/api/dags/alpha?dag_id=beta",
        "/titan/api/dags//alpha?dag_id=beta",
        "/titan/api/dags/ALPHA",
        "/titan/api/dags/alpha%00",
        "/titan/api/dags/beta/runs/{run}/tasks/z_first/-1",
        "/titan/dags/beta/runs/{run}/tasks/z_first/-1/outputs/0",
        "/titan/dags/beta/runs/{run}/tasks/z_first/-1/outputs/0/thumbnail",
        "/titan/dags/beta/runs/{run}%2Ftasks%2Fz_first%2F-1/outputs/0",
        "/titan/dags/beta/runs/../../alpha/runs/{run}/tasks/z_first/-1/outputs/0",
        "/titan/dags/beta/runs/..%2F..%2Falpha%2Fruns%2F{run}/tasks/z_first/-1/outputs/0",
        "/titan/api/dags/beta/runs/{run}",
        "/titan/api/dags/beta/runs/{run}/tasks/bulk/-1/rows",
        "/titan/api/dags/beta/runs/{run}/tasks/bulk/-1/rows/1",
        "/titan/dags/beta/runs/{run}/tasks/bulk/-1/rows/1/outputs/0",
        "/titan/static/..%2f..%2fapp.py",
        "/titan/static/../app.py",
        "/titan/static/%2e%2e/app.py",
        "/titan/static//etc/passwd",
    ],
)
def test_hand_made_addresses_lead_nowhere(gallery: Gallery, path: str) -> None:
    """Ids of alpha under beta, dots and slashes in every writing: nothing of alpha, and no other file."""
    response = gallery.get(path.format(run=gallery.runs["alpha"][0]), BEN)
    text = response.text
    assert response.headers.get("content-type", "").split(";")[0] in {"application/json", "text/html"}
    assert "harbor" not in text
    assert "s3://" not in text
    assert "import" not in text
    if response.status_code == 200 and "json" in response.headers["content-type"]:
        assert not response.json().get("results")
        assert not response.json().get("rows")


@pytest.mark.parametrize(
    "place",
    [
        "z_first/-1/outputs/-1", "z_first/-1/outputs/1", "z_first/-1/outputs/99999999999999999999",
        "z_first/-1/outputs/x",
        "z_first/-1/outputs/%D9%A0", "z_first/-1/outputs/0x0", "z_first/-1/mask/0", "z_first/-1/inputs/0",
        "z_first/-2/outputs/0", "z_first/99999999999999999999/outputs/0", "z_first/1e3/outputs/0",
        "z_first/0/outputs/0",
        "bulk/-1/rows/0/outputs/0", "bulk/-1/rows/-1/outputs/0", "bulk/-1/rows/4/outputs/0", "bulk/-1/rows/7/outputs/0",
        "bulk/-1/rows/99999999999999999999/outputs/0", "bulk/-1/outputs/0", "z_first/-1/rows/1/outputs/0",
        "nothing/-1/outputs/0", "%00/-1/outputs/0", "a%0Ab/-1/outputs/0",
    ],
)  # fmt: skip
def test_numbers_that_there_are_not(gallery: Gallery, place: str) -> None:
    """They are answered with 404, never by an error of the server's."""
    path = f"/titan/dags/alpha/runs/{gallery.runs['alpha'][0]}/tasks/{place}"
    for address in (path, f"{path}/thumbnail"):
        response = gallery.get(address)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/json"), response.text


def _shows_nothing_of_beta(gallery: Gallery, task_id: str) -> str:
    """See that a task of alpha's shows nothing; give what it says."""
    result = gallery.result("alpha", task_id)
    assert (result["outputs"], result["inputs"], result["prompt"], result["bulk"]) == ([], [], None, None)
    instance = f"/titan{gallery.instance('alpha', task_id)}"
    for place in ("outputs/0", "outputs/0/thumbnail", "inputs/0", "rows/1/outputs/0"):
        assert gallery.get(f"{instance}/{place}").status_code == 404
    for place in ("rows", "rows/1"):
        assert gallery.get(f"/titan/api{gallery.instance('alpha', task_id)}/{place}").status_code == 404
    return str(result["problem"])


@pytest.mark.parametrize("task_id", ["z_first", "bulk"])
def test_xcom_that_names_another_dags_manifest(gallery: Gallery, task_id: str) -> None:
    """It isn't read at all."""
    with gallery.edited("alpha", task_id, manifest_uri=gallery.xcom("beta", task_id)["manifest_uri"]):
        assert "didn't write" in _shows_nothing_of_beta(gallery, task_id)


def test_a_copy_of_another_dags_manifest(gallery: Gallery) -> None:
    """Whoever can write where the task wrote still can't show what says that it is another's."""
    own, other = (gallery.xcom(dag_id, "z_first")["manifest_uri"] for dag_id in ("alpha", "beta"))
    copy = own.replace("manifest.json", "copy.json")
    gallery.s3.put_object(**_place(copy), Body=json.dumps(gallery.stored(other)))
    with gallery.edited("alpha", "z_first", manifest_uri=copy):
        assert "another task instance" in _shows_nothing_of_beta(gallery, "z_first")


def test_a_forged_manifest_in_another_bucket(gallery: Gallery) -> None:
    """One that claims to be the task's own and names another DAG's picture: the task didn't write there."""
    forged = gallery.stored(gallery.xcom("alpha", "z_first")["manifest_uri"])
    forged["outputs"] = gallery.stored(gallery.xcom("beta", "z_first")["manifest_uri"])["outputs"]
    gallery.s3.put_object(Bucket="others", Key="forged.json", Body=json.dumps(forged))
    with gallery.edited("alpha", "z_first", manifest_uri="s3://others/forged.json"):
        assert "didn't write" in _shows_nothing_of_beta(gallery, "z_first")


@pytest.mark.parametrize(
    "uri",
    [
        None,
        7,
        [],
        "",
        "s3://",
        "s3://titan-images",
        "file:///etc/passwd",
        "http://127.0.0.1:9/",
        "{own}/../x",
        "{own}\0",
    ],
)
def test_xcom_that_names_no_object(gallery: Gallery, uri: Any) -> None:
    """It is told as a problem."""
    own = gallery.xcom("alpha", "z_first")["manifest_uri"].rpartition("/")[0]
    with gallery.edited("alpha", "z_first", manifest_uri=uri.format(own=own) if isinstance(uri, str) else uri):
        assert _shows_nothing_of_beta(gallery, "z_first") != "None"


def test_xcom_that_names_another_connection(gallery: Gallery) -> None:
    """The api-server has many connections; a task's pictures are read by its own."""
    with gallery.edited("alpha", "z_first", s3={"conn_id": "aws_of_the_bank"}):
        assert "connection" in _shows_nothing_of_beta(gallery, "z_first")


def test_a_bulk_record_that_names_another_dags_rows(gallery: Gallery) -> None:
    """A file of rows is shown only where it lies beside the record."""
    uri = gallery.xcom("alpha", "bulk")["manifest_uri"]
    record = gallery.stored(uri)
    forged = {**record, "results_uri": gallery.stored(gallery.xcom("beta", "bulk")["manifest_uri"])["results_uri"]}
    gallery.s3.put_object(**_place(uri), Body=json.dumps(forged))
    try:
        response = gallery.get(f"/titan/api{gallery.instance('alpha', 'bulk')}/rows")
        assert (response.status_code, "beta" in response.text) == (404, False)
    finally:
        gallery.s3.put_object(**_place(uri), Body=json.dumps(record))


def test_a_row_that_names_another_dags_record(gallery: Gallery) -> None:
    """Its prompt and its inputs stay the other's."""
    uri = gallery.stored(gallery.xcom("alpha", "bulk")["manifest_uri"])["results_uri"]
    rows = gallery.s3.get_object(**_place(uri))["Body"].read()
    first = json.loads(rows.splitlines()[0])
    first |= {"images": [], "manifest_uri": gallery.xcom("beta", "z_first")["manifest_uri"]}
    gallery.s3.put_object(**_place(uri), Body=json.dumps(first).encode() + b"\n")
    try:
        (result,) = gallery.json(f"/titan/api{gallery.instance('alpha', 'bulk')}/rows/1")["results"]
        assert result["prompt"] is None
        assert "another DAG" in result["problem"]
        assert gallery.get(f"/titan{gallery.instance('alpha', 'bulk')}/rows/1/inputs/0").status_code == 404
    finally:
        gallery.s3.put_object(**_place(uri), Body=rows)


def _place(uri: str) -> dict[str, str]:
    from gallery import place

    return place(uri)


def test_who_may_see_a_dag_but_not_its_xcoms_sees_nothing(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the right to read XComs that is asked for, on the page of all DAGs, too."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from some_dags import SomeDagsAuthManager

    real = SomeDagsAuthManager.is_authorized_dag

    def without_xcoms(self: Any, *, access_entity: Any = None, **asked: Any) -> bool:
        return access_entity != DagAccessEntity.XCOM and real(self, access_entity=access_entity, **asked)

    monkeypatch.setattr(SomeDagsAuthManager, "is_authorized_dag", without_xcoms)
    assert gallery.get("/titan/api/dags/alpha", ANN).status_code == 403
    overview = gallery.json("/titan/api/overview", ANN)
    assert (overview["results"], overview["costs"]) == ([], [])


def test_nothing_is_kept_where_others_find_it(gallery: Gallery, addresses: dict[str, str]) -> None:
    """No proxy keeps an answer, and a browser shows none again without asking; data it doesn't keep at all."""
    for template, path in addresses.items():
        kept = gallery.get(path, ANN).headers["cache-control"]
        assert kept in {"no-store", "private, no-cache"}, template
        if template.startswith("/api/"):
            assert kept == "no-store", template


def test_a_person_who_is_refused_reads_words(gallery: Gallery, addresses: dict[str, str]) -> None:
    """A page that says so where there is one; of a picture, what Airflow itself says."""
    page = gallery.get(addresses["/dags/{dag_id}"], BEN, Accept="text/html")
    assert (page.status_code, "gallery.js" in page.text) == (403, True)
    picture = gallery.get(f"/titan{gallery.instance('alpha', 'z_first')}/outputs/0", BEN, Accept="text/html")
    assert (picture.status_code, picture.json()) == (403, {"detail": "Forbidden"})
    signed_out = gallery.get(addresses["/dags/{dag_id}"], None, Accept="text/html")
    assert (signed_out.status_code, "Sign in to Airflow" in signed_out.text) == (401, True)
