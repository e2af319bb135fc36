"""The link to a task instance's pictures in Airflow's own UI."""

from __future__ import annotations

from types import SimpleNamespace

import airflow
import pytest

from airflow_titan.links import TitanImagesLink

ON_2 = airflow.__version__.startswith("2.")
needs_a_gallery = pytest.mark.skipif(ON_2, reason="Airflow 2 has no gallery, and so no link to it")


def link(dag_id: str = "dag", run_id: str = "run", task_id: str = "task", map_index: int | None = -1) -> str:
    """Give the link of a task instance."""
    key = SimpleNamespace(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
    return TitanImagesLink().get_link(None, ti_key=key)  # type: ignore[arg-type]


@needs_a_gallery
@pytest.mark.parametrize(
    ("base_url", "start"),
    [
        ("", ""),
        ("http://localhost:8080", ""),
        ("https://example.org/airflow", "/airflow"),
        ("https://example.org/a b/airflow/", "/a%20b/airflow"),
    ],
)
def test_it_lies_below_airflow(base_url: str, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever host the viewer knows Airflow by, and whatever path it lives below."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert link() == f"{start}/titan/dags/dag/runs/run/tasks/task/-1"
    assert link(map_index=3).endswith("/3")
    assert link(map_index=None).endswith("/-1")


@needs_a_gallery
def test_ids_stay_in_their_segments() -> None:
    """Slashes, percent signs, spaces, question marks and other letters lead to no other page."""
    address = link("a/../b", "manual__2026-01-01T00:00:00+00:00 %2F?x#y", "группа.ü")
    ids = "/titan/dags/a%2F..%2Fb/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00%20%252F%3Fx%23y/tasks/"
    assert address == f"{ids}%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0.%C3%BC/-1"


@pytest.mark.skipif(not ON_2, reason="Airflow 3 has the gallery")
def test_airflow_2_has_no_such_page() -> None:
    """The gallery is a page beside Airflow 3's own."""
    assert link() == ""


@needs_a_gallery
@pytest.mark.parametrize("value", ["False", "perhaps"])
def test_a_gallery_that_is_off_has_no_link(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No link is better than one to a page that isn't there; a slip in the setting fails no task."""
    monkeypatch.setenv("AIRFLOW__TITAN__GALLERY", value)
    assert link() == ""
