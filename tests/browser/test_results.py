"""What the pages of runs, tasks and DAGs show, on a server that says what a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gallery_server import bulk, picture, result, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery_server import Gallery

RUN = "dags/shop/runs/manual__1"
EDIT = result(
    "inpaint",
    task="inpainting",
    prompt="a blue cup",
    parameters={"mask_prompt": "cup", "cfg_scale": 8},
    inputs=[picture("before", parameter="image")],
    mask=picture("mask"),
    outputs=[picture("after")],
)
PROMPTS = {
    "markup": "<img src=x onerror=\"document.title='stolen'\"><script>document.title='stolen'</script>",
    "right to left": "فنجان قهوة على الطاولة",
    "emoji": "\N{HOT BEVERAGE}\N{VARIATION SELECTOR-16}" * 512,
    "one long word": "coffee" * 300,
    "template": "{{ titan }} ${document.cookie} %s",
}


def run(*results: Any, **changes: Any) -> dict[str, Any]:
    """Return what the API says of a run."""
    price = sum(each["price_usd"] or 0 for each in results)
    images = sum(len(each["outputs"]) for each in results)
    return {"results": results, "total": len(results), "price_usd": price, "images": images, "next": None} | changes


def test_a_run_shows_its_tasks_in_the_order_of_the_server(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The sheet of a run keeps the order of the graph, and says what it cost and how many pictures there are."""
    gallery.replies[RUN] = run(result("zebra"), EDIT, result("apple", price_usd=0.03))
    page = visit(gallery.page(RUN), wait="article")
    assert page.locator("article h2").all_inner_texts() == ["zebra", "inpaint", "apple"]
    assert page.locator(".totals").inner_text() == "3 pictures by 3 task instances, $0.050 (estimate)"


def test_input_mask_and_output_stand_side_by_side(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """All three lie on one line, from left to right, and have alternative texts."""
    gallery.replies[RUN] = run(EDIT)
    page = visit(gallery.page(RUN), wait="article img.loaded")
    boxes = [page.locator(f".group.{name} .frame").bounding_box() for name in ("input", "mask", "output")]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert len({box["y"] for box in boxes}) == 1
    texts = [image.get_attribute("alt") for image in page.locator("article img").all()]
    assert texts == [f"{name} of inpaint: a blue cup" for name in ("Input", "Mask", "Output")]


def test_facts_have_units(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Size, seed, model, price, how long it took and when it was made are told, the time exactly when pointed at."""
    model = {"id": "stability.stable-image-core-v1:1", "asked_for": "amazon.titan-image-generator-v2:0", "region": "r"}
    gallery.replies[RUN] = run(result("hero", model=model, negative_prompt="people"))
    page = visit(gallery.page(RUN), wait="article")
    facts = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert facts["Size"] == "512 × 512 px"  # noqa: RUF001
    assert facts["Seed"] == "1704866045"
    assert facts["Without"] == "people"
    assert facts["Model"].replace("\n", " ") == (
        "stability.stable-image-core-v1:1 in the place of amazon.titan-image-generator-v2:0"
    )
    assert facts["Price"] == "$0.010"
    assert facts["Took"] == "4.2 s"
    assert page.locator("article time").get_attribute("title") == "2026-11-26T09:30:00.000Z"


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_is_text(prompt: str, gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Whatever a prompt holds is shown as it is, runs nothing and doesn't widen the page."""
    failure = {"error": "X", "message": prompt}
    gallery.replies[RUN] = run(result(prompt[:60], prompt=prompt, failure=failure))
    page = visit(gallery.page(RUN), wait="article .prompt", width=360)
    assert page.locator(".prompt").text_content() == prompt
    assert page.locator("article script, article img[src=x]").count() == 0
    assert "stolen" not in page.title()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_right_to_left_prompt_runs_from_the_right(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The direction of a prompt is that of its letters."""
    gallery.replies[RUN] = run(result("hero", prompt=PROMPTS["right to left"]))
    page = visit(gallery.page(RUN), wait="article .prompt")
    assert page.locator(".prompt").evaluate("(element) => getComputedStyle(element).direction") == "rtl"


def test_what_went_wrong_is_told(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Failures, what the filter stopped, warnings and records that can't be shown stand beside the pictures."""
    told = {
        "failure": {"error": "ContentBlocked", "message": "Change the text."},
        "blocked": {"message": "Stopped by a filter.", "missing": 2},
        "warnings": ["The seed was derived."],
        "problem": "The manifest is gone.",
    }
    gallery.replies[RUN] = run(result("hero", state="failed", outputs=[], **told))
    page = visit(gallery.page(RUN), wait="article")
    text = page.locator("article").inner_text()
    for part in ("Failed", "ContentBlocked", "Change the text.", "2 pictures missing", "Stopped by a filter.",
                 "The seed was derived.", "The manifest is gone.", "no picture"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("name", ["gone", "bad"])
def test_a_missing_or_broken_picture_has_a_placeholder(name: str, gallery: Gallery, visit: Callable[..., Any]) -> None:
    """A picture that can't be loaded, or is none, is replaced by words, and the box keeps its shape."""
    gallery.replies[RUN] = run(result("hero", outputs=[picture(name, 800, 400)]))
    page = visit(gallery.page(RUN), wait="article .broken")
    assert "can't be shown" in page.locator(".broken").inner_text()
    box = page.locator(".frame").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(2, rel=0.02)


def test_boxes_have_their_shape_before_the_pictures_come(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Nothing jumps: the layout doesn't shift while pictures are loaded."""
    gallery.replies[RUN] = run(*(result(f"t{i}", outputs=[picture(f"t{i}", 1280, 720)]) for i in range(4)))
    page = visit(gallery.page(RUN), wait="article img.loaded")
    shifts = page.evaluate(
        """new Promise((resolve) => new PerformanceObserver((list) => resolve(
            list.getEntries().filter((entry) => entry.sources.some((s) => s.node?.closest?.("article, figure")))
                .reduce((sum, entry) => sum + entry.value, 0))).observe({type: "layout-shift", buffered: true})
            || setTimeout(() => resolve(0), 500))"""
    )
    assert shifts < 0.02


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (RUN, 401, "You are not signed in."),
        (RUN, 403, "You may not see these pictures."),
        ("dags/shop", 403, "You may not see these pictures."),
        (f"{RUN}/tasks/hero/-1", 404, "There is nothing at this address."),
        ("dags/shop/tasks/hero", 500, "Airflow failed to answer."),
        ("overview", 503, "Airflow is busy."),
    ],
)
def test_refusals_are_said_in_words(
    path: str, status: int, words: str, gallery: Gallery, visit: Callable[..., Any]
) -> None:
    """A page that gets no data says why and what to do; it offers another try only where that may help."""
    gallery.replies[path] = status
    page = visit(gallery.page("" if path == "overview" else path), wait=".trouble")
    assert page.get_by_role("alert").get_by_role("heading").inner_text() == words
    assert page.get_by_role("button", name="Try again").count() == (status >= 500)


@pytest.mark.parametrize("status", [404, 413, 422])
def test_what_the_server_says_is_told_alone(status: int, gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Where it names what is wrong, nobody is sent after something else."""
    gallery.replies[RUN] = (status, {"problem": "The file of rows is damaged: line 3 is no row."})
    page = visit(gallery.page(RUN), wait=".trouble")
    assert page.get_by_role("alert").inner_text() == "The file of rows is damaged: line 3 is no row."


def test_a_sum_of_a_part_of_a_run_says_so(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """It never looks like the whole."""
    gallery.replies[RUN] = run(result("hero"), truncated=True)
    page = visit(gallery.page(RUN), wait="article")
    assert "these numbers are too low" in page.locator(".totals").inner_text()


def test_another_try_shows_the_pictures(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """After a failure of the server, the button loads what is there now."""
    gallery.replies[RUN] = 500
    page = visit(gallery.page(RUN), wait=".trouble")
    gallery.replies[RUN] = run(result("hero"))
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("article")
    assert page.locator(".trouble").count() == 0


def test_a_task_of_another_kind_has_a_friendly_page(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """The tab is shown on every task, with its map index as Airflow leaves it; where there is nothing it says so."""
    empty = {"results": [], "next": None, "total": 0, "price_usd": 0, "images": 0}
    paths = [RUN, "dags/shop", "dags/shop/tasks/hero", f"{RUN}/tasks/hero/%7BMAP_INDEX%7D"]
    gallery.replies.update(dict.fromkeys(paths, empty))
    page = visit(gallery.page())
    for path in paths:
        page.goto(gallery.page(path))
        page.get_by_role("heading", name="No pictures of airflow_titan here").wait_for()


def test_the_newest_come_first_and_more_on_scrolling(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """A task's page goes on by the server's cursor when its end comes into sight, each part once."""

    def feed(query: dict[str, str]) -> dict[str, Any]:
        first = int(query.get("before", 60))
        results = [result("hero", run_id=f"run-{first - i}") for i in range(20)]
        return {"results": results, "next": str(first - 20) if first > 20 else None}

    gallery.replies["dags/shop/tasks/hero"] = feed
    page = visit(gallery.page("dags/shop/tasks/hero"), wait="article")
    while page.locator("article").count() < 60:
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(50)
    titles = page.locator("article h2").all_inner_texts()
    assert titles == [f"run-{number}" for number in range(60, 0, -1)]
    assert len(gallery.asked_for("api/dags/shop/tasks/hero")) == 3
    assert page.get_by_role("button", name="Load more").count() == 0


def test_a_mapped_task_names_its_index(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """Instances of a mapped task are told apart by their label, or their number."""
    gallery.replies[RUN] = run(result("hero", map_index=0, map_label="banner"), result("hero", map_index=1))
    page = visit(gallery.page(RUN), wait="article")
    assert page.locator("article h2").all_inner_texts() == ["hero [banner]", "hero [1]"]


def test_a_bulk_task_on_a_run_leads_to_its_rows(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """On a run, a bulk task has its counts and a link to its rows."""
    gallery.replies[RUN] = run(bulk(2000, done=1990, failed=10))
    page = visit(gallery.page(RUN), wait="article")
    assert "2,000 requests" in page.locator("article").inner_text()
    link = page.get_by_role("link", name="Show all rows")
    assert link.get_attribute("href") == f"/titan/{RUN}/tasks/pictures/-1"


def test_addresses_of_other_places_are_never_followed(gallery: Gallery, visit: Callable[..., Any]) -> None:
    """A picture or a page that isn't the gallery's own is neither loaded nor linked, whatever the server says."""
    away = {"url": "https://example.com/a.png", "thumbnail_url": "javascript:alert(1)"}
    gallery.replies[RUN] = run(result("hero", page="//example.com/", outputs=[picture("a", **away)]))
    page = visit(gallery.page(RUN), wait="article .broken")
    assert page.locator("article a").count() == 0


def test_airflow_may_live_below_a_path(visit: Callable[..., Any]) -> None:
    """All addresses stay below the path of Airflow."""
    with serving({RUN: run(EDIT)}, below="/team/titan/airflow") as gallery:
        page = visit(gallery.page(RUN), wait="article img.loaded")
        assert all(address.startswith("/team/titan/airflow/titan/") for address in gallery.asked)
        trail = page.get_by_role("navigation").get_by_role("link")
        assert trail.last.get_attribute("href") == "/team/titan/airflow/titan/dags/shop"
