"""One grammar: what each kind of value is read from, what it is not read from, and what is said then."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Any

import jinja2
import numpy as np
import pytest
from jinja2.nativetypes import NativeEnvironment
from pydantic import BeforeValidator
from typing_extensions import TypedDict

from airflow_titan.errors import ConfigurationError, InvalidRequest, Problem, Problems, abbreviate
from airflow_titan.parameters import (
    ParameterReader,
    decode,
    flatten,
    is_blank,
    is_nothing,
    json_value,
    parse_number,
    parse_truth,
    parse_whole_number,
    suggestion,
)

NOTHING = [None, "", " ", "\n\t", "\u200b", "\ufeff \u00ad", "None", " None\n", "null"]
MODES = ("fail", "skip", "keep")
CONTROLS = ("CANNY_EDGE", "SEGMENTATION")
SECRET = "zanzibar"


class Lazy(Sequence[Any]):
    """What Airflow's XCom gives for a mapped task: a sequence that is no list."""

    def __init__(self, *entries: Any) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]


class Mute:
    """An object whose ``repr`` fails."""

    def __repr__(self) -> str:
        raise RuntimeError


def short(value: Any) -> str:
    """Name a value in a test's name."""
    return abbreviate(value)[:40] if isinstance(value, str | int | float | bytes) else type(value).__name__


@pytest.fixture
def reader() -> ParameterReader:
    """Give a reader with no problem noted yet."""
    return ParameterReader(Problems("making a mask"))


def problem(reader: ParameterReader) -> Problem:
    """Give the only problem."""
    (found,) = reader.problems
    return found


#: Every method that takes a default, with what it needs besides.
READERS: dict[str, dict[str, Any]] = {
    "whole_number": {},
    "number": {},
    "rate": {},
    "amount": {},
    "share_or_count": {},
    "truth": {},
    "word": {"words": MODES},
    "words": {"words": MODES},
    "text": {},
    "texts": {},
    "color": {},
    "colors": {},
    "number_lists": {"depth": 2, "limit": "boxes"},
    "mapping": {},
    "options": {"shape": dict[str, int]},
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("value", NOTHING)
def test_nothing_is_the_default(reader: ParameterReader, kind: str, value: Any) -> None:
    """In every kind of value alike: what a template makes of nothing is nothing."""
    mark = object()
    assert getattr(reader, kind)("x", value, **READERS[kind], default=mark) is mark
    assert reader.problems == []


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "nothing"), ("", "nothing"), (" ", "nothing"), ("None", "'None'"), ("null", "'null'")],
)
def test_nothing_is_a_problem_where_something_is_required(
    reader: ParameterReader, kind: str, value: Any, shown: str
) -> None:
    """So that a limit isn't lost in a template."""
    assert getattr(reader, kind)("x", value, **READERS[kind], default=7, required=True) == 7
    assert (problem(reader).parameter, problem(reader).value) == ("x", shown)


@pytest.mark.parametrize("kind", READERS)
def test_a_problem_has_four_parts_and_leaves_the_default(reader: ParameterReader, kind: str) -> None:
    """So that reading can go on to the next parameter."""
    assert getattr(reader, kind)("x", Mute(), **READERS[kind], default=7) == 7
    assert all((problem(reader).parameter, problem(reader).value, problem(reader).limit, problem(reader).remedy))


@pytest.mark.parametrize("text", ["none", "NULL", "nan", "None of them", "0", "[]", "\x00", "-"])
def test_other_texts_are_something(text: str) -> None:
    """Only what Python and JSON write for nothing is nothing."""
    assert not is_nothing(text)


def test_an_empty_list_is_something() -> None:
    """It is a list with nothing in it, which a list may be."""
    assert not is_nothing([])


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), (" \u200d\u2060\n", True), ("\u200ba", False), (".", False)]
)
def test_blank_is_what_nobody_sees(text: str, *, expected: bool) -> None:
    """White space, and what has no width."""
    assert is_blank(text) is expected


WHOLE: list[tuple[Any, int]] = [
    (2, 2), (-3, -3), (2.0, 2), ("2", 2), (" 2\n", 2), ("+2", 2), ("-2", -2), ("2.0", 2), ("2.", 2), ("002", 2),
    ("1e3", 1000), ("1.5E1", 15), (Decimal(7), 7), (Decimal("7.00"), 7), (Fraction(4, 2), 2), (np.int64(7), 7),
    (np.uint8(255), 255), (np.float32(7.0), 7), (np.array(7), 7), ("12345678901234567", 12345678901234567),
    ("٣", 3),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), WHOLE)
def test_whole_numbers(reader: ParameterReader, value: Any, expected: int) -> None:
    """However they are written and whoever counts."""
    found = reader.whole_number("x", value, default=None)
    assert (found, type(found), reader.problems) == (expected, int, [])


NUMBERS: list[tuple[Any, float]] = [
    (0.5, 0.5), ("0.5", 0.5), (".5", 0.5), ("-.5e-1", -0.05), (Decimal("0.1"), 0.1), ("0.1", 0.1),
    (np.float64(0.1), 0.1), (Fraction(1, 4), 0.25), (10**30, 1e30), (np.float16(0.5), 0.5), (np.float32(0.7), 0.7),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), [*NUMBERS, *WHOLE])
def test_numbers(reader: ParameterReader, value: Any, expected: float) -> None:
    """Equal ones are equal, whether they are written with a point or without."""
    found = reader.number("x", value, default=None)
    assert (found, type(found), reader.problems) == (float(expected), float, [])


NO_NUMBERS = [
    True, False, np.True_, float("nan"), float("inf"), "nan", "-inf", "Infinity", "two", "0x1", "1,5", "1,000", "1_000",
    "10px", "5 USD", "$5", "5%", "1 2", "--1", "1e", ".", "1e99999", "1e999", [1], (1,), {}, b"1", 1j, "1j",
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), np.nan, np.array([1]), "9" * 5_000, " " * 5_000 + "x",
    10**6_000, np.datetime64("2020-01-01", "ns"), Mute(),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=short)
def test_what_is_no_number(reader: ParameterReader, value: Any) -> None:
    """Truth values, NaN, infinity, units, separators and words are none."""
    assert reader.number("x", value, default=None) is None
    assert (problem(reader).parameter, problem(reader).limit) == ("x", "a number")
    assert len(problem(reader).value) < 130


@pytest.mark.parametrize(
    "value",
    [*NO_NUMBERS, 1.5, "1.5", "1e-3", Decimal("1.5"), 10**19, "1" * 20, Decimal("1E+999999"), Fraction(1, 3)],
    ids=short,
)
def test_what_is_no_whole_number(reader: ParameterReader, value: Any) -> None:
    """Nothing is rounded, and nothing is beyond all bounds."""
    assert reader.whole_number("x", value, default=None) is None
    assert problem(reader).limit == "a whole number"


@pytest.mark.parametrize(
    ("minimum", "maximum", "value", "limit"),
    [
        (1, 1_408, 0, "a whole number from 1 to 1,408"), (1, 1_408, "1409", "a whole number from 1 to 1,408"),
        (1, None, 0, "a whole number, 1 or more"), (None, 5, 6, "a whole number, 5 or less"),
    ],
)  # fmt: skip
def test_a_whole_number_has_bounds(
    reader: ParameterReader, minimum: int | None, maximum: int | None, value: Any, limit: str
) -> None:
    """They are told, and the value as it was given."""
    assert reader.whole_number("x", value, default=9, minimum=minimum, maximum=maximum, remedy="Do.") == 9
    assert problem(reader) == Problem("x", repr(value), limit, "Do.")


@pytest.mark.parametrize("value", [1, 5, "1", "5.0"])
def test_bounds_are_within(reader: ParameterReader, value: Any) -> None:
    """At a bound a value passes."""
    assert reader.whole_number("x", value, default=None, minimum=1, maximum=5) == int(float(value))
    assert reader.number("x", value, default=None, minimum=1, maximum=5) == float(value)


@pytest.mark.parametrize("value", ["1,000", "10 px", "1_000", "$5"])
def test_digits_with_something_else_are_told_apart(reader: ParameterReader, value: str) -> None:
    """The remedy is to write the digits alone; then it is a number."""
    reader.number("x", value, default=None)
    assert problem(reader).remedy.startswith("Write the digits alone, without a unit and without separators")
    assert reader.number("x", "".join(filter(str.isdigit, value)), default=None)


def test_a_rate_is_above_nothing(reader: ParameterReader) -> None:
    """Nothing a minute would last for ever."""
    assert reader.rate("x", "0.5", default=None) == 0.5
    assert reader.rate("x", 0, default=None) is None
    assert problem(reader) == Problem("x", "0", "a number above 0", "Leave it out for no limit.")


@pytest.mark.parametrize("value", [0, "0.04", 5, Decimal("1.10")])
def test_amounts(reader: ParameterReader, value: Any) -> None:
    """Nothing is an amount too."""
    assert reader.amount("max_price_usd", value, default=None) == float(value)


@pytest.mark.parametrize("value", [-1, "-0.01", "cheap", "nan", "inf", True, "5 USD", "1,50"])
def test_what_is_no_amount(reader: ParameterReader, value: Any) -> None:
    """A limit that nobody could keep is refused."""
    assert reader.amount("max_price_usd", value, default=None) is None
    assert problem(reader).limit == "an amount in US dollars"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (1, 1), ("3", 3), (" 3 ", 3), (Decimal(1), 1), (np.int64(1), 1), ("2.0", 2), (2.0, 2), (1_000, 1_000)],
)
def test_a_whole_number_is_a_count(reader: ParameterReader, value: Any, expected: int) -> None:
    """And beyond 1 it can't be anything else."""
    found = reader.share_or_count("max_failures", value, default=None)
    assert (found, type(found)) == (expected, int)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.05, 0.05), ("0.05", 0.05), ("5%", 0.05), ("12.5 %", 0.125), (1.0, 1.0), ("1.0", 1.0), ("100%", 1.0),
     (".5", 0.5), ("5e-2", 0.05), (Decimal("0.5"), 0.5), (np.float64(1), 1.0)],
)  # fmt: skip
def test_with_a_point_or_a_percent_sign_it_is_a_share(reader: ParameterReader, value: Any, expected: float) -> None:
    """Up to all."""
    found = reader.share_or_count("max_failures", value, default=None)
    assert (found, type(found)) == (expected, float)


@pytest.mark.parametrize("value", [-1, "-1", -0.5, "many", 1.5, "120%", "-5%", "%", True, float("nan"), "5 %%", [5]])
def test_what_is_neither_count_nor_share(reader: ParameterReader, value: Any) -> None:
    """It is told how either is written."""
    assert reader.share_or_count("max_failures", value, default=None) is None
    assert problem(reader).limit == "a count such as 5, or a fraction such as 0.05 or '5%'"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("True", True), (" FALSE ", False), ("true", True), (np.True_, True),
     (np.bool_(0), False)],
)  # fmt: skip
def test_truth_values(reader: ParameterReader, value: Any, *, expected: bool) -> None:
    """As Python, JSON and numpy write them."""
    assert reader.truth("reuse", value, default=None) is expected


@pytest.mark.parametrize("value", [1, 0, "1", "yes", "on", "perhaps", [True], b"true", "t" * 5_000], ids=short)
def test_what_is_no_truth_value(reader: ParameterReader, value: Any) -> None:
    """Numbers and other words are none."""
    assert reader.truth("reuse", value, default=None) is None
    assert problem(reader).limit == "True or False"


@pytest.mark.parametrize(
    ("value", "words", "expected"),
    [("skip", MODES, "skip"), ("SKIP", MODES, "skip"), (" Keep\n", MODES, "keep"),
     ("canny_edge", CONTROLS, "CANNY_EDGE"), (np.str_("Fail"), MODES, "fail")],
)  # fmt: skip
def test_a_word_comes_as_it_is_spelt(
    reader: ParameterReader, value: Any, words: tuple[str, ...], expected: str
) -> None:
    """In whatever case it was given."""
    assert reader.word("x", value, words, default=None) == expected


@pytest.mark.parametrize("value", ["never", "fail skip", 1, True, ["fail"], b"fail", "x" * 10_000_000], ids=short)
def test_what_is_no_word_of_the_list(reader: ParameterReader, value: Any) -> None:
    """It is told which there are."""
    assert reader.word("on_blocked", value, MODES, default=None) is None
    assert problem(reader).limit == "one of fail, skip, keep"
    assert len(problem(reader).value) < 130


def test_a_remedy_names_the_word_that_was_meant(reader: ParameterReader) -> None:
    """And that word is taken."""
    reader.word("control_mode", "Cany-Edge", CONTROLS, default=None)
    assert problem(reader).remedy == "Use one of these. Did you mean CANNY_EDGE?"


@pytest.mark.parametrize("value", ["", "xyz", 7, None, ["image"]])
def test_nothing_is_suggested_where_nothing_is_near(value: Any) -> None:
    """A wild guess is no help."""
    assert suggestion(value, ["image", "text"]) == ""


@pytest.mark.parametrize(
    "value", ["keep, fail", ["keep", "FAIL"], ("fail", ["keep"]), '["keep", "fail"]', "['keep', 'fail']",
              Lazy("fail,keep"), ["keep", None, "fail", "keep"]],
)  # fmt: skip
def test_some_words(reader: ParameterReader, value: Any) -> None:
    """In a list or with commas between, once each and in the order of all."""
    assert reader.words("statuses", value, MODES, default=None) == ("fail", "keep")


@pytest.mark.parametrize("value", ["done", [], ["fail", "done"], [7], 7, "[fail]", ",", {"fail": 1}])
def test_what_are_none_of_the_words(reader: ParameterReader, value: Any) -> None:
    """One wrong word is enough, and so is none."""
    assert reader.words("statuses", value, MODES, default=None) is None
    assert problem(reader).limit == "one or more of fail, skip, keep"


def test_a_text_is_taken_without_the_space_around_it(reader: ParameterReader) -> None:
    """A template that ends in a line feed names the same thing."""
    assert reader.text("model_id", " amazon.titan\n", default=None) == "amazon.titan"


@pytest.mark.parametrize("value", [7, 1.5, True, ["a"], b"a", {}])
def test_what_is_no_text(reader: ParameterReader, value: Any) -> None:
    """A number is none: it may have lost its zeros."""
    assert reader.text("expected_bucket_owner", value, default=None) is None
    assert problem(reader).limit == "text"


@pytest.mark.parametrize(
    "text",
    ["7", "0.10", "True", "None", "[1, 2]", "{'a': 1}", "it's", 'say "hi"', "two\nlines", "🎨 a" * 40, "\\d", "a' 'b"],
)
def test_the_remedy_keeps_any_text_a_text(reader: ParameterReader, text: str) -> None:
    """Followed to the letter, with native rendering."""
    reader.prompt("text", 7)
    remedy = "| string | pprint"
    assert remedy in problem(reader).remedy
    assert NativeEnvironment().from_string(f"{{{{ words {remedy} }}}}").render(words=text) == text


@pytest.mark.parametrize("text", ["a jar", " a jar ", "", "None", "\u200b", "a" * 10_000], ids=short)
def test_words_for_a_model_are_left_alone(reader: ParameterReader, text: str) -> None:
    """What they may be is for the model's rules to say."""
    assert reader.prompt("text", text) == text


@pytest.mark.parametrize("value", [[SECRET], {SECRET: SECRET}, SECRET.encode(), 7])
def test_no_message_shows_words_for_a_model(reader: ParameterReader, value: Any) -> None:
    """Also where they come in something else."""
    assert reader.prompt("text", value) is None
    assert problem(reader).value == f"a value of type {type(value).__name__}"


@pytest.mark.parametrize("value", ["a", ["a"], ("a",), [["a"]], '["a"]', "['a']", Lazy("a"), ["a", None, ""], [" a "]])
def test_lists_of_texts(reader: ParameterReader, value: Any) -> None:
    """One alone is a list of one."""
    assert reader.texts("x", value, default=None) == ("a",)


@pytest.mark.parametrize("value", [7, [7], ["a", b"b"], {"a": 1}, [{}], "[7]"])
def test_what_is_no_list_of_texts(reader: ParameterReader, value: Any) -> None:
    """One other value is enough."""
    assert reader.texts("x", value, default=None) is None
    assert problem(reader).limit == "a list of texts"


ONE, TWO = "s3://b/1", "s3://b/2"
PAIRS: list[Any] = [
    [ONE, TWO], (ONE, TWO), [[ONE], [[TWO]]], [ONE, None, "", TWO], json.dumps([ONE, TWO]), str([ONE, TWO]),
    str((ONE, TWO)), Lazy(Lazy(ONE), TWO), iter([ONE, TWO]), np.array([ONE, TWO]), [json.dumps([ONE]), str([TWO])],
    f"\n {[[ONE], [TWO]]}\n", [f" {ONE}\n", TWO], dict.fromkeys([ONE, TWO]).keys(),
]  # fmt: skip


@pytest.mark.parametrize("value", PAIRS)
def test_uris_come_in_lists_of_any_kind(reader: ParameterReader, value: Any) -> None:
    """As tasks return them, and as templates write them."""
    assert reader.uris("images", value) == [ONE, TWO]
    assert reader.problems == []


@pytest.mark.parametrize("value", [ONE, [ONE], json.dumps([ONE]), str([ONE]), Lazy([ONE])])
def test_one_uri_may_come_in_a_list_of_one(reader: ParameterReader, value: Any) -> None:
    """As tasks that make one image return it."""
    assert reader.uri("image", value) == ONE


def test_one_uri_is_one(reader: ParameterReader) -> None:
    """Of two, nobody would know which."""
    assert reader.uri("image", [ONE, TWO]) is None
    assert (problem(reader).value, problem(reader).limit) == ("2 of them", "one s3://bucket/key")


def test_a_key_may_end_in_a_space(reader: ParameterReader) -> None:
    """S3 takes it, so it counts."""
    assert reader.uris("image", " s3://b/k ") == ["s3://b/k "]


@pytest.mark.parametrize("value", [*NOTHING, [], [[], None], ["", ()], "[]", Lazy()])
def test_no_uri_is_a_problem_only_where_one_is_required(reader: ParameterReader, value: Any) -> None:
    """However nothing is written."""
    assert reader.uris("image", value) == []
    assert reader.problems == []
    assert reader.uris("image", value, required=True) == []
    assert (problem(reader).value, problem(reader).limit) == ("nothing", "s3://bucket/key")


def test_each_value_that_is_no_text_is_named(reader: ParameterReader) -> None:
    """The others are read all the same, and the store says what they are."""
    assert reader.uris("images", [7, ONE, b"x", "http://x"]) == [ONE, "http://x"]
    assert [found.value for found in reader.problems] == ["7", "b'x'"]


def test_a_list_that_holds_itself_is_a_problem(reader: ParameterReader) -> None:
    """It has no end."""
    endless: list[Any] = []
    endless.append(endless)
    assert reader.uris("images", endless) == []
    assert "too deep" in problem(reader).value


def test_lists_may_be_deep() -> None:
    """Mapped tasks of mapped tasks make lists of lists of lists."""
    value: Any = "a"
    for _ in range(50):
        value = [value]
    assert list(flatten([value, None, "b"])) == ["a", "b"]


def test_what_fails_while_it_is_fetched_fails_as_it_does() -> None:
    """A lazy list that can't be fetched now may be later, so it is no wrong value."""

    class Broken(Lazy):
        def __getitem__(self, index: Any) -> Any:
            raise ConnectionError(index)

    with pytest.raises(ConnectionError):
        list(flatten(Broken()))


@pytest.mark.parametrize("undefined", [jinja2.Undefined, jinja2.StrictUndefined])
@pytest.mark.parametrize("kind", READERS)
def test_a_name_that_the_template_doesnt_know_is_a_problem(reader: ParameterReader, kind: str, undefined: Any) -> None:
    """Native rendering passes it on as an object that fails whoever looks into it."""
    value = NativeEnvironment(undefined=undefined).from_string("{{ missing }}").render()
    assert getattr(reader, kind)("x", value, **READERS[kind], default=None) is None
    assert reader.uris("x", value) == []
    assert len(reader.problems) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [("white", (255, 255, 255)), (" Red\n", (255, 0, 0)), ("#369", (51, 102, 153)), ("#336699", (51, 102, 153)),
     ("#336699ff", (51, 102, 153)), ("rgb(51, 102, 153)", (51, 102, 153)), ("hsl(0, 100%, 50%)", (255, 0, 0))],
)  # fmt: skip
def test_colors_of_web_pages(reader: ParameterReader, value: Any, expected: tuple[int, int, int]) -> None:
    """By name, in digits, or by a function."""
    assert reader.color("background", value, default=None) == expected


@pytest.mark.parametrize(
    "value", ["glass", "#00000080", "rgb(999, 0, 0)", 7, [0, 0, 0], "#12", "x" * 10_000, b"red"], ids=short
)
def test_what_is_no_opaque_color(reader: ParameterReader, value: Any) -> None:
    """Nothing may shine through."""
    assert reader.color("background", value, default=None) is None
    assert problem(reader).limit.startswith("an opaque color such as white")


@pytest.mark.parametrize(
    "value", [["#336699", "#ff8800"], ("#336699", "#ff8800"), '["#336699", "#ff8800"]', "['#336699', '#ff8800']",
              [["#336699"], Lazy(" #ff8800")]],
)  # fmt: skip
def test_lists_of_colors_stay_as_they_are_written(reader: ParameterReader, value: Any) -> None:
    """Other letters would make another request of the same one."""
    assert reader.colors("colors", value, default=None) == ("#336699", "#ff8800")


def test_other_colors_become_what_models_take(reader: ParameterReader) -> None:
    """A name is as good, and so is one color alone."""
    assert reader.colors("colors", ["white", "rgb(51, 102, 153)", "#f80"], default=None) == (
        "#FFFFFF", "#336699", "#FF8800",
    )  # fmt: skip
    assert reader.colors("colors", "rgb(51, 102, 153)", default=None) == ("#336699",)


@pytest.mark.parametrize("value", [["glass"], [7], 7, ["#336699", "#33669980"], {"red": 1}])
def test_what_are_no_colors(reader: ParameterReader, value: Any) -> None:
    """One wrong one is enough."""
    assert reader.colors("colors", value, default=None) is None
    assert problem(reader).limit == "a list of opaque colors such as ['#336699', 'white']"


@pytest.mark.parametrize(
    "value",
    [[[1, 2, 3, 4.5]], [1, 2, 3, 4.5], "[1, 2, 3, 4.5]", "[[1, 2, 3, 4.5]]", ((1, "2", "3.0", 4.5),), "(1, 2, 3, 4.5)",
     np.array([1, 2, 3, 4.5]), [Lazy(Decimal(1), np.int64(2), 3.0, Decimal("4.5"))]],
)  # fmt: skip
def test_numbers_in_lists(reader: ParameterReader, value: Any) -> None:
    """Of a single box the outer list may lack."""
    found = reader.number_lists("boxes", value, 2, limit="boxes", default=[])
    assert found == [[1, 2, 3, 4.5]]
    assert [type(number) for number in found[0]] == [int, int, int, float]


@pytest.mark.parametrize(
    "value",
    [[], 7, "x", "[" * 100_000, "[" + "-" * 100_000 + "1]", [[0, 0, "x"]], "[0, 0, NaN, 9]", {"left": 1}, [[[1]]],
     [[True]], [[1], 2], [[float("nan")]], "[1e999]", "[" + "9" * 5_000 + "]", [[None]]],
    ids=short,
)  # fmt: skip
def test_what_are_no_numbers_in_lists(reader: ParameterReader, value: Any) -> None:
    """Of another depth, or with anything else in them."""
    assert reader.number_lists("boxes", value, 2, limit="[left, top, right, bottom]", default=[]) == []
    assert problem(reader).limit == "[left, top, right, bottom]"


@pytest.mark.parametrize(
    "value", [{"seed": 7, "text": None}, MappingProxyType({"seed": 7, "text": None}), ' {"seed": 7, "text": null}',
              "{'seed': 7, 'text': None}\n"],
)  # fmt: skip
def test_objects(reader: ParameterReader, value: Any) -> None:
    """As dicts, as JSON, and as a template writes a dict."""
    assert reader.mapping("defaults", value, default=None) == {"seed": 7, "text": None}


@pytest.mark.parametrize("value", ["{", "[1]", [1], 7, f"{{{SECRET}", {7: SECRET}, '{"seed": NaN}', f'["{SECRET}"]'])
def test_what_is_no_object(reader: ParameterReader, value: Any) -> None:
    """It is told why not, without the words in it."""
    assert reader.mapping("defaults", value, default=None, limit="a dict of parameters") is None
    assert problem(reader).value.startswith("something else: ")
    assert problem(reader).limit == "a dict of parameters"
    assert SECRET not in str(problem(reader))


class _Options(TypedDict, total=False):
    __pydantic_config__ = {"extra": "allow"}  # noqa: RUF012 - how a TypedDict says it

    read_timeout: Annotated[float, BeforeValidator(parse_number)]
    max_pool_connections: Annotated[int, BeforeValidator(parse_whole_number)]
    tcp_keepalive: Annotated[bool, BeforeValidator(parse_truth)]


def test_options_have_types_of_their_own(reader: ParameterReader) -> None:
    """What a template has made text becomes what it was; what is unknown here is left to whoever knows it."""
    value = {"read_timeout": "600", "max_pool_connections": "7.0", "tcp_keepalive": "False", "s3": {"a": "1"}}
    expected = {"read_timeout": 600.0, "max_pool_connections": 7, "tcp_keepalive": False, "s3": {"a": "1"}}
    assert reader.options("botocore_config", value, _Options, default=None) == expected
    assert reader.options("botocore_config", json.dumps(value), _Options, default=None) == expected


def test_each_wrong_option_is_named(reader: ParameterReader) -> None:
    """With the value and its place."""
    value = {"read_timeout": "long", "max_pool_connections": True}
    assert reader.options("botocore_config", value, _Options, default=None) is None
    assert [(found.parameter, found.value) for found in reader.problems] == [
        ("botocore_config", "'long' for read_timeout"), ("botocore_config", "True for max_pool_connections"),
    ]  # fmt: skip


def test_an_option_has_the_limit_and_remedy_of_its_parameter(reader: ParameterReader) -> None:
    """Where these say more than the type."""
    limit = "a JSON object from model id to model id"
    assert reader.options("reroute", '{"a": 1}', dict[str, str], default={}, limit=limit, remedy="Do.") == {}
    assert problem(reader) == Problem("reroute", "1 for a", limit, "Do.")


@pytest.mark.parametrize(
    ("template", "asked", "expected"),
    [
        ("{{ params.width }}", ("whole_number", {}), 1024),
        ("{{ params.seed }}", ("whole_number", {}), "default"),
        ("{{ 0.8 * 10 }}", ("number", {}), 8.0),
        ("{{ params.fresh == false }}", ("truth", {}), True),
        ("{{ params.boxes | tojson }}", ("number_lists", {"depth": 2, "limit": "boxes"}), [[8, 8, 24, 40]]),
        ("{{ params.colors }}", ("colors", {}), ("#336699", "#FFFFFF")),
        ("{{ params.share }}%", ("share_or_count", {}), 0.05),
        ("{{ cups | list | tojson }}", ("texts", {}), (ONE, TWO)),
    ],
)
@pytest.mark.parametrize("environment", [jinja2.Environment, NativeEnvironment])
def test_the_documented_templates(
    reader: ParameterReader, environment: Any, template: str, asked: tuple[str, dict[str, Any]], expected: Any
) -> None:
    """docs/parameters.md shows them, and native rendering makes no difference."""
    params = {
        "width": 1024, "seed": None, "fresh": False, "share": 5,
        "boxes": [[8, 8, 24, 40]], "colors": ["#336699", "white"],
    }  # fmt: skip
    value = environment().from_string(template).render(params=params, cups=Lazy([ONE], [TWO]))
    kind, more = asked
    assert getattr(reader, kind)("x", value, **more, default="default") == expected


def test_json_is_made_of_other_libraries_values() -> None:
    """Of tables' numbers, and of what XCom gives."""
    value = {
        "a": Decimal(7), "b": Decimal("0.5"), "c": np.int64(3), "d": np.float32(0.5), "e": np.True_,
        "f": Lazy("x", (1,)), "g": MappingProxyType({"h": np.array([1, 2])}), "i": {"k": 1}.keys(),
    }  # fmt: skip
    assert json.loads(json.dumps(value, default=json_value)) == {
        "a": 7, "b": 0.5, "c": 3, "d": 0.5, "e": True, "f": ["x", [1]], "g": {"h": [1, 2]}, "i": ["k"],
    }  # fmt: skip


@pytest.mark.parametrize("value", [{1, 2}, b"a", object(), Decimal("NaN"), np.float32("inf"), 1j, jinja2.Undefined()])
def test_json_has_nothing_for_other_values(value: Any) -> None:
    """They would not be the same twice, or not at all."""
    with pytest.raises((TypeError, ValueError)):
        json.dumps(value, default=json_value, allow_nan=False)


@pytest.mark.parametrize(
    "text", ["", "a jar", "{", "NaN", "[Infinity]", "__import__('os')", "[f()]", "[" * 2**21], ids=short
)
def test_what_is_neither_json_nor_a_python_literal(text: str) -> None:
    """Nothing is run, and JSON's complaint is the one that is told."""
    with pytest.raises(ValueError, match="no JSON"):
        decode(text)


@pytest.mark.parametrize("kind", sorted(set(READERS) - {"text", "texts"}))
@pytest.mark.parametrize("text", ["9" * 1_000_000, f"[{'9' * 5_000}]", "(" * 500_000, "1" * 999 + "x"], ids=short)
def test_huge_texts_are_short_problems(reader: ParameterReader, kind: str, text: str) -> None:
    """Whatever a template renders to, and whichever kind of value it should be."""
    assert getattr(reader, kind)("x", text, **READERS[kind], default=None) is None
    assert len(str(problem(reader))) < 400


def test_every_problem_is_told_at_once() -> None:
    """What was not sent has one error with all that is wrong."""
    problems = Problems("making a mask")
    reader = ParameterReader(problems)
    reader.whole_number("threshold", "x", default=None, minimum=0, maximum=255)
    reader.truth("alpha", "perhaps", default=None)
    problems.append(Problem("image", "nothing", "s3://bucket/key", "Give one."))
    with pytest.raises(InvalidRequest) as raised:
        problems.raise_if_any()
    assert str(raised.value) == (
        "3 problems with making a mask; nothing was sent and nothing was paid:\n"
        "  - threshold: got 'x'; allowed is a whole number from 0 to 255. Check what the template renders to.\n"
        "  - alpha: got 'perhaps'; allowed is True or False. Give one of the two. Check what the template renders to.\n"
        "  - image: got nothing; allowed is s3://bucket/key. Give one."
    )
    assert raised.value.problems == tuple(problems)


def test_settings_are_nobodys_request() -> None:
    """What is wrong with them is the deployment's, or the whole task's."""
    problems = Problems()
    reader = ParameterReader(problems)
    reader.whole_number("max_paid_calls", 0, default=2, minimum=1)
    reader.word("on_blocked", "never", MODES, default="fail")
    with pytest.raises(ConfigurationError) as raised:
        problems.raise_if_any()
    assert str(raised.value) == (
        "max_paid_calls: got 0; allowed is a whole number, 1 or more. Choose one within these bounds.\n"
        "on_blocked: got 'never'; allowed is one of fail, skip, keep. Use one of these."
    )


@pytest.mark.parametrize("subject", ["making a mask", None])
def test_without_a_problem_nothing_is_raised(subject: str | None) -> None:
    """Then all is well."""
    Problems(subject).raise_if_any()


def test_reading_needs_nothing_heavy() -> None:
    """Nor Airflow, nor AWS: not before a color or an option is read."""
    code = (
        "import sys, airflow_titan.errors\n"
        "import airflow_titan.parameters as parameters\n"
        "reader = parameters.ParameterReader(airflow_titan.errors.Problems())\n"
        "reader.number('x', '1', default=None), reader.uris('x', '[1]'), reader.mapping('x', '{}', default=None)\n"
        "heavy = {'PIL', 'numpy', 'pydantic', 'jinja2', 'airflow', 'boto3', 'botocore', 'msgspec'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "[]"
