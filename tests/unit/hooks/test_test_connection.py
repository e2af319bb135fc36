"""The button "Test" of Airflow's UI: a connection of our own type has the whole preflight behind it."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import get_session

from airflow_titan.hooks.bedrock import TitanBedrockHook

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


#: Without this operation nobody can tell whether an account may use a model.
access_is_told = pytest.mark.skipif(
    "GetFoundationModelAvailability" not in get_session().get_service_model("bedrock").operation_names,
    reason="this botocore can't ask whether an account may use a model",
)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the id of a connection of our own type."""
    value = {"conn_type": "titan", "login": "a-key", "password": "a-secret", "extra": {"region_name": "us-east-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_OURS", json.dumps(value))
    return "ours"


@pytest.mark.usefixtures("bucket")
def test_a_deployment_that_works_passes(emulator: Emulator) -> None:
    """With what was found, and nothing paid."""
    works, found = TitanBedrockHook("aws_default").test_connection()
    assert works, found
    assert "Nothing is wrong; nothing was paid." in found
    assert emulator.billed == 0


@pytest.mark.usefixtures("emulator")
def test_what_is_wrong_is_said_with_its_remedy() -> None:
    """And nothing else: there is one line for it."""
    works, found = TitanBedrockHook("aws_default").test_connection()
    assert not works
    assert found.startswith("bucket: there is no bucket titan-images. Make it")


@pytest.mark.usefixtures("bucket")
@access_is_told
def test_a_connection_of_our_own_type_is_as_good_as_amazons(ours: str) -> None:
    """The Amazon provider doesn't warn of it, and its fields count."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        hook = TitanBedrockHook(ours)
        works, found = hook.test_connection()
    assert works, found
    assert "unknown" not in found
    assert hook.get_session().get_credentials().access_key == "a-key"
    assert hook.usual_region == "us-east-1"


@pytest.mark.usefixtures("bucket")
def test_airflow_finds_the_hook_by_the_type(ours: str) -> None:
    """As the UI does it: from the type to the hook, with the connection's id, to its test."""
    from airflow.models.connection import Connection

    extra: Any = json.dumps({"region_name": "us-east-1"})
    connection = Connection(conn_id=ours, conn_type="titan", login="a-key", password="a-secret", extra=extra)
    assert isinstance(connection.get_hook(), TitanBedrockHook)
    works, found = connection.test_connection()
    assert works, found


def test_the_ui_shows_amazons_fields() -> None:
    """The provider's information and the hook say the same."""
    from airflow_titan import get_provider_info

    (told,) = get_provider_info()["connection-types"]
    assert (told["connection-type"], told["hook-name"]) == (TitanBedrockHook.conn_type, TitanBedrockHook.hook_name)
    fields = TitanBedrockHook.get_ui_field_behaviour()
    assert told["ui-field-behaviour"]["relabeling"] == fields["relabeling"]
    assert told["ui-field-behaviour"]["hidden-fields"] == fields["hidden_fields"]
