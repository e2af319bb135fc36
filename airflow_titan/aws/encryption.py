"""Server-side encryption of what is written to S3: which pairs of a word and a key it takes."""

from __future__ import annotations

import re

from airflow_titan.errors import ConfigurationError, Problem

#: What ``server_side_encryption`` may say.
WORDS = ("AES256", "aws:kms", "aws:kms:dsse")
#: Other stores name keys as they like, so that only what can't be a key is refused.
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/\S+|(?!arn:)\S+")


def encryption_arguments(word: str | None, key: str | None) -> dict[str, str]:
    """
    Return the arguments of ``PutObject``, in boto3's names.

    :param word: one of ``WORDS``
    :param key: the KMS key: its id, its alias, or the ARN of either
    :raises ConfigurationError: if S3 would refuse them
    """
    if key and word not in WORDS[1:]:
        limit = "nothing, unless server_side_encryption is aws:kms or aws:kms:dsse"
        other = f"server_side_encryption={word!r}" if word else "no server_side_encryption"
        remedy = "Set server_side_encryption='aws:kms', or leave the key out."
        raise ConfigurationError(str(Problem("sse_kms_key_id", f"{key!r} with {other}", limit, remedy)))
    if key and not _KEY.fullmatch(key):
        limit = "the id of a KMS key, alias/name, or the ARN of either"
        raise ConfigurationError(str(Problem("sse_kms_key_id", repr(key), limit, "Copy it from the console of KMS.")))
    given = {"ServerSideEncryption": word, "SSEKMSKeyId": key}
    return {name: value for name, value in given.items() if value}
