"""The rows of a bulk task: ten thousand as quick as ten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery_server import bulk, result, rows
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery_server import Gallery
    from playwright.sync_api import Page

PLACE = "dags/shop/runs/manual__1/tasks/pictures/-1"
STATUSES = ["done"] * 7 + ["partial", "blocked", "failed"]


@pytest.fixture
def many(gallery: Gallery) -> Gallery:
    """Give a bulk task of 10,000 rows."""
    gallery.replies[PLACE] = {"results": [bulk(10_000)]}
    gallery.replies[f"{PLACE}/rows"] = rows(10_000, lambda line: STATUSES[line % 10])
    for line in (1, 2):
        gallery.replies[f"{PLACE}/rows/{line}"] = {"results": [result("pictures", prompt=f"Product {line}")]}
    return gallery


def settled(page: Page) -> None:
    """Wait until every visible tile is filled."""
    until(page, "document.querySelector('.tile') && !document.querySelector('.tile.empty')")


def test_only_what_is_visible_exists(many: Gallery, visit: Callable[..., Any]) -> None:
    """Of 10,000 rows only those in and near the window are in the page, at the top, in the middle and at the end."""
    page = visit(many.page(PLACE))
    settled(page)
    assert page.locator(".tile").count() < 60
    assert len(many.asked_for("/rows?")) == 1
    height = page.evaluate("document.documentElement.scrollHeight")
    for place in (height // 2, height):
        page.evaluate("(y) => window.scrollTo(0, y)", place)
        until(page, "document.querySelector('.tile.empty') === null && scrollY > 0")
        assert page.locator(".tile").count() < 60
    until(page, "[...document.querySelectorAll('.tile .name')].some((name) => name.textContent === 'product-10000')")
    assert len(many.asked_for("/rows?")) < 10


def test_passing_by_loads_nothing(many: Gallery, visit: Callable[..., Any]) -> None:
    """Rows that are only scrolled past are neither fetched nor are their thumbnails."""
    page = visit(many.page(PLACE))
    settled(page)
    page.evaluate(
        """async () => {
            const step = document.documentElement.scrollHeight / 60;
            for (let i = 1; i <= 60; i += 1) {
                window.scrollTo(0, i * step);
                await new Promise(requestAnimationFrame);
            }
        }"""
    )
    settled(page)
    until(page, "[...document.querySelectorAll('.tile .name')].some((name) => name.textContent === 'product-10000')")
    assert len(many.asked_for("/rows?")) < 20  # of a hundred parts


def test_a_status_filters_and_is_kept_in_the_address(many: Gallery, visit: Callable[..., Any]) -> None:
    """Each status that occurs has a button with its number; the choice survives loading the page again."""
    page = visit(many.page(PLACE))
    settled(page)
    chips = [text.replace("\n", " ") for text in page.locator(".chip").all_inner_texts()]
    assert chips == ["All 10,000", "Done 7,000", "Partly blocked 1,000", "Blocked 1,000", "Failed 1,000"]
    page.locator(".chip", has_text="Failed").click()
    page.get_by_role("status").filter(has_text="1,000 rows").wait_for()
    settled(page)
    assert set(page.locator(".tile .status").all_inner_texts()) == {"Failed"}
    assert "The content filter stopped this request." in page.locator(".tile").first.inner_text()
    page.reload()
    settled(page)
    assert page.locator(".chip[aria-pressed=true]").inner_text().split() == ["Failed", "1,000"]


def test_ids_are_searched(many: Gallery, visit: Callable[..., Any]) -> None:
    """What is typed is searched once typing pauses; where nothing matches the page says so."""
    page = visit(many.page(PLACE))
    settled(page)
    page.get_by_role("searchbox").press_sequentially("0123")
    page.get_by_role("status").filter(has_text="11 rows").wait_for()
    settled(page)
    assert page.locator(".tile .name").first.inner_text() == "product-00123"
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("status").filter(has_text="No row matches").wait_for()
    assert page.locator(".tile").count() == 0


def test_keys_move_over_the_grid(many: Gallery, visit: Callable[..., Any]) -> None:
    """Arrows go to the neighbors, End to the last row, and the one that has the focus is in sight."""
    page = visit(many.page(PLACE))
    settled(page)
    page.locator(".tile").first.focus()
    focused = "document.activeElement.querySelector('.name')?.textContent"
    columns = page.evaluate("getComputedStyle(document.querySelector('.tile')).width")
    across = round(page.locator(".space").bounding_box()["width"] / float(columns.removesuffix("px")) - 0.3)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "product-00002"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == f"product-{2 + across:05}"
    page.keyboard.press("End")
    until(page, f"{focused} === 'product-10000'")
    box = page.locator(".tile:focus").bounding_box()
    assert 0 <= box["y"] < 900
    page.keyboard.press("Home")
    until(page, f"{focused} === 'product-00001'")
    assert page.locator(".tile[tabindex='0']").count() == 1


def test_a_row_opens_in_full(many: Gallery, visit: Callable[..., Any]) -> None:
    """Enter opens a row with prompt and picture, arrows go to the next, Escape leads back to the tile of the last."""
    page = visit(many.page(PLACE))
    settled(page)
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    page.locator("dialog .prompt", has_text="Product 1").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator("dialog .prompt", has_text="Product 2").wait_for()
    assert "Line 2 · Done · $0.008" in page.locator("dialog > header").inner_text()
    page.keyboard.press("Escape")
    until(page, "document.activeElement.querySelector('.name')?.textContent === 'product-00002'")


def test_rows_that_fail_to_load_say_so(many: Gallery, visit: Callable[..., Any]) -> None:
    """Where the rows can't be fetched, the page says why, and another try shows them."""
    works = many.replies[f"{PLACE}/rows"]
    many.replies[f"{PLACE}/rows"] = 500
    page = visit(many.page(PLACE), wait=".rows .trouble")
    many.replies[f"{PLACE}/rows"] = works
    page.get_by_role("button", name="Try again").click()
    settled(page)


def test_two_tiles_fit_a_phone(many: Gallery, visit: Callable[..., Any]) -> None:
    """In a narrow window the grid has two columns and the page doesn't scroll sideways."""
    page = visit(many.page(PLACE), width=360, height=640)
    page.evaluate("document.querySelector('.rows')?.scrollIntoView()")
    settled(page)
    assert len({tile.bounding_box()["x"] for tile in page.locator(".tile").all()}) == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_home_and_end_lead_through_rows(many: Gallery, visit: Callable[..., Any]) -> None:
    """In an open row they go to the first and the last one."""
    many.replies[f"{PLACE}/rows/10000"] = {"results": [result("pictures", prompt="Product 10000")]}
    page = visit(many.page(PLACE))
    settled(page)
    page.locator(".tile").first.press("Enter")
    page.locator("dialog .prompt", has_text="Product 1").wait_for()
    page.keyboard.press("End")
    page.locator("dialog .prompt", has_text="Product 10000").wait_for()
    page.keyboard.press("Home")
    page.locator("dialog h2", has_text="product-00001").wait_for()


def test_a_status_of_ones_own_in_the_address_is_none(many: Gallery, visit: Callable[..., Any]) -> None:
    """All rows are shown then."""
    page = visit(f"{many.page(PLACE)}?status=fine")
    settled(page)
    assert page.locator(".chip[aria-pressed=true]").inner_text().split() == ["All", "10,000"]


def test_a_row_that_nobody_knows_more_of_says_why(many: Gallery, visit: Callable[..., Any]) -> None:
    """What its line in the file says is told by its name."""
    many.replies[f"{PLACE}/rows"] = rows(3, lambda _: "blocked")
    many.replies[f"{PLACE}/rows/1"] = {"results": []}
    page = visit(many.page(PLACE))
    settled(page)
    page.locator(".tile").first.press("Enter")
    told = page.locator("dialog .callout")
    assert told.locator("strong").inner_text() == "ContentBlocked"
    assert "content filter" in told.inner_text()
