"""Each thing that a preflight looks at: what is right passes, and what is wrong shows in its own row."""

from __future__ import annotations

import json
import socket
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.loaders import JSONFileLoader
from botocore.session import get_session
from botocore.stub import Stubber

from airflow_titan.emulator import running
from airflow_titan.models.catalog import models
from airflow_titan.preflight import access
from airflow_titan.preflight import preflight as checks
from airflow_titan.preflight.deployment import Deployment, Options
from airflow_titan.preflight.preflight import preflight
from airflow_titan.preflight.report import Row, as_json, is_all_right, message, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

V2, SD35, INPAINT = "amazon.titan-image-generator-v2:0", "stability.sd3-5-large-v1:0", "stable-image-inpaint-v1:0"

#: Without this operation nobody can tell whether an account may use a model.
access_is_told = pytest.mark.skipif(
    "GetFoundationModelAvailability" not in get_session().get_service_model("bedrock").operation_names,
    reason="this botocore can't ask whether an account may use a model",
)

pytestmark = pytest.mark.usefixtures("bucket")


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """Let botocore read each of its files once: every preflight makes clients of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that defines the default connection."""

    def connect(**extra: Any) -> None:
        value = {"conn_type": "aws", "login": "an-access-key", "password": "a-secret-key", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(value))

    return connect


def rows_of(deployment: Deployment) -> dict[str, Row]:
    """Give the rows by their names."""
    return {row.name: row for row in preflight(deployment)}


def looked(**options: Any) -> dict[str, Row]:
    """Give the rows of a deployment by their names."""
    return rows_of(Deployment(Options(**options)))


def wrong(rows: dict[str, Row]) -> list[str]:
    """Give the names of what is wrong."""
    return [name for name, row in rows.items() if row.status == "wrong"]


@pytest.mark.parametrize("model", list(models()))
@access_is_told
def test_where_all_is_right_every_row_is(emulator: Emulator, s3: Any, bucket: str, model: str) -> None:
    """Of every model; nothing is billed, and nothing is left in the bucket."""
    rows = looked(model_id=model, region_name=models()[model].regions[0])
    assert {row.status for row in rows.values()} == {"right"}
    assert emulator.billed == 0
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_guardrail_is_looked_at(emulator: Emulator) -> None:
    """Whether it may be asked, and whether it sees pictures; nothing is shown to it that would be billed."""
    row = looked(guardrail_id="gr1", guardrail_version="2")["guardrail gr1"]
    assert (row.status, "of pictures it looks at SEXUAL, VIOLENCE" in row.found) == ("right", True)
    assert [(call.texts, call.images) for call in emulator.guardrail_calls] == [((), ())]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"guardrail_id": "gr1", "guardrail_version": "77"}, "does not exist"),
        ({"guardrail_id": "arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1"}, "it is of eu-west-1"),
    ],
)
def test_a_guardrail_that_is_not_there_is_wrong(options: dict[str, str], found: str) -> None:
    """In this region, or in this version."""
    row = looked(**options)["guardrail gr1"]
    assert (row.status, found in row.found) == ("wrong", True)


def test_a_guardrail_that_may_not_be_asked_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the deployment, where no other is named; the remedy names the action."""
    monkeypatch.setenv("AIRFLOW__TITAN__GUARDRAIL_ID", "usual")
    deployment = Deployment(Options(invoke=False))
    stub = Stubber(deployment.runtime)
    stub.add_client_error("apply_guardrail", "AccessDeniedException", "no", 403)
    stub.activate()
    row = rows_of(deployment)["guardrail usual"]
    assert (row.status, "bedrock:ApplyGuardrail" in row.remedy) == ("wrong", True)


def test_where_nothing_may_be_written_or_invoked_nothing_is(emulator: Emulator) -> None:
    """The user's word counts."""
    emulator.inject("refuse", method="PUT", times=None)
    rows = looked(write=False, invoke=False)
    assert is_all_right(list(rows.values()))
    assert (rows["write"].status, emulator.calls) == ("skipped", [])


@access_is_told
def test_a_missing_bucket_is_the_buckets_row(s3: Any, bucket: str) -> None:
    """And what would be asked of it is skipped, not told as wrong as well."""
    s3.delete_bucket(Bucket=bucket)
    rows = looked()
    assert wrong(rows) == ["bucket"]
    assert "aws s3 mb s3://titan-images" in rows["bucket"].remedy
    assert rows["objects"].status == rows["lifecycle rules"].status == "skipped"
    assert rows[f"model {V2}"].status == "right"


@pytest.mark.parametrize(
    ("fault", "options", "row"),
    [
        ("refuse", {"method": "HEAD"}, "bucket"),
        ("refuse", {"method": "GET", "key": "check"}, "read"),
        ("refuse", {"method": "PUT"}, "write"),
        ("refuse", {"method": "DELETE"}, "delete"),
        ("ignore_conditions", {}, "conditional writes"),
        ("missing_bucket", {"method": "PUT"}, "write"),
    ],
)
def test_what_s3_refuses_shows_in_its_row(emulator: Emulator, fault: str, options: dict[str, Any], row: str) -> None:
    """With what to do."""
    emulator.inject(fault, times=None, **options)
    rows = looked()
    assert wrong(rows) == [row]
    assert rows[row].remedy


def test_a_store_that_ignores_conditions_may_be_allowed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what ``[titan] unsafe_store`` is for."""
    monkeypatch.setenv("AIRFLOW__TITAN__UNSAFE_STORE", "True")
    emulator.inject("ignore_conditions", times=None)
    row = looked()["conditional writes"]
    assert (row.status, "unsafe_store" in row.found) == ("right", True)


def test_how_results_are_encrypted_is_told(emulator: Emulator) -> None:
    """By what S3 says of an object that was written as tasks write theirs."""
    key = boto3.client("kms", endpoint_url=emulator.url).create_key()["KeyMetadata"]["Arn"]
    rows = looked(server_side_encryption="aws:kms", sse_kms_key_id=key)
    assert rows["encryption"] == Row("encryption", "right", f"aws:kms with {key}")


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": ""}}, "wrong"),
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": "results/old"}}, "wrong"),
        ({"Expiration": {"Days": 30}, "Filter": {"Prefix": "results"}}, "right"),
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": "uploads/"}}, "right"),
        ({"Expiration": {"Days": 1}, "Filter": {"Tag": {"Key": "a", "Value": "b"}}}, "right"),
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": ""}, "Status": "Disabled"}, "right"),
        ({"Transitions": [{"Days": 0, "StorageClass": "GLACIER"}], "Filter": {"Prefix": ""}}, "wrong"),
        ({"Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}], "Filter": {"Prefix": ""}}, "right"),
    ],
)
def test_rules_that_end_results_too_soon_are_wrong(s3: Any, bucket: str, rule: dict[str, Any], status: str) -> None:
    """Only those that are on, concern the output root, and don't wait for retries and clears."""
    rules = [{"ID": "sweep", "Status": "Enabled"} | rule]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    row = looked()["lifecycle rules"]
    assert row.status == status
    assert ("pays again" in row.remedy) == (status == "wrong")


def test_old_versions_are_mentioned(s3: Any, bucket: str) -> None:
    """They keep what tasks delete."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert "old versions" in looked()["versioning"].found


def test_a_retired_model_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once Bedrock has none of it any more; its successor is right."""
    with running(as_of=date(2026, 11, 1)) as late:
        monkeypatch.setenv("AWS_ENDPOINT_URL", late.url)
        rows = looked()
        assert f"model {V2}" in wrong(rows)
        assert "airflow-titan models" in rows[f"model {V2}"].remedy
        assert wrong(looked(model_id=SD35)) == ["bucket"]


def test_a_model_that_the_region_lacks_is_the_regions_row() -> None:
    """Where a task names its region; where only the connection does, a task asks where the model is."""
    rows = looked(model_id=SD35, region_name="eu-west-1")
    assert wrong(rows) == ["region"]
    assert "us-west-2" in rows["region"].remedy
    rows = looked(model_id=SD35)
    assert (rows["region"].status, rows["region"].found[:9]) == ("right", "us-west-2")


@access_is_told
def test_each_of_several_regions_has_rows_of_its_own(emulator: Emulator) -> None:
    """Where one refuses the model, or has no such model, the others' rows stay right; S3 is asked once."""
    deployment = Deployment(Options(regions=("us-west-2", "us-east-1", "eu-west-1")))
    # the emulator's faults strike requests for something
    stub = Stubber(deployment.places[1].runtime)
    stub.add_client_error("invoke_model", "AccessDeniedException", "no", 403)
    stub.activate()
    rows = rows_of(deployment)
    assert wrong(rows) == ["region eu-west-1", f"model {V2} us-east-1"]
    assert "Take eu-west-1 out of regions" in rows["region eu-west-1"].remedy
    assert rows["endpoint bedrock-runtime us-east-1"].status == rows[f"model {V2} us-west-2"].status == "right"
    assert rows["model access eu-west-1"] == Row("model access eu-west-1", "skipped", "region eu-west-1 comes first")
    assert {"bucket", "endpoint s3", "credentials"} <= rows.keys()
    assert {call.region for call in emulator.calls} == {"us-west-2"}


def test_an_arn_is_looked_at_in_one_region() -> None:
    """As tasks refuse it in several."""
    arn = f"arn:aws:bedrock:us-west-2::foundation-model/{V2}"
    rows = looked(model_id=arn, regions=("us-west-2", "us-east-1"))
    assert wrong(rows) == ["region us-west-2", "region us-east-1"]
    assert is_all_right(list(looked(model_id=arn, region_name="us-west-2").values()))


@pytest.mark.parametrize(
    ("guardrail", "status"),
    [
        ("arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1", "right"),
        ("arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1", "wrong"),
        ("gr1", "right"),
    ],
)
def test_a_guardrail_is_looked_at_where_tasks_ask_it(emulator: Emulator, guardrail: str, status: str) -> None:
    """In its ARN's region, which must be one of those that are named; by its id in the first that has the model."""
    rows = looked(regions=("eu-central-1", "us-west-2", "us-east-1"), guardrail_id=guardrail)
    assert rows["guardrail gr1"].status == status
    asked = {"right": {"us-east-1" if ":us-east-1:" in guardrail else "us-west-2"}, "wrong": set()}[status]
    assert {call.region for call in emulator.guardrail_calls} == asked


def test_a_rerouted_model_is_the_one_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the services that do some of its tasks, or only those that there will be."""
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", json.dumps({V2: SD35}))
    rows = looked()
    assert f"in the place of {V2}" in rows["model"].found
    assert {f"model {SD35}", f"model us.stability.{INPAINT}"} <= rows.keys()
    assert f"model us.stability.{INPAINT}" not in looked(tasks=("text_to_image",))


def answered(operation: str, error: str = "", **answer: Any) -> Deployment:
    """Give a deployment whose Bedrock or STS gives an answer of our own to an operation."""
    deployment = Deployment(Options())
    client = {"invoke_model": "runtime", "get_caller_identity": "sts"}.get(operation, "bedrock")
    stub = Stubber(getattr(deployment, client))
    if operation == "get_foundation_model_availability":
        stub.add_response("get_foundation_model", {"modelDetails": {"modelArn": "arn:aws:bedrock:x", "modelId": V2}})
    if error:
        stub.add_client_error(operation, error, "no", 404 if "NotFound" in error else 403)
    else:
        stub.add_response(operation, answer)
    stub.activate()
    return deployment


@access_is_told
def test_a_denied_invocation_is_wrong() -> None:
    """Though all that describes the model is allowed."""
    rows = rows_of(answered("invoke_model", "AccessDeniedException"))
    assert wrong(rows) == [f"model {V2}"]
    assert "bedrock:InvokeModel" in rows[f"model {V2}"].found


def available(agreement: str = "AVAILABLE", **changes: str) -> dict[str, Any]:
    """Give what Bedrock says of a model that may be used, but for the changes."""
    states = {"authorizationStatus": "AUTHORIZED", "entitlementAvailability": "AVAILABLE"} | changes
    return {"modelId": V2, "agreementAvailability": {"status": agreement}, "regionAvailability": "AVAILABLE"} | states


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (available("NOT_AVAILABLE"), "aws-marketplace:Subscribe"),
        (available("ERROR"), "aws-marketplace:Subscribe"),
        (available("PENDING"), "Wait"),
        (available(authorizationStatus="NOT_AUTHORIZED"), "airflow-titan policy"),
        (available(entitlementAvailability="NOT_AVAILABLE"), "airflow-titan policy"),
    ],
)
@access_is_told
def test_a_model_that_the_account_may_not_use_is_wrong(emulator: Emulator, answer: dict[str, Any], said: str) -> None:
    """And is not invoked, not even for nothing: a first call begins a subscription."""
    rows = rows_of(answered("get_foundation_model_availability", **answer))
    assert wrong(rows) == [f"model {V2}"]
    assert said in rows[f"model {V2}"].remedy
    assert emulator.calls == []


@pytest.mark.parametrize("operation", ["get_foundation_model_availability"])
@access_is_told
def test_what_may_not_be_asked_is_unknown(emulator: Emulator, operation: str) -> None:
    """A permission that no task needs is nobody's fault; the row names it."""
    rows = rows_of(answered(operation, "AccessDeniedException"))
    row = rows[f"model {V2}"]
    assert (wrong(rows), row.status, emulator.calls) == ([], "unknown", [])
    assert "bedrock:GetFoundationModelAvailability" in row.remedy
    assert "--invoke" in row.remedy


@pytest.mark.parametrize(
    ("error", "status"),
    [("ExpiredToken", "wrong"), ("InvalidClientTokenId", "wrong"), ("SignatureDoesNotMatch", "wrong"),
     ("AccessDenied", "unknown")],
)  # fmt: skip
def test_credentials_that_aws_refuses_are_wrong(error: str, status: str) -> None:
    """But not where nobody may ask STS."""
    rows = rows_of(answered("get_caller_identity", error))
    assert rows["credentials"].status == status
    assert (rows["bucket"].status == "skipped") == (status == "wrong")


def test_no_credentials_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else is asked."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert wrong(looked()) == ["credentials"]


def test_a_connection_that_doesnt_exist_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the environment has credentials, which tasks take then: that is said."""
    row = looked(aws_conn_id="aws_defualt")["connection aws_defualt"]
    assert (row.status, "environment's credentials" in row.found) == ("unknown", True)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    rows = looked(aws_conn_id="aws_defualt")
    assert wrong(rows) == ["connection aws_defualt"]
    assert "AIRFLOW_CONN_AWS_DEFUALT" in rows["connection aws_defualt"].remedy


def test_s3s_own_connection_is_looked_at_too() -> None:
    """It may be the one that is misspelt."""
    assert looked(s3_conn_id="store")["connection store"].status == "unknown"


def test_a_misspelt_extra_is_wrong(connect: Any) -> None:
    """The Amazon provider passes over what it doesn't know."""
    connect(region="us-west-2", role_ran="arn:aws:iam::1:role/a")
    row = looked()["connection aws_default"]
    assert row.status == "wrong"
    assert "Did you mean region_name?" in row.found
    assert "Did you mean role_arn?" in row.found


def test_no_region_is_the_regions_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that the model is offered in."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    rows = looked()
    assert wrong(rows) == ["region"]
    assert "us-east-1 or us-west-2" in rows["region"].found


def test_a_read_timeout_that_is_too_short_is_wrong(connect: Any) -> None:
    """What a task gives up on is paid all the same."""
    connect(region_name="us-east-1", config_kwargs={"read_timeout": 60})
    assert wrong(looked()) == ["read timeout"]


def test_an_endpoint_that_nobody_answers_at_is_wrong(connect: Any) -> None:
    """And is not asked for anything else."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connect(region_name="us-east-1", service_config={"bedrock-runtime": {"endpoint_url": f"http://127.0.0.1:{port}"}})
    rows = looked()
    assert wrong(rows) == ["endpoint bedrock-runtime"]
    assert "VPC endpoint" in rows["endpoint bedrock-runtime"].remedy
    assert rows["model access"].status == "skipped"


@pytest.mark.parametrize(("ahead", "status"), [(0, "right"), (400, "wrong"), (-400, "wrong")])
def test_a_clock_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, ahead: int, status: str) -> None:
    """Signatures of more than five minutes are refused."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=ahead)

    monkeypatch.setattr(access, "datetime", Clock)
    assert looked()["clock"].status == status


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("PATIENCE_SECONDS", "soon", "patience_seconds"),
        ("UNSAFE_STORE", "perhaps", "unsafe_store"),
        ("REROUTE", "sd3", "reroute"),
        ("REROUTE", '{"amazon.titan-image-generator-v2:0": "stability.sd3-5-large"}', "Did you mean stability.sd3-5"),
        ("REROUTE", '{"amazon.titan-image-genrator-v2:0": "stability.sd3-5-large-v1:0"}', "Did you mean amazon.titan"),
        ("MAX_PRICE_USD_PER_TASK", "cheap", "max_price_usd_per_task"),
        ("OUTPUT_ROT", "s3://a/b", "Did you mean output_root?"),
    ],
)
def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch, option: str, value: str, said: str) -> None:
    """Each of them, also one that nobody reads."""
    monkeypatch.setenv(f"AIRFLOW__TITAN__{option}", value)
    row = looked()["[titan]"]
    assert row.status == "wrong"
    assert said in row.found


@pytest.mark.parametrize("root", ["", "/data/titan", "s3://", "s3://bucket/../titan"])
def test_an_output_root_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """Before any bucket is asked."""
    monkeypatch.setenv("AIRFLOW__TITAN__OUTPUT_ROOT", root)
    rows = looked()
    assert rows["output root"].status == "wrong"
    assert rows["bucket"].found == "output root comes first"


def test_a_model_without_the_task_is_told() -> None:
    """With those that it does."""
    row = looked(model_id="us.stability.stable-image-inpaint-v1:0", tasks=("color_guided",))["model"]
    assert (row.status, "inpainting" in row.remedy) == ("wrong", True)


def test_a_check_that_fails_itself_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never a traceback, nor the end of the others."""

    def broken(_: Deployment) -> Any:
        raise KeyError("odd")

    monkeypatch.setattr(checks, "CHECKS", (checks.Check("odd", broken), *checks.CHECKS))
    rows = looked()
    assert rows["odd"] == Row("odd", "unknown", "KeyError: 'odd'")
    assert rows["bucket"].status == "right"


def test_no_secret_is_told(connect: Any) -> None:
    """Neither in the table nor in JSON nor in the one line."""
    connect(region_name="us-east-1", aws_session_token="a-session-token", region="x")
    rows = list(looked().values())
    for text in (table(rows), as_json(rows), message(rows)):
        assert "a-secret-key" not in text
        assert "a-session-token" not in text


def test_the_table_is_for_eyes_and_the_json_for_programs() -> None:
    """Both have all rows; long words stay whole."""
    arn = f"arn:aws:s3:::{'a' * 120}"
    rows = [Row("bucket", "wrong", "there is none.", f"Make {arn} first."), Row("clock", "right", "well")]
    assert arn in table(rows).replace("\n", " ").split()
    assert "1 right, 1 wrong. Something is wrong; nothing was paid." in table(rows)
    assert json.loads(as_json(rows))["right"] is False
    assert [row["name"] for row in json.loads(as_json(rows))["rows"]] == ["bucket", "clock"]
