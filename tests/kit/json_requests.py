"""Requests whose bodies and answers are JSON."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def send(method: str, url: str, body: Any = None) -> Any:
    """
    Send a request to a server of this machine, and give what it answers.

    :raises OSError: if nobody answers, or the answer is no success
    :raises ValueError: if the answer is no JSON
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
        return json.load(answer)
