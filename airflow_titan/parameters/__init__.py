"""
From rendered template values to typed values: one grammar for every parameter of every operator.

A template renders numbers to text and lists to JSON, XCom brings ``Decimal`` and numpy's numbers, lists come nested and
lazy. What each kind of value accepts stands here and nowhere else; docs/parameters.md tells it to users.

- :mod:`scalars`, :mod:`lists` and :mod:`colors` parse one value, and raise ``ValueError`` where it is none of the kind;
- :class:`ParameterReader` parses parameters by name, and notes what is wrong with any in one
  :class:`~airflow_titan.errors.Problems`.

May enter :mod:`airflow_titan.errors` alone; knows neither Airflow nor AWS nor what a model allows, and imports nothing
heavy before a value needs it.
"""

from airflow_titan.parameters.lists import choose_one, decode, flatten, is_list, json_value, parse_uris, parts_of
from airflow_titan.parameters.reader import FLAT, ParameterReader
from airflow_titan.parameters.scalars import (
    is_blank,
    is_nothing,
    parse_number,
    parse_truth,
    parse_whole_number,
    parse_word,
    suggestion,
)

__all__ = [
    "FLAT",
    "ParameterReader",
    "choose_one",
    "decode",
    "flatten",
    "is_blank",
    "is_list",
    "is_nothing",
    "json_value",
    "parse_number",
    "parse_truth",
    "parse_uris",
    "parse_whole_number",
    "parse_word",
    "parts_of",
    "suggestion",
]
