"""Parse one value: a number, a truth value, a word of a closed list, a share or a count, or nothing."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar
from unicodedata import category

if TYPE_CHECKING:
    from collections.abc import Iterable

W = TypeVar("W", bound=str)

#: Characters of the longest text that is looked at as a number or a word: more would cost time and be none.
_LONGEST = 1_000
#: No whole number of any parameter is near this, and ``int`` of thousands of digits costs time.
_LARGEST = 10**18
#: Unicode's categories of what shows nothing by itself: control and format characters, combining marks, separators.
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Mc", "Me", "Zs", "Zl", "Zp"})
#: Likewise, of other categories: the fillers of Hangul, and the Braille pattern without dots.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
#: What Python's ``None`` becomes where a template writes it, and where ``| tojson`` does.
_NOTHING = frozenset({"None", "null"})
#: What pandas' marks of a missing value are of.
_MISSING = frozenset({"NAType", "NaTType"})
#: Neither thousands separators nor underscores nor units; digits of any script, as Python reads them.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?")
_ACCOUNT = re.compile(r"[0-9]{12}|[0-9]{4}-[0-9]{4}-[0-9]{4}")
_QUOTED = re.compile(r"(?P<quote>['\"])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)", re.DOTALL)
_PLAIN_DIGITS = re.compile(r"[+-]?\d+")
_TRUTHS = {"true": True, "false": False}
#: What numpy calls truth values, whole numbers with and without a sign, and floats.
_NUMERIC = tuple("biuf")


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: empty, white space, or characters that show nothing."""
    return all(char in _FILLERS or category(char) in _UNSEEN for char in text)


def is_nothing(value: Any) -> bool:
    """
    Return whether a value says that nothing is given.

    That is ``None``, pandas' ``NA`` and ``NaT``, a blank text, and the texts ``None`` and ``null``. An empty list is
    one with nothing in it, and NaN is a number that went wrong.
    """
    # not by ==, which numpy's arrays answer with an array
    if not isinstance(value, str):
        return value is None or type(value).__name__ in _MISSING
    # a control character shows a slip, which is not to be passed over
    return (is_blank(value) and not _CONTROL.search(value)) or (len(value) < _LONGEST and value.strip() in _NOTHING)


def unwrap(value: Any) -> Any:
    """
    Return Python's value of a number or truth value of numpy; any other value as it is.

    It may come in an array of no dimension. 0.7 in 32 bits is 0.7, and not the nearest that 64 bits have for it.
    """
    if not hasattr(type(value), "dtype") or getattr(value, "shape", None) != () or value.dtype.kind not in _NUMERIC:
        return value
    return float(str(value)) if value.dtype.kind == "f" else value.item()


def parse_number(value: Any) -> int | float:
    """
    Parse a number, or text of one.

    :return: ``int`` where it is whole (``"2.0"`` and ``"1e3"`` are) and not beyond 10**18, else ``float``
    :raises ValueError: if it is none; truth values, NaN and infinity are none
    """
    value = unwrap(value)
    if isinstance(value, str):
        value = _decimal(value)
    elif isinstance(value, float):
        # to the digits that it is written with, so that it is what its text is
        value = Decimal(repr(float(value)))
    # Decimal is a number that Python counts among none of its kinds
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise ValueError("is no number")  # noqa: TRY004 - one kind of failure for all
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("is no finite number")
    # the bound comes first: what lies beyond it may have more digits than fit into memory
    if abs(number) > _LARGEST:
        return number
    truncated: Any = math.trunc(value)
    return truncated if truncated == value else number


def parse_whole_number(value: Any) -> int:
    """
    Parse a whole number, or text of one.

    :raises ValueError: if it is none, or beyond 10**18
    """
    number = parse_number(value)
    if isinstance(number, float):
        raise ValueError("is no whole number")  # noqa: TRY004 - one kind of failure for all
    return number


def parse_truth(value: Any) -> bool:
    """
    Parse a truth value: ``True`` or ``False``, or one of these words in any case.

    :raises ValueError: if it is none; numbers are none
    """
    value = unwrap(value)
    if isinstance(value, bool):
        return value
    truth = _TRUTHS.get(value.strip().lower()) if _is_short(value) else None
    if truth is None:
        raise ValueError("is no truth value")
    return truth


def parse_word(value: Any, words: Iterable[W]) -> W:
    """
    Parse one of a closed list of words, in any case.

    :return: the word as the list spells it
    :raises ValueError: if it is none of them
    """
    if _is_short(value):
        key = value.strip().casefold()
        for word in words:
            if word.casefold() == key:
                return word
    raise ValueError("is none of the words")


def parse_text(value: Any) -> str:
    """
    Parse a text that names something: the space around it goes, and so do the quotes that ``| pprint`` writes.

    :raises ValueError: if it is none
    """
    if not isinstance(value, str):
        raise ValueError("is no text")  # noqa: TRY004 - one kind of failure for all
    text = value.strip()
    quoted = _is_short(text) and _QUOTED.fullmatch(text)
    return quoted["text"] if quoted else text


def parse_account(value: Any) -> str:
    """
    Parse the id of an AWS account: twelve digits, as text or as a number of so many; in groups of four, too.

    :raises ValueError: if it is none; a number of fewer digits may have lost its zeros, or be another id
    """
    text = str(parse_whole_number(value)) if not isinstance(value, str) else parse_text(value)
    if not _ACCOUNT.fullmatch(text):
        raise ValueError("is no account id")
    return text.replace("-", "")


def parse_share(value: Any) -> int | float:
    """
    Parse a count or a share of all: ``5``, ``0.05`` or ``5%``.

    ``1`` is one and ``1.0`` is all: up to 1, a number that is not written as a whole one is a share.

    :return: a count as ``int``, a share as ``float`` from 0 to 1
    :raises ValueError: if it is neither
    """
    value = unwrap(value)
    if _is_short(value) and value.strip().endswith("%"):
        share = parse_number(value.strip().removesuffix("%")) / 100
    else:
        number = parse_number(value)
        # Decimal writes a whole number as text does
        is_written = isinstance(value, str | Decimal) and _PLAIN_DIGITS.fullmatch(str(value).strip()) is not None
        if isinstance(number, int) and (number > 1 or is_written or isinstance(value, Integral)):
            if number < 0:
                raise ValueError("is below 0")
            return number
        share = float(number)
    if not 0 <= share <= 1:
        raise ValueError("is neither a count nor a share")
    return share


def suggestion(value: Any, words: Iterable[str]) -> str:
    """Return a question after the nearest of the known words, with a space before it; nothing if none is near."""
    known = {word.casefold(): word for word in words}
    text = value[:_LONGEST].strip().casefold() if isinstance(value, str) else ""
    # letters that changed places are the likeliest slip, which the ratio alone doesn't see
    near = sorted(get_close_matches(text, known), key=lambda word: sorted(word) != sorted(text))
    return f" Did you mean {known[near[0]]}?" if near else ""


def _is_short(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST


def _decimal(text: str) -> Decimal:
    """Parse text of a number without loss."""
    text = text.strip() if len(text) <= _LONGEST else ""
    if not _NUMBER.fullmatch(text):
        raise ValueError("is no number")
    return Decimal(text)
