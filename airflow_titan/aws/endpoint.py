"""Whose a client's endpoint is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

#: Ends of the names of AWS's own hosts: of its partitions, of dual-stack and of private endpoints.
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")


def is_aws(client: Any) -> bool:
    """Tell whether a boto3 client asks AWS itself, and not an emulator or another vendor's store."""
    host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
    return host.endswith(_AWS)
