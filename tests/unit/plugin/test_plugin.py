"""What Airflow loads of the gallery, in every process; on Airflow 2 that is nothing that it knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec

import pytest

_SCRIPT = """
import json, sys
import airflow.plugins_manager
known = set(sys.modules)
from airflow_titan.plugin import TitanPlugin
TitanPlugin.validate()
new = [name for name in set(sys.modules) - known]
print(json.dumps([new, [view["name"] for view in TitanPlugin.external_views], len(TitanPlugin.fastapi_apps)]))
"""


def test_loading_it_costs_nothing() -> None:
    """Schedulers, workers and DAG processors load it too: nothing comes in but our own few modules."""
    env = {**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, env=env)  # noqa: S603
    names, views, apps = json.loads(done.stdout.splitlines()[-1])
    assert {name for name in names if not name.startswith("airflow_titan")} <= {
        "airflow.providers", "airflow.providers.common", "airflow.providers.common.compat",
        "airflow.providers.common.compat._compat_utils", "airflow.providers.common.compat.sdk",
        "airflow.providers.common.compat.version_compat",
    }  # fmt: skip
    assert not {name for name in names if name.startswith(("airflow_titan.plugin.", "airflow_titan.operators"))}
    assert (views, apps) == (["Titan", "Images", "Images", "Images", "Images"], 1)


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is neither a tab nor an address."""
    from airflow_titan.plugin import applications, views

    monkeypatch.setenv("AIRFLOW__TITAN__GALLERY", "False")
    assert (views(), applications()) == ([], [])


def test_its_views_are_what_airflow_takes() -> None:
    """Each has a route of its own, or Airflow drops it; and icons that are there."""
    from airflow_titan.plugin import TitanPlugin

    views = TitanPlugin.external_views
    assert len({view["url_route"] for view in views}) == len(views)
    assert {view["destination"] for view in views} == {"nav", "dag", "dag_run", "task", "task_instance"}
    static = files("airflow_titan.plugin").joinpath("static")
    for view in views:
        for icon in (view["icon"], view["icon_dark_mode"]):
            assert static.joinpath(icon.removeprefix("titan/static/")).is_file()
        # relative, so that they hold where Airflow lives below a path
        assert view["href"].startswith("titan/")


@pytest.mark.skipif(find_spec("airflow.api_fastapi") is None, reason="Airflow 2 has no such plugins")
def test_its_addresses_are_those_of_routes() -> None:
    """What a tab opens is what an operator's link opens."""
    from airflow_titan import routes
    from airflow_titan.plugin import TitanPlugin

    hrefs = {view["destination"]: f"/{view['href']}" for view in TitanPlugin.external_views}
    filled = {name: href.format(DAG_ID="d", RUN_ID="r", TASK_ID="t", MAP_INDEX=3) for name, href in hrefs.items()}
    assert filled == {
        "nav": routes.home_page(),
        "dag": routes.dag_page("d"),
        "dag_run": routes.run_page("d", "r"),
        "task": routes.task_page("d", "t"),
        "task_instance": routes.task_instance_page("d", "r", "t", 3),
    }
