"""URIs of objects: every form whose meaning is certain, and for the others what to write."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import boto3
import pytest
from stub import Says, scripted

from airflow_titan import errors
from airflow_titan.aws.encryption import encryption_arguments
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.aws.uri import canonical_prefix, decoded, split
from airflow_titan.parameters.lists import parse_uris

AP = "arn:aws:s3:us-east-1:123456789012:accesspoint/my-ap"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        (f"s3://{AP}/a/key.png", AP, "a/key.png"),
        (f"s3://{AP}/object/key.png", AP, "object/key.png"),
        ("s3://arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-ap/k", AP.replace("aws", "aws-cn", 1)
         .replace("us-east-1", "cn-north-1"), "k"),
        ("s3://arn:aws:s3::123456789012:accesspoint/mfz.mrap/k", "arn:aws:s3::123456789012:accesspoint/mfz.mrap", "k"),
        (f"s3://{AP.replace(':s3:', ':s3-object-lambda:')}/k", AP.replace(":s3:", ":s3-object-lambda:"), "k"),
        ("s3://arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01/accesspoint/my-ap/k",
         "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01/accesspoint/my-ap", "k"),
        ("s3://my-ap-abc123-s3alias/k", "my-ap-abc123-s3alias", "k"),
        ("s3a://bucket/k", "bucket", "k"),
        ("s3n://bucket/k", "bucket", "k"),
        ("s3://aws_default@bucket/k@2", "bucket", "k@2"),
        (f"s3://aws_default@{AP}/k", AP, "k"),
        ("arn:aws:s3:::bucket/a/k", "bucket", "a/k"),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a%20b/%C3%A9.png", "bucket", "a b/é.png"),
        ("https://bucket.s3.amazonaws.com/k%2Bl", "bucket", "k+l"),
        ("https://my.dotted.bucket.s3-us-west-2.amazonaws.com/k", "my.dotted.bucket", "k"),
        ("https://bucket.s3.dualstack.us-east-1.amazonaws.com/k", "bucket", "k"),
        ("https://bucket.s3-accelerate.amazonaws.com/k", "bucket", "k"),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/k", "bucket", "k"),
        ("https://s3.us-east-1.amazonaws.com/bucket/a/k", "bucket", "a/k"),
        ("https://s3.amazonaws.com/bucket/k", "bucket", "k"),
        ("https://s3.dualstack.us-east-1.amazonaws.com/bucket/k", "bucket", "k"),
        ("https://my-ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com/k", AP, "k"),
        ("https://s3.console.aws.amazon.com/s3/object/bucket?prefix=a/k%20l.png", "bucket", "a/k l.png"),
        ("https://us-east-1.console.aws.amazon.com/s3/object/bucket?region=us-east-1&bucketType=general&prefix=k",
         "bucket", "k"),
    ],
)  # fmt: skip
def test_forms_that_are_certain(uri: str, bucket: str, key: str) -> None:
    """They name an object as ``s3://bucket/key`` does."""
    assert split(uri) == (bucket, key)


@pytest.mark.parametrize(
    "key", ["a#b", "a?b", "a?b=c&d", "100%", "%20", "a+b", "a b ", "a//b", "/a", "é🎨", "a@b", "a:b", "\u200b"]
)
def test_odd_keys_stay_as_they_are(key: str) -> None:
    """Nothing of an s3:// URI is decoded."""
    assert split(f"s3://bucket/{key}") == ("bucket", key)


@pytest.mark.parametrize(
    ("uri", "write"),
    [
        (
            "https://bucket.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Signature=5ec4e7",
            "s3://bucket/k",
        ),
        ("https://bucket.s3.amazonaws.com/k?AWSAccessKeyId=A&Signature=5ec4e7&Expires=1", "s3://bucket/k"),
        ("https://bucket.s3.amazonaws.com/k?versionId=3", "s3://bucket/k"),
        ("https://bucket.s3.amazonaws.com/k?response-content-type=x", "s3://bucket/k"),
        ("https://bucket.s3.amazonaws.com/my+photo.png", "s3://bucket/my photo.png"),
        ("s3://bucket/k?versionId=3", "s3://bucket/k"),
        ("https://cdn.example.com/k.png", "s3://bucket/key"),
        ("http://127.0.0.1:9000/bucket/k.png", "s3://bucket/key"),
        (AP, f"s3://{AP}/key"),
        ("s3:/bucket/k", "s3://bucket/k"),
        ("https://s3.console.aws.amazon.com/s3/buckets?region=us-east-1", "s3://bucket/key"),
        ("s3://arn:aws:s3:us-east-1:accesspoint/my-ap/k", "s3://arn:aws:s3:region:account:accesspoint/name/key"),
    ],
)
def test_forms_that_are_not(uri: str, write: str) -> None:
    """The error has the URI to write, and no secret."""
    with pytest.raises(ValueError, match=f"write {re.escape(write)}") as caught:
        split(uri)
    assert "5ec4e7" not in str(caught.value)


def test_the_connection_in_a_uri_must_be_the_tasks() -> None:
    """Else the object would be read by another identity than it says."""
    assert split("s3://ours@bucket/k", "ours") == ("bucket", "k")
    with pytest.raises(
        ValueError, match="names the connection 'theirs', and the task asks S3 by 'ours'; write s3://bucket/k"
    ):
        split("s3://theirs@bucket/k", "ours")
    with pytest.raises(ValueError, match="by the environment's credentials"):
        split("s3://theirs@bucket/k", "")


def test_files_of_another_connection_are_refused_by_name() -> None:
    """Result files and their records are read without a parameter's name at hand."""
    store = ObjectStore(boto3.client("s3"), connection="ours")
    for read in (store.read, lambda uri: store.download(uri, BytesIO())):
        with pytest.raises(errors.StoreRefused, match=r"'s3://theirs@bucket/k' can't be read: it names the connection"):
            read("s3://theirs@bucket/k")


def test_paths_are_read_by_their_text() -> None:
    """``ObjectStoragePath`` says where it is; what pathlib makes of a URI has lost a slash, and is told."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    (uri,) = parse_uris(ObjectStoragePath("s3://aws_default@bucket/a/k.png"))
    assert split(uri, "aws_default") == ("bucket", "a/k.png")
    (uri,) = parse_uris(PurePosixPath("s3://bucket/k"))
    with pytest.raises(ValueError, match="write s3://bucket/k"):
        split(uri)


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a//b/", "s3://bucket/a//b"),
        ("s3a://bucket/a", "s3://bucket/a"),
        ("s3://aws_default@bucket/a", "s3://bucket/a"),
        (f"s3://{AP}/a", f"s3://{AP}/a"),
        ("arn:aws:s3:::bucket/a", "s3://bucket/a"),
        ("https://bucket.s3.us-east-1.amazonaws.com/a%20b/", "s3://bucket/a b"),
        ("https://us-east-1.console.aws.amazon.com/s3/buckets/bucket?region=us-east-1&prefix=a/b/", "s3://bucket/a/b"),
    ],
)
def test_prefixes_have_the_same_forms(given: str, prefix: str) -> None:
    """What is written there is named as ``s3://bucket/key``."""
    assert canonical_prefix(given) == prefix


@pytest.mark.parametrize(
    ("uri", "plain"),
    [("s3://b/my+photo%281%29.png", "s3://b/my photo(1).png"), ("s3://b/a%C3%A9", "s3://b/aé"), ("s3://b/plain", None)],
)
def test_encoded_keys_are_decoded_for_the_message(uri: str, plain: str | None) -> None:
    """Events of S3 tell keys so."""
    assert decoded(uri) == plain


def test_a_missing_key_that_looks_encoded(s3: Any, bucket: str) -> None:
    """The message has the key that is meant."""
    with pytest.raises(errors.StoreRefused, match=re.escape(f"s3://{bucket}/my photo(1).png may be meant")):
        ObjectStore(s3).get(f"s3://{bucket}/my+photo%281%29.png")


def test_uris_in_messages_are_whole() -> None:
    """However long, in a list too, and without what makes a presigned one a secret."""
    uri = f"s3://bucket/{'k' * 1000}.png"
    assert errors.abbreviate(uri) == repr(uri)
    assert errors.abbreviate([uri, uri]) == f"[{uri!r}, {uri!r}]"
    shown = errors.abbreviate("https://bucket.s3.amazonaws.com/k?X-Amz-Security-Token=t&X-Amz-Signature=5ec4e7")
    assert shown == "'https://bucket.s3.amazonaws.com/k?…'"


@pytest.mark.parametrize("uri", [f"s3://{AP}/k", "s3://my-ap-abc123-s3alias/k"])
def test_access_points_are_asked(uri: str) -> None:
    """boto3 takes an ARN in place of a bucket."""
    import boto3
    from botocore.config import Config

    client = boto3.client("s3", "us-east-1", config=Config(ignore_configured_endpoint_urls=True))
    asked: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        asked.append(request.url)
        raise LookupError

    client.meta.events.register("before-send", stop)
    with pytest.raises((LookupError, errors.StoreFailed)):
        ObjectStore(client).get(uri)
    assert re.match(
        r"https://my-ap-(123456789012\.s3-accesspoint\.us-east-1|abc123-s3alias\.s3)\.amazonaws\.com/k", asked[0]
    )


def test_a_name_that_can_not_be_asked_for_is_no_fault_that_passes() -> None:
    """Access points of many regions need another library to sign with, and no other key will do for them."""
    import boto3

    client = boto3.client("s3", "us-east-1")
    with pytest.raises(errors.StoreRefused, match=r"Install 'botocore\[crt\]'|S3 takes no such name"):
        ObjectStore(client).get("s3://arn:aws:s3::123456789012:accesspoint/mfz.mrap/k")


def test_the_payer_is_named_in_each_request() -> None:
    """S3 refuses one that leaves it out."""
    import boto3
    from botocore.config import Config

    says = Says(headers={"ETag": '"e"'})
    with scripted(says) as stub:
        own = Config(s3={"addressing_style": "path"})
        store = ObjectStore(
            boto3.client("s3", "us-east-1", endpoint_url=stub.url, config=own), request_payer="requester"
        )
        store.get("s3://bucket/key")
        store.head("s3://bucket/key")
        store.write("s3://bucket/key", b"abc")
        store.delete("s3://bucket/key")
    told = [{name.lower(): value for name, value in heard.headers.items()} for heard in stub.heard]
    assert [headers.get("x-amz-request-payer") for headers in told] == ["requester"] * 4


@pytest.mark.parametrize(
    ("word", "key"),
    [(None, "alias/k"), ("AES256", "alias/k"), ("aws:kms", "arn:aws:iam::123456789012:role/r"), ("aws:kms", "a key")],
)
def test_encryption_that_s3_would_refuse(word: str | None, key: str) -> None:
    """It is refused before anything is paid."""
    with pytest.raises(errors.ConfigurationError, match="sse_kms_key_id: got"):
        encryption_arguments(word, key)


@pytest.mark.parametrize("key", [None, "alias/k", "1234abcd-12ab-34cd-56ef-1234567890ab",
                                 "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd12ab"])  # fmt: skip
def test_encryption_that_s3_takes(key: str | None) -> None:
    """A key may have three forms, or be the account's."""
    given = encryption_arguments("aws:kms:dsse", key)
    assert (given["ServerSideEncryption"], given.get("SSEKMSKeyId")) == ("aws:kms:dsse", key)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/ap/object/in/k", "write s3://arn.*accesspoint/ap/in/k$"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/ap/in/k", "write s3://arn.*accesspoint/ap/in/k$"),
        ("{{ params.image }}", "template that was not rendered"),
        ("[s3://bucket/key]", r"\| tojson"),
    ],
)
def test_what_is_no_uri_yet_is_told_how_to_become_one(uri: str, words: str) -> None:
    """By the URI itself, where it is known."""
    with pytest.raises(ValueError, match=words):
        split(uri)


def test_the_scheme_may_be_written_large() -> None:
    """Schemes have no case."""
    assert split("S3://bucket/Key") == ("bucket", "Key")


def test_a_prefix_of_nothing_but_the_scheme_has_no_bucket() -> None:
    """It does begin with s3://."""
    with pytest.raises(ValueError, match="has no bucket"):
        canonical_prefix("s3://")
