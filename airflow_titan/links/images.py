"""The pictures of a task, in Airflow's own UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_titan import routes

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class TitanImagesLink(BaseOperatorLink):
    """The task instance's page of the gallery; no link on Airflow 2, which hasn't got it, or where it is off."""

    name: ClassVar[str] = "Images"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the page's address, or nothing where there is no gallery.

        :param ti_key: the task instance
        """
        del operator
        if not has_gallery():
            return ""
        map_index = -1 if ti_key.map_index is None else ti_key.map_index
        return below_airflow(routes.task_instance_page(ti_key.dag_id, ti_key.run_id, ti_key.task_id, map_index))


def has_gallery() -> bool:
    """Return whether this Airflow can show pages of a plugin beside its own, and is to show these."""
    from airflow import __version__

    from airflow_titan import config
    from airflow_titan.errors import ConfigurationError

    try:
        return not __version__.startswith("2.") and config.gallery()
    except ConfigurationError:
        # a slip in the setting takes the gallery away too, as long as it is there
        return False


def below_airflow(path: str) -> str:
    """
    Return an address as a browser needs it that looks at Airflow, whatever host it knows it by.

    :param path: of :mod:`airflow_titan.routes`
    """
    from airflow.providers.common.compat.sdk import conf

    # the path alone: a viewer who came by a tunnel or an address of the inside is logged in there, and not elsewhere
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return f"{quote(base, safe='/%')}{path}"
