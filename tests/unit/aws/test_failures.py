"""What botocore raises, and what it is called here."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from urllib3.exceptions import ProtocolError

from airflow_titan import errors
from airflow_titan.aws.failures import AWS_ERRORS, Refusal, bedrock_error, s3_error

_URI = "s3://bucket/key"


def refused(code: str, status: int, **metadata: object) -> ClientError:
    """Make what a client raises where a service says no."""
    response = {
        "Error": {"Code": code, "Message": "because"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "id-1", **metadata},
    }
    return ClientError(response, "Operation")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raised", "of_s3", "of_bedrock"),
    [
        (NoCredentialsError(), errors.AccessDenied, errors.AccessDenied),
        (ParamValidationError(report="?"), errors.StoreRefused, errors.ConfigurationError),
        (EndpointConnectionError(endpoint_url="u"), errors.StoreFailed, errors.ConnectFailed),
        (ConnectTimeoutError(endpoint_url="u"), errors.StoreFailed, errors.ConnectFailed),
        (ReadTimeoutError(endpoint_url="u"), errors.StoreFailed, errors.AnswerLost),
        (ProtocolError("cut off"), errors.StoreFailed, errors.AnswerLost),
        (refused("ExpiredToken", 403), errors.StoreFailed, errors.AccountLimited),
        (refused("AccessDenied", 403), errors.StoreRefused, errors.AccessDenied),
        (refused("InternalError", 500), errors.StoreFailed, errors.ServiceFailed),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[:40],
)
def test_each_exception_means_one_thing(
    raised: Exception, of_s3: type[errors.TitanError], of_bedrock: type[errors.TitanError]
) -> None:
    """A request that surely wasn't sent is told from an answer that got lost, and both from a refusal."""
    assert isinstance(raised, AWS_ERRORS)
    assert type(s3_error(raised, "read", _URI)) is of_s3
    assert type(bedrock_error(raised, "a-model", 1.0)) is of_bedrock


def test_a_refusal_tells_what_the_service_said() -> None:
    """Code, words, status and AWS's name for the request, and whether it was sent before."""
    assert Refusal.of(refused("Odd", 409, RetryAttempts=1)) == Refusal("Odd", "because", 409, "id-1", resent=True)


def test_what_is_no_refusal_says_nothing() -> None:
    """A lost connection is no answer of S3's that an object is missing."""
    assert Refusal.of(ReadTimeoutError(endpoint_url="u")) == Refusal()
    assert not Refusal.of(ReadTimeoutError(endpoint_url="u")).is_missing


def test_the_remedy_goes_by_whose_object_it_is() -> None:
    """An input of the user's is looked for; for an object of our own a permission is granted."""
    input_refused = s3_error(refused("NoSuchKey", 404), "read", _URI)
    assert isinstance(input_refused, errors.StoreRefused)
    assert (input_refused.reason, "runs before" in input_refused.remedy) == ("NoSuchKey: because", True)
    assert "allows s3:PutObject" in str(s3_error(refused("NoSuchKey", 404), "write", _URI, permission="s3:PutObject"))


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        (403, "InvalidSignatureException", "Signature expired: 20261126T000000Z is now earlier than 20261126T090000Z"),
        (403, "InvalidSignatureException", "Signature not yet current: 20261126T180000Z is still later than now"),
        (400, "RequestExpired", "Request has expired."),
    ],
)
def test_a_wrong_clock_is_told_alike(status: int, code: str, message: str) -> None:
    """By S3 and by Bedrock: it may pass on another worker, and the advice is to set the clock."""
    said = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = ClientError(said, "Operation")  # type: ignore[arg-type]
    ours = bedrock_error(error, "m", 1), s3_error(error, "read", "s3://b/k")
    assert [type(error) for error in ours] == [errors.AccountLimited, errors.StoreFailed]
    assert all("clock is wrong by minutes: set it" in str(error) and "NTP" in str(error) for error in ours)


def test_wrong_keys_are_no_missing_permission() -> None:
    """A signature by another secret says to check the keys, and never passes."""
    said = {
        "Error": {"Code": "InvalidSignatureException", "Message": "The request signature we calculated does not match"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    error = bedrock_error(ClientError(said, "InvokeModel"), "m", 1)  # type: ignore[arg-type]
    assert isinstance(error, errors.AccessDenied)
    assert "Check the connection's keys" in str(error)
