"""The operators around bulk tasks: what failed becomes requests again, and the files of shards become one."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.manifest import Source, publish
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.rows import Row
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.errors import StoreFailed
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.operators.failed_requests import TitanFailedRequestsOperator
from airflow_titan.operators.merge_results import TitanMergeResultsOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Published = Callable[..., str]

OPERATORS = [TitanFailedRequestsOperator, TitanMergeResultsOperator]
ERROR = {"kind": "BadAnswer", "message": "no"}
DONE = Row("a", 1, "done", ("s3://b/a.png",), "s3://b/manifest.json", 0.01)
FAILED = Row("b", 2, "failed", error=ERROR, request={"id": "b", "text": "x"})
INVALID = Row("3", 3, "invalid", error=ERROR, request={"text": "y"})
BLOCKED = Row("d", 4, "blocked", error=ERROR, request={"text": "z", "id": None})
NOT_RUN = Row("5", 5, "not_run", error=ERROR, request={"id": 5})
SKIPPED = Row("f", 6, "skipped", error=ERROR)
ALL = (DONE, FAILED, INVALID, BLOCKED, NOT_RUN, SKIPPED)
SOURCE = Source(uri="s3://b/requests.jsonl", etag='"e"')


class Lazy:
    """Stands in for Airflow's lazy sequence of what mapped tasks return."""

    def __init__(self, *entries: Any) -> None:
        self.entries = entries

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)


@pytest.fixture
def published(s3: Any, bucket: str) -> Published:
    """Give a function that writes a result file and its record, as a bulk task does."""

    def published(*rows: Row, name: str = "one", **given: Any) -> str:
        owner = TaskInstance(dag_id="d", run_id="r", task_id="bulk")
        given = {"requests": SOURCE, "requests_total": len(rows), "models": ["m"], "seconds": 2.5} | given
        with Results() as results:
            for row in rows:
                results.add(row)
            folder = f"s3://{bucket}/bulk/{name}"
            return publish(results, store=ObjectStore(s3), folder=folder, owner=owner, **given).results_uri

    return published


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Give a function that tells what a task logged: Airflow 3 prints it, Airflow 2 hands it to logging."""
    return lambda: capsys.readouterr().out + caplog.text


@pytest.fixture
def shards(published: Published) -> list[str]:
    """Write the result files of two shards."""
    one = published(DONE, INVALID, NOT_RUN, name="0", shard=0, shards=2)
    return [one, published(FAILED, BLOCKED, name="1", shard=1, shards=2, models=["l", "m"], seconds=4)]


def lines(s3: Any, uri: Any) -> list[Any]:
    """Read a file of JSON lines."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


def collect(results: Any, **given: Any) -> Any:
    """Collect the failed requests."""
    return Instance().run(TitanFailedRequestsOperator(task_id="task", results=results, **given))


def merge(results: Any, instance: Instance | None = None, **given: Any) -> Any:
    """Join result files."""
    return (instance or Instance()).run(TitanMergeResultsOperator(task_id="task", results=results, **given))


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_is_a_template_field(operator: Any) -> None:
    """Each can be a template, and is rendered as one."""
    taken = set()
    for kind in operator.__mro__[:2]:
        taken |= set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
    assert set(operator.template_fields) == taken
    made = operator(task_id="task", **dict.fromkeys(taken, "{{ word }}"))
    assert {getattr(made, name) for name in taken} == {"{{ word }}"}
    made.render_template_fields({"word": "rendered"})
    assert {getattr(made, name) for name in taken} == {"rendered"}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_is_documented(operator: Any) -> None:
    """As one that can be a template."""
    own = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
    for name in own:
        told = operator.__doc__.split(f":param {name}:")[1].split(":param")[0].split(":raises")[0]
        assert told.rstrip().endswith("(templated)")


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_model_is_asked(operator: Any, published: Published, emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only S3 is, so that no region of Bedrock is needed."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    Instance().run(operator(task_id="task", results=published(*ALL)))
    assert emulator.calls == []


def test_requests_for_another_try_are_told(published: Published) -> None:
    """How many there are, where they lie and in which region, for those who link to them."""
    instance = Instance()
    uri = instance.run(TitanFailedRequestsOperator(task_id="task", results=published(*ALL)))
    assert instance.xcoms == {
        "record": {
            "task": "failed_requests", "status": "complete", "requests": 4, "requests_uri": uri,
            "s3_region": "us-east-1",
        }
    }  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    ("results", "words"),
    [("", "got nothing"), (None, "got nothing"), ([], "got nothing"), ("s3://b/folder/", "names a folder"),
     ("None", "got nothing"), (7, "not text"), ({"a": 1}, "not text"),
     ("s3://titan-images/none", "isn't there"), (["s3://b/k", "s3://b/k"], "2 times"), ([[1], 1], "not text")],
)  # fmt: skip
def test_what_names_no_result_file_fails_at_once(operator: Any, results: Any, words: str, bucket: str) -> None:
    """With what is allowed."""
    del bucket
    with pytest.raises(AirflowFailException, match="InvalidRequest") as caught:
        Instance().run(operator(task_id="task", results=results))
    assert words in str(caught.value)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_file_of_another_kind_fails_at_once(operator: Any, s3: Any, bucket: str) -> None:
    """It is named with its line."""
    s3.put_object(Bucket=bucket, Key="k", Body=DONE.to_json() + b'\n{"id": "a", "text": "x"}\n')
    with pytest.raises(AirflowFailException, match="line 2 is no row"):
        Instance().run(operator(task_id="task", results=f"s3://{bucket}/k"))


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_failure_that_may_pass_is_left_to_retries(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow retries what is no AirflowFailException."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    config = {"retries": {"total_max_attempts": 1}, "connect_timeout": 1}
    with pytest.raises(StoreFailed):
        Instance().run(operator(task_id="task", results="s3://b/k", botocore_config=config))


def test_requests_without_pictures_are_collected(s3: Any, published: Published) -> None:
    """As they were given, in their order, each with the name that its row has."""
    assert lines(s3, collect(published(*ALL))) == [
        {"id": "b", "text": "x"}, {"text": "y", "id": "3"}, {"text": "z", "id": "d"}, {"id": 5},
    ]  # fmt: skip


def test_collected_requests_are_requests(s3: Any, published: Published) -> None:
    """Another bulk task reads them under the same names."""
    uri = collect(published(*ALL))
    with BulkRequests.read(uri, ObjectStore(s3), RequestSettings({"task": "text_to_image"})) as found:
        assert [(line.id, line.problem) for line in found] == [("b", None), ("3", None), ("d", None), ("5", None)]


@pytest.mark.parametrize(
    ("statuses", "ids"),
    [("failed", ["b"]), (["blocked", "failed"], ["b", "d"]), ("invalid, not_run", ["3", "5"]), ('["failed"]', ["b"]),
     (("failed",), ["b"]), ("", ["b", "3", "d", "5"])],
)  # fmt: skip
def test_statuses_choose(s3: Any, published: Published, statuses: Any, ids: list[str]) -> None:
    """However a template renders them."""
    found = lines(s3, collect(published(*ALL), statuses=statuses))
    assert [str(request["id"]) for request in found] == ids


@pytest.mark.parametrize("statuses", ["done", "fail", [], ["failed", "skipped"], [7], 7, "[failed]", ","])
def test_other_statuses_fail_at_once(published: Published, statuses: Any) -> None:
    """It is told which there are."""
    with pytest.raises(AirflowFailException, match="allowed is one or more of failed, invalid, blocked, not_run"):
        collect(published(*ALL), statuses=statuses)


def test_without_failed_requests_the_task_is_skipped(published: Published) -> None:
    """So what comes after it is skipped too."""
    with pytest.raises(AirflowSkipException, match="No request is failed or invalid or blocked or not_run"):
        collect(published(DONE, SKIPPED))


def test_several_files_are_collected_into_one(s3: Any, shards: list[str]) -> None:
    """As mapped tasks return them."""
    expected = ["3", "5", "b", "d"]
    for given in (shards, Lazy(*shards), [Lazy(shards[0]), [[shards[1]]]], json.dumps(shards)):
        assert [str(request["id"]) for request in lines(s3, collect(given))] == expected


def test_requests_that_rows_dont_hold_are_named(s3: Any, published: Published, said: Callable[[], str]) -> None:
    """The rest is written."""
    large = [Row(f"large-{line}", line, "failed", error=ERROR) for line in range(7, 20)]
    uri = collect(published(FAILED, *large, Row("", 20, "invalid", error=ERROR)))
    assert [request["id"] for request in lines(s3, uri)] == ["b"]
    told = said()
    assert "14 request(s) are left out" in told
    assert "line 7 (id 'large-7')" in told
    assert "and 4 more" in told


def test_where_no_row_holds_its_request_the_task_fails(published: Published) -> None:
    """To skip would say that nothing had failed."""
    with pytest.raises(AirflowFailException, match=r"of 1: line 7 \(id 'large'\)"):
        collect(published(DONE, Row("large", 7, "failed", error=ERROR)))


def test_collected_requests_lie_under_their_hash(s3: Any, bucket: str, published: Published) -> None:
    """A retry writes the same key, and other requests another one, below the task's own prefix."""
    source = published(*ALL)
    uri = collect(source)
    data = s3.get_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"))["Body"].read()
    assert uri.startswith(f"s3://{bucket}/results/dag/run/task/")
    assert uri.endswith(f"/requests-{hashlib.sha256(data).hexdigest()[:16]}.jsonl")
    assert collect(source) == uri
    assert collect(source, statuses="failed") != uri


def test_shards_are_joined_in_the_requests_order(s3: Any, shards: list[str]) -> None:
    """In whatever order they come, and whatever order theirs is."""
    for given in (shards, shards[::-1], Lazy(*shards)):
        assert [row["line"] for row in lines(s3, merge(given))] == [1, 2, 3, 4, 5]


def test_rows_are_joined_as_they_are(s3: Any, shards: list[str]) -> None:
    """Nothing of them changes."""
    assert lines(s3, merge(shards)) == [json.loads(row.to_json()) for row in ALL[:5]]


def test_the_joined_record_has_the_sums(s3: Any, bucket: str, shards: list[str]) -> None:
    """And what the shards have in common."""
    instance = Instance()
    uri = merge(shards, instance)
    summary = instance.xcoms["manifest"]
    record = json.loads(s3.get_object(Bucket=bucket, Key=summary["manifest_uri"].split("/", 3)[3])["Body"].read())
    assert record["counts"] == {"done": 1, "blocked": 1, "invalid": 1, "failed": 1, "not_run": 1}
    assert (record["requests_total"], record["images"], record["price_usd"]) == (5, 1, 0.01)
    assert (record["shard"], record["shards"], record["seconds"], record["models"]) == (0, 1, 4, ["l", "m"])
    assert (record["requests"], record["results_uri"]) == ({"uri": SOURCE.uri, "etag": SOURCE.etag}, uri)
    assert (record["status"], record["task_instance"]["task_id"]) == ("incomplete", "task")
    assert len(json.dumps(summary)) < 2048


def test_one_incomplete_shard_makes_the_whole_incomplete(published: Published) -> None:
    """Whatever its rows say."""
    instance = Instance()
    merge([published(DONE, name="0", shards=2), published(FAILED, name="1", shard=1, shards=2)], instance)
    assert instance.xcoms["manifest"]["status"] == "complete"
    merge(
        [published(DONE, name="0", shards=2, complete=False), published(FAILED, name="1", shard=1, shards=2)], instance
    )
    assert instance.xcoms["manifest"]["status"] == "incomplete"


def test_an_empty_shard_is_joined_too(s3: Any, published: Published) -> None:
    """There may be more shards than requests."""
    given = [published(DONE, name="0", shards=2), published(name="1", shard=1, shards=2)]
    assert [row["line"] for row in lines(s3, merge(given))] == [1]


def test_several_rows_of_one_line_stay_together(s3: Any, published: Published) -> None:
    """A row of several pictures may have become several requests."""
    rows = [Row(f"a-{index}", 1, "done", ("s3://b/k",)) for index in (1, 2)]
    given = [published(*rows, name="0", shards=2), published(FAILED, name="1", shard=1, shards=2)]
    assert [row["id"] for row in lines(s3, merge(given))] == ["a-1", "a-2", "b"]


@pytest.mark.parametrize("name", ["a", "other"])
def test_a_line_of_two_files_is_named(published: Published, name: str) -> None:
    """Under whatever name: one of them was not meant."""
    given = [published(DONE, name="0", shards=2), published(Row(name, 1, "done"), name="1", shard=1, shards=2)]
    with pytest.raises(AirflowFailException, match="results: got line 1 more than once"):
        merge(given)


def test_a_line_that_one_file_has_twice_is_named(published: Published) -> None:
    """Such a file was not written by us."""
    with pytest.raises(AirflowFailException, match="results: got line 1, 2 more than once"):
        merge(published(DONE, FAILED, DONE, FAILED))


@pytest.mark.parametrize(
    ("other", "words"),
    [({"requests": Source(uri=SOURCE.uri, etag='"new"')}, "run them again"), ({"requests": None}, "of a list in 2"),
     ({"shards": 3}, "in 3 shard"), ({"shard": 0}, "shard 0 more than once")],
)  # fmt: skip
def test_files_that_dont_belong_together_fail_at_once(published: Published, other: Any, words: str) -> None:
    """Their records tell."""
    given = [published(DONE, name="0", shards=2), published(FAILED, name="1", **{"shard": 1, "shards": 2} | other)]
    with pytest.raises(AirflowFailException, match=words):
        merge(given)


def test_a_missing_shard_is_named(published: Published) -> None:
    """Nothing is lost without a word."""
    given = [published(DONE, name="0", shards=4), published(FAILED, name="2", shard=2, shards=4)]
    with pytest.raises(AirflowFailException, match="got 2 of 4 shards, without 1, 3; allowed is all shards"):
        merge(given)


def test_a_file_that_lost_rows_fails_at_once(s3: Any, published: Published) -> None:
    """Its record has counted them."""
    uri = published(DONE, FAILED)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=DONE.to_json())
    with pytest.raises(AirflowFailException, match="with 1 rows; allowed is the 2 rows that its record counts"):
        merge(uri)


def test_files_without_a_record_are_joined_with_a_warning(
    s3: Any, bucket: str, shards: list[str], said: Callable[[], str]
) -> None:
    """A person may have copied them."""
    s3.put_object(Bucket=bucket, Key="copy.jsonl", Body=FAILED.to_json())
    uri = merge([shards[0], f"s3://{bucket}/copy.jsonl"])
    assert [row["line"] for row in lines(s3, uri)] == [1, 2, 3, 5]
    assert f"No record lies beside s3://{bucket}/copy.jsonl (1 of 2 files)" in said()


def test_joining_again_writes_the_same_key(shards: list[str]) -> None:
    """A retry leaves nothing behind."""
    assert merge(shards) == merge(shards)


def test_results_go_where_the_user_wants_them(bucket: str, shards: list[str]) -> None:
    """With the user's encryption and owner as for all results."""
    assert merge(shards, output_prefix=f"s3://{bucket}/mine").startswith(f"s3://{bucket}/mine/")
    assert collect(shards, output_prefix=f"s3://{bucket}/mine").startswith(f"s3://{bucket}/mine/")
