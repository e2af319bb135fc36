"""What fails on the way to a signed request: typed, told of the connection, and before anything else is begun."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from stub import Says, scripted

from airflow_titan import errors
from airflow_titan.aws.bedrock import invoke
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.hooks.bedrock import TitanBedrockHook

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/titan"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that defines an Airflow connection with an access key, by its extra."""

    def define(name: str = "ours", extra: Any = None, **more: Any) -> str:
        extra = {"region_name": "us-east-1", **more} if extra is None else extra
        value = {"conn_type": "aws", "login": f"{name}-key", "password": "hidden-word", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
        return name

    return define


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the environment's credentials away."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def sts_refuses(status: int, code: str, message: str = "because") -> Says:
    """Answer with an error of STS."""
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>sts-1</RequestId></ErrorResponse>"
    )
    return Says(status, text.encode(), {"Content-Type": "text/xml"})


def sts_gives(operation: str, *, seconds: float) -> Says:
    """Answer with credentials that hold for so long."""
    expires = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{operation}Result><Credentials>'
        f"<AccessKeyId>AKIA-STS</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{expires}</Expiration></Credentials></{operation}Result></{operation}Response>"
    )
    return Says(200, text.encode(), {"Content-Type": "text/xml"})


#: Nothing is asked twice, so that a test needn't wait for it.
ONCE = {"retries": {"total_max_attempts": 1}}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", errors.AccessDenied),
        (403, "InvalidClientTokenId", errors.AccessDenied),
        (403, "ExpiredToken", errors.AccessDenied),
        (403, "SignatureDoesNotMatch", errors.AccessDenied),
        (400, "ValidationError", errors.AccessDenied),
        (400, "Throttling", errors.Throttled),
        (429, "TooManyRequestsException", errors.Throttled),
        (500, "InternalFailure", errors.Unavailable),
        (503, "ServiceUnavailable", errors.Unavailable),
    ],
)
def test_a_role_that_is_not_given(
    connection: Any, monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[errors.TitanError]
) -> None:
    """What can't pass names the connection and what STS said; what may pass is left to another try."""
    name = connection(role_arn=ROLE, config_kwargs=ONCE)
    with scripted(sts_refuses(status, code)) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stub.url)
        with pytest.raises(kind, match=rf"aws_conn_id: got 'ours'.*AssumeRole: {code}: because"):
            TitanBedrockHook(name).clients()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidIdentityToken", errors.AccessDenied),
        (400, "ExpiredTokenException", errors.AccessDenied),
        (403, "AccessDenied", errors.AccessDenied),
        (400, "IDPCommunicationError", errors.Unavailable),
    ],
)
def test_a_web_identity_that_is_not_taken(  # noqa: PLR0917
    connection: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    status: int,
    code: str,
    kind: type[errors.TitanError],
) -> None:
    """Its credentials are fetched with the first request, and asked for before that here."""
    (tmp_path / "token").write_text("token")
    name = connection(
        role_arn=ROLE,
        assume_role_method="assume_role_with_web_identity",
        assume_role_with_web_identity_federation="file",
        assume_role_with_web_identity_token_file=str(tmp_path / "token"),
        config_kwargs=ONCE,
    )
    with scripted(sts_refuses(status, code)) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stub.url)
        with pytest.raises(kind, match=rf"aws_conn_id: got 'ours'.*AssumeRoleWithWebIdentity: {code}"):
            TitanBedrockHook(name).clients()


def test_sts_out_of_reach_may_pass(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent to the model."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(errors.ConnectFailed, match="aws_conn_id: got 'ours'"):
        TitanBedrockHook(connection(role_arn=ROLE, config_kwargs=ONCE)).clients()


@pytest.mark.parametrize(
    ("extra", "kind", "told"),
    [
        ({"profile_name": "nobody"}, errors.AccessDenied, r"nobody.*profile_name in the extra"),
        (
            {"config_kwargs": {"read_time_out": 3}},
            errors.ConfigurationError,
            r"read_time_out.*Did you mean read_timeout",
        ),
        ({"config_kwargs": {"read_timeout": "long"}}, errors.ConfigurationError, "'long' for read_timeout"),
        ({"config_kwargs": "read_timeout"}, errors.ConfigurationError, "config_kwargs"),
        ({"config_kwargs": {"retries": {"max_attempts": "many"}}}, errors.ConfigurationError, "retries.max_attempts"),
        ({"config_kwargs": {"request_checksum_calculation": "never"}}, errors.ConfigurationError, "when_required"),
        ({"endpoint_url": "localhost:4566"}, errors.ConfigurationError, "Invalid endpoint"),
        ({"service_config": ["s3"]}, errors.ConfigurationError, "extra"),
        ({"region_name": "us east 1"}, errors.ConfigurationError, "region_name"),
        ({"verify": "/no/such.pem"}, errors.ConfigurationError, r"verify: got '/no/such\.pem'"),
        ({"role_arn": ROLE, "assume_role_method": "odd"}, errors.ConfigurationError, "odd"),
        (
            {"role_arn": ROLE, "assume_role_method": "assume_role_with_web_identity"},
            errors.ConfigurationError,
            "Unsupported federation",
        ),
        (
            {
                "role_arn": ROLE,
                "assume_role_method": "assume_role_with_web_identity",
                "assume_role_with_web_identity_federation": "file",
                "assume_role_with_web_identity_token_file": "/no/token",
            },
            errors.ConfigurationError,
            "/no/token",
        ),
        ("{not json", errors.ConfigurationError, "no JSON object"),
        ("[1]", errors.ConfigurationError, "no JSON object: a list"),
    ],
    ids=str,
)
def test_an_extra_that_makes_no_sense(connection: Any, extra: Any, kind: type[errors.TitanError], told: str) -> None:
    """It is told at once, with the connection's name, and without its secrets."""
    name = connection(extra=extra if isinstance(extra, str) else {"region_name": "us-east-1", **extra})
    with pytest.raises(kind, match=f"(?s)'ours'.*{told}|{told}.*'ours'") as caught:
        TitanBedrockHook(name).clients()
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("kwargs", ['{"read_timeout": "77", "retries": {"max_attempts": "4"}}',
                                    {"read_timeout": "77", "retries": {"max_attempts": 4}}])  # fmt: skip
def test_numbers_in_the_extra_may_be_text(connection: Any, kwargs: Any) -> None:
    """As forms and secrets backends write them; so may the whole of config_kwargs."""
    bedrock, s3 = TitanBedrockHook(connection(config_kwargs=kwargs)).clients()
    assert (bedrock.meta.config.read_timeout, s3.meta.config.read_timeout) == (77, 77)
    assert s3.meta.config.retries["total_max_attempts"] == 5


def test_text_that_says_false_is_false(connection: Any) -> None:
    """Any text is true to botocore, and a path where certificates are meant."""
    name = connection(verify="false", config_kwargs={"use_dualstack_endpoint": "False"})
    hook = TitanBedrockHook(name)
    assert hook.verify is False
    assert hook.config.use_dualstack_endpoint is False


@pytest.mark.usefixtures("no_credentials")
def test_a_connection_that_does_not_exist(connection: Any) -> None:
    """It is that error, and not a missing region; the nearest id is named."""
    connection("aws_pictures")
    with pytest.raises(
        errors.ConfigurationError, match=r"aws_conn_id: got 'aws_picture',.*Did you mean aws_pictures\?"
    ):
        TitanBedrockHook("aws_picture", region_name="us-east-1").clients()


@pytest.mark.usefixtures("no_credentials")
def test_a_connection_of_s3_that_does_not_exist(connection: Any) -> None:
    """The parameter that names it is named."""
    with pytest.raises(errors.ConfigurationError, match="s3_conn_id: got 'gone'"):
        TitanBedrockHook(connection(), s3_conn_id="gone").clients()


@pytest.mark.usefixtures("no_credentials")
def test_a_connection_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow says of it that it isn't defined."""
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"conn_type": "aws", ')
    with pytest.raises(errors.ConfigurationError, match="AIRFLOW_CONN_BROKEN holds no connection"):
        TitanBedrockHook("broken", region_name="us-east-1").clients()


def test_the_environment_may_stand_in_for_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Where it has credentials, a connection that doesn't exist is one warning."""
    with caplog.at_level(logging.WARNING):
        TitanBedrockHook("gone", region_name="us-east-1").clients()
    # Airflow 2 tells besides that it has no database here
    (record,) = [record for record in caplog.records if "gone" in record.getMessage()]
    assert "aws_conn_id: got 'gone', a connection that doesn't exist" in record.getMessage()


@pytest.mark.usefixtures("no_credentials")
def test_nobody_has_credentials() -> None:
    """It is told before the first request."""
    with pytest.raises(errors.AccessDenied, match=r"aws_conn_id: got nothing.*Unable to locate credentials"):
        TitanBedrockHook(None, region_name="us-east-1").clients()


@pytest.mark.usefixtures("no_credentials")
def test_half_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An access key without its secret is no credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "half")
    with pytest.raises(errors.AccessDenied, match=r"aws_conn_id: got nothing.*Partial credentials"):
        TitanBedrockHook(None, region_name="us-east-1").clients()


def profile(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a profile named titan, and choose it."""
    (tmp_path / "config").write_text(f"[profile titan]\nregion = us-east-1\n{text}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "titan")


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("credential_process = /no/such/program", errors.ConfigurationError, "/no/such/program"),
        ("credential_process = false", errors.AccessDenied, "custom-process"),
        ("credential_process = echo hello", errors.ConfigurationError, "JSONDecodeError"),
        (
            "sso_start_url = https://x\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r",
            errors.AccessDenied,
            "aws sso login",
        ),
        ("role_arn = arn:aws:iam::1:role/x\nsource_profile = gone", errors.ConfigurationError, "gone"),
    ],
    ids=str,
)
def test_a_profile_that_brings_no_credentials(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    kind: type[errors.TitanError],
    told: str,
) -> None:
    """Processes that fail, single sign-on that has ended, sources that aren't there."""
    profile(text, tmp_path, monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(kind, match=f"(?s)aws_conn_id: got nothing.*{told}"):
        TitanBedrockHook(None).clients()


@pytest.mark.parametrize(
    ("says", "of_bedrock", "of_s3"),
    [
        (sts_refuses(403, "AccessDenied"), errors.AccessDenied, errors.AccessDenied),
        (sts_refuses(503, "ServiceUnavailable"), errors.Unavailable, errors.StoreFailed),
        (sts_gives("AssumeRole", seconds=-9), errors.AccessDenied, errors.AccessDenied),
    ],
    ids=["refused", "unavailable", "expired"],
)
def test_credentials_that_end_in_the_middle(
    connection: Any,
    monkeypatch: pytest.MonkeyPatch,
    says: Says,
    of_bedrock: type[errors.TitanError],
    of_s3: type[errors.TitanError],
) -> None:
    """They are fetched again with a request; what fails then is the connection's fault, not S3's or the model's."""
    name = connection(f"until_{of_s3.__name__}_{says.status}", role_arn=ROLE, config_kwargs=ONCE)
    # botocore fetches again what ends within ten minutes: here with the session, and with the check for each client
    short = sts_gives("AssumeRole", seconds=300)
    with scripted(short, short, short, says) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stub.url)
        bedrock, s3 = TitanBedrockHook(name).clients()
        with pytest.raises(of_bedrock, match=f"aws_conn_id: got '{name}'"):
            invoke(bedrock, "a-model", BytesIO(b"{}"))
        with pytest.raises(of_s3, match=f"aws_conn_id: got '{name}'"):
            ObjectStore(s3).write("s3://bucket/key", b"{}")
    assert {heard.path for heard in stub.heard} == {"/"}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("aws_session_token", "hidden-token\n"),
        ("aws_session_token", 5),
        ("aws_access_key_id", " hidden-key"),
        ("aws_secret_access_key", "hidden word"),
    ],
)
def test_a_secret_that_was_copied_with_more_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, part: str, value: Any
) -> None:
    """HTTP libraries would refuse to send it, and show it in their message."""
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"} | {part: value}
    monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps({"conn_type": "aws", "extra": keys}))
    with pytest.raises(errors.ConfigurationError, match=r"aws_conn_id: got 'ours', whose .*Enter it again") as caught:
        TitanBedrockHook("ours", region_name="us-east-1").clients()
    assert "hidden" not in str(caught.value)


def test_a_bearer_token_with_a_line_feed_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's last line feed comes with it."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "hidden-token\n")
    with pytest.raises(errors.ConfigurationError, match="AWS_BEARER_TOKEN_BEDROCK, whose bearer token") as caught:
        TitanBedrockHook(None, region_name="us-east-1").clients()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_of_the_environment_that_are_not_there(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """They are told of before anything is begun, where they are needed."""
    monkeypatch.setenv(variable, "/no/such.pem")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(errors.ConfigurationError, match=f"{variable}: got '/no/such.pem'.*Correct the path"):
        TitanBedrockHook(None, region_name="us-east-1").clients()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    TitanBedrockHook(None, region_name="us-east-1").clients()


def test_an_endpoint_that_is_no_address_of_http(connection: Any) -> None:
    """It is blamed, and not the bucket's name."""
    with pytest.raises(errors.ConfigurationError, match=r"'ours', with the endpoint_url 'ftp://x'.*https://"):
        TitanBedrockHook(connection(endpoint_url="ftp://x")).clients()


@pytest.mark.usefixtures("no_credentials")
def test_metadata_that_is_out_of_reach_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As EKS and ECS give credentials: another try may come through."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/credentials")
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with pytest.raises(errors.ConnectFailed, match="credentials could not be fetched"):
        TitanBedrockHook(None, region_name="us-east-1").clients()


def test_no_traceback_of_the_sdks_stands_before_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The one line that says what to do isn't below forty of the SDK's."""
    config = tmp_path / "config"
    config.write_text(
        "[profile ours]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "[sso-session s]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps({"conn_type": "aws", "extra": {"profile_name": "ours"}}))
    with pytest.raises(errors.AccessDenied, match="aws sso login"):
        TitanBedrockHook("ours", region_name="us-east-1").clients()
    assert [record.name for record in caplog.records if record.exc_info] == []
