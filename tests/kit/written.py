"""What a message becomes on the wire."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from airflow_titan.models.families import wire


def written(message: dict[str, Any]) -> bytes:
    """Give the bytes of a message."""
    file = BytesIO()
    wire.write(message, file)
    return file.getvalue()
