"""Reading and writing S3: what is sent, and what each failure means."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from pictures import photo
from stub import Says, Stub, scripted

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.aws.uri import split
from airflow_titan.errors import ConfigurationError, StoreFailed


def client(stub: Stub) -> Any:
    """Give a client of a stub that gives up at once."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=1)
    return boto3.client("s3", endpoint_url=stub.url, config=config, region_name="us-east-1")


def refuses(status: int, code: str) -> Says:
    """Answer with an error of S3's."""
    return Says(status, f"<Error><Code>{code}</Code><Message>because</Message></Error>".encode())


@pytest.mark.parametrize("key", ["a", "a/b", "a..b/c...", "%2e%2e/a", "é 🎨", "a//b", "a?b#c", "line\nbreak"])
def test_odd_keys_are_keys(key: str) -> None:
    """S3 allows nearly everything in a key, and nothing of it is decoded."""
    assert split(f"s3://bucket/{key}") == ("bucket", key)


@pytest.mark.parametrize("says", [refuses(500, "InternalError"), refuses(503, "SlowDown"), Says(reset=True)])
def test_a_write_that_may_pass_is_left_to_another_try(says: Says) -> None:
    """Likewise for writing."""
    with scripted(says) as stub, pytest.raises(StoreFailed, match="s3://bucket/key"):
        ObjectStore(client(stub)).write("s3://bucket/key", b"abc", "image/png")


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "KMS.NotFoundException"])
def test_a_refused_write_is_a_setting(code: str) -> None:
    """The message says which settings to look at."""
    with scripted(refuses(403, code)) as stub, pytest.raises(ConfigurationError, match=rf"{code}.*s3:PutObject"):
        ObjectStore(client(stub)).write("s3://bucket/key", b"abc", "image/png")


def test_bytes_and_content_type_arrive(s3: Any, bucket: str) -> None:
    """What is written is what was given, to the byte."""
    ObjectStore(s3).write(f"s3://{bucket}/k", photo(), "image/png")
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ContentType"]) == (photo(), "image/png")


def test_owner_and_encryption_reach_s3() -> None:
    """Every request names the owner; every write names its encryption."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}
    with scripted(Says(body=b"abc", headers={"ETag": '"e"'}), Says(headers={"ETag": '"e"'})) as stub:
        store = ObjectStore(client(stub), expected_bucket_owner="123456789012", encryption=encryption)
        store.get("s3://bucket/key")
        store.write("s3://bucket/key", b"abc", "image/png")
    read, written = ({name.lower(): value for name, value in heard.headers.items()} for heard in stub.heard)
    assert read["x-amz-expected-bucket-owner"] == written["x-amz-expected-bucket-owner"] == "123456789012"
    assert written["x-amz-server-side-encryption"] == "aws:kms"
    assert written["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"


def test_nothing_more_is_sent_than_was_set() -> None:
    """Without settings, the bucket's own encryption and owner hold."""
    with scripted(Says(headers={"ETag": '"e"'})) as stub:
        ObjectStore(client(stub)).write("s3://bucket/key", b"abc", "image/png")
    names = {name.lower() for name in stub.heard[0].headers}
    assert not [name for name in names if "encryption" in name or "owner" in name]
