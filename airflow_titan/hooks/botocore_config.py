"""The arguments of ``botocore.config.Config``, as tasks and connections give them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from botocore import UNSIGNED
from botocore.auth import AUTH_TYPE_MAPS
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from airflow_titan.errors import ConfigurationError, Problems
from airflow_titan.parameters import ParameterReader, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

_CORRECT = "Correct it, or leave it out."
#: Values of words that botocore looks at only when a client is made, or not at all.
_WHEN = ("when_supported", "when_required")
_UNSIGNED = "unsigned"
#: Values of words, by argument.
_WORDS = {
    "request_checksum_calculation": _WHEN,
    "response_checksum_validation": _WHEN,
    "signature_version": (*sorted(AUTH_TYPE_MAPS), _UNSIGNED),
}
#: Seconds; what is no time at all, or more than a socket can count, fails with the first request.
_Seconds = Annotated[float, Field(gt=0, le=86_400)]


@with_config(ConfigDict(extra="allow"))
class _Retries(TypedDict, total=False):
    max_attempts: int
    total_max_attempts: int


@with_config(ConfigDict(extra="allow"))
class _S3(TypedDict, total=False):
    use_accelerate_endpoint: bool
    use_arn_region: bool
    payload_signing_enabled: bool


@with_config(ConfigDict(extra="allow"))
class BotocoreConfig(TypedDict, total=False):
    """
    Those arguments of ``Config`` that a template may have rendered to text, which botocore takes as they come.

    What urllib3 is given as text fails in the middle of a call, and any text is true. All other arguments are
    botocore's own affair.
    """

    read_timeout: _Seconds | None
    connect_timeout: _Seconds | None
    max_pool_connections: int
    tcp_keepalive: bool | None
    parameter_validation: bool
    inject_host_prefix: bool | None
    use_dualstack_endpoint: bool | None
    use_fips_endpoint: bool | None
    ignore_configured_endpoint_urls: bool | None
    disable_request_compression: bool | None
    request_min_compression_size_bytes: int | None
    s3_disable_express_session_auth: bool | None
    region_name: str | None
    user_agent: str | None
    user_agent_extra: str | None
    client_cert: str | tuple[str, str] | None
    proxies: dict[str, str | None] | None
    proxies_config: dict[str, Any] | None
    retries: _Retries | None
    s3: _S3 | None


def parse_config(name: str, value: Mapping[str, Any] | str | None) -> Config:
    """
    Read the arguments of ``Config``: an object, or text of one.

    :param name: where they stand, as an error's message begins
    :raises ConfigurationError: if it is no object of arguments that ``Config`` takes
    """
    problems = Problems()
    arguments: dict[str, Any] = dict(
        ParameterReader(problems).options(name, value, BotocoreConfig, default=BotocoreConfig(), remedy=_CORRECT)
    )
    for unknown in sorted(arguments.keys() - set(Config.OPTION_DEFAULTS)):
        limit = "the arguments of botocore.config.Config"
        problems.add(name, repr(unknown), limit, f"Leave it out.{suggestion(unknown, Config.OPTION_DEFAULTS)}")
    for word, allowed in _WORDS.items():
        given = arguments.get(word)
        if given not in {None, UNSIGNED} and str(given).lower() not in allowed:
            problems.add(name, f"{given!r} for {word}", " or ".join(allowed), _CORRECT)
    for path in _paths(arguments.get("client_cert")):
        if not Path(path).is_file():
            limit = "a file (PEM) on the machine that the task runs on"
            problems.add(name, f"{path!r} for client_cert", limit, "Correct the path, or leave it out.")
    problems.raise_if_any()
    if arguments.get("signature_version") == _UNSIGNED:
        arguments["signature_version"] = UNSIGNED
    try:
        return Config(**arguments)
    except (TypeError, ValueError, BotoCoreError) as error:
        raise ConfigurationError(
            f"{name}: {error}; allowed are the arguments of botocore.config.Config. Leave the rest out."
        ) from error


def _paths(certificate: str | tuple[str, str] | None) -> tuple[str, ...]:
    """Return the files of a certificate: one, or two with its key."""
    return certificate if isinstance(certificate, tuple) else (certificate,) if certificate else ()
