"""
What goes wrong before a request can be signed: no session, no client, no credentials; sorted by what it means.

Credentials come from STS, from single sign-on, from a process, a file or the machine's metadata; most are fetched with
the first request and again when they expire. What may pass is :class:`~airflow_titan.errors.ConnectFailed` and the
like, as no request was sent; what can't is :class:`~airflow_titan.errors.AccessDenied`, or
:class:`~airflow_titan.errors.ConfigurationError` where a setting is wrong.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from botocore import exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidIMDSEndpointError,
    InvalidIMDSEndpointModeError,
    InvalidRegionError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    RefreshWithMFAUnsupportedError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from airflow_titan.errors import (
    AccessDenied,
    ConfigurationError,
    ConnectFailed,
    Throttled,
    TitanError,
    Unavailable,
)

# botocore knows aws login since late in 2025
_LOGIN_ERROR: type[Exception] = getattr(exceptions, "LoginError", SSOError)
#: Exceptions that say, whatever was called, that there are no credentials to sign with.
NO_CREDENTIALS = (
    NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, NoAuthTokenError,
    SSOError, _LOGIN_ERROR, MetadataRetrievalError, RefreshWithMFAUnsupportedError, ProfileNotFound,
)  # fmt: skip
#: No connection to whoever gives credentials: nothing was sent, and another try may come through.
_NO_CONNECTION = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, ConnectionClosedError)
#: Operations that fetch credentials; none of them is one that this package asks for itself.
_OPERATIONS = frozenset({
    "AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetSessionToken", "GetFederationToken",
    "GetRoleCredentials", "CreateToken", "CreateOAuth2Token",
})  # fmt: skip
#: Bases of what other libraries raise where a try may pass: known by name, so that none of them has to be imported.
_UNREACHABLE = frozenset({
    "ConnectionError", "TimeoutError", "Timeout", "TransportError", "OperationalError", "AirflowRuntimeError",
})  # fmt: skip
_SERVER_ERROR, _TOO_MANY_REQUESTS = 500, 429
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|PriorRequestNotComplete")
#: Refusals that may pass though they are no server's error: the identity provider didn't answer, or a clock is wrong.
_PASSING = re.compile("IDPCommunicationError|RequestTimeout|RequestTimeTooSkewed")


class _Remedy(NamedTuple):
    """What to do where STS or single sign-on says no, by its code."""

    code: str
    text: str


_REMEDIES = (
    _Remedy(
        "AccessDenied|UnauthorizedOperation",
        "Name this principal in the role's trust policy, allow it sts:{operation}, and check role_arn in the extra.",
    ),
    _Remedy(
        "InvalidIdentityToken|IDPRejectedClaim",
        "Check that the account has this OpenID Connect provider, and that the role trusts its audience.",
    ),
    _Remedy("ExpiredToken", "Renew the token, or the session that the connection's credentials belong to."),
    _Remedy("InvalidClientTokenId|UnrecognizedClient", "Check the access key and, with it, aws_session_token."),
    _Remedy("SignatureDoesNotMatch", "Check the secret access key, and this machine's clock."),
    _Remedy("RegionDisabled", "Activate STS in this region, or choose another region_name."),
    _Remedy("Unauthorized", "Sign in again with aws sso login."),
    _Remedy("Validation|MalformedPolicy|PackedPolicy", "Check role_arn and assume_role_kwargs in the extra."),
    _Remedy("", "Check the connection's extra."),
)


class _Failure(NamedTuple):
    """What fails before anybody was asked: the exceptions that say so, words in them, our error, and what to do."""

    exceptions: tuple[type[Exception], ...]
    words: str
    error: type[TitanError]
    message: str
    remedy: str

    def is_of(self, error: Exception) -> bool:
        """Tell whether an exception is one of these."""
        return isinstance(error, self.exceptions) and re.search(self.words, str(error)) is not None


class _Unreachable(type):
    """Makes exceptions known by the names of their bases, so that no other library has to be imported for them."""

    def __instancecheck__(cls, instance: object) -> bool:
        return bool(_UNREACHABLE & {base.__name__ for base in type(instance).__mro__})


class _AnyUnreachable(Exception, metaclass=_Unreachable):
    """What other libraries raise where a server can't be reached."""


_UNUSABLE = "{connection}, which can't be used: {told}."
_NO_REGION = "region_name: got nothing; allowed is an AWS region that offers the model. Set it on the task, or as "
_SIGN_IN = "Sign in again (aws sso login, aws login) where the task runs, or give other credentials."
# looked up from top to bottom
_FAILURES = (
    _Failure(
        (SSLError,), "CERTIFICATE_VERIFY_FAILED", ConfigurationError,
        "{connection}, and the certificate at the other end is not trusted: {told}.",
        "Name the certificates to trust in verify, or in the environment variable AWS_CA_BUNDLE.",
    ),
    _Failure(
        (*_NO_CONNECTION, HTTPClientError, ReadTimeoutError, SSLError), "", ConnectFailed,
        "{connection}, for which credentials could not be fetched: {told}", "",
    ),
    _Failure(
        (CredentialRetrievalError, MetadataRetrievalError),
        r"Could not connect|[Tt]imeout|timed out|Connection was closed|non 200 response (5\d\d|429)", ConnectFailed,
        "{connection}, for which credentials could not be fetched: {told}", "",
    ),
    _Failure(
        (NoRegionError,), "", ConfigurationError,
        _NO_REGION + "region_name in the extra of the connection ({connection}).", "",
    ),
    _Failure(
        (InvalidRegionError,), "", ConfigurationError,
        "region_name: {told} ({connection}); allowed is the name of a region such as us-east-1.",
        "Correct region_name on the task, or in the extra of the connection.",
    ),
    _Failure(
        (InvalidIMDSEndpointError, InvalidIMDSEndpointModeError), "", ConfigurationError, _UNUSABLE,
        "Correct AWS_EC2_METADATA_SERVICE_ENDPOINT or the configuration file of this machine.",
    ),
    _Failure((SSOError, TokenRetrievalError, NoAuthTokenError, _LOGIN_ERROR), "", AccessDenied, _UNUSABLE, _SIGN_IN),
    _Failure(
        (ProfileNotFound,), "", AccessDenied, _UNUSABLE,
        "Correct profile_name in the extra or AWS_PROFILE, or add the profile to ~/.aws/config where the task runs.",
    ),
    _Failure(
        (PartialCredentialsError,), "", AccessDenied, _UNUSABLE,
        "Give both, the access key as the connection's login and the secret as its password.",
    ),
    _Failure(
        (NoCredentialsError,), "", AccessDenied, _UNUSABLE,
        "Give the connection an access key or a role_arn, or the machine that the task runs on a role.",
    ),
    _Failure(
        (FileNotFoundError,), "", ConfigurationError, _UNUSABLE,
        "Check that this file is there on the machine that the task runs on.",
    ),
    _Failure((NotImplementedError,), "", ConfigurationError, _UNUSABLE, "Correct the connection's extra."),
    _Failure(
        (*NO_CREDENTIALS, PermissionError, RuntimeError), "", AccessDenied, _UNUSABLE,
        "Check the connection's extra, and the settings of AWS where the task runs.",
    ),
    _Failure((_AnyUnreachable,), "", ConnectFailed, "{connection}, which could not be read: {told}", ""),
    _Failure(
        (Exception,), "", ConfigurationError, _UNUSABLE,
        "Check the connection's extra, and the settings of AWS where the task runs.",
    ),
)  # fmt: skip


def fetches_credentials(error: Exception) -> bool:
    """Tell whether a failure is of whoever gives credentials, and not of the service that was to be asked with them."""
    if isinstance(error, ClientError):
        return error.operation_name in _OPERATIONS
    return isinstance(error, NO_CREDENTIALS)


def session_error(error: Exception, connection: str) -> TitanError:
    """
    Return the error for whatever failed while a session, its credentials or a client were made.

    :param connection: the parameter and the connection that it names, such as ``aws_conn_id: got 'aws_default'``
    """
    if isinstance(error, TitanError):
        return error
    if isinstance(error, ClientError):
        return _refused(error, connection)
    # some of botocore's messages have several lines
    name, text = type(error).__name__, " ".join(str(error).split()).rstrip(".")
    told = text if isinstance(error, BotoCoreError) else f"{name}: {text}" if text else name
    failure = next(failure for failure in _FAILURES if failure.is_of(error))
    return failure.error(f"{failure.message.format(connection=connection, told=told)} {failure.remedy}".rstrip())


def _refused(error: ClientError, connection: str) -> TitanError:
    """Sort what a service says that gives credentials."""
    reason, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, message = str(reason.get("Code", "")), str(reason.get("Message", "")).rstrip(".")
    status = int(metadata.get("HTTPStatusCode", 0))
    told = f"{error.operation_name}: {code}: {message} (HTTP {status}, AWS request id {metadata.get('RequestId')})"
    value = f"{connection}, for which no credentials are given: {told}"
    if _THROTTLED.search(code) or status == _TOO_MANY_REQUESTS:
        return Throttled(f"{value}. Another try may pass.")
    if status >= _SERVER_ERROR or _PASSING.search(code):
        return Unavailable(f"{value}. Another try may pass.")
    remedy = next(remedy.text for remedy in _REMEDIES if re.search(remedy.code, code))
    return AccessDenied(f"{value}. {remedy.format(operation=error.operation_name)}")
