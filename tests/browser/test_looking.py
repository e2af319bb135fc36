"""Looking at one picture, and from one to the next: by pointer, by keyboard, in the light and in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery_server import picture, result
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gallery_server import Gallery
    from playwright.sync_api import Page

RUN = "dags/shop/runs/manual__1"
INSTANCE = f"{RUN}/tasks/inpaint/-1"
EDIT = result("inpaint", task="inpainting", inputs=[picture("before", parameter="image")], outputs=[picture("after")])


def active(page: Page) -> str:
    """Name what has the focus."""
    return page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
    )


def test_keys_lead_through_all_pictures_and_back(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Enter opens a picture, arrows go to its neighbors in the order of the page, Escape gives the focus back."""
    gallery.replies[RUN] = {"results": [EDIT, result("vary", outputs=[picture("v1"), picture("v2")])]}
    page = visit(gallery.page(RUN), wait="article img.loaded")
    page.locator("button.frame").first.focus()
    page.keyboard.press("Enter")
    place = page.locator("dialog .facts-line")
    assert place.inner_text().startswith("1 of 4")
    page.keyboard.press("ArrowLeft")  # there is none before the first
    assert place.inner_text().startswith("1 of 4")
    page.keyboard.press("End")
    assert "vary · output 2" in place.inner_text()
    page.keyboard.press("ArrowLeft")
    assert place.inner_text().startswith("3 of 4")
    until(page, "document.querySelector('dialog img.full')?.naturalWidth === 512")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert active(page).startswith("Output 1 of vary")


def test_the_lightbox_fits_a_phone(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """In a narrow window a wide picture keeps its shape and the page doesn't scroll sideways."""
    gallery.replies[RUN] = {"results": [result("hero", outputs=[picture("wide", 1280, 720)])]}
    page = visit(gallery.page(RUN), wait="article img.loaded", width=360, height=640)
    page.locator("button.frame").click()
    page.wait_for_selector("dialog .full-box:not(.loading)")
    box = page.locator("dialog img.full").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["width"] / box["height"] == pytest.approx(1280 / 720, rel=0.02)


def test_a_slider_lays_before_over_after(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The slider moves by keys and says where it is; what is before ends where it stands."""
    gallery.replies[INSTANCE] = {"results": [EDIT]}
    page = visit(gallery.page(INSTANCE), wait=".compare")
    slider = page.get_by_role("slider", name="Before and after")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "60 % before, 40 % after"
    assert "40%" in page.locator(".compare .before").evaluate("(image) => getComputedStyle(image).clipPath").replace(
        "calc(100% - 60%)", "40%"
    )
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0 % before, 100 % after"


def test_only_pictures_of_one_size_are_laid_over_each_other(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Where input and output differ in size, there is no slider."""
    gallery.replies[INSTANCE] = {"results": [EDIT | {"outputs": [picture("after", 1024, 512)]}]}
    page = visit(gallery.page(INSTANCE), wait="article img.loaded")
    assert page.locator(".compare").count() == 0


def test_on_a_run_the_slider_is_a_press_away(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """A run has a button for each edit, and the lightbox can switch between the picture and both."""
    gallery.replies[RUN] = {"results": [EDIT]}
    page = visit(gallery.page(RUN), wait="article img.loaded")
    page.get_by_role("button", name="Before and after").click()
    page.get_by_role("dialog").get_by_role("slider").press("ArrowLeft")
    switch = page.get_by_role("dialog").get_by_role("button", name="Before and after")
    assert switch.get_attribute("aria-pressed") == "true"
    switch.click()
    page.wait_for_selector("dialog .full-box:not(.loading)")


def test_uris_are_copied(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The S3 URI of a picture and that of the manifest go to the clipboard, and the page says so."""
    gallery.replies[RUN] = {"results": [result("hero")]}
    page = visit(gallery.page(RUN), wait="article", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy S3 URI").click()
    page.get_by_role("status").filter(has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "s3://titan-images/results/hero.png"
    page.get_by_role("button", name="Copy manifest URI").click()
    until(page, "navigator.clipboard.readText().then((text) => text.endsWith('/hero/manifest.json'))")


def test_without_a_clipboard_a_selection_is_copied(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Over plain HTTP a browser has no clipboard for pages; copying works all the same."""
    gallery.replies[RUN] = {"results": [result("hero")]}
    page = visit(gallery.page(RUN), wait="article", permissions=["clipboard-read"])
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy S3 URI").click()
    until(page, "navigator.clipboard.readText().then((text) => text === 's3://titan-images/results/hero.png')")


def test_a_download_has_the_name_that_it_has_in_s3(gallery: Gallery, visit: Callable[..., Any], tmp_path: Path) -> None:
    """The original is saved under the last part of its key."""
    gallery.replies[RUN] = {"results": [result("hero")]}
    page = visit(gallery.page(RUN), wait="article")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "hero.png"
    download.value.save_as(tmp_path / "hero.png")
    assert (tmp_path / "hero.png").stat().st_size > 1000


def test_everything_is_reached_by_tab(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The tab key comes by each control of a result, in the order in which one reads, with a visible focus."""
    gallery.replies[RUN] = {"results": [result("hero")]}
    page = visit(gallery.page(RUN), wait="article img.loaded")
    page.keyboard.press("Tab")
    assert active(page) == "Skip to the pictures"
    page.keyboard.press("Enter")
    seen = []
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(active(page))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    picture_opens = "Output of hero: A cup of coffee on a table. Open in full size"
    assert seen == ["hero", "2 more parameters", "Copy manifest URI", picture_opens, "Download", "Copy S3 URI"]


@pytest.mark.parametrize(
    ("system", "chosen", "dark"),
    [
        ("light", None, False),
        ("dark", None, True),
        ("dark", "light", False),
        ("light", "dark", True),
        ("dark", "system", True),
    ],
)
def test_light_and_dark_follow_airflow_then_the_system(
    system: str,
    chosen: str | None,
    dark: bool,  # noqa: FBT001
    gallery: Gallery,
    visit: Callable[..., Any],
) -> None:
    """What was chosen in Airflow's UI, kept in the storage of its origin, goes before the system's choice."""
    gallery.replies["dags/shop"] = {"results": []}
    page = visit(gallery.page("dags/shop"), color_scheme=system)
    if chosen:
        page.evaluate("(choice) => localStorage.setItem('theme', choice)", chosen)
        page.reload()
    page.wait_for_selector(".notice")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(11, 13, 17)") is dark


def test_another_choice_in_airflow_is_followed_at_once(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The page turns dark when Airflow's UI around it does."""
    gallery.replies["dags/shop"] = {"results": []}
    page = visit(gallery.page("dags/shop"), wait=".notice")
    other = page.context.new_page()
    other.goto(gallery.page("dags/shop"))
    other.evaluate("localStorage.setItem('theme', 'dark')")
    until(page, "getComputedStyle(document.body).backgroundColor === 'rgb(11, 13, 17)'")
