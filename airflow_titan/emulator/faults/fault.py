"""One fault: a kind and its options, read and checked."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .kinds import BEDROCK, S3, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TABLES = {"bedrock": BEDROCK, "s3": S3}
#: Options of every fault, and of those of one service.
_OPTIONS = ("times", "after", "seconds")
_OWN_OPTIONS: dict[str, tuple[str, ...]] = {"bedrock": ("text", "operation", "region"), "s3": ("method", "key")}
_INVOKE, _APPLY = "InvokeModel", "ApplyGuardrail"
#: Kinds that change an answer, whatever is in it; the others change its images.
_OF_ANY_ANSWER = frozenset({"truncated_json", "not_json", "json_list"})
_METHODS = ("GET", "PUT", "HEAD", "DELETE", "POST")


@dataclass(slots=True)
class Fault:
    """
    An active fault.

    :param kind: its name in the service's table
    :param left: how many more requests will meet it; None for any number
    :param service: ``bedrock`` or ``s3``
    :param after: how many more matching requests will pass before
    :param seconds: how long, or how far apart, for the kinds that take time
    :param text: a regular expression that one of the request's texts must match
    :param operation: ``InvokeModel`` or ``ApplyGuardrail``; None for the first
    :param region: the region that a call must be signed for; None for any
    :param method: the HTTP method that it waits for; None for any
    :param key: a regular expression that the object's key must match
    """

    kind: str
    left: int | None
    service: str
    after: int = 0
    seconds: float = 0.0
    text: str | None = None
    operation: str | None = None
    region: str | None = None
    method: str | None = None
    key: str | None = None

    @classmethod
    def parse(cls, kind: str, options: dict[str, Any]) -> Fault:
        """
        Return the fault that a kind and its options describe.

        :raises ValueError: if there is no such kind or option, or an option's value makes no sense
        """
        service = "s3" if kind not in BEDROCK or options.keys() & set(_OWN_OPTIONS["s3"]) else "bedrock"
        if kind not in _TABLES[service]:
            _refuse(f"{kind!r} has no method or key" if kind in BEDROCK else f"{kind!r} is no kind of fault")
        takes_seconds = _TABLES[service][kind].takes_seconds
        known = [name for name in (*_OPTIONS, *_OWN_OPTIONS[service]) if takes_seconds or name != "seconds"]
        values: dict[str, Any] = ({"seconds": None} if takes_seconds else {}) | {"times": 1, "after": 0} | options
        for name, value in values.items():
            if name not in known:
                _refuse(f"{kind!r} doesn't know {name!r}; its options are {', '.join(known)}")
            allowed, is_valid = _VALUES[name]
            if not is_valid(value):
                _refuse(f"{name}: {value!r}; {kind!r} needs {allowed}")
        if values.get("operation") == _APPLY and _TABLES[service][kind].change and kind not in _OF_ANY_ANSWER:
            _refuse(f"{kind!r} changes images, and a guardrail answers none")
        return cls(kind, left=values.pop("times"), service=service, **values)

    @property
    def effect(self) -> FaultKind:
        """What the table says of its kind."""
        return _TABLES[self.service][self.kind]

    def matches_call(self, texts: Iterable[str], operation: str = _INVOKE, region: str = "") -> bool:
        """Say whether a call of Bedrock with these texts, in this region, can meet it."""
        return (
            self.service == "bedrock"
            and (self.operation or _INVOKE) == operation
            and self.region in {None, region}
            and (self.text is None or any(re.search(self.text, text) for text in texts))
        )

    def matches_object(self, method: str, key: str) -> bool:
        """Say whether a request to S3 can meet it."""
        return (
            self.service == "s3"
            and self.method in {None, method}
            and (self.key is None or re.search(self.key, key) is not None)
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as other processes read it, without the options that it doesn't have."""
        return {name: value for name, value in asdict(self).items() if value not in (None, 0, 0.0) or name == "left"}


def _is_pattern(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and bool(re.compile(value)))
    except re.error:
        return False


def _is_number(value: object, *, minimum: float = -math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= minimum


def _is_integer(value: object, *, minimum: int) -> bool:
    return isinstance(value, int) and _is_number(value, minimum=minimum)


#: What each option may be, in words and as a check.
_VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "times": ("a whole number from 1, or None", lambda value: value is None or _is_integer(value, minimum=1)),
    "after": ("a whole number from 0", lambda value: _is_integer(value, minimum=0)),
    "seconds": ("a number", _is_number),
    "text": ("a regular expression", _is_pattern),
    "key": ("a regular expression", _is_pattern),
    "region": ("the name of a region", lambda value: value is None or isinstance(value, str)),
    "operation": (f"{_INVOKE} or {_APPLY}", lambda value: value in {None, _INVOKE, _APPLY}),
    "method": (f"one of {', '.join(_METHODS)}", lambda value: value is None or value in _METHODS),
}


def _refuse(reason: str) -> NoReturn:
    raise ValueError(f"{reason}. Faults of InvokeModel: {', '.join(BEDROCK)}. Faults of S3: {', '.join(S3)}.")
