"""What a task read and wrote, for readers of Airflow's hook lineage, as the Amazon provider's hooks tell it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_titan.lineage.asset_events import asset_uri

if TYPE_CHECKING:
    from airflow_titan.lineage.record import TaskLineage

log = logging.getLogger(__name__)


def report_hook_lineage(lineage: TaskLineage, hook: Any) -> None:
    """
    Report the objects to the collector of this process, which keeps a hundred of each kind.

    Where only OpenLineage reads it, nothing is reported: that asks the operator itself, and where several tasks share a
    process, as in ``dag.test()``, it takes what is collected by then for what the next task reads and writes. Whatever
    stands in the way is logged.

    :param hook: by which they were read and written
    """
    try:
        if not _is_read():
            return
        from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

        collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        for item in lineage.inputs:
            collector.add_input_asset(context=hook, uri=asset_uri(item.uri))
        for item in lineage.outputs:
            collector.add_output_asset(context=hook, uri=asset_uri(item.uri))
    except Exception as error:  # noqa: BLE001 - the work is done, whoever reads of it
        log.warning("No hook lineage of this task: %s: %s", type(error).__name__, error)


def _is_read() -> bool:
    """Tell whether a plugin reads hook lineage, other than OpenLineage, whose reader is Airflow's own class."""
    try:
        from airflow.sdk.plugins_manager import get_hook_lineage_readers_plugins
    except ImportError:  # Airflow before 3.2
        from airflow import plugins_manager as of_core

        plugins_manager: Any = of_core
        plugins_manager.initialize_hook_lineage_readers_plugins()
        readers: Any = plugins_manager.hook_lineage_reader_classes
    else:
        readers = get_hook_lineage_readers_plugins()
    return any(not reader.__module__.startswith("airflow.") for reader in readers or ())
