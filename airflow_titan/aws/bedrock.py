"""
The only code that talks to Bedrock: one request, sent once, and every way in which it ends.

The client must not retry by itself (:mod:`airflow_titan.hooks.bedrock` sees to that): the service knows no
idempotency token, so whatever the SDK sends again is paid again. Nothing is sent again here either.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    TokenRetrievalError,
)
from urllib3.exceptions import HTTPError

from airflow_titan import errors
from airflow_titan.aws.body import RequestBody

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RawResponse:
    """
    The service's answer as it came.

    :param body: the bytes of the body
    :param request_id: AWS's name for the request
    :param model_latency_ms: how long the model worked, as the service measured it
    :param elapsed_ms: how long the call took, as seen from here
    """

    body: bytes
    request_id: str
    model_latency_ms: int | None
    elapsed_ms: int


@dataclass(frozen=True)
class StreamedResponse:
    """
    An answer whose headers are there, and whose body is still on its way: the model has done its work.

    :param request_id: AWS's name for the request
    :param model_latency_ms: how long the model worked, as the service measured it
    :param content_length: bytes of the body; 0 where the service doesn't tell
    :param body: what the body is read from
    :param started: when the request was sent, by this process's monotonic clock
    """

    request_id: str
    model_latency_ms: int | None
    content_length: int
    body: Any
    started: float

    def read(self) -> RawResponse:
        """
        Return the whole answer.

        :raises AnswerLost: if it is lost on the way
        """
        try:
            data = self.body.read()
        except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
            message = f"{_lost(error, self.started)} AWS request id {self.request_id}."
            raise errors.AnswerLost(message) from error
        return RawResponse(data, self.request_id, self.model_latency_ms, _milliseconds_since(self.started))


class _Refusal(NamedTuple):
    """One way in which the service says no: what it looks like, what it means, what to do."""

    status: int | None
    code: str
    message: str
    error: type[errors.TitanError]
    advice: str


_TOO_MANY = "Run fewer tasks at once with an Airflow pool, or raise the quota."
# Looked up from top to bottom. The service tells some failures apart by their words alone, so words count.
# Sources: botocore's service model for codes and statuses; public issues that quote the service for the words.
_REFUSALS = (
    _Refusal(None, "Throttling", "", errors.Throttled, _TOO_MANY),
    _Refusal(400, "Validation", "blocked by our content filters", errors.ContentBlocked, "Reword the prompt."),
    _Refusal(
        400, "Validation", "model identifier is invalid", errors.UnknownModel,
        "Check model_id and region_name: each model is offered in a few regions only.",
    ),
    _Refusal(
        400, "Validation", "on-demand throughput", errors.ModelUnavailable,
        "Name the inference profile of this model in model_id, and its family in model_family.",
    ),
    _Refusal(
        400, "ServiceQuotaExceeded", "", errors.AccountLimited,
        "A quota of the account is used up; raise it with AWS, or run fewer tasks at once with an Airflow pool.",
    ),
    _Refusal(400, "", "", errors.RequestRefused, "Please report it: our check should have found this before."),
    _Refusal(404, "", "end of its life|marked by provider as Legacy", errors.ModelRetired, "Choose an active model."),
    _Refusal(404, "", "", errors.UnknownModel, "Check model_id and region_name."),
    _Refusal(403, "ExpiredToken", "", errors.AccountLimited, "The credentials have expired; a retry takes new ones."),
    _Refusal(
        403, "", "", errors.AccessDenied,
        "Allow bedrock:InvokeModel on this model, and ask for access to it in the Bedrock console.",
    ),
    _Refusal(401, "", "", errors.AccessDenied, "Check the connection's credentials."),
    _Refusal(413, "", "", errors.RequestRefused, "Use fewer or smaller images."),
    _Refusal(429, "", "", errors.Throttled, _TOO_MANY),
    _Refusal(503, "", "", errors.Unavailable, "The service has no capacity at the moment."),
    _Refusal(408, "", "", errors.ServiceFailed, "The model took too long."),
    _Refusal(424, "", "", errors.ServiceFailed, "The model failed."),
    _Refusal(None, "", "", errors.ServiceFailed, "The service failed."),
)  # fmt: skip


def invoke(
    client: Any, model_id: str, body: BinaryIO, *, metadata: Mapping[str, str] | None = None
) -> StreamedResponse:
    """
    Invoke a model, once; return as soon as the answer's headers are there.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param model_id: model id or ARN
    :param body: the request in the model's dialect; it is closed when the service has accepted it
    :param metadata: tags for AWS's invocation log; left out where the installed botocore doesn't know them
    :raises TitanError: one of :mod:`airflow_titan.errors`; :class:`~airflow_titan.errors.BackOff` where the model did
        no work, and the same request may be sent again
    """
    arguments: dict[str, Any] = {
        "modelId": model_id, "contentType": "application/json", "accept": "application/json"
    }  # fmt: skip
    operation = client.meta.service_model.operation_model("InvokeModel")
    if metadata and "requestMetadata" in operation.input_shape.members:
        arguments["requestMetadata"] = request_metadata(metadata)
    started = time.monotonic()
    body.seek(0)
    try:
        response = client.invoke_model(body=RequestBody(body), **arguments)
    except ClientError as error:
        raise _refused(error, model_id) from error
    except (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError) as error:
        raise errors.ConnectFailed(f"no connection to Bedrock: {error}") from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError) as error:
        raise errors.AccessDenied(f"no AWS credentials: {error}. Check the connection aws_conn_id.") from error
    except ParamValidationError as error:
        raise errors.ConfigurationError(f"model_id: {model_id!r} is no model id or ARN: {error}") from error
    except (BotoCoreError, HTTPClientError, HTTPError) as error:
        raise errors.AnswerLost(_lost(error, started)) from error
    # nobody needs the request any more, and both together are a lot to keep in memory
    body.close()
    facts = response["ResponseMetadata"]
    headers = facts.get("HTTPHeaders", {})
    return StreamedResponse(
        request_id=str(facts.get("RequestId", "")),
        model_latency_ms=_number(headers, "x-amzn-bedrock-invocation-latency"),
        content_length=_number(headers, "content-length") or 0,
        body=response["body"],
        started=started,
    )


def request_metadata(tags: Mapping[str, str]) -> str:
    """
    Return tags as ``requestMetadata`` takes them: a JSON object of short plain texts.

    The service takes at most 16 tags of 256 letters, digits, spaces and some signs; everything else becomes ``_``.
    """
    plain = {key: re.sub(r"[^A-Za-z0-9 :_@$#=/+,.-]", "_", value)[:256] for key, value in tags.items() if value}
    return json.dumps(plain, separators=(",", ":"))


def _refused(error: ClientError, model_id: str) -> errors.TitanError:
    """Return the error for what the service said; it says what to do."""
    reason = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, message, status = str(reason.get("Code", "")), str(reason.get("Message", "")), metadata.get("HTTPStatusCode")
    match = next(
        row
        for row in _REFUSALS
        if row.status in {None, status} and code.startswith(row.code) and re.search(row.message, message)
    )
    return match.error(
        f"{model_id}: {message.rstrip('.')} ({code}, HTTP {status}, "
        f"AWS request id {metadata.get('RequestId')}). {match.advice}"
    )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header's number; ``None`` where there is none."""
    value = headers.get(name, "")
    return int(value) if value.isdigit() else None


def _lost(error: Exception, started: float) -> str:
    return f"no whole answer after {_milliseconds_since(started) / 1000:.1f} s, so it may have been paid: {error}."


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
