"""The ids of an address, as somebody may have written it by hand."""

from __future__ import annotations

import re
from typing import NamedTuple

#: How an address names a task instance that isn't mapped: as a number, or as Airflow leaves its placeholder.
UNMAPPED = -1
_NOT_FILLED_IN = "{MAP_INDEX}"
_NUMBER = re.compile("[0-9]{1,10}")
#: Of map indexes in the database, and of lines.
_LARGEST = (1 << 31) - 1


class NoSuchPlace(LookupError):
    """An address names nothing that there can be, or nothing that is there; the message is for the viewer."""


class TaskInstanceKey(NamedTuple):
    """What tells a task instance from all others."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = UNMAPPED


def parse_key(dag_id: str, run_id: str, task_id: str, map_index: str) -> TaskInstanceKey:
    """
    Return the task instance that an address names.

    :raises NoSuchPlace: if there can be none of that name
    """
    for text in (dag_id, run_id, task_id):
        check_text(text)
    if map_index in {_NOT_FILLED_IN, str(UNMAPPED)}:
        return TaskInstanceKey(dag_id, run_id, task_id)
    return TaskInstanceKey(dag_id, run_id, task_id, parse_number(map_index))


def parse_number(text: str) -> int:
    """
    Return a number that counts something, from 0.

    :raises NoSuchPlace: if it is none, or larger than there can be
    """
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        raise NoSuchPlace("There is no such number.")
    return int(text)


def check_text(text: str) -> None:
    """
    Check that a text can be an id: databases refuse to be asked for some that can't.

    :raises NoSuchPlace: if it can't
    """
    if "\0" in text or not text.isprintable():
        raise NoSuchPlace("There is no such id.")
