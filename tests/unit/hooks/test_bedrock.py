"""The two clients: whose settings count, and what can't be set."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_titan.errors import ConfigurationError
from airflow_titan.hooks.bedrock import TitanBedrockHook
from airflow_titan.operators import TitanTextToImageOperator


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that defines an Airflow connection by its extra."""

    def define(name: str, **extra: Any) -> str:
        value = {"conn_type": "aws", "login": f"{name}-key", "password": "secret", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
        return name

    return define


def configs(hook: TitanBedrockHook) -> tuple[Any, Any]:
    """Give what the clients of Bedrock and S3 are configured with."""
    bedrock, s3 = hook.clients()
    return bedrock.meta.config, s3.meta.config


def test_without_settings_the_call_is_patient_and_single() -> None:
    """300 seconds, a connection that is kept alive, one attempt."""
    config, _ = configs(TitanBedrockHook(None, region_name="us-east-1"))
    assert (config.read_timeout, config.tcp_keepalive) == (300, True)
    assert config.retries["total_max_attempts"] == 1


def test_the_connections_settings_count(connection: Any) -> None:
    """Proxies and time limits of the deployment are kept, for S3 too."""
    extra = {"read_timeout": 77, "proxies": {"https": "http://proxy:1"}, "retries": {"max_attempts": 9}}
    name = connection("ours", region_name="us-west-2", config_kwargs=extra)
    config, s3 = configs(TitanBedrockHook(name))
    assert (config.read_timeout, config.proxies) == (77, {"https": "http://proxy:1"})
    assert s3.proxies == {"https": "http://proxy:1"}
    assert config.region_name == "us-west-2"


def test_the_tasks_settings_lie_over_the_connections(connection: Any) -> None:
    """What the task says wins; what it doesn't say stays."""
    extra = {"read_timeout": 77, "proxies": {"https": "http://proxy:1"}}
    name = connection("ours", region_name="us-west-2", config_kwargs=extra)
    config, s3 = configs(TitanBedrockHook(name, botocore_config={"read_timeout": 900, "max_pool_connections": 3}))
    assert (config.read_timeout, config.max_pool_connections) == (900, 3)
    assert config.proxies == {"https": "http://proxy:1"}
    assert s3.max_pool_connections == 3


@pytest.mark.parametrize(
    "retries", [{"max_attempts": 5}, {"total_max_attempts": 5, "mode": "standard"}, {"mode": "adaptive"}, None]
)
@pytest.mark.parametrize("where", ["connection", "task"])
def test_nobody_can_have_requests_sent_again(connection: Any, where: str, retries: Any) -> None:
    """Each attempt is paid, so retries are ours alone; S3, which costs nothing, keeps the user's."""
    extra = {"config_kwargs": {"retries": retries}} if where == "connection" else {}
    own = {"retries": retries} if where == "task" else None
    hook = TitanBedrockHook(connection("ours", region_name="us-east-1", **extra), botocore_config=own)
    config, s3 = configs(hook)
    assert config.retries["total_max_attempts"] == 1
    assert s3.retries != config.retries


@pytest.mark.parametrize("settings", [{"read_timeout": "600"}, {"connect_timeout": "5"}, {"max_pool_connections": "7"}])
def test_numbers_from_templates_are_numbers(settings: dict[str, str]) -> None:
    """Templates render numbers to text, which the HTTP library would refuse in the middle of the call."""
    config, _ = configs(TitanBedrockHook(None, region_name="us-east-1", botocore_config=settings))
    (name,) = settings
    assert getattr(config, name) == float(settings[name])


@pytest.mark.parametrize(
    "settings",
    [{"read_time_out": 3}, "read_timeout=3", {"read_timeout": "long"}, {"retries": {"max_attempts": -1}},
     {"s3": {"addressing_style": "odd"}}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(settings: Any) -> None:
    """A slip in botocore_config is a clear error, before anything is sent."""
    with pytest.raises(ConfigurationError, match="botocore_config"):
        TitanBedrockHook(None, region_name="us-east-1", botocore_config=settings)


def test_settings_may_be_text_of_an_object() -> None:
    """As a template renders them; text that is nothing is no setting."""
    config, _ = configs(TitanBedrockHook(None, region_name="us-east-1", botocore_config='{"read_timeout": "600"}'))
    assert config.read_timeout == 600
    config, _ = configs(TitanBedrockHook(None, region_name="us-east-1", botocore_config="None"))
    assert config.read_timeout == 300


def test_arguments_that_only_botocore_knows_are_left_to_it() -> None:
    """Nothing that Config takes is lost, or changed, on the way."""
    own = {"s3": {"addressing_style": "path"}, "user_agent_extra": "titan/1", "read_timeout": 7}
    _, s3 = configs(TitanBedrockHook(None, region_name="us-east-1", botocore_config=own))
    assert (s3.s3["addressing_style"], s3.read_timeout) == ("path", 7)
    assert s3.user_agent_extra.endswith("titan/1")


def test_every_wrong_setting_is_told_at_once() -> None:
    """With its name, its value and what is allowed."""
    settings = {"read_timeout": "long", "max_pool_connections": "many"}
    with pytest.raises(ConfigurationError) as caught:
        TitanBedrockHook(None, botocore_config=settings)
    assert re.findall(r"got '(\w+)' for (\w+); allowed is a valid (\w+)", str(caught.value)) == [
        ("long", "read_timeout", "number"), ("many", "max_pool_connections", "integer"),
    ]  # fmt: skip


def test_defaults_lie_under_the_tasks_settings() -> None:
    """As those that many threads need; what the task says still wins."""
    defaults = {"max_pool_connections": 64, "read_timeout": 9}
    hook = TitanBedrockHook(
        None, region_name="us-east-1", botocore_config={"read_timeout": 8}, botocore_defaults=defaults
    )
    config, _ = configs(hook)
    assert (config.max_pool_connections, config.read_timeout) == (64, 8)


def test_s3_alone_needs_no_region(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators that call no model ask for no client of one, and use the connection of S3."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    s3 = TitanBedrockHook(connection("ours"), s3_conn_id=connection("theirs")).s3_client()
    assert s3._request_signer._credentials.access_key == "theirs-key"  # noqa: SLF001 - nothing public tells


def test_what_operators_render_is_read() -> None:
    """Space goes, nothing is nothing, and truth values from templates are no paths."""
    hook = TitanTextToImageOperator(
        task_id="a", text="a cup", aws_conn_id=None, s3_conn_id="None", region_name=" us-west-2\n", verify="False"
    ).hook()
    assert (hook.aws_conn_id, hook.s3_conn_id, hook.region_name, hook.verify) == (None, None, "us-west-2", False)
    assert TitanTextToImageOperator(task_id="b", text="a cup", verify="/ca.pem").hook().verify == "/ca.pem"
    with pytest.raises(ConfigurationError, match="region_name: got 7; allowed is text"):
        TitanTextToImageOperator(task_id="c", text="a cup", region_name=7).hook()  # type: ignore[arg-type]


def test_without_a_region_the_error_says_where_to_set_it(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's parameter and the connection are both named."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match=r"region_name.*'ours'"):
        TitanBedrockHook(connection("ours")).clients()


def test_one_connection_is_one_session(connection: Any) -> None:
    """Sessions cost time and requests for credentials; both clients come from one."""
    bedrock, s3 = TitanBedrockHook(connection("ours", region_name="us-east-1")).clients()
    assert bedrock._request_signer._credentials is s3._request_signer._credentials  # noqa: SLF001 - nothing public tells


def test_two_connections_are_two_identities(connection: Any) -> None:
    """The bucket may belong to another account than the model."""
    hook = TitanBedrockHook(connection("ours", region_name="us-east-1"), s3_conn_id=connection("theirs"))
    bedrock, s3 = hook.clients()
    keys = [client._request_signer._credentials.access_key for client in (bedrock, s3)]  # noqa: SLF001 - likewise
    assert keys == ["ours-key", "theirs-key"]


def test_endpoints_of_the_connection_are_used(connection: Any) -> None:
    """As with every hook of the Amazon provider."""
    services = {"s3": {"endpoint_url": "http://127.0.0.1:1"}, "bedrock-runtime": {"endpoint_url": "http://127.0.0.1:2"}}
    hook = TitanBedrockHook(connection("ours", region_name="us-east-1", service_config=services))
    assert [client.meta.endpoint_url for client in hook.clients()] == ["http://127.0.0.1:2", "http://127.0.0.1:1"]


def test_the_model_and_the_bucket_share_the_region() -> None:
    """The task's region is that of both clients."""
    bedrock, s3 = TitanBedrockHook(None, region_name="us-west-2").clients()
    assert bedrock.meta.region_name == s3.meta.region_name == "us-west-2"


def test_clients_are_kept_while_nothing_changes() -> None:
    """Two tasks of one process with the same settings share their clients."""
    first, second = TitanBedrockHook(None).clients(), TitanBedrockHook(None).clients()
    assert first[0] is second[0]
    assert first[1] is second[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ACCESS_KEY_ID", "other"), ("AWS_DEFAULT_REGION", "us-west-2")],
)
def test_clients_are_made_anew_when_the_environment_changes(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client never outlives the settings that it was made of."""
    before = TitanBedrockHook(None).clients()
    monkeypatch.setenv(name, value)
    assert TitanBedrockHook(None).clients()[0] is not before[0]


def test_clients_are_made_anew_for_another_configuration() -> None:
    """The user's botocore_config belongs to what a client is made of."""
    before = TitanBedrockHook(None, botocore_config={"read_timeout": 7}).clients()
    after = TitanBedrockHook(None, botocore_config={"read_timeout": 8}).clients()
    assert (before[0].meta.config.read_timeout, after[0].meta.config.read_timeout) == (7, 8)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("read_timeout", float("nan")), ("read_timeout", "inf"), ("connect_timeout", 0), ("connect_timeout", -1),
        ("read_timeout", 1e12), ("proxies", "http://proxy:1"), ("signature_version", "v9"), ("user_agent", 5),
        ("client_cert", "/no/such.pem"),
    ],
)  # fmt: skip
def test_what_would_fail_with_the_first_request_is_told_before(name: str, value: Any) -> None:
    """The SDK takes it as it comes, and a retry would fail alike."""
    with pytest.raises(ConfigurationError, match=rf"botocore_config: got .* for {name}; allowed is "):
        TitanBedrockHook(None, region_name="us-east-1", botocore_config={name: value})


def test_a_certificate_and_its_key_may_be_a_list(tmp_path: Any) -> None:
    """As JSON has it."""
    paths = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    for path in paths:
        path.touch()
    hook = TitanBedrockHook(None, region_name="us-east-1", botocore_config={"client_cert": list(map(str, paths))})
    assert hook.own_config.client_cert == tuple(map(str, paths))
