"""Read parameters by name, and note what is wrong with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan.errors import abbreviate
from airflow_titan.parameters.colors import color_remedy, parse_color, parse_hexadecimal, split_colors
from airflow_titan.parameters.lists import choose_one, parse_mapping, parse_number_lists, parse_uris, parts_of
from airflow_titan.parameters.scalars import (
    is_nothing,
    parse_account,
    parse_number,
    parse_share,
    parse_text,
    parse_truth,
    parse_whole_number,
    parse_word,
    suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_titan.errors import Problems

T = TypeVar("T")
D = TypeVar("D")
N = TypeVar("N", int, float)
W = TypeVar("W", bound=str)

_CHECK = "Check what the template renders to."
_AS_JSON = f"{_CHECK} | tojson writes a list so that it can be read."
#: ``| string`` alone would be read back into a number; what ``| pprint`` writes is read back into the same text.
_AS_TEXT = (
    "Write it as text, in quotes; in a template with render_template_as_native_obj=True write "
    "{{ params.x | string | pprint }}, with the name of yours for params.x."
)
_ACCOUNTS = 10**12
_ALONE = "Write the digits alone, without a unit and without separators of thousands."
#: What to do about lists that can't be read.
FLAT = "Give a flat list; a template writes one that is lazy with | list | tojson at its end."
_GIVE = "Give it; a template may have rendered to nothing."
_URI = "s3://bucket/key"
#: A width and a height in one, where one of them is asked for.
_SIDES = frozenset({"width", "height"})
_SIZE = re.compile(r"(\d{1,5})\s*[xX*]\s*(\d{1,4})")
#: Flaws of one parameter that a message names.
_NAMED = 10


class _OutOfBounds(ValueError):
    """A number of the right kind, and too small or too large; the text is what to do."""


class ParameterReader:
    """
    Read values that may have come from templates.

    Every method returns ``default`` where nothing was given; and where something is wrong with the value, once that
    is noted. With ``required`` nothing is wrong too: for what must be given, and for limits, which a template is not
    to lose.

    :param problems: collects what is wrong
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def whole_number(
        self,
        name: str,
        value: Any,
        *,
        default: D,
        minimum: int | None = None,
        maximum: int | None = None,
        required: bool = False,
        remedy: str = "Choose one within these bounds.",
    ) -> int | D:
        """
        Read a whole number; ``2.0``, ``"2.0"`` and ``"+2"`` are 2.

        :param remedy: what to do about one that is out of bounds
        """
        limit = _limit("a whole number", minimum, maximum)

        def parse(value: Any) -> int:
            return _within(parse_whole_number(value), minimum, maximum, remedy)

        size = _SIZE.fullmatch(value.strip()) if name in _SIDES and isinstance(value, str) else None
        advice = f"Give width={size[1]} and height={size[2]}." if size else _digits(value)
        return self._read(name, value, parse, limit, advice, default=default, required=required)

    def number(
        self,
        name: str,
        value: Any,
        *,
        default: D,
        minimum: float | None = None,
        maximum: float | None = None,
        required: bool = False,
        remedy: str = "Choose one within these bounds.",
    ) -> float | D:
        """
        Read a number.

        :param remedy: what to do about one that is out of bounds
        """
        limit = _limit("a number", minimum, maximum)

        def parse(value: Any) -> float:
            return _within(float(parse_number(value)), minimum, maximum, remedy)

        return self._read(name, value, parse, limit, _digits(value), default=default, required=required)

    def rate(self, name: str, value: Any, *, default: D, required: bool = False) -> float | D:
        """Read how often something may be: a number above 0."""

        def parse(value: Any) -> float:
            rate = float(parse_number(value))
            if rate <= 0:
                raise _OutOfBounds("Leave it out for no limit.")
            return rate

        return self._read(name, value, parse, "a number above 0", _digits(value), default=default, required=required)

    def amount(self, name: str, value: Any, *, default: D, required: bool = False) -> float | D:
        """Read an amount of money."""

        def parse(value: Any) -> float:
            return _within(float(parse_number(value)), 0, None, "Give a number.")

        return self._read(
            name, value, parse, "an amount in US dollars", _digits(value), default=default, required=required
        )

    def share_or_count(self, name: str, value: Any, *, default: D, required: bool = False) -> int | float | D:
        """Read a count, which comes as ``int``, or a share of all, which comes as ``float`` from 0 to 1."""
        limit = "a count such as 5, or a fraction such as 0.05 or '5%'"
        return self._read(name, value, parse_share, limit, "Give one.", default=default, required=required)

    def truth(self, name: str, value: Any, *, default: D, required: bool = False) -> bool | D:
        """Read a truth value."""
        remedy = f"Give one of the two. {_CHECK}"
        return self._read(name, value, parse_truth, "True or False", remedy, default=default, required=required)

    def word(
        self, name: str, value: Any, words: Sequence[W], *, default: D, required: bool = False, meaning: str = ""
    ) -> W | D:
        """
        Read one of several words, in any case; it comes as ``words`` spell it.

        :param meaning: what the words stand for, where people know them by other names
        """

        def parse(value: Any) -> W:
            return parse_word(value, words)

        remedy = " ".join(filter(None, (f"Use one of these.{suggestion(value, words)}", meaning)))
        return self._read(name, value, parse, f"one of {', '.join(words)}", remedy, default=default, required=required)

    def words(
        self, name: str, value: Any, words: Sequence[W], *, default: D, required: bool = False
    ) -> tuple[W, ...] | D:
        """Read some of several words, in a list or with commas between; they come in the order of ``words``."""

        def parse(value: Any) -> tuple[W, ...]:
            parts = [
                part for text in parts_of(value) for part in (text.split(",") if isinstance(text, str) else [text])
            ]
            chosen = {parse_word(part, words) for part in parts if not is_nothing(part)}
            if not chosen:
                raise ValueError("has none")
            return tuple(word for word in words if word in chosen)

        remedy = f"Use these.{suggestion(value, words)}"
        return self._read(
            name, value, parse, f"one or more of {', '.join(words)}", remedy, default=default, required=required
        )

    def text(self, name: str, value: Any, *, default: D, required: bool = False) -> str | D:
        """Read a text that names something, such as an id; the space around it goes."""
        return self._read(name, value, parse_text, "text", _AS_TEXT, default=default, required=required)

    def account(self, name: str, value: Any, *, default: D, required: bool = False) -> str | D:
        """Read the id of an AWS account."""
        limit = "the id of an AWS account, twelve digits as text"
        return self._read(name, value, parse_account, limit, _account_remedy, default=default, required=required)

    def prompt(self, name: str, value: Any) -> str | None:
        """Read words for a model, as they are, also where they are blank; no message shows them."""
        if value is None or isinstance(value, str):
            return value
        self.problems.add(name, f"a value of type {type(value).__name__}", "text", _AS_TEXT)
        return None

    def texts(self, name: str, value: Any, *, default: D, required: bool = False) -> tuple[str, ...] | D:
        """Read a list of texts; one alone is a list of one."""

        def parse(value: Any) -> tuple[str, ...]:
            return tuple(map(parse_text, parts_of(value)))

        return self._read(name, value, parse, "a list of texts", _AS_JSON, default=default, required=required)

    def uris(self, name: str, value: Any, *, required: bool = False) -> list[str]:
        """Read the URIs of objects, one or many. Which an URI names, and whether it names any, the store will say."""
        try:
            uris = parse_uris(value)
        except ValueError as error:
            self.problems.add(name, f"a value that {error}", f"{_URI}, or a list of them", FLAT)
            return []
        if required and not uris:
            self.problems.add(name, "nothing", _URI, _GIVE)
        for uri in uris:
            if not isinstance(uri, str):
                self.problems.add(name, _abbreviate(uri), _URI, _AS_JSON)
        return [uri for uri in uris if isinstance(uri, str)]

    def uri(self, name: str, value: Any, *, required: bool = False) -> str | None:
        """Read the URI of one object, alone or in a list of one, as tasks return it."""
        uris = self.uris(name, value, required=required)
        if len(uris) > 1:
            self.problems.add(name, f"{len(uris)} of them", f"one {_URI}", choose_one(name, uris))
        return uris[0] if len(uris) == 1 else None

    def color(self, name: str, value: Any, *, default: D, required: bool = False) -> tuple[int, int, int] | D:
        """Read an opaque color as CSS writes it; it comes as red, green and blue."""
        limit = "an opaque color such as white, #336699 or rgb(51, 102, 153)"
        return self._read(name, value, parse_color, limit, color_remedy, default=default, required=required)

    def colors(self, name: str, value: Any, *, default: D, required: bool = False) -> tuple[str, ...] | D:
        """Read colors, in a list or with commas between; as ``#RRGGBB`` they stay as they are, else they become so."""

        def parse(value: Any) -> tuple[str, ...]:
            return tuple(map(parse_hexadecimal, split_colors(value)))

        limit = "a list of opaque colors such as ['#336699', 'white']"
        return self._read(name, value, parse, limit, color_remedy, default=default, required=required)

    def number_lists(
        self, name: str, value: Any, depth: int, *, limit: str, default: D, required: bool = False
    ) -> list[Any] | D:
        """
        Read numbers in lists of lists, such as boxes (2 deep) and polygons (3 deep).

        :param depth: levels of lists; of a single box or polygon the outermost may lack
        """

        def parse(value: Any) -> list[Any]:
            return parse_number_lists(value, depth)

        return self._read(name, value, parse, limit, _AS_JSON, default=default, required=required)

    def mapping(
        self,
        name: str,
        value: Any,
        *,
        default: D,
        required: bool = False,
        limit: str = "a dict, or JSON of one",
        remedy: str | None = None,
    ) -> dict[str, Any] | D:
        """Read an object of named values, or text of one. No message shows them: some may be words for a model."""
        if is_nothing(value):
            if required:
                self._note_missing(name, value, limit, remedy or _GIVE)
            return default
        try:
            return parse_mapping(value)
        except ValueError as error:
            self.problems.add(name, f"something else: {error}", limit, remedy or _CHECK)
            return default

    def options(
        self,
        name: str,
        value: Any,
        shape: type[T],
        *,
        default: D,
        required: bool = False,
        limit: str | None = None,
        remedy: str | None = None,
    ) -> T | D:
        """
        Read an object whose values have types.

        :param shape: the types, as :class:`pydantic.TypeAdapter` takes them, such as ``dict[str, str]``
        :param limit: what is allowed; default: what pydantic says
        """
        from pydantic import TypeAdapter, ValidationError

        allowed = limit or "a dict, or JSON of one"
        mapping = self.mapping(name, value, default=None, required=required, limit=allowed, remedy=remedy)
        if mapping is None:
            return default
        try:
            return TypeAdapter(shape).validate_python(mapping)
        except ValidationError as error:
            for flaw in error.errors(include_url=False, include_context=False)[:_NAMED]:
                where = ".".join(map(str, flaw["loc"]))
                message = flaw["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
                self.problems.add(name, f"{_abbreviate(flaw['input'])} for {where}", limit or message, remedy or _CHECK)
            return default

    def _read(
        self,
        name: str,
        value: Any,
        parse: Callable[[Any], T],
        limit: str,
        remedy: str | Callable[[Any], str],
        *,
        default: D,
        required: bool,
    ) -> T | D:
        """
        Parse a value, unless it is nothing, and note what is wrong with it.

        :param remedy: what to do about it, or a function that says so of the value
        """
        if is_nothing(value):
            if required:
                self._note_missing(name, value, limit, _GIVE)
            return default
        try:
            return parse(value)
        except ValueError as error:
            advice = remedy if isinstance(remedy, str) else remedy(value)
            message = str(error) if isinstance(error, _OutOfBounds) else advice
            self.problems.add(name, _abbreviate(value), limit, message)
            return default

    def _note_missing(self, name: str, value: Any, limit: str, remedy: str) -> None:
        # a word that a template made of nothing is worth seeing
        message = _abbreviate(value) if isinstance(value, str) and value.strip() else "nothing"
        self.problems.add(name, message, limit, remedy)


def _limit(kind: str, minimum: float | None, maximum: float | None) -> str:
    """Say what is allowed."""
    if minimum is not None and maximum is not None:
        return f"{kind} from {minimum:,} to {maximum:,}"
    if minimum is not None:
        return f"{kind}, {minimum:,} or more"
    return kind if maximum is None else f"{kind}, {maximum:,} or less"


def _within(number: N, minimum: float | None, maximum: float | None, remedy: str) -> N:
    """Return a number that is within its bounds."""
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise _OutOfBounds(remedy)
    return number


def _digits(value: Any) -> str:
    """Say what to do about a value that is no number."""
    return f"{_ALONE} {_CHECK}" if isinstance(value, str) and any(map(str.isdigit, value[:_NAMED])) else _CHECK


def _account_remedy(value: Any) -> str:
    """Say what to write for an account id that has too few digits, or is something else."""
    try:
        number = parse_whole_number(value)
    except ValueError:
        number = -1
    if not 0 <= number < _ACCOUNTS:
        return f"Write the twelve digits that the AWS console shows. {_CHECK}"
    template = "{{ '%012d' | format(params.x | int) | pprint }}"
    return (
        f"A number loses the zeros in front: if they are all that is missing, write '{number:012}' as text, and in a "
        f"template {template} with the name of yours for params.x."
    )


def _abbreviate(value: Any) -> str:
    """Return a value as a message may repeat it, whatever it is."""
    try:
        return abbreviate(value)
    except Exception:  # noqa: BLE001 - what an object makes of repr() is its own affair
        return f"a value of type {type(value).__name__}"
