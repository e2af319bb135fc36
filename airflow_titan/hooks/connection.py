"""
One Airflow connection of the Amazon provider's: found to be there and to make sense, and watched while it is used.

Whatever fails on the way to a signed request ends as an error of :mod:`airflow_titan.errors` that names the connection.
"""

from __future__ import annotations

import json
import logging
import os
import re
import ssl
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import botocore.session
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from botocore import UNSIGNED
from botocore.exceptions import NoCredentialsError

from airflow_titan.aws.credentials import session_error
from airflow_titan.errors import AccessDenied, ConfigurationError, StoreFailed, TitanError, TransientError
from airflow_titan.hooks.botocore_config import parse_config
from airflow_titan.parameters import is_nothing, parse_truth, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3
    from botocore.config import Config

log = logging.getLogger(__name__)

_PREFIX = "AIRFLOW_CONN_"
#: What ``verify`` isn't, though it looks like it: no certificates lie at such a path.
_MEANT: dict[Any, str] = {
    **dict.fromkeys((1, "1", "yes", "on"), "True"),
    **dict.fromkeys((0, "0", "no", "off"), "False"),
}
#: Signature versions that need no credentials of AWS.
_BEARER = "bearer"
_WITHOUT_CREDENTIALS = (UNSIGNED, _BEARER)
#: Bedrock takes this in place of credentials.
BEARER_TOKEN = "AWS_BEARER_TOKEN_BEDROCK"  # noqa: S105 - the name of a variable
#: Loggers of the SDK's that tell of credentials with tracebacks.
_TALKATIVE = ("botocore.credentials", "botocore.tokens")
#: Where botocore looks for the path of certificates to trust, if it isn't told.
_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
#: What credentials consist of, by botocore's names.
_SECRET = re.compile(r"[!-~]*")
_SECRETS = {"access_key": "access key", "secret_key": "secret key", "token": "session token"}


@contextmanager
def naming(connection: str) -> Iterator[None]:
    """
    Name the connection in whatever goes wrong.

    What the SDK logs of it has no traceback: the error that follows says the same in one line.

    :param connection: the parameter and the connection that it names
    :raises TitanError: in place of all that is raised
    """

    def without_traceback(record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(without_traceback)
    try:
        yield
    except TitanError:
        raise
    except Exception as error:
        raise session_error(error, connection) from error
    finally:
        for logger in loggers:
            logger.removeFilter(without_traceback)


class WatchedConnection:
    """
    What a hook of the Amazon provider's does about its connection; to be a base before that hook.

    It is read once. Its ``config_kwargs`` and ``verify`` are read as the task's own settings are, so that numbers as
    text are numbers.
    """

    #: The parameter that names the connection.
    connection_parameter = "aws_conn_id"
    #: Whether it is a mistake if there is none: the environment's credentials are of another account, perhaps.
    must_exist = False
    aws_conn_id: str | None
    _region_name: str | None
    _verify: bool | str | None

    @property
    def connection_name(self) -> str:
        """The parameter and the connection that it names, as an error's message begins."""
        if self.aws_conn_id:
            return f"{self.connection_parameter}: got {self.aws_conn_id!r}"
        return f"{self.connection_parameter}: got nothing, so that the environment's credentials are taken"

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The connection, as the Amazon provider reads it."""
        with naming(self.connection_name):
            connection = self._find(self.aws_conn_id) if self.aws_conn_id else None
            extra = _extra_of(connection, self.connection_name) if connection else {}
            kwargs = extra.get("config_kwargs")
            return AwsConnectionWrapper(
                conn=connection,
                region_name=self._region_name,
                botocore_config=parse_config(f"{self.connection_name}, whose config_kwargs", kwargs)
                if kwargs
                else None,
                verify=read_verify(extra.get("verify") if self._verify is None else self._verify),
            )

    def _find(self, conn_id: str) -> Any:
        """
        Return the connection; nothing if there is none, and the environment has credentials.

        :raises ConfigurationError: if there is none, and no credentials may stand in for it
        """
        try:
            return self.get_connection(conn_id)  # type: ignore[attr-defined]
        except AirflowNotFoundException:
            if not self.must_exist and botocore.session.Session().get_credentials() is not None:
                log.warning(
                    "%s, a connection that doesn't exist; taking the environment's credentials.", self.connection_name
                )
                return None
        variable = f"{_PREFIX}{conn_id.upper()}"
        if variable in os.environ:
            raise ConfigurationError(
                f"{self.connection_name}, and {variable} holds no connection that Airflow can read; allowed is a URI "
                "or a JSON object. Correct it."
            )
        why = "" if self.must_exist else ", and the environment has no credentials"
        or_else = "or give None where the machine has credentials of its own"
        if self.must_exist:
            or_else = "or leave it out for the task's own connection"
        others = [name.removeprefix(_PREFIX).lower() for name in os.environ if name.startswith(_PREFIX)]
        raise ConfigurationError(
            f"{self.connection_name}, a connection that doesn't exist{why}; allowed is the id of a connection."
            f"{suggestion(conn_id, others)} Add it with airflow connections add {conn_id} --conn-type aws, {or_else}."
        )

    def check(self, session: boto3.session.Session, config: Config) -> None:
        """
        Fetch the credentials and look for certificates, so that what is wrong is told before anything else is begun.

        :raises ConfigurationError: if the certificates are not there
        :raises AccessDenied: if there are no credentials
        :raises TransientError: if another try may bring them
        """
        if isinstance(self.conn_config.verify, str):
            _check_certificates("verify", self.conn_config.verify, self.connection_name)
        version = getattr(config, "signature_version", None)
        if version == _BEARER:
            _check_secret("bearer token", os.environ.get(BEARER_TOKEN), BEARER_TOKEN)
        if version in _WITHOUT_CREDENTIALS:
            return
        with naming(self.connection_name):
            _fetch(session.get_credentials(), self.connection_name)

    def watch(self, client: Any) -> None:
        """
        Have each request of a client find out first whether there are credentials to sign it with.

        They expire and are fetched again in the middle of a task, and botocore raises what comes.

        :raises ConfigurationError: if the client's address is none of HTTP, or there are no certificates for it
        """
        address = client.meta.endpoint_url
        if not address.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{self.connection_name}, with the endpoint_url {address!r}; allowed is an address that begins with "
                "https:// or http://. Correct it in the connection's extra, or in the environment's AWS_ENDPOINT_URL."
            )
        if address.startswith("https://") and self.conn_config.verify is None:
            for variable in _BUNDLES:
                if path := os.environ.get(variable):
                    _check_certificates(variable, path, self.connection_name)
                    break

        def check(request_signer: Any, signature_version: Any, **_: Any) -> None:
            if signature_version in _WITHOUT_CREDENTIALS:
                return
            try:
                with naming(self.connection_name):
                    _fetch(request_signer._credentials, self.connection_name)  # noqa: SLF001 - nothing public gives them
            except TransientError as error:
                # of an answer that is paid for, nobody must read that nothing was executed
                raise (StoreFailed(str(error)) if client.meta.service_model.service_name == "s3" else error) from error
            except ConfigurationError as error:
                raise AccessDenied(str(error)) from error

        client.meta.events.register("before-sign", check)


def _fetch(credentials: Any, name: str) -> None:
    """
    Have credentials ready; those that are still good cost nothing.

    :raises ConfigurationError: if they can be none
    """
    if credentials is None:
        raise NoCredentialsError
    frozen = credentials.get_frozen_credentials()
    for part, words in _SECRETS.items():
        _check_secret(words, getattr(frozen, part, None), name)


def _check_secret(words: str, value: Any, name: str) -> None:
    """
    Look at a secret before it is sent: HTTP libraries show what they refuse to send.

    :param words: what it is
    :param name: the connection's
    :raises ConfigurationError: if it can be none
    """
    if value is None or (isinstance(value, str) and _SECRET.fullmatch(value)):
        return
    told = "white space or other signs in it" if isinstance(value, str) else f"the type {type(value).__name__}"
    raise ConfigurationError(
        f"{name}, whose {words} has {told}; allowed is what AWS gave, to the letter: ASCII letters, digits and signs. "
        "Enter it again, without what was copied around it."
    )


def _extra_of(connection: Any, name: str) -> dict[str, Any]:
    """
    Return the extra of a connection.

    :raises ConfigurationError: if it is no JSON object; Airflow would only log that, and go on without it
    """
    try:
        extra = json.loads(connection.extra) if connection.extra else {}
    except ValueError as error:
        extra = error
    if not isinstance(extra, dict):
        told = str(extra) if isinstance(extra, ValueError) else f"a {type(extra).__name__}"
        raise ConfigurationError(f"{name}, whose extra is no JSON object: {told}. Correct the connection's extra.")
    if "botocore_config" in extra:
        log.warning("%s, whose extra has botocore_config; the Amazon provider reads it as config_kwargs alone.", name)
    return extra


def read_verify(value: Any) -> bool | str | None:
    """Read whether certificates are verified, or the path of those to trust."""
    try:
        return None if is_nothing(value) else parse_truth(value)
    except ValueError:
        if not isinstance(value, str | os.PathLike) or value in _MEANT:
            meant = _MEANT.get(value, "True or False") if isinstance(value, str | int) else "True or False"
            raise ConfigurationError(
                f"verify: got {value!r}; allowed is True, False or the path of a file of certificates (PEM). "
                f"Write {meant}."
            ) from None
        return str(value)


def _check_certificates(parameter: str, path: str, name: str) -> None:
    """
    Look for the certificates to trust, which botocore reads in the middle of a call.

    :param parameter: where the path stands
    :param name: the connection's
    :raises ConfigurationError: if there are none at the path
    """
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"{parameter}: got {path!r} ({name}), where no certificates are: {error}; allowed is "
            f"{'True, False or ' if parameter == 'verify' else ''}the path of a file of certificates (PEM). Correct "
            "the path; it is looked for on the machine that the task runs on."
        ) from error
