"""
What Airflow's web UI shows of this package: the gallery.

    __init__    the plugin, as Airflow loads it in every process; the application is built when it is first asked
    app         the application: its routers, its headers, what becomes of errors
    pages       the HTML page, the same for all addresses, and its files
    api         what the page asks for, as JSON
    media       pictures and thumbnails, as bytes
    ids         the ids of an address
    metadata    the only code that talks to Airflow's internals: database, auth manager
    places      where a task may have written its record
    stores      S3, by the connection that the task used
    records     the record of a task instance, believed only if it is its own
    results     a record as the page shows it
    rows        the rows of a bulk task, by pages
    costs       what was spent, by day, DAG and model
    originals   pictures as they are stored, in pieces
    thumbnails  small pictures, made once

Airflow 2 knows no such plugins, and shows nothing of it.
"""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from airflow_titan import config, routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI

#: Below Airflow's own address, whatever path that has: without a slash it is relative to the page that shows it.
_BASE = routes.PREFIX.removeprefix("/")
_DAG = f"{_BASE}/dags/{{DAG_ID}}"
_RUN = f"{_DAG}/runs/{{RUN_ID}}"
#: Where the tab is shown, and what it shows there.
_TABS = {
    "dag": _DAG,
    "dag_run": _RUN,
    "task": f"{_DAG}/tasks/{{TASK_ID}}",
    "task_instance": f"{_RUN}/tasks/{{TASK_ID}}/{{MAP_INDEX}}",
}
_ICONS = {"icon": f"{_BASE}/static/icon.svg", "icon_dark_mode": f"{_BASE}/static/icon-dark.svg"}


class LazyApp:
    """The application, built when it is first asked: schedulers and workers load plugins too, and never need it."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None
        self._lock = Lock()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        app: Any = self._app or await asyncio.to_thread(self.build)
        await app(scope, receive, send)

    def build(self) -> FastAPI:
        """Return the application."""
        with self._lock:
            if self._app is None:
                from airflow_titan.plugin.app import make_app

                self._app = make_app()
            return self._app


def applications() -> list[dict[str, Any]]:
    """Return the application, as Airflow takes it; none where the deployment shows no gallery."""
    app = {"app": LazyApp(), "url_prefix": routes.PREFIX, "name": "Titan gallery"}
    return [app] if config.gallery() else []


def views() -> list[dict[str, str]]:
    """Return the tabs and the page in the navigation, likewise."""
    if not config.gallery():
        return []
    home = {"name": "Titan", "destination": "nav", "href": f"{_BASE}/", "url_route": "titan", "category": "browse"}
    tabs = [
        {"name": "Images", "destination": place, "href": href, "url_route": f"titan-images-{place.replace('_', '-')}"}
        for place, href in _TABS.items()
    ]
    return [{**view, **_ICONS} for view in (home, *tabs)]


class TitanPlugin(AirflowPlugin):
    """Shows the pictures of tasks where people look at tasks."""

    name = "titan_gallery"
    fastapi_apps = applications()
    external_views = views()
