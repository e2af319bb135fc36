"""
The gallery where people meet it: in the UI of a real Airflow, whose DAGs have run.

With TITAN_SCREENSHOTS=1 the pictures of the docs are taken anew, of a longer catalogue.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import airflow
import pytest
from listening import listen, violations
from shooting import SHOOTING, shoot
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import FrameLocator, Page

ROOT = Path(__file__).parents[2]
KIT = ROOT / "tests" / "kit"
HOST = "127.0.0.1"
PATIENCE = 240  # seconds that a slow machine may take
PICTURES = 240 if SHOOTING else 12
CHAIN, CATALOGUE = "example_titan_chain", "example_titan_catalogue"

pytestmark = pytest.mark.skipif(airflow.__version__ < "3", reason="Airflow 2 has no plugins of this kind")


@dataclass(frozen=True)
class Seen:
    """
    A running Airflow.

    :param runs: the run of each DAG
    """

    url: str
    runs: dict[str, str]

    def run(self, dag_id: str) -> str:
        """Return the path of a DAG's run, the same in Airflow and in the gallery."""
        return f"dags/{dag_id}/runs/{quote(self.runs[dag_id], safe='')}"

    def cookie(self, user: str) -> dict[str, str]:
        """Sign a user in; return the cookie that the login page sets."""
        data = json.dumps({"username": user, "password": user}).encode()
        asked = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/auth/token", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own server
            return {"name": "_token", "value": json.load(answer)["access_token"], "url": self.url}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Seen]:  # noqa: ARG001 - none without a browser
    """Run example DAGs against the emulator, then start Airflow's api-server."""
    from airflow_titan.emulator import running

    home = tmp_path_factory.mktemp("airflow")
    with ExitStack() as stack:
        environment = _environment(home, stack.enter_context(running()).url)
        told = {CHAIN: {}, CATALOGUE: {"pictures": PICTURES}}
        script = [sys.executable, str(KIT / "picture_runs.py"), json.dumps(told)]
        ran = subprocess.run(script, env=environment, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603
        assert ran.returncode == 0, ran.stderr[-3000:]
        runs = dict(line.split()[1:3] for line in ran.stderr.splitlines() if line.startswith("ran "))
        with (home / "api-server.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "airflow", "api-server"], env=environment, stdout=log, stderr=log
            )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        url = environment["AIRFLOW__API__BASE_URL"]
        _wait_for(url, server, home / "api-server.log")
        yield Seen(url, runs)


def _environment(home: Path, emulator: str) -> dict[str, str]:
    """Return the environment of an Airflow with two users."""
    import boto3

    boto3.client("s3", endpoint_url=emulator).create_bucket(Bucket="titan-images")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    passwords = home / "passwords.json"
    passwords.write_text('{"admin": "admin", "guest": "guest"}')
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, as long as such secrets have to be",
        "AIRFLOW__CORE__AUTH_MANAGER": "two_users.TwoUsers",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,guest:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AWS_ENDPOINT_URL": emulator,
        "PYTHONPATH": os.pathsep.join((str(KIT), os.environ.get("PYTHONPATH", ""))),
    }


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{url}/api/v2/version", timeout=10).close()  # noqa: S310 - our own server
            return
        time.sleep(0.3)
    pytest.fail(f"Airflow's api-server isn't there\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def contexts(seen: Seen, browser: Any) -> Iterator[dict[str, Any]]:
    """Give each user one browser profile for all tests: Airflow's UI is large, and read from the cache from then on."""
    contexts = {}
    for user in ("admin", "guest"):
        contexts[user] = browser.new_context(locale="en-US", timezone_id="UTC", reduced_motion="reduce")
        contexts[user].set_default_timeout(PATIENCE * 1000)
        contexts[user].add_cookies([seen.cookie(user)])
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def enter(seen: Seen, contexts: dict[str, Any]) -> Iterator[Callable[..., tuple[Page, FrameLocator]]]:
    """Open a page of Airflow's as a user, and go to its tab of pictures by the keyboard; return page and frame."""
    complaints: list[str] = []
    pages: list[Page] = []

    def enter(
        path: str,
        user: str = "admin",
        *,
        tab: bool = True,
        width: int = 1440,
        height: int = 1000,
        scheme: Any = "light",
    ) -> tuple[Page, FrameLocator]:
        page = contexts[user].new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        listen(page, complaints)
        page.goto(f"{seen.url}/{path}")
        if tab:
            page.get_by_role("link", name="Images").press("Enter")
        return page, page.frame_locator("iframe")

    yield enter
    for page in pages:
        complaints += violations(page)
        page.close()
    assert complaints == []


def loaded(frame: FrameLocator, number: int, selector: str = "article button.frame img.loaded") -> None:
    """Wait until so many pictures are there."""
    frame.locator(selector).nth(number - 1).wait_for(state="attached")


@pytest.mark.skipif(
    not any(point.value.startswith("airflow_titan.plugin") for point in entry_points(group="airflow.plugins")),
    reason="this package is installed without its plugin",
)
class TestInAirflow:
    """All on one Airflow: it takes longer to start than to look at."""

    def test_a_run_shows_the_chain(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The tab of a run has each task's pictures in the order of the graph."""
        page, frame = enter(seen.run(CHAIN))
        frame.locator("article h2").nth(3).wait_for()
        assert frame.locator("article h2").all_inner_texts() == ["generate", "inpaint", "outpaint", "vary"]
        assert frame.locator("button.frame").count() == 11
        assert frame.locator(".totals").inner_text().startswith("6 pictures by 4 task instances, $0.060")
        loaded(frame, 3)
        shoot(page, "gallery-run")

    def test_an_edit_has_before_and_after(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The tab of a task instance that isn't mapped finds it, and lays its output over its input."""
        page, frame = enter(f"{seen.run(CHAIN)}/tasks/inpaint")
        slider = frame.get_by_role("slider", name="Before and after")
        slider.press("ArrowLeft")
        assert slider.get_attribute("aria-valuetext") == "49 % before, 51 % after"
        for layer in ("before", "after"):
            image = frame.locator(f".compare .{layer}")
            deadline = time.monotonic() + PATIENCE
            while image.evaluate("(image) => image.naturalWidth") != 1024:
                assert time.monotonic() < deadline
                page.wait_for_timeout(50)
        shoot(page, "gallery-edit")

    def test_rows_of_a_bulk_task(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The rows are there with thumbnails, and one opens in full."""
        page, frame = enter(f"{seen.run(CATALOGUE)}/tasks/pictures")
        loaded(frame, 5, ".tile img.loaded")
        assert frame.locator(".chip").first.inner_text().split() == ["All", f"{PICTURES:,}"]
        shoot(page, "gallery-bulk")
        frame.locator(".tile").first.press("Enter")
        frame.locator("dialog .prompt", has_text="A copper kettle on a white table").wait_for()
        loaded(frame, 1, "dialog img.loaded")

    def test_a_task_of_another_kind(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The tab of a task that makes no pictures says so."""
        _, frame = enter(f"{seen.run(CHAIN)}/tasks/draw_mask")
        frame.get_by_role("heading", name="No pictures of airflow_titan here").wait_for()

    def test_the_pages_of_a_task_and_a_dag(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The tabs of a task and of a DAG show what was made, over all runs."""
        page, frame = enter(f"dags/{CHAIN}/tasks/vary")
        loaded(frame, 3)
        page.goto(f"{seen.url}/dags/{CHAIN}")
        page.get_by_role("link", name="Images").press("Enter")
        frame.locator("article h2").nth(3).wait_for()
        assert sorted(frame.locator("article h2").all_inner_texts()) == ["generate", "inpaint", "outpaint", "vary"]

    def test_the_page_of_all_dags_in_the_dark(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """The page Titan is dark where Airflow's UI is, and has pictures, costs and models."""
        page, frame = enter("plugin/titan", tab=False, scheme="dark")
        loaded(frame, 3, ".card img.loaded")
        frame.locator(".chart .column").first.wait_for(state="attached")
        assert frame.locator(".models tbody tr").count() > 3
        body = frame.locator("body")
        assert body.evaluate("(body) => getComputedStyle(body).backgroundColor") == "rgb(11, 13, 17)"
        shoot(page, "titan-page")
        assert seen.url in page.url

    def test_who_may_not_see_a_dag_is_told_so(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """A second user finds words in the place of pictures, and no trace of them on the page of all DAGs."""
        page, frame = enter(f"titan/{seen.run(CHAIN)}", "guest", tab=False)
        page.get_by_role("heading", name="You may not see these pictures.").wait_for()
        page.goto(f"{seen.url}/plugin/titan")
        loaded(frame, 1, ".card img.loaded")
        assert CHAIN not in frame.locator("#content").inner_text()

    def test_who_is_not_signed_in_is_told_so(self, seen: Seen, visit: Callable[..., Any]) -> None:
        """Without a session, the page says where to sign in."""
        page = visit(f"{seen.url}/titan/{seen.run(CHAIN)}")
        assert "You are not signed in" in page.locator("body").inner_text()

    def test_it_fits_a_phone(self, seen: Seen, enter: Callable[..., Any]) -> None:
        """In a narrow window no page scrolls sideways."""
        page, _ = enter(f"titan/{seen.run(CHAIN)}", tab=False, width=360, height=740)
        for path in (seen.run(CHAIN), f"{seen.run(CATALOGUE)}/tasks/pictures/-1", ""):
            page.goto(f"{seen.url}/titan/{path}")
            page.wait_for_selector("img.loaded")
            until(page, "document.documentElement.scrollWidth === 360")
