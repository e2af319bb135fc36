"""Whether a bucket belongs to whom a request expects, which moto doesn't look at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from moto.s3.models import s3_backends

from airflow_titan.emulator.errors import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_ACCOUNT = re.compile(r"[0-9]{12}")


def check_owner(environ: WSGIEnvironment) -> None:
    """
    Compare the expected owners with those of the buckets: of the request's own, and of the one that is copied from.

    :raises Refused: if a bucket is another account's
    """
    path = unquote(environ["RAW_URI"].partition("?")[0]).lstrip("/")
    source = unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).lstrip("/")
    for header, address in (("EXPECTED", path), ("SOURCE_EXPECTED", source)):
        expected = environ.get(f"HTTP_X_AMZ_{header}_BUCKET_OWNER")
        if expected is None:
            continue
        if not _ACCOUNT.fullmatch(expected):
            raise Refused(
                "The value of the expected bucket owner parameter must be an AWS account ID",
                "InvalidBucketOwnerAWSAccountID",
            )
        _, owner = s3_backends.bucket_accounts.get(address.partition("/")[0], ("", None))
        if owner not in {None, expected}:
            raise Refused("Access Denied", "AccessDenied", 403)
