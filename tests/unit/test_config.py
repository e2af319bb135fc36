"""The section [titan]: what its options are read from, and what is said of a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_titan import config
from airflow_titan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

#: How each option is read.
READ: dict[str, Callable[[], Any]] = {
    "model_id": lambda: config.model_routing().model_id,
    "output_root": config.output_root,
    "reroute": lambda: config.model_routing().routes,
    "max_price_usd_per_task": config.max_price_usd_per_task,
    "patience_seconds": config.patience_seconds,
    "asset_per_result": config.asset_per_result,
    "guardrail_id": lambda: config.guardrail()[0],
    "guardrail_version": lambda: config.guardrail()[1],
    "unsafe_store": config.unsafe_store,
    "gallery": config.gallery,
    "gallery_cache_mb": config.gallery_cache_bytes,
}


def put(option: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set an option, as a deployment does."""
    monkeypatch.setenv(f"AIRFLOW__TITAN__{option.upper()}", value)


def test_every_option_is_read() -> None:
    """None is described to Airflow and then forgotten."""
    assert set(READ) == set(config.OPTIONS)


@pytest.mark.parametrize(
    ("option", "default"),
    [("model_id", "amazon.titan-image-generator-v2:0"), ("output_root", None), ("reroute", {}),
     ("max_price_usd_per_task", None), ("patience_seconds", 120.0), ("unsafe_store", False), ("gallery", True),
     ("gallery_cache_mb", 64 << 20), ("asset_per_result", False), ("guardrail_id", None), ("guardrail_version", None)],
)  # fmt: skip
def test_defaults_are_what_airflow_is_told(option: str, default: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that nobody set is as good as one that is set to its default."""
    monkeypatch.delenv(f"AIRFLOW__TITAN__{option.upper()}", raising=False)
    assert READ[option]() == default
    described = config.OPTIONS[option].default
    if described is not None:
        put(option, described, monkeypatch)
        assert READ[option]() == default


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [("model_id", "other", "other"), ("output_root", "s3://b/p", "s3://b/p"), ("reroute", '{"a": "b"}', {"a": "b"}),
     ("max_price_usd_per_task", "0.25", "0.25"), ("max_price_usd_per_task", "", None), ("guardrail_id", "gr1", "gr1"),
     ("guardrail_version", "", None), ("patience_seconds", "2.5", 2.5),
     ("patience_seconds", "inf", float("inf")), ("unsafe_store", "True", True), ("unsafe_store", "t", True),
     ("unsafe_store", "1", True), ("unsafe_store", "FALSE  # for now", False), ("unsafe_store", "0", False),
     ("asset_per_result", "true", True)],
)  # fmt: skip
def test_options_are_read(option: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and truth values as Airflow reads its own."""
    put(option, text, monkeypatch)
    assert READ[option]() == value


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("patience_seconds", "long"),
        ("patience_seconds", ""),
        ("unsafe_store", "maybe"),
        ("gallery", "perhaps"),
        ("gallery_cache_mb", "-1"),
        ("gallery_cache_mb", "inf"),
        ("gallery_cache_mb", "much"),
        ("asset_per_result", "yes"),
    ],
)
def test_a_wrong_option_is_named(option: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the value and with where to correct it; no other try could help."""
    put(option, text, monkeypatch)
    with pytest.raises(
        ConfigurationError, match=rf"\[titan\] {option}: got '{text}'; .*AIRFLOW__TITAN__{option.upper()}"
    ):
        READ[option]()
