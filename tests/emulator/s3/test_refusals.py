"""What S3 refuses and moto takes: bodies in signed chunks, encryption headers, and owners."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

SCOPE = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request, Signature=0"
UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
ENCODED_KEY = KEY | {"SSECustomerKey": "a2tr" * 10 + "a2s="}  # as boto3 sends it when it is told the digest
OURS, THEIRS = "123456789012", "999999999999"


def stream(emulator: Emulator, body: bytes, *, kind: str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", length: str) -> Any:
    """Put an object in signed chunks; give the status and what is said."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
    headers = {"Authorization": SCOPE, "x-amz-content-sha256": kind, "Content-Encoding": "aws-chunked"}
    if length:
        headers["x-amz-decoded-content-length"] = length
    connection.request("PUT", "/titan-images/k", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"4\r\nabcd\r\n0\r\nx-amz-checksum-crc32: 7YLNEQ==\r\n\r\n"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"4;chunk-signature=0a\r\nabcd\r\n0;chunk-signature=0b\r\n\r\n"),
    ],
)
def test_signed_chunks_are_taken_apart(emulator: Emulator, s3: Any, kind: str, body: bytes) -> None:
    """As botocore and as older clients write them."""
    assert stream(emulator, body, kind=kind, length="4")[0] == 200
    assert s3.get_object(Bucket="titan-images", Key="k")["Body"].read() == b"abcd"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("kind", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"FFFFFFFF\r\nabcd\r\n0\r\n\r\n", "4"),
        (b"-4\r\nabcd\r\n0\r\n\r\n", "4"),
        (b"zz\r\nabcd\r\n0\r\n\r\n", "4"),
        (b"4\r\nab", "4"),
        (b"4\r\nabcd\r\n", "4"),
        (b"4\r\nabcdXX0\r\n\r\n", "4"),
        (b"", "4"),
        (b"4\r\nabcd\r\n0\r\n\r\n", "9"),
        (b"4\r\nabcd\r\n0\r\n\r\n", "x"),
        (b"4\r\nabcd\r\n0\r\n\r\n", "9" * 5000),
    ],
)
def test_signed_chunks_that_are_not_whole_are_refused(
    emulator: Emulator, s3: Any, kind: str, body: bytes, length: str
) -> None:
    """Cut off, malformed, or of another length than they say; nothing is stored."""
    status, said = stream(emulator, body, kind=kind, length=length)
    assert (status, "<Code>IncompleteBody</Code>" in said) == (400, True)
    assert s3.list_objects_v2(Bucket="titan-images")["KeyCount"] == 0


@pytest.mark.usefixtures("bucket")
def test_signed_chunks_say_how_long_they_are(emulator: Emulator) -> None:
    """Without the length there is no telling."""
    status, said = stream(emulator, b"4\r\nabcd\r\n0\r\n\r\n", length="")
    assert (status, "<Code>MissingContentLength</Code>" in said) == (411, True)


@pytest.mark.parametrize("body", [b"x", b"<Delete>", b"<a>" * 20_000])
@pytest.mark.usefixtures("bucket")
def test_xml_that_is_not_well_formed_is_refused(emulator: Emulator, body: bytes) -> None:
    """In S3's words, on the connection, which stays."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
    connection.request("POST", "/titan-images?delete", body, {"Authorization": SCOPE})
    answer = connection.getresponse()
    assert (answer.status, b"<Code>MalformedXML</Code>" in answer.read()) == (400, True)


def refusal(operation: Any, **options: Any) -> tuple[int, str, str]:
    """Give the status, the code and the message that an operation is refused with."""
    with pytest.raises(ClientError) as caught:
        operation(**options)
    said = caught.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"], said["Error"].get("Message", "")


PAIRS: dict[str, tuple[dict[str, str], str]] = {
    "a KMS key for AES256": ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": UUID}, "requires HTTP header"),
    "a KMS key alone": ({"SSEKMSKeyId": UUID}, "requires HTTP header"),
    "a KMS context alone": ({"SSEKMSEncryptionContext": "e30="}, "requires HTTP header"),
    "an unknown method": ({"ServerSideEncryption": "aes256"}, "method specified is not supported"),
    "a customer's key and KMS": ({"ServerSideEncryption": "aws:kms"} | KEY, "incompatible with the encryption method"),
    "a customer's key and AES256": ({"ServerSideEncryption": "AES256"} | KEY, "incompatible with the encryption"),
    "a customer's key that is short": (KEY | {"SSECustomerKey": "k" * 31}, "invalid for the specified algorithm"),
    "a customer's key and no algorithm": ({"SSECustomerKey": "k" * 32}, "a valid encryption algorithm"),
    "an algorithm and no key": ({"SSECustomerAlgorithm": "AES256"}, "an appropriate secret key"),
    "a digest of another key": (ENCODED_KEY | {"SSECustomerKeyMD5": "AAAA"}, "MD5 hash of the key did not match"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_contradicting_encryption_is_refused(s3: Any, bucket: str, name: str) -> None:
    """In S3's words, wherever an object is made."""
    options, words = PAIRS[name]
    for operation in (s3.put_object, s3.create_multipart_upload):
        status, code, message = refusal(operation, Bucket=bucket, Key="k", **options)
        assert (status, code, words in message) == (400, "InvalidArgument", True)
    source = {"CopySource": f"{bucket}/k"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="l", **source, **options)[1] == "InvalidArgument"


@pytest.mark.parametrize(
    "key", ["not a key", "key 1", "alias/", "arn:aws:kms:us-east-1:1:key/x", f"arn:aws:s3:us-east-1:{OURS}:key/{UUID}"]
)
def test_what_is_no_key_of_kms_is_refused(s3: Any, bucket: str, key: str) -> None:
    """S3 passes on what KMS says of it."""
    said = refusal(s3.put_object, Bucket=bucket, Key="k", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert said == (400, "KMS.NotFoundException", f"Invalid keyId '{key}'")


@pytest.mark.parametrize(
    "options",
    [
        {"ServerSideEncryption": "AES256"},
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": UUID},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/my-key"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": f"arn:aws:kms:us-east-1:{OURS}:key/{UUID}"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": f"arn:aws:kms:us-east-1:{OURS}:alias/my-key"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mrk-" + "0" * 32},
        KEY,
    ],
)
def test_encryption_that_agrees_with_itself_is_taken(s3: Any, bucket: str, options: dict[str, str]) -> None:
    """A key is taken by its id, its ARN or an alias; whether there is one is not looked up."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **options)


def test_an_owner_who_is_another_is_refused(s3: Any, bucket: str) -> None:
    """For writing, reading and copying from, as the guard against a bucket of a stranger."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=OURS)
    where = {"Bucket": bucket, "Key": "k"}
    expected = (403, "AccessDenied")
    assert refusal(s3.put_object, **where, Body=b"y", ExpectedBucketOwner=THEIRS)[:2] == expected
    assert refusal(s3.get_object, **where, ExpectedBucketOwner=THEIRS)[:2] == expected
    copy = {"CopySource": f"{bucket}/k", "ExpectedSourceBucketOwner": THEIRS}
    assert refusal(s3.copy_object, Bucket=bucket, Key="l", **copy)[:2] == expected
    assert s3.get_object(**where, ExpectedBucketOwner=OURS)["Body"].read() == b"x"


def test_an_owner_that_is_no_account_is_refused(s3: Any, bucket: str) -> None:
    """Twelve digits."""
    said = refusal(s3.get_object, Bucket=bucket, Key="k", ExpectedBucketOwner="1234")
    assert said[:2] == (400, "InvalidBucketOwnerAWSAccountID")


def test_the_requester_may_offer_to_pay(s3: Any, bucket: str) -> None:
    """Nothing is asked of who owns the bucket."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", RequestPayer="requester")
    assert s3.get_object(Bucket=bucket, Key="k", RequestPayer="requester")["Body"].read() == b"x"
