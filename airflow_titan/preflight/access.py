"""Whether a connection is there, its credentials are good, the clocks agree and the endpoints can be reached."""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_titan.aws.failures import AWS_ERRORS
from airflow_titan.errors import TitanError
from airflow_titan.hooks.bedrock import TitanBedrockHook
from airflow_titan.parameters import suggestion
from airflow_titan.preflight.answers import described, is_denied
from airflow_titan.preflight.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.preflight.deployment import Deployment

#: What the Amazon provider reads of a connection's extra.
_EXTRA = (
    "region_name", "role_arn", "assume_role_method", "assume_role_kwargs", "session_kwargs", "config_kwargs",
    "profile_name", "endpoint_url", "verify", "service_config", "aws_access_key_id", "aws_secret_access_key",
    "aws_session_token", "assume_role_with_saml", "assume_role_with_web_identity_token_file", "test_endpoint_url",
)  # fmt: skip
#: Seconds by which AWS lets a clock differ before it refuses signatures, and by which it should not differ anyway.
_MAX_SKEW, _SEEN_SKEW = 300, 60
_CONNECT_SECONDS = 5
_READ_SECONDS = 300


def check_connections(deployment: Deployment) -> Iterator[Row]:
    """Find out whether the connections exist, and say what nobody reads of them."""
    options = deployment.options
    for conn_id in dict.fromkeys((options.aws_conn_id, options.s3_conn_id or options.aws_conn_id)):
        yield _connection(deployment, conn_id)


def check_credentials(deployment: Deployment) -> Iterator[Row]:
    """Ask STS who the credentials are, and hold its clock against the one of this machine."""
    remedy = "Check the access key, role, profile or expiry of the connection's credentials."
    try:
        deployment.hook.get_session(deployment.hook.region_name)
    except (TitanError, *AWS_ERRORS) as error:
        yield Row("credentials", "wrong", described(error), remedy)
        return
    try:
        identity = deployment.sts.get_caller_identity()
    except AWS_ERRORS as error:
        unreachable = "Connect" in type(error).__name__ or is_denied(error)
        if unreachable:
            yield Row(
                "credentials", "unknown", f"STS can't be asked: {described(error)}", "No task needs STS for this."
            )
        else:
            yield Row("credentials", "wrong", described(error), remedy)
        return
    yield Row("credentials", "right", f"account {identity['Account']}, {identity['Arn']}")
    yield _clock(identity)


def check_region(deployment: Deployment) -> Iterator[Row]:
    """Find out in which region models will be asked, and whether they are offered there."""
    region = deployment.model_region
    usual = deployment.region or deployment.hook.usual_region
    found = region if region == usual else f"{region}: {deployment.spec.id} is not offered in {usual or 'no region'}"
    for name, spec in deployment.called.items():
        if region not in spec.regions and not name.startswith("arn:"):
            found = f"{region}, where {spec.id} is not offered; allowed is {', '.join(spec.regions)}."
            yield Row("region", "wrong", found, _another_region(deployment, spec.regions[0]))
            return
    if deployment.region and deployment.route.model_id.startswith("arn:"):
        found = f"{deployment.route.model_id} is of one region, and isn't asked in several"
        yield Row("region", "wrong", found, "Name region_name on the tasks in place of regions, or the model's id.")
        return
    yield Row("region", "right", found)


def _another_region(deployment: Deployment, region: str) -> str:
    """Return what to do about a region in which a model isn't offered."""
    if deployment.region:
        return f"Take {deployment.region} out of regions: tasks leave it out, with a warning."
    where = "leave --region out" if deployment.options.region_name else "in the extra of the connection"
    return f"Set region_name to {region} on the tasks, or {where}."


def check_s3_endpoint(deployment: Deployment) -> Iterator[Row]:
    """Find out whether S3 can be reached at all: by the internet, a NAT or an endpoint of the VPC."""
    yield _endpoint("s3", deployment.s3)


def check_bedrock_endpoint(deployment: Deployment) -> Iterator[Row]:
    """Find out the same of Bedrock."""
    yield _endpoint("bedrock-runtime", deployment.runtime)


def check_read_timeout(deployment: Deployment) -> Iterator[Row]:
    """Find out whether tasks wait long enough for an answer that is paid for."""
    seconds = deployment.hook.read_timeout
    if seconds >= _READ_SECONDS:
        yield Row("read timeout", "right", f"{seconds:g} s")
        return
    found = f"{seconds:g} s; a picture can take more than a minute, and one that is given up on is paid all the same."
    remedy = f"Set read_timeout to {_READ_SECONDS} or more in config_kwargs of the connection, or leave it out there."
    yield Row("read timeout", "wrong", found, remedy)


def _connection(deployment: Deployment, conn_id: str | None) -> Row:
    if conn_id is None:
        return Row("connection", "right", "none: the environment's credentials")
    name = f"connection {conn_id}"
    try:
        connection = deployment.hook.get_connection(conn_id)
    except AirflowNotFoundException:
        remedy = f"Make it in Airflow, or as AIRFLOW_CONN_{conn_id.upper()} in the environment; or name another."
        if TitanBedrockHook(None).get_session().get_credentials() is None:
            return Row(name, "wrong", "there is none of this id.", remedy)
        found = "there is none of this id, so tasks take the environment's credentials"
        return Row(name, "unknown", f"{found}.", f"{remedy} Where that is meant, aws_conn_id=None says so.")
    if connection.conn_type != "aws":
        return Row(name, "wrong", f"it is of type {connection.conn_type!r}; allowed is 'aws'.", "Change its type.")
    extra = connection.extra_dejson
    unread = [f"{key!r}{suggestion(key, _EXTRA)}" for key in extra if key not in _EXTRA and suggestion(key, _EXTRA)]
    if unread:
        remedy = f"Correct its extra; the region is region_name, for example. Known are {', '.join(_EXTRA[:8])}."
        return Row(name, "wrong", f"nobody reads {', '.join(unread)}", remedy)
    known = ", ".join(f"{key} {extra[key]}" for key in ("region_name", "role_arn", "endpoint_url") if extra.get(key))
    return Row(name, "right", known or "it says neither region nor role")


def _clock(response: dict[str, Any]) -> Row:
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not date:
        return Row("clock", "unknown", "the answer tells no time")
    skew = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    if abs(skew) < _SEEN_SKEW:
        return Row("clock", "right", f"within {_SEEN_SKEW} s of AWS's")
    found = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS's; it refuses more than {_MAX_SKEW} s."
    return Row("clock", "wrong", found, "Keep the machine's time by NTP (chrony).")


def _endpoint(service: str, client: Any) -> Row:
    name, url = f"endpoint {service}", urlsplit(client.meta.endpoint_url)
    if client.meta.config.proxies or os.environ.get(f"{url.scheme}_proxy") or os.environ.get("HTTPS_PROXY"):
        return Row(name, "skipped", "a proxy stands between")
    address = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    try:
        with socket.create_connection(address, timeout=_CONNECT_SECONDS) as connection:
            peer = ipaddress.ip_address(connection.getpeername()[0])
    except OSError as error:
        remedy = (
            f"Give the workers a way there: a NAT, or a VPC endpoint for {service} in its region with private DNS; "
            "and let security groups pass port 443."
        )
        return Row(name, "wrong", f"no connection to {address[0]}: {error}", remedy)
    through = ", a private address: an endpoint of the VPC" if peer.is_private and not peer.is_loopback else ""
    return Row(name, "right", f"{address[0]}{through}")
