"""Requests in: what a line may be, what it is called when it is wrong, and that nothing of it is lost."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from botocore.config import Config
from stub import Says, Stub, scripted

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.errors import ConfigurationError, InvalidRequest, Problems, StoreFailed, StoreRefused
from airflow_titan.models.tasks import TASKS, parameters
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_titan.bulk.requests import BulkRequest

    Read = Callable[..., list[BulkRequest]]

TEXT = {"task": "text_to_image", "text": "a lighthouse"}
MIB = 1 << 20


class Lazy:
    """Stands in for Airflow's lazy sequence, which is no list and fetches each entry when it is asked for."""

    def __init__(self, *entries: Any) -> None:
        self.entries = entries

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class Repeating:
    """A store whose one object is a piece said over and over, so that no test holds all of it."""

    def __init__(self, piece: Callable[[int], bytes], times: int) -> None:
        self.piece, self.times = piece, times

    def download(self, uri: str, file: Any) -> str:
        """Write the object."""
        del uri
        for index in range(self.times):
            file.write(self.piece(index))
        return '"etag"'


def listed(requests: Any, *, store: Any = None, **given: Any) -> list[BulkRequest]:
    """Read requests, from a list or by a store of the test's own."""
    problems = Problems()
    settings = RequestSettings.read(ParameterReader(problems), **{"defaults": None, "images_as": None} | given)
    problems.raise_if_any()
    with BulkRequests.read(requests, store, settings) as lines:
        return list(lines)


@pytest.fixture
def read(s3: Any, bucket: str) -> Read:
    """Give a function that reads the lines of a file in S3."""

    def read(data: bytes | Sequence[Any], **given: Any) -> list[BulkRequest]:
        if not isinstance(data, bytes):
            data = b"".join(json.dumps(entry).encode() + b"\n" for entry in data)
        s3.put_object(Bucket=bucket, Key="in/requests.jsonl", Body=data)
        return listed(f"s3://{bucket}/in/requests.jsonl", store=ObjectStore(s3), **given)

    return read


def written(name: str, **more: Any) -> bytes:
    """Write a line."""
    return json.dumps({"id": name, **TEXT, **more}).encode() + b"\n"


def told(line: BulkRequest) -> str:
    """Give a line's problem in words."""
    assert line.problem
    return str(line.problem)


def test_a_line_becomes_a_request(read: Read) -> None:
    """Its id and its task are taken out; the rest are parameters."""
    (line,) = read([{"id": "sku-1", **TEXT, "seed": 7}])
    assert (line.number, line.id, line.task, line.problem, line.skipped) == (1, "sku-1", "text_to_image", None, None)
    assert line.fields == {"text": "a lighthouse", "seed": 7}
    assert line.given == {"id": "sku-1", **TEXT, "seed": 7}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_its_own_parameters(task: str) -> None:
    """And those that all operators share."""
    shared = ["model_id", "model_family", "on_blocked", "on_missing", "max_paid_calls", "max_price_usd", "translate"]
    names = [*parameters(TASKS[task]), *shared]
    (line,) = listed([{"task": task, **dict.fromkeys(names, "x")}])
    assert line.fields == dict.fromkeys(names, "x")


def test_the_file_and_its_content_are_named(s3: Any, bucket: str) -> None:
    """A record can say which requests these were."""
    etag = s3.put_object(Bucket=bucket, Key="k", Body=written("a"))["ETag"]
    with BulkRequests.read(f"s3://{bucket}/k", ObjectStore(s3), RequestSettings({})) as lines:
        assert (lines.uri, lines.etag, lines.total) == (f"s3://{bucket}/k", etag, 1)


def test_defaults_lie_under_each_line(read: Read) -> None:
    """A line's own value wins, and the line as it was given stays as it was."""
    (one, two) = read([{"text": "x"}, {"text": "y", "width": 320}], defaults={"task": "text_to_image", "width": 512})
    assert (one.fields, two.fields) == ({"text": "x", "width": 512}, {"text": "y", "width": 320})
    assert one.given == {"text": "x"}


def test_a_line_may_be_of_defaults_alone(read: Read) -> None:
    """It is not taken for one that could not be read."""
    (line,) = read(b"{}", defaults=TEXT)
    assert (line.problem, line.fields, line.given) == (None, {"text": "a lighthouse"}, {"id": "1"})


def test_null_takes_a_default_away(read: Read) -> None:
    """Also one that the line's task doesn't take."""
    given = {"task": "background_removal", "image": "s3://b/k", "width": None}
    (line,) = read([given], defaults={"width": 512})
    assert (line.problem, line.fields) == (None, {"image": "s3://b/k"})


def test_a_default_that_a_task_doesnt_take_is_told_with_its_remedy(read: Read) -> None:
    """The line is not to blame, and can take the default away."""
    (line,) = read([{"task": "background_removal", "image": "s3://b/k"}], defaults={"width": 512})
    assert "null in the line takes it away" in told(line)


def test_defaults_may_be_json() -> None:
    """A template may have rendered them."""
    (line,) = listed([{"text": "x"}], defaults='{"task": "text_to_image", "seed": null}')
    assert line.fields == {"text": "x"}


@pytest.mark.parametrize("nothing", [None, "", " ", {}, "{}"])
def test_there_need_be_no_defaults(nothing: Any) -> None:
    """Nothing is nothing, however it is written."""
    assert listed([TEXT], defaults=nothing)[0].fields == {"text": "a lighthouse"}


def test_lazy_lists_in_defaults_are_fetched_at_once() -> None:
    """What a task before returned is fetched here, not by many threads later on."""
    from collections.abc import Sequence

    class Lists(Lazy, Sequence[Any]):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> Any:
            return self.entries[index]

    (line,) = listed([{}], defaults={"task": "image_variation", "images": Lists("s3://b/1", "s3://b/2")})
    assert line.fields == {"images": ["s3://b/1", "s3://b/2"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [({"id": "x"}, "each has its own"), ({"widht": 1}, "Did you mean width?"), ("{", "JSON"), ("[1]", "dict"),
     ([1], "dict"), (7, "dict"), ({"text": {1, 2}}, "JSON"), ({"seed": float("nan")}, "JSON")],
)  # fmt: skip
def test_wrong_defaults_are_a_setting(given: Any, words: str) -> None:
    """They would spoil every line, so nothing begins."""
    with pytest.raises(ConfigurationError, match="defaults: got") as caught:
        listed([TEXT], defaults=given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "name"),
    [("a", "a"), (" a ", " a "), (17, "17"), (-3, "-3"), (10**30, str(10**30)), ("ä 🎨", "ä 🎨"),
     ("a\n\x00b", "a\n\x00b"), ("x" * 1000, "x" * 1000), (None, "1")],
)  # fmt: skip
def test_ids_are_texts_or_whole_numbers(read: Read, value: Any, name: str) -> None:
    """And the line's number where there is none."""
    (line,) = read([{"id": value, **TEXT}])
    assert (line.id, line.problem) == (name, None)


@pytest.mark.parametrize("value", ["", " \n", True, 1.5, [], ["a"], {"a": 1}, "x" * 1001])
def test_what_is_no_id_is_a_problem_of_its_line(read: Read, value: Any) -> None:
    """The line is named by its number, and kept as it was given."""
    (line,) = read([{"id": value, **TEXT}])
    assert told(line).startswith("line 1: got the id ")
    assert (line.id, line.given["id"]) == ("", value)


def test_an_id_is_there_once() -> None:
    """The first line keeps it; each later one is told which that was, also where a number says the same."""
    one, two, three, four = listed([{"id": name, **TEXT} for name in ("7", "b", 7, "7")])
    assert one.problem is None
    assert two.problem is None
    assert told(three).startswith("line 3 (id 7): got the id of line 1; allowed is an id that no other line has.")
    assert "the id of line 1" in told(four)
    assert four.given["id"] == "7"


def test_a_lines_number_may_be_anothers_id() -> None:
    """It would name two pictures alike."""
    one, two = listed([{"id": "2", **TEXT}, TEXT])
    assert one.problem is None
    assert "the id of line 1" in told(two)


def test_ids_that_differ_by_case_are_two(read: Read) -> None:
    """Keys in S3 differ by case as well."""
    assert [line.problem for line in read([{"id": name, **TEXT} for name in ("a", "A", "ä", "a\u0308")])] == [None] * 4


def test_ids_are_compared_over_all_shards() -> None:
    """The joined result has each once."""
    given = [{"id": "a", **TEXT}, {"id": "a", **TEXT}]
    assert listed(given, shard=0, shards=2)[0].problem is None
    assert "the id of line 1" in told(listed(given, shard=1, shards=2)[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"{", "no JSON"), (b'{"a": 1} x', "no JSON"), (b'{"a": [NaN]}', "no JSON"), (b'{"a": Infinity}', "no JSON"),
     (b'{"a": "\\ud800"}', "no JSON"), (b"{'a': 1}", "no JSON"), (b'{"a": "\xff"}', "no UTF-8"), (b"\x00", "no JSON"),
     (b"[1]", "type list"), (b'"a"', "type str"), (b"7", "type int"), (b"null", "type NoneType"),
     (b"[" * 100_000, "no JSON"), (b'{"text": ' + b"[" * 60 + b"]" * 60 + b"}", "too deep"), (b"9" * 9999, "no JSON")],
)  # fmt: skip
def test_what_is_no_object_is_a_problem_of_its_line(read: Read, data: bytes, words: str) -> None:
    """The lines around it are requests all the same."""
    one, wrong, two = read(written("a") + data + b"\n" + written("b"))
    assert (one.problem, two.problem, two.number) == (None, None, 3)
    assert words in told(wrong)
    assert (wrong.given, wrong.fields, wrong.task) == ({}, {}, "")


@pytest.mark.parametrize(
    ("data", "name"),
    [(b'{"id": "sku-9", "text": ', "sku-9"), (b'{"text": "a \\"id\\": 1", "id" : 12, ', "12"),
     (b'{"a": {"id": "inner"}, "b": [{"id": 2}], "id": "\\u00e4", "c"', "ä"), (b'{"a": {"id": "inner"}, "x', ""),
     (b'{"a": "id", "b": "c", ', ""), (b'{"id": "cut o', ""), (b'{"id": 12', ""), (b'{"id": [1], "x', "")],
)  # fmt: skip
def test_a_broken_line_is_named_by_its_id_where_that_shows(read: Read, data: bytes, name: str) -> None:
    """Only the object's own id counts, and only a whole one."""
    (line,) = read(data)
    assert line.id == name
    assert told(line).startswith(f"line 1 (id {name}): got no JSON" if name else "line 1: got no JSON")


def test_a_line_of_10_mb_is_a_line(read: Read) -> None:
    """It may be refused later on, by its name."""
    one, two, three = read(written("a") + written("large", negative_text="x" * 10_000_000) + written("b"))
    assert [line.problem for line in (one, two, three)] == [None] * 3
    assert (two.id, len(two.fields["negative_text"]), three.number) == ("large", 10_000_000, 3)


def test_a_line_of_more_than_16_mib_is_named_and_not_held(read: Read) -> None:
    """By its number, and by its id if that stands near its beginning."""
    long, last = b'"text": "' + b"x" * (17 * MIB) + b'"', b'{"id": "last", "text": "' + b"x" * 16 * MIB
    one, two, three, four = read(b'{"id": "a", ' + long + b"}\n{" + long + b', "id": "b"}\n' + written("c") + last)
    assert told(one).startswith("line 1 (id a): got a line of more than 16 MiB; allowed is at most 16 MiB.")
    assert told(two).startswith("line 2: got a line of more than 16 MiB")
    assert (three.id, three.problem) == ("c", None)
    assert told(four).startswith("line 4 (id last): got a line of more than 16 MiB")


def test_a_line_of_just_16_mib_is_held() -> None:
    """The end of the line doesn't count."""
    line = written("a", text="")
    line = line.replace(b'"text": ""', b'"text": "' + b"x" * (16 * MIB + 1 - len(line)) + b'"')
    assert len(line) == 16 * MIB + 1
    (found,) = listed("s3://b/k", store=Repeating(lambda _: line, 1))
    assert found.problem is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b" \t\r\n \r\n"])
def test_lines_end_as_they_may(read: Read, end: bytes) -> None:
    """Also the last one without an end, and the first one after a byte-order mark."""
    lines = read(b"\xef\xbb\xbf" + end.join([written("a").strip(), written("b").strip()]))
    assert [(line.id, line.problem) for line in lines] == [("a", None), ("b", None)]


def test_blank_lines_count_in_the_numbers(read: Read) -> None:
    """An editor counts them too."""
    assert [line.number for line in read(b"\n" + written("a") + b" \n\n" + written("b") + b"\n\n")] == [2, 5]


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "got no task; allowed is one of text_to_image"), ({"task": None}, "no task"), ({"task": 7}, "the task 7"),
     ({"task": "inpaint"}, "Did you mean inpainting?"), ({"task": ["inpainting"]}, "the task ['inpainting']")],
)  # fmt: skip
def test_what_names_no_task_is_a_problem_of_its_line(given: dict[str, Any], words: str) -> None:
    """It is told which tasks there are, and which is nearest."""
    (line,) = listed([{"text": "x", **given}])
    assert words in told(line)
    assert (line.task, line.given["text"]) == ("", "x")


def test_an_unknown_parameter_is_a_problem_of_its_line() -> None:
    """It is named with the nearest known one, and its value is not repeated."""
    (line,) = listed([{"id": "sku-1", **TEXT, "widht": "secret", "zzz": 1}])
    assert told(line).startswith("line 1 (id sku-1): got the unknown parameter 'widht' and 1 more; allowed is ")
    assert "Did you mean width?" in told(line)
    assert "secret" not in told(line)
    assert line.task == "text_to_image"


def test_an_unknown_parameter_is_unknown_without_a_value_too() -> None:
    """A misspelt name is no way to take a default away."""
    assert "'widht'" in told(listed([{**TEXT, "widht": None}])[0])


def test_an_id_cant_forge_a_line_of_a_log() -> None:
    """What doesn't print is written by its number, and a long one is cut."""
    one, two = listed([{"id": "a\nERROR", "task": "x"}, {"id": "y" * 1000, "task": "x"}])
    assert told(one).startswith(r"line 1 (id 'a\nERROR'): ")
    assert len(told(two)) < 500


@pytest.mark.parametrize(
    "given",
    [[{"id": "a", **TEXT}, {"id": "b", **TEXT}], ({"id": "a", **TEXT}, {"id": "b", **TEXT}),
     Lazy({"id": "a", **TEXT}, {"id": "b", **TEXT}), Lazy([{"id": "a", **TEXT}], [], [{"id": "b", **TEXT}]),
     json.dumps([{"id": "a", **TEXT}, {"id": "b", **TEXT}]), [written("a").decode(), written("b").decode()]],
)  # fmt: skip
def test_requests_may_be_a_list(given: Any) -> None:
    """Or a lazy sequence, lists of mapped tasks, or JSON."""
    assert [(line.number, line.id, line.problem) for line in listed(given)] == [(1, "a", None), (2, "b", None)]


@pytest.mark.parametrize(
    ("entry", "words"),
    [(None, "type NoneType"), (7, "type int"), (b"{}", "type bytes"), ("x", "no JSON object"), ("[1]", "type list"),
     ({"text": object()}, "no JSON for a value of type object"), ({"text": [float("nan")]}, "no JSON object"),
     ({"text": {1, 2}}, "type set"), ({"text": "\ud800"}, "no JSON"), ("\ud800", "no JSON object")],
)  # fmt: skip
def test_an_entry_that_is_no_request_is_a_problem_of_its_own(entry: Any, words: str) -> None:
    """The entries around it are requests all the same."""
    one, wrong, two = listed([{"id": "a", **TEXT}, entry, {"id": "b", **TEXT}])
    assert (one.problem, two.problem, two.number) == (None, None, 3)
    assert words in told(wrong)
    assert told(wrong).startswith("line 2: got ")


def test_an_entry_that_is_no_json_keeps_its_name() -> None:
    """Its id is known, whatever else it holds."""
    (line,) = listed([{"id": "sku-1", "text": object()}])
    assert told(line).startswith("line 1 (id sku-1): got a dict that is no JSON object")
    assert (line.id, line.given) == ("sku-1", {})


def test_a_list_of_one_uri_is_that_uri(s3: Any, bucket: str) -> None:
    """So operators return files, and mapped tasks lists of them."""
    s3.put_object(Bucket=bucket, Key="k", Body=written("a"))
    assert [line.id for line in listed(Lazy(f"s3://{bucket}/k"), store=ObjectStore(s3))] == ["a"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("s3://bucket/folder/", "names a folder"), ("s3://bucket", "no key"), ("/tmp/x", "begin with s3://"),  # noqa: S108
     ("", "begin with s3://"), ("None", "begin with s3://"), (None, "type NoneType"), (7, "type int"),
     ({"id": "a"}, "type dict"), (b"[]", "type bytes"), ([], "got nothing"), ([[], []], "got nothing"),
     ("[]", "got nothing"), ("[{'a': 1}", "no JSON")],
)  # fmt: skip
def test_what_holds_no_requests_is_said(given: Any, words: str) -> None:
    """The task fails at once, with what is allowed."""
    with pytest.raises(InvalidRequest, match="requests: got") as caught:
        listed(given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "has no line"), (b"\n \r\n", "has no line"), (b"\xef\xbb\xbf", "has no line"),
     (b"\x1f\x8b\x08\x00", "compressed"), ("{}".encode("utf-16"), "UTF-16")],
)  # fmt: skip
def test_a_file_without_lines_is_said(read: Read, data: bytes, words: str) -> None:
    """As is one whose lines can't be told."""
    with pytest.raises(InvalidRequest, match=words):
        read(data)


def test_a_missing_file_is_said(s3: Any, bucket: str) -> None:
    """With its URI."""
    with pytest.raises(InvalidRequest, match=rf"s3://{bucket}/none', which isn't there"):
        listed(f"s3://{bucket}/none", store=ObjectStore(s3))


def client(stub: Stub) -> Any:
    """Give a client of a stub that gives up at once."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=1)
    return boto3.client("s3", endpoint_url=stub.url, config=config, region_name="us-east-1")


@pytest.mark.parametrize("says", [Says(503), Says(reset=True), Says(body=b"a", missing=9, headers={"ETag": '"e"'})])
def test_a_file_that_breaks_off_is_left_to_another_try(says: Says) -> None:
    """Half of the requests are none."""
    with scripted(says) as stub, pytest.raises(StoreFailed, match="s3://bucket/key"):
        listed("s3://bucket/key", store=ObjectStore(client(stub)))


def test_a_file_that_may_not_be_read_is_a_setting() -> None:
    """The message says which permission to look at."""
    says = Says(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    with scripted(says) as stub, pytest.raises(StoreRefused, match="s3:GetObject"):
        listed("s3://bucket/key", store=ObjectStore(client(stub)))


def test_shards_take_every_nth_request() -> None:
    """Each request is in one of them, under the number that it has in the file; blank lines don't count."""
    data = b"\n".join(written(str(index)).strip() + b"\n" * (index % 2) for index in range(7))
    shards = []
    for shard in range(3):
        store: Any = Repeating(lambda _: data, 1)
        with BulkRequests.read("s3://b/k", store, RequestSettings({}, shard=shard, shards=3)) as lines:
            shards.append([(line.number, line.id) for line in lines])
            assert lines.total == len(shards[-1])
    assert [[name for _, name in shard] for shard in shards] == [["0", "3", "6"], ["1", "4"], ["2", "5"]]
    assert sorted(number for shard in shards for number, _ in shard) == [1, 2, 4, 5, 7, 8, 10]


def test_shards_may_be_texts_and_more_than_requests() -> None:
    """Then some have nothing to do."""
    assert listed([TEXT], shard="1", shards="2") == []


@pytest.mark.parametrize(
    ("shard", "shards", "words"),
    [(-1, 2, "shard: got -1"), (2, 2, "allowed is 0 to 1"), (0, 0, "shards: got 0"), ("x", 2, "shard: got 'x'"),
     (0, "None", "shards: got 'None'"), (True, 2, "shard: got True"), (0, 1.5, "shards: got 1.5")],
)  # fmt: skip
def test_a_wrong_shard_is_a_setting(shard: Any, shards: Any, words: str) -> None:
    """Nothing would be done, or everything twice."""
    with pytest.raises(ConfigurationError, match=words):
        listed([TEXT], shard=shard, shards=shards)


ROW = {"id": "a", "line": 9, "status": "done", "images": ["s3://b/1"], "manifest_uri": None, "error": None}


def test_pictures_of_a_row_become_a_parameter(read: Read) -> None:
    """Under the row's id; the rest comes from the defaults."""
    (line,) = read([ROW], images_as="image", defaults={"task": "background_removal"})
    assert (line.number, line.id, line.problem, line.fields) == (1, "a", None, {"image": "s3://b/1"})
    assert line.given == {"id": "a", "image": "s3://b/1"}


def test_several_pictures_go_where_several_may() -> None:
    """In one request."""
    row = {**ROW, "images": ["s3://b/1", "s3://b/2"]}
    (line,) = listed([row], images_as="images", defaults={"task": "image_variation"})
    assert (line.id, line.fields) == ("a", {"images": ["s3://b/1", "s3://b/2"]})


def test_several_pictures_are_several_requests_elsewhere() -> None:
    """Each with a name of its own."""
    row = {**ROW, "images": ["s3://b/1", "s3://b/2"]}
    settings = RequestSettings({"task": "background_removal"}, images_as="image")
    with BulkRequests.read([row], ObjectStore(None), settings) as lines:
        assert lines.total == 2
        assert [(line.number, line.id, line.fields) for line in lines] == [
            (1, "a-1", {"image": "s3://b/1"}), (1, "a-2", {"image": "s3://b/2"}),
        ]  # fmt: skip


def test_a_row_without_pictures_is_skipped() -> None:
    """With the reason."""
    (line,) = listed([{**ROW, "images": [], "status": "blocked"}], images_as="image", defaults={})
    assert (line.id, line.problem, line.skipped) == (
        "a",
        None,
        "the row before has no pictures; its status is 'blocked'",
    )


@pytest.mark.parametrize("entry", [TEXT, {**ROW, "images": "s3://b/1"}, {**ROW, "images": [1]}])
def test_what_is_no_row_is_a_problem_of_its_line(entry: Any) -> None:
    """Pictures can't be found in it."""
    (line,) = listed([entry], images_as="image", defaults={"task": "background_removal"})
    assert "a row of a bulk step's result file" in told(line)


@pytest.mark.parametrize("name", ["imge", "text", "nonsense"])
def test_a_parameter_that_takes_no_pictures_is_a_setting(name: str) -> None:
    """It is told which do."""
    with pytest.raises(ConfigurationError, match=r"images_as: got .*allowed is one of condition_image, image,"):
        listed([ROW], images_as=name)


def test_pictures_cant_be_a_default_too() -> None:
    """Each row has its own."""
    with pytest.raises(ConfigurationError, match="defaults: got 'image'"):
        listed([ROW], images_as="image", defaults={"task": "background_removal", "image": "s3://b/k"})


def test_lines_can_be_read_again_and_side_by_side() -> None:
    """Each reader goes its own way."""
    requests = [{"id": name, **TEXT} for name in "abc"]
    with BulkRequests.read(requests, ObjectStore(None), RequestSettings({})) as lines:
        one, two = iter(lines), iter(lines)
        assert [next(one).id, next(two).id, next(one).id, next(two).id] == ["a", "a", "b", "b"]
        assert [line.id for line in lines] == ["a", "b", "c"]


@pytest.mark.heavy
def test_memory_is_flat_whatever_the_files_length() -> None:
    """A hundred thousand lines take what a hundred take; one download's piece is most of it."""

    def most(count: int) -> int:
        tracemalloc.start()
        try:
            store: Any = Repeating(lambda index: written(f"sku-{index * 7919 % count}"), count)
            with BulkRequests.read("s3://b/k", store, RequestSettings({"width": 512})) as lines:
                assert sum(line.problem is None for line in lines) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = most(100), most(20_000)
    assert many < few + 100_000


@pytest.mark.parametrize("width", [512, "512", Decimal(512), np.int64(512), np.float64(512.0)], ids=repr)
def test_numbers_of_other_libraries_are_numbers(width: Any) -> None:
    """DynamoDB and NUMERIC columns bring Decimal, data frames numpy's numbers."""
    (line,) = listed([{**TEXT, "width": width}])
    assert (line.problem, int(line.fields["width"])) == (None, 512)


def test_numbers_of_other_libraries_may_be_defaults() -> None:
    """They become JSON's numbers before anything is paid."""
    (line,) = listed([TEXT], defaults={"cfg_scale": Decimal("7.5"), "width": np.int32(512)})
    assert line.fields["width"] == 512
    assert line.fields["cfg_scale"] == 7.5


def test_a_list_may_be_the_text_that_python_writes_for_it() -> None:
    """What a template without tojson makes of the list that a task returns."""
    (line,) = listed(str([TEXT]))
    assert line.fields["text"] == TEXT["text"]


@pytest.mark.parametrize("task", ["TEXT_TO_IMAGE", " text_to_image "])
def test_a_task_is_a_word_in_any_case(task: str) -> None:
    """As all words are."""
    (line,) = listed([{**TEXT, "task": task}])
    assert (line.task, line.problem) == ("text_to_image", None)


def test_wrong_settings_are_told_together() -> None:
    """Whoever mends one need not run again to learn of the next."""
    with pytest.raises(ConfigurationError, match=r"(?s)shards: got 0.*images_as: got 'pictures'"):
        listed([TEXT], shards=0, images_as="pictures")
