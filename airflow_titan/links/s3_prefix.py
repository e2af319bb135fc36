"""Where a result lies, in AWS's console."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from airflow_titan.links.base import ConsoleLink, console

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A bucket, by the rules of today or of old; no access point's ARN, and nothing that would change the address.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
#: How the names of buckets end that S3's console doesn't show among the others: aliases, and directory buckets.
_OTHER_BUCKETS = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")


class TitanS3PrefixLink(ConsoleLink):
    """The folder of a task's result in S3's console; nothing for an access point, which has no such page."""

    name: ClassVar[str] = "S3 prefix"

    def address(self, record: Mapping[str, Any]) -> str:
        """Return the page of the folder that holds the record, or else the result."""
        from airflow_titan.aws.uri import split

        uri = record.get("manifest_uri") or record.get("requests_uri")
        bucket, key = split(uri) if uri else ("", "")
        region = record.get("s3_region")
        host = console(region)
        if host is None or not _BUCKET.fullmatch(bucket) or bucket.endswith(_OTHER_BUCKETS):
            return ""
        prefix = key.rpartition("/")[0]
        query = {**({"region": region} if region else {}), **({"prefix": f"{prefix}/"} if prefix else {})}
        return f"{host}/s3/buckets/{bucket}?{urlencode(query)}"
