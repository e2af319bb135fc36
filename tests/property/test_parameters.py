"""What holds for every parameter, whatever it holds."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_titan.errors import InvalidRequest, Problems
from airflow_titan.parameters import ParameterReader, parse_number, parse_whole_number

bounded = settings(max_examples=300, deadline=None, derandomize=True)

numbers: st.SearchStrategy[Any] = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1).map(np.int64), st.floats(allow_nan=False, allow_infinity=False).map(np.float64),
)  # fmt: skip
_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), st.binary(max_size=9), st.decimals(),
    st.fractions(), st.complex_numbers(), st.dates(), st.just("9" * 5_000), st.just(object()), st.just(dict),
    st.from_regex(r"[+-]?[0-9.,_eE%]{1,8}( px)?|[\[{(]['\"]?[^\n]{0,8}['\"]?[\]})]", fullmatch=True),
)  # fmt: skip


def array_of(parts: list[Any]) -> Any:
    """Make an array of objects; numpy itself would look into those that are lists, and fail at some."""
    array = np.empty(len(parts), dtype=object)
    for index, part in enumerate(parts):
        array[index] = part
    return array


anything: st.SearchStrategy[Any] = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.lists(inner, max_size=3).map(array_of)
        | inner.map(str)
    ),
)


@given(numbers)
@bounded
def test_text_of_a_number_reads_like_the_number(number: Any) -> None:
    """As a template renders it, with space around it, and as it is; whole numbers to the last digit."""
    found = parse_number(number)
    text = str(number)
    assert parse_number(text) == parse_number(f" {text}\n") == found
    assert type(parse_number(text)) is type(found)
    if isinstance(found, int):
        assert found == Decimal(text) == parse_whole_number(text)
    else:
        assert math.isclose(found, Fraction(Decimal(text)), rel_tol=1e-15, abs_tol=5e-324)


@given(st.lists(numbers, min_size=4, max_size=4))
@bounded
def test_a_box_reads_like_its_text(box: list[Any]) -> None:
    """A list of numbers, as JSON, and as Python writes it."""
    reader = ParameterReader(Problems("reading"))
    plain = [parse_number(number) for number in box]
    for value in (box, [box], json.dumps(plain), repr(plain), repr([tuple(plain)])):
        assert reader.number_lists("boxes", value, 2, limit="a box", default=None) == [plain]


@given(anything)
@bounded
def test_any_value_is_read_or_is_a_problem(value: Any) -> None:
    """Whatever the object, the only error is the one that names every problem."""
    problems = Problems("reading")
    reader = ParameterReader(problems)
    words = ("standard", "premium")
    missing = object()
    found = [
        reader.whole_number("a", value, default=missing, minimum=0, maximum=9, required=True),
        reader.number("b", value, default=missing, required=True),
        reader.rate("c", value, default=missing, required=True),
        reader.amount("d", value, default=missing, required=True),
        reader.share_or_count("e", value, default=missing, required=True),
        reader.truth("f", value, default=missing, required=True),
        reader.word("g", value, words, default=missing, required=True),
        reader.words("h", value, words, default=missing, required=True),
        reader.text("i", value, default=missing, required=True),
        reader.texts("j", value, default=missing, required=True),
        reader.color("k", value, default=missing, required=True),
        reader.colors("l", value, default=missing, required=True),
        reader.number_lists("m", value, 3, limit="polygons", default=missing, required=True),
        reader.mapping("n", value, default=missing, required=True),
        reader.options("o", value, dict[str, int], default=missing, required=True),
    ]
    named = {problem.parameter for problem in problems}
    assert [name in named for name in "abcdefghijklmno"] == [part is missing for part in found]
    assert all(isinstance(uri, str) for uri in reader.uris("p", value, required=True))
    reader.uri("q", value)
    reader.prompt("r", value)
    with pytest.raises(InvalidRequest) if problems else nullcontext():
        problems.raise_if_any()
