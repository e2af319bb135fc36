"""
What goes wrong on the way to AWS: botocore's exceptions, sorted by what they mean, in one place for S3 and Bedrock.

A call of a boto3 client raises one of ``AWS_ERRORS``. :func:`s3_error` and :func:`bedrock_error` turn it into the error
of :mod:`airflow_titan.errors` that says what to do. What a service says of a request that it refuses is a
:class:`Refusal`; what never came so far, or got lost on the way back, goes by its type.
"""

from __future__ import annotations

import re
import zlib
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    EndpointProviderError,
    HTTPClientError,
    InvalidHostLabelError,
    MissingDependencyException,
    ParamValidationError,
    ProxyConnectionError,
    SSLError,
    UnsupportedOutpostResourceError,
    UnsupportedS3AccesspointConfigurationError,
    UnsupportedS3ArnError,
    UnsupportedS3ConfigurationError,
)
from urllib3.exceptions import HTTPError

from airflow_titan import errors
from airflow_titan.aws.credentials import fetches_credentials, session_error
from airflow_titan.aws.unsupported import CHECKSUMS, is_unsupported
from airflow_titan.aws.uri import decoded

if TYPE_CHECKING:
    from airflow_titan.aws.deadline import Deadline

_NO_CONNECTION = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
#: No complete answer; those above are some of them, so they are looked for first.
_NO_ANSWER = (BotoCoreError, HTTPClientError, HTTPError)
#: What botocore raises, too, where a reply can't be parsed, or lacks what every reply has.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, HTTPException, zlib.error)
#: All that a call of a client may raise, and the reading of what it returned.
AWS_ERRORS = (ClientError, *_NO_ANSWER, *_UNREADABLE, OSError)

#: How failures name the connection of a client that no hook watches.
_S3_CONNECTION, _BEDROCK_CONNECTION = "s3_conn_id or aws_conn_id: got a connection", "aws_conn_id: got a connection"
_SERVER_ERROR = 500
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
#: What S3 says of keys that aren't there, to those who may list the bucket and to those who may not.
_MAYBE_ENCODED = _MISSING | {"AccessDenied", "403", "Forbidden"}
#: Refusals of S3's that may pass: a retry takes new credentials, a new connection or a new look at the clock, and what
#: was damaged on its way is sent again.
_PASSING = frozenset({
    "ExpiredToken", "RequestTimeout", "RequestTimeTooSkewed", "RequestExpired", "OperationAborted", "SlowDown",
    "BadDigest", "InvalidDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
    "TooManyRequests", "Throttling", "ThrottlingException",
})  # fmt: skip
#: How services say that the worker's clock and theirs are minutes apart.
_SKEWED = re.compile("RequestTimeTooSkewed|RequestExpired|Signature expired|Signature not yet current|too large.*clock")
_CLOCK = "The worker's clock is wrong by minutes: set it, and keep it set by NTP (chrony, systemd-timesyncd)."
#: What to do where S3 refuses to read what a user named, by its code.
_READ_REMEDIES = {
    "NoSuchKey": "Check the key, and that the task which writes it runs before this one.",
    "404": "Check the key, and that the task which writes it runs before this one.",
    "NoSuchBucket": "Check the bucket's name, and the region and account of the connection.",
    "SignatureDoesNotMatch": "Check the connection's secret key.",
    "InvalidAccessKeyId": "Check the connection's access key.",
    "AccessDenied": "Allow s3:GetObject on it; without s3:ListBucket, S3 says this of missing objects too.",
    "InvalidObjectState": "Restore the object from its archive first.",
}


class Refusal(NamedTuple):
    """
    What a service said of a request that it refused; empty where it said nothing.

    :param code: its name for what is wrong
    :param status: of HTTP
    :param request_id: AWS's name for the request
    :param resent: whether the SDK had sent the request before
    """

    code: str = ""
    message: str = ""
    status: int = 0
    request_id: str | None = None
    resent: bool = False

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        """Read it from what a client raised."""
        if not isinstance(error, ClientError):
            return cls()
        reason, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        return cls(
            code=str(reason.get("Code", "")),
            message=str(reason.get("Message", "")),
            status=int(metadata.get("HTTPStatusCode", 0)),
            request_id=metadata.get("RequestId"),
            resent=bool(metadata.get("RetryAttempts")),
        )

    @property
    def is_missing(self) -> bool:
        """Whether S3 says that there is no such object."""
        return self.code in _MISSING


class _Failure(NamedTuple):
    """What keeps a request from being sent: the exceptions that say so, our error, and its message."""

    exceptions: tuple[type[Exception], ...]
    error: type[errors.TitanError]
    message: str


_NO_SUCH_NAME = (
    ParamValidationError, EndpointProviderError, UnsupportedS3ArnError, UnsupportedS3AccesspointConfigurationError,
    UnsupportedS3ConfigurationError, UnsupportedOutpostResourceError, InvalidHostLabelError,
)  # fmt: skip
_S3_FAILURES = (
    _Failure(
        (MissingDependencyException,), errors.StoreRefused,
        "{name} can't be asked for: {error} Install 'botocore[crt]' where the task runs.",
    ),
    _Failure(
        (*_NO_SUCH_NAME, UnicodeError), errors.StoreRefused,
        "S3 takes no such name as {name}: {error}. "
        "Check the parameter it comes from, output_prefix or [titan] output_root.",
    ),
)  # fmt: skip
_BEDROCK_FAILURES = (
    _Failure(_NO_CONNECTION, errors.ConnectFailed, "no connection to Bedrock: {error}"),
    _Failure(
        (ParamValidationError, UnicodeError),
        errors.ConfigurationError,
        "model_id: {model_id!r} is no model id or ARN: {error}",
    ),
)


class _Rule(NamedTuple):
    """One way in which Bedrock says no: what it looks like, what it means, what to do."""

    status: int | None
    code: str
    message: str
    error: type[errors.TitanError]
    remedy: str


_TOO_MANY = "Run fewer tasks at once with an Airflow pool, or raise the quota."
# Looked up from top to bottom. The service tells some failures apart by their words alone, so words count.
# Sources: botocore's service model for codes and statuses; public issues that quote the service for the words.
_BEDROCK_RULES = (
    _Rule(None, "", _SKEWED.pattern, errors.AccountLimited, _CLOCK),
    _Rule(None, "RequestTimeTooSkewed", "", errors.AccountLimited, _CLOCK),
    _Rule(None, "RequestExpired", "", errors.AccountLimited, _CLOCK),
    _Rule(None, "Throttling", "", errors.Throttled, _TOO_MANY),
    _Rule(400, "Validation", "blocked by our content filters", errors.ContentBlocked, "Reword the prompt."),
    _Rule(
        400, "Validation", "model identifier is invalid", errors.UnknownModel,
        "Check model_id and region_name: each model is offered in a few regions only.",
    ),
    _Rule(
        400, "Validation", "on-demand throughput", errors.ModelUnavailable,
        "Name the inference profile of this model in model_id, and its family in model_family.",
    ),
    _Rule(
        400, "ServiceQuotaExceeded", "", errors.AccountLimited,
        "A quota of the account is used up; raise it with AWS, or run fewer tasks at once with an Airflow pool.",
    ),
    _Rule(400, "", "", errors.RequestRefused, "Please report it: our check should have found this before."),
    _Rule(404, "", "end of its life|marked by provider as Legacy", errors.ModelRetired, "Choose an active model."),
    _Rule(404, "", "", errors.UnknownModel, "Check model_id and region_name."),
    _Rule(
        403, "(?:InvalidSignature|SignatureDoesNotMatch|UnrecognizedClient|InvalidClientTokenId)", "",
        errors.AccessDenied,
        "Check the connection's keys: they are not those of an active user, or the secret isn't the key's own.",
    ),
    _Rule(403, "ExpiredToken", "", errors.AccountLimited, "The credentials have expired; a retry takes new ones."),
    _Rule(
        403, "", "", errors.AccessDenied,
        "Allow bedrock:InvokeModel on this model, and ask for access to it in the Bedrock console.",
    ),
    _Rule(401, "", "", errors.AccessDenied, "Check the connection's credentials."),
    _Rule(413, "", "", errors.RequestRefused, "Use fewer or smaller images."),
    _Rule(429, "", "", errors.Throttled, _TOO_MANY),
    _Rule(503, "", "", errors.Unavailable, "The service has no capacity at the moment."),
    _Rule(408, "", "", errors.ServiceFailed, "The model took too long."),
    _Rule(424, "", "", errors.ServiceFailed, "The model failed."),
    _Rule(None, "", "", errors.ServiceFailed, "The service failed."),
)  # fmt: skip

# What a guardrail that isn't there is called was observed: the service has a code for it, and says another.
_GUARDRAIL_RULES = (
    _Rule(None, "", _SKEWED.pattern, errors.GuardrailFailed, _CLOCK),
    _Rule(None, "RequestTimeTooSkewed|RequestExpired", "", errors.GuardrailFailed, _CLOCK),
    _Rule(None, "Throttling", "", errors.GuardrailFailed, _TOO_MANY),
    _Rule(400, "ServiceQuotaExceeded", "", errors.GuardrailFailed, _TOO_MANY),
    _Rule(
        None, "Validation|ResourceNotFound", "guardrail identifier|does not exist|not found", errors.ConfigurationError,
        "Check guardrail_id and guardrail_version: a guardrail is found only in the region that it was made in, and by "
        "its ARN alone in another account.",
    ),
    _Rule(
        400, "", "grounding source", errors.ConfigurationError,
        "Take the contextual grounding policy out of the guardrail: pictures have no source to be held against.",
    ),
    _Rule(400, "", "", errors.ConfigurationError, "Correct the guardrail, or what is looked at by it."),
    _Rule(404, "", "", errors.ConfigurationError, "Check guardrail_id, guardrail_version and the region."),
    _Rule(
        403, "(?:InvalidSignature|SignatureDoesNotMatch|UnrecognizedClient|InvalidClientTokenId)", "",
        errors.AccessDenied, "Check the connection's keys.",
    ),
    _Rule(403, "ExpiredToken", "", errors.GuardrailFailed, "The credentials have expired; a retry takes new ones."),
    _Rule(
        403, "", "", errors.AccessDenied,
        "Allow bedrock:ApplyGuardrail on this guardrail; airflow-titan policy --guardrail prints the policy.",
    ),
    _Rule(401, "", "", errors.AccessDenied, "Check the connection's credentials."),
    _Rule(None, "", "", errors.GuardrailFailed, "Another try may pass."),
)  # fmt: skip


def s3_error(error: Exception, verb: str, uri: Any, *, permission: str | None = None) -> errors.TitanError:
    """
    Return the error for what a call of S3 raised.

    :param error: one of ``AWS_ERRORS``
    :param verb: what was to be done with the object, such as ``read``
    :param permission: what must be allowed on an object of our own; ``None`` for one that the user named, of which the
        remedy goes by what S3 says
    """
    if fetches_credentials(error) or _is_untrusted(error):
        failure = session_error(error, _S3_CONNECTION)
        if isinstance(failure, errors.TransientError):
            return errors.StoreFailed(f"S3 failed to {verb} {errors.abbreviate(uri)}: {failure}")
        return errors.AccessDenied(str(failure))
    if not isinstance(error, ClientError):
        name = errors.abbreviate(uri)
        said = f"its reply can't be read ({type(error).__name__}: {error})" if isinstance(error, _UNREADABLE) else error
        lost = errors.StoreFailed(f"S3 failed to {verb} {name}: {said}")
        return _of_type(_S3_FAILURES, error, name=name) or lost
    refusal = Refusal.of(error)
    name = uri if permission else errors.abbreviate(uri)
    reason = f"{refusal.code}: {refusal.message}"
    if is_unsupported(error):
        return errors.UnsafeStore(f"the store can't {verb} {name} as boto3 asks it: {reason.rstrip('.')}. {CHECKSUMS}")
    is_skewed = _SKEWED.search(reason)
    if refusal.status >= _SERVER_ERROR or refusal.code in _PASSING or is_skewed:
        advice = f". {_CLOCK}" if is_skewed else ""
        return errors.StoreFailed(f"S3 failed to {verb} {name}: {reason}{advice}")
    remedy = _READ_REMEDIES.get(refusal.code, "Check the URI and the connection's permissions.")
    if not permission and refusal.code in _MAYBE_ENCODED:
        remedy = f"{encoded_key(uri)}{remedy}"
    if permission:
        remedy = (
            "Check output_prefix or [titan] output_root, that the bucket exists, and that the connection allows "
            f"{permission} there."
        )
    return errors.StoreRefused(
        f"S3 refuses to {verb} {name}: {reason}. {remedy}",
        reason=reason,
        remedy=remedy,
        is_missing=refusal.is_missing,
    )


def encoded_key(uri: Any) -> str:
    """Return a sentence on the URI that may be meant by one that names nothing, and a space; nothing if none is."""
    plain = decoded(uri)
    return f"Its key looks encoded, as events of S3 tell keys: {plain} may be meant. " if plain else ""


def bedrock_error(
    error: Exception, model_id: str, seconds: float, deadline: Deadline | None = None
) -> errors.TitanError:
    """
    Return the error for what a call of Bedrock raised.

    :param error: one of ``AWS_ERRORS``
    :param seconds: since the request was sent
    :param deadline: what may have ended it
    """
    if fetches_credentials(error) or _is_untrusted(error):
        return session_error(error, _BEDROCK_CONNECTION)
    if not isinstance(error, ClientError):
        if known := _of_type(_BEDROCK_FAILURES, error, model_id=model_id):
            return known
        if deadline and deadline.is_surely_unsent:
            return errors.ConnectFailed(f"no connection to Bedrock: {error}")
        return answer_lost(error, seconds, deadline)
    return _refused(_BEDROCK_RULES, error, model_id)


def guardrail_error(error: Exception, name: str) -> errors.TitanError:
    """
    Return the error for what a call of ApplyGuardrail raised. Such a call may always be made again.

    :param error: one of ``AWS_ERRORS``
    :param name: the guardrail, as a message begins
    :return: :class:`~airflow_titan.errors.GuardrailFailed` where another try may pass
    """
    if fetches_credentials(error) or _is_untrusted(error):
        failure = session_error(error, _BEDROCK_CONNECTION)
        return errors.GuardrailFailed(str(failure)) if isinstance(failure, errors.TransientError) else failure
    if isinstance(error, ClientError):
        return _refused(_GUARDRAIL_RULES, error, name)
    if isinstance(error, (ParamValidationError, UnicodeError)):
        return errors.ConfigurationError(f"{name} can't be asked: {error}. Check guardrail_id and guardrail_version.")
    return errors.GuardrailFailed(f"{name} gave no answer: {error}.")


def _refused(rules: tuple[_Rule, ...], error: ClientError, name: str) -> errors.TitanError:
    """Return the error for what a service refused, by the first rule that fits."""
    code, message, status, request_id, _ = Refusal.of(error)
    rule = next(
        rule
        for rule in rules
        if rule.status in {None, status} and re.match(rule.code, code) and re.search(rule.message, message)
    )
    return rule.error(
        f"{name}: {message.rstrip('.')} ({code}, HTTP {status}, AWS request id {request_id}). {rule.remedy}"
    )


def _is_untrusted(error: Exception) -> bool:
    """Tell whether the other end's certificate is not trusted, so that no request was sent."""
    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def answer_lost(error: Exception, seconds: float, deadline: Deadline | None = None) -> errors.AnswerLost:
    """
    Return the error for an answer of Bedrock's that didn't arrive, or not to its end.

    :param seconds: since the request was sent
    :param deadline: what may have ended it
    """
    if deadline and deadline.passed:
        return errors.AnswerLost(
            f"no whole answer after {seconds:.1f} s, so it may have been paid: what should have passed within "
            f"{deadline.seconds:.0f} s came or went too slowly, and was broken off. Look at the network and the proxy "
            "between worker and service; read_timeout in botocore_config allows more or less."
        )
    return errors.AnswerLost(f"no whole answer after {seconds:.1f} s, so it may have been paid: {error}.")


def _of_type(failures: tuple[_Failure, ...], error: Exception, **names: Any) -> errors.TitanError | None:
    """Return the error for what never came so far; ``None`` where something may have come and got lost."""
    for failure in failures:
        if isinstance(error, failure.exceptions):
            return failure.error(failure.message.format(error=error, **names))
    return None
