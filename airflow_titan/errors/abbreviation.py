"""How a message repeats what was given."""

from __future__ import annotations

import re
from typing import Any

#: Longest value that a message repeats, in characters; and longest URI, which is cut nowhere: a key has 1,024 bytes.
_SHOWN, _SHOWN_URI = 100, 1400
#: URIs of a list that are shown.
_NAMED = 5
_URI = re.compile(r"(?:s3[an]?|https?)://", re.IGNORECASE)
#: Where the secret part of a presigned URL begins.
_SECRET = re.compile(r"\?.*(?:signature|credential|token|AWSAccessKeyId)=", re.IGNORECASE | re.DOTALL)


def abbreviate(value: Any) -> str:
    """Give ``value`` as a message may repeat it: its ``repr``, cut to a readable length; a URI whole, but no secret."""
    if isinstance(value, str) and _URI.match(value):
        secret = _SECRET.search(value)
        text = f"{value[: secret.start()]}?…" if secret else value
        return repr(text) if len(text) <= _SHOWN_URI else f"{text[:_SHOWN_URI]!r}…"
    if isinstance(value, list | tuple) and value and all(isinstance(part, str) and _URI.match(part) for part in value):
        more = f", … {len(value) - _NAMED} more" if len(value) > _NAMED else ""
        return f"[{', '.join(map(abbreviate, value[:_NAMED]))}{more}]"
    # repr of a huge text would itself cost memory, so the text is cut before it
    try:
        text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    except ValueError:  # an integer of more digits than Python prints
        return f"a huge {type(value).__name__}"
    whole = len(text) <= _SHOWN and not (isinstance(value, (str, bytes)) and len(value) > _SHOWN)
    return text if whole else f"{text[:_SHOWN]}…"
