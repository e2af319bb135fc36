"""Airflow's hook lineage: told where a plugin reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.lineage import hook_lineage
from airflow_titan.lineage.record import StoredItem, TaskLineage

if TYPE_CHECKING:
    import pytest

LINEAGE = TaskLineage(
    task="inpainting",
    status="complete",
    inputs=(StoredItem("s3://bucket/in.png", "image"),),
    outputs=(StoredItem("s3://bucket/what?.png", "image"),),
)


class Reader:
    """Stands in for a plugin's reader."""


def readers(monkeypatch: pytest.MonkeyPatch, *classes: Any) -> None:
    """Let plugins read hook lineage."""
    try:
        from airflow.sdk import plugins_manager

        monkeypatch.setattr(plugins_manager, "get_hook_lineage_readers_plugins", lambda: list(classes))
    except (ImportError, AttributeError):  # Airflow 2
        from airflow import plugins_manager as of_core

        monkeypatch.setattr(of_core, "hook_lineage_reader_classes", list(classes))
    # the collector is made once a process
    try:
        from airflow.sdk.lineage import get_hook_lineage_collector
    except ImportError:  # Airflow before 3.2
        monkeypatch.setattr("airflow.lineage.hook._hook_lineage_collector", None)
    else:
        get_hook_lineage_collector.cache_clear()


def collected() -> tuple[list[str], list[str]]:
    """Give what is collected: read and written."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    told: Any = get_hook_lineage_collector().collected_assets
    return [info.asset.uri for info in told.inputs], [info.asset.uri for info in told.outputs]


def test_a_reader_gets_what_was_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """As assets, by their URIs."""
    readers(monkeypatch, Reader)
    hook_lineage.report_hook_lineage(LINEAGE, object())
    assert collected() == (["s3://bucket/in.png"], ["s3://bucket/what%3F.png"])
    readers(monkeypatch)


def test_openlineage_alone_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks the operator; what is collected would be taken for the next task's, where they share a process."""
    try:
        from airflow.sdk.lineage import HookLineageReader
    except ImportError:  # Airflow before 3.2
        from airflow.lineage.hook import HookLineageReader

    readers(monkeypatch, HookLineageReader)
    hook_lineage.report_hook_lineage(LINEAGE, object())
    assert collected() == ([], [])
    readers(monkeypatch)


def test_whatever_stands_in_the_way_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """And fails no task."""
    readers(monkeypatch, Reader)
    monkeypatch.setattr(hook_lineage, "asset_uri", int)
    hook_lineage.report_hook_lineage(LINEAGE, object())
    assert "ValueError" in caplog.text
    readers(monkeypatch)
