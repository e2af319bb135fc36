"""The page of all DAGs: the newest pictures, what was spent, the models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from gallery_server import bulk, picture, result
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery_server import Gallery

TITAN, CORE = "amazon.titan-image-generator-v2:0", "stability.stable-image-core-v1:1"
MODELS = [
    {"id": TITAN, "name": TITAN, "family": "titan", "lifecycle": "retired", "retires": "2026-06-30",
     "regions": ["us-east-1", "us-west-2"], "price_usd": 0.008, "rerouted_to": CORE},
    {"id": CORE, "name": "Stable Image Core", "family": "stability", "lifecycle": "active", "retires": None,
     "regions": ["us-west-2"], "price_usd": 0.04, "rerouted_to": None},
]  # fmt: skip


def spent(ago: int, price: float, images: int = 1, dag_id: str = "shop", model_id: str = TITAN) -> dict[str, Any]:
    """Return what was spent some days ago."""
    day = (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()
    return {"day": day, "dag_id": dag_id, "model_id": model_id, "price_usd": price, "images": images}


@pytest.fixture
def page_of(gallery: Gallery, visit: Callable[..., Any]) -> Callable[..., Any]:
    """Open the page with what a test puts into it."""

    def page_of(window: dict[str, Any] | None = None, **changes: Any) -> Any:
        gallery.replies["overview"] = {
            "results": [result("hero"), bulk(2000)], "next": None,
            "costs": [spent(1, 2.5, 200), spent(3, 1.25, 100, "ads", CORE)],
            "models": MODELS, "days": 30, "truncated": False,
        } | changes  # fmt: skip
        return visit(gallery.page(), wait=".panel, .notice", **(window or {}))

    return page_of


def test_the_newest_pictures_lead_to_their_tasks(page_of: Callable[..., Any]) -> None:
    """Each picture names its DAG and task and links to its page; a bulk task says how many it made."""
    page = page_of()
    cards = page.locator(".card")
    assert cards.first.get_attribute("href") == "/titan/dags/shop/runs/manual__1/tasks/hero/-1"
    assert "shop · hero" in cards.first.inner_text()
    assert "2,000 pictures" in cards.last.inner_text()


def test_more_pictures_are_a_press_away(gallery: Gallery, page_of: Callable[..., Any]) -> None:
    """The page goes on by the server's cursor, and keeps what it has."""
    page = page_of(next="cursor")
    gallery.replies["overview"] = lambda query: {
        "results": [result(f"after-{query['before']}", outputs=[picture("x")])], "next": None,
    }  # fmt: skip
    page.get_by_role("button", name="Load more").click()
    page.locator(".card", has_text="after-cursor").wait_for()
    assert page.locator(".card").count() == 3


def test_what_shows_nothing_is_passed_over(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """A part of tasks without pictures of their own isn't an empty page; one that can't be shown says so."""
    look = {"results": [result("look", outputs=[])], "costs": [], "models": []}
    lost = {"results": [result("lost", outputs=[], problem="The record is gone.")], "next": None}
    gallery.replies["overview"] = lambda query: lost if query.get("before") == "b" else (
        {**look, "next": "b" if "before" in query else "a"}
    )  # fmt: skip
    page = visit(gallery.page(), wait=".card")
    assert "can't be shown" in page.locator(".card").inner_text()
    assert page.locator(".card").count() == 1


def test_the_chart_adds_up_and_has_a_table(page_of: Callable[..., Any]) -> None:
    """Bars, legend and table say the same, by model and by DAG."""
    page = page_of()
    assert page.locator(".panel .totals").inner_text() == "$3.75 (estimate) for 300 pictures in 30 days"
    page.wait_for_selector(".chart .column rect")
    assert page.locator(".chart .column").count() == 30
    assert page.locator(".chart .column rect:not(.hit)").count() == 2
    assert page.locator(".legend").inner_text().replace("\n", " ") == f"{TITAN} $2.50 {CORE} $1.25"
    page.get_by_role("radio", name="DAG").check()
    page.get_by_text("The same as a table").click()
    cells = [row.inner_text().split("\t")[1:] for row in page.locator(".as-table tbody tr").all()]
    assert cells == [["$2.50", "–", "200", "$2.50"], ["–", "$1.25", "100", "$1.25"]]  # noqa: RUF001
    assert "$3.75 in 30 days" in page.get_by_role("img", name="Cost by day").get_attribute("aria-label")


def test_pointing_at_a_day_tells_it(page_of: Callable[..., Any]) -> None:
    """A bar says what was spent on its day."""
    page = page_of()
    page.wait_for_selector(".chart .column rect")
    page.locator(".chart .column").nth(28).hover()
    assert page.locator(".readout").inner_text().endswith("$2.50, 200 pictures")


def test_a_period_is_asked_of_the_server(gallery: Gallery, page_of: Callable[..., Any]) -> None:
    """Another period is fetched, and kept in the address."""
    page = page_of()
    page.get_by_role("radio", name="7 days").check()
    until(page, "document.querySelectorAll('.chart .column').length === 7")
    assert "days=7" in gallery.asked_for("api/overview")[-1]
    assert page.url.endswith("?days=7")


def test_models_say_what_becomes_of_them(page_of: Callable[..., Any]) -> None:
    """Each model has its lifecycle, price, regions, and what stands in its place."""
    page = page_of()
    lines = [row.inner_text().replace("\n", " ").replace("\t", " ") for row in page.locator(".models tbody tr").all()]
    assert lines[0].split() == f"{TITAN} Retired until 2026-06-30 $0.008 us-east-1, us-west-2 {CORE}".split()
    assert lines[1].split() == f"Stable Image Core {CORE} Active $0.040 us-west-2 –".split()  # noqa: RUF001


def test_numbers_that_are_too_low_say_so(page_of: Callable[..., Any]) -> None:
    """Where there was more than the server looks at, the page doesn't pretend."""
    assert "these numbers are too low" in page_of(truncated=True).locator("#content").inner_text()


def test_a_new_airflow_has_a_friendly_page(page_of: Callable[..., Any]) -> None:
    """Before anything was made, the page says what it will show."""
    page = page_of(results=[], costs=[])
    assert page.get_by_role("heading", name="No pictures yet").count() == 1
    assert "Nothing was made in the last 30 days." in page.locator("#content").inner_text()


def test_it_fits_a_phone(page_of: Callable[..., Any]) -> None:
    """In a narrow window nothing scrolls sideways, also with the table open and a long name of a DAG."""
    page = page_of({"width": 360, "height": 640}, costs=[spent(1, 2.5, dag_id="x" * 250)])
    page.get_by_role("radio", name="DAG").check()
    page.get_by_text("The same as a table").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
