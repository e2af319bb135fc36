"""Where the values stand that a request's error is about: in its line, or in the defaults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_titan.errors import ConfigurationError, Stopped, abbreviate
from airflow_titan.parameters import is_nothing

if TYPE_CHECKING:
    from airflow_titan.bulk.requests import BulkRequest

#: How a message names a parameter, or two that belong together: the first of all, or each of several problems.
_NAMED = re.compile(r"^(?:  - )?([a-z0-9_]+(?: and [a-z0-9_]+)?): got ", re.MULTILINE)


def tell_origins(error: Exception, bulk_request: BulkRequest) -> str:
    """
    Return sentences, each with a space before it, on where to correct what an error names; nothing where that is clear.

    A row has its line's number beside it, so of the line's own values only those are told that are settings elsewhere.
    """
    if isinstance(error, Stopped):
        return ""  # it repeats what another request had
    text = str(error)
    found = [name for names in _NAMED.findall(text) for name in names.split(" and ")]
    given = {name: value for name, value in bulk_request.given.items() if not is_nothing(value)}
    own: dict[str, None] = {}
    under: dict[str, None] = {}
    for name in found:
        if name not in given and name in bulk_request.fields:
            under[name] = None
        # the message may be about another value of that name, as a connection's region beside the line's
        elif name in given and isinstance(error, ConfigurationError) and abbreviate(given[name]) in text:
            own[name] = None
    places = {f"{bulk_request.unit} {bulk_request.number}": own, "defaults": under}
    return "".join(
        f" {', '.join(names)} {'stand' if len(names) > 1 else 'stands'} in {place}."
        for place, names in places.items()
        if names
    )
