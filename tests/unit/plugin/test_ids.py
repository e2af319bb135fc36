"""The ids of an address, as somebody may have written it by hand."""

from __future__ import annotations

import pytest

from airflow_titan.plugin.ids import NoSuchPlace, TaskInstanceKey, parse_key, parse_number


@pytest.mark.parametrize(
    ("text", "map_index"), [("{MAP_INDEX}", -1), ("-1", -1), ("0", 0), ("2147483647", (1 << 31) - 1)]
)
def test_a_map_index(text: str, map_index: int) -> None:
    """A number, or what Airflow leaves of its placeholder."""
    assert parse_key("d", "r", "t", text) == TaskInstanceKey("d", "r", "t", map_index)


@pytest.mark.parametrize(
    "text", ["", "-2", "2147483648", "9" * 30, "1.0", "1e3", " 1", "+1", "0x1", "1_0", "٣", "none"]
)
def test_what_is_no_number(text: str) -> None:
    """Nothing but plain digits that a database takes."""
    with pytest.raises(NoSuchPlace):
        parse_key("d", "r", "t", text)
    if text != "-1":
        with pytest.raises(NoSuchPlace):
            parse_number(text)


@pytest.mark.parametrize("id_", ["a\0b", "a\nb", "\x7f", "\ud800"])
def test_what_is_no_id(id_: str) -> None:
    """Databases refuse to be asked for some texts."""
    for ids in ((id_, "r", "t"), ("d", id_, "t"), ("d", "r", id_)):
        with pytest.raises(NoSuchPlace):
            parse_key(*ids, "0")


def test_ids_of_any_language() -> None:
    """A task may be named in any script."""
    assert parse_key("каталог", "run 1", "größe.été", "-1").task_id == "größe.été"
