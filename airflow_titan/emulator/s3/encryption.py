"""Encryption headers that contradict each other, in S3's words; moto takes all of them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from airflow_titan.emulator.errors import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_HEADER = "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"
_KMS = {"aws:kms", "aws:kms:dsse"}
_KMS_HEADERS = {f"{_HEADER}_AWS_KMS_KEY_ID", f"{_HEADER}_CONTEXT"}
_CUSTOMER = f"{_HEADER}_CUSTOMER_"
_CUSTOMER_KEY = 32  # bytes
# AWS's ids are UUIDs; a store of one's own, or a test, may name its keys more simply
_ID = "[A-Za-z0-9_-]{1,64}"
_ALIAS = "alias/[A-Za-z0-9/_-]{1,250}"
_KEY_ID = re.compile(rf"{_ID}|{_ALIAS}|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:(?:key/{_ID}|{_ALIAS})")


def check_encryption(environ: WSGIEnvironment) -> None:
    """
    Check what a request says of encryption.

    :raises Refused: if S3 would refuse it
    """
    method = environ.get(_HEADER)
    customer = {name for name in environ if name.startswith(_CUSTOMER)}
    if method is not None and method not in {"AES256", *_KMS}:
        raise _invalid("The encryption method specified is not supported")
    if method not in _KMS and _KMS_HEADERS & environ.keys():
        raise _invalid(
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
    if method and customer:
        raise _invalid(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
        )
    if customer:
        _check_customer_key(environ)
    key_id = environ.get(f"{_HEADER}_AWS_KMS_KEY_ID")
    if key_id is not None and not _KEY_ID.fullmatch(key_id):
        raise Refused(f"Invalid keyId '{key_id}'", "KMS.NotFoundException")


def _check_customer_key(environ: WSGIEnvironment) -> None:
    subject = "Requests specifying Server Side Encryption with Customer provided keys must provide"
    if environ.get(f"{_CUSTOMER}ALGORITHM") != "AES256":
        raise _invalid(f"{subject} a valid encryption algorithm.")
    if f"{_CUSTOMER}KEY" not in environ:
        raise _invalid(f"{subject} an appropriate secret key.")
    if f"{_CUSTOMER}KEY_MD5" not in environ:
        raise _invalid(f"{subject} the client calculated MD5 of the secret key.")
    try:
        key = base64.b64decode(environ[f"{_CUSTOMER}KEY"], validate=True)
    except ValueError:
        key = b""
    if len(key) != _CUSTOMER_KEY:
        raise _invalid("The secret key was invalid for the specified algorithm.")
    md5 = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    if md5 != environ[f"{_CUSTOMER}KEY_MD5"]:
        raise _invalid("The calculated MD5 hash of the key did not match the hash that was provided.")


def _invalid(message: str) -> Refused:
    return Refused(message, "InvalidArgument")
