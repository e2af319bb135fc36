"""Requests and results as CSV and Parquet: the same data are the same requests and the same rows in every format."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk import parquet_table
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.rows import Row, read_rows
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.errors import ConfigurationError, InvalidRequest
from airflow_titan.operators.bulk import TitanBulkOperator
from airflow_titan.operators.failed_requests import TitanFailedRequestsOperator
from airflow_titan.operators.merge_results import TitanMergeResultsOperator

if TYPE_CHECKING:
    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.emulator import Emulator

TEXT = {"task": "text_to_image"}
FORMATS = ["jsonl", "csv", "parquet"]
ERROR = {"kind": "BadAnswer", "message": 'a "word", and\nanother'}
ROWS = [
    Row("007", 1, "done", ("s3://b/1.png", "s3://b/2.png"), "s3://b/manifest.json", 0.01),
    Row('é\n"', 2, "failed", error=ERROR, request={"text": "x", "width": None, "images": ["s3://b/k"]}),
    Row("", 3, "invalid", price_usd=0.0, error=ERROR),
]


class Holding:
    """A store that holds one object."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def download(self, uri: str, file: Any) -> str:
        """Write the object."""
        del uri
        for piece in self.pieces:
            file.write(piece)
        return '"etag"'


def read(data: bytes, name: str = "k.csv", **given: Any) -> list[BulkRequest]:
    """Read requests."""
    settings = RequestSettings(**{"defaults": TEXT} | given)
    with BulkRequests.read(f"s3://b/{name}", Holding(data), settings) as found:  # type: ignore[arg-type]
        return list(found)


def parquet(**columns: Any) -> bytes:
    """Write a Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def written(*rows: Row, results_format: Any) -> bytes:
    """Write a result file."""
    file = io.BytesIO()
    with Results() as results:
        for row in rows:
            results.add(row)
        results.write(file, results_format=results_format)
    return file.getvalue()


def told(request: BulkRequest) -> str:
    """Give what is wrong with a request."""
    return str(request.problem)


def test_records_are_numbered_below_the_header() -> None:
    """Whatever lines their cells go over; the number stands in for an id, as in JSON Lines."""
    one, two = read(b'id,text,width\n007,"two\nlines",512\n,a jar,7.0\n')
    assert (one.id, one.fields["text"], one.fields["width"]) == ("007", "two\nlines", "512")
    assert (two.number, two.id, two.unit, two.problem) == (2, "2", "record", None)


def test_an_empty_cell_has_the_default() -> None:
    """CSV can't tell it from nothing; the text null takes the default away, as null does in JSON."""
    one, two = read(b"id,text,width\na,,\nb,x,null\n", defaults={**TEXT, "text": "a jar", "width": 512})
    assert (one.fields, one.given) == ({"text": "a jar", "width": 512}, {"id": "a"})
    assert two.fields == {"text": "x"}


@pytest.mark.parametrize(
    "data",
    [b"id;text\r\na;x, y\r\n", b"\xef\xbb\xbfid;text\na;x, y", b"sep=;\r\nid;text\r\na;x, y\r\n",
     b"id\ttext\na\tx, y\n", b'"id","text"\n"a","x, y"\n', b" id | text\na|x, y\n",
     b'id,text\r"a","x, y"\r', b"id;text;;\na;x, y;;\n;;;\n"],
)  # fmt: skip
def test_spreadsheets_write_as_they_like(data: bytes) -> None:
    """Semicolons, tabs, a byte order mark, all line ends, empty columns and rows behind the last ones."""
    (request,) = read(data)
    assert (request.id, request.fields, request.problem) == ("a", {"text": "x, y"}, None)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b",id,text\n0,a,x\n", r"column without a name \(''\).* index=False"),
     (b"Unnamed: 0,text\n0,x\n", r"'Unnamed: 0'.* index=False"), (b"id,text,text\na,b,c\n", "two columns 'text'"),
     (b"a,b\nc,d\n", "names no parameter, but 'a', 'b'"), (b"txet\nd\n", r"Did you mean text\?"),
     ("text;größe\na;b\n".encode("cp1252"), "first line has bytes that are no UTF-8.* CSV UTF-8"),
     (b'id,text\na,"x\nb,c\n', "cell in line 2 whose quotation mark isn't closed"), (b"id,text\n", "has no record"),
     (b"", "has no record"), (b"id,text\n,\n , \n", "has no record"), (b"PK\x03\x04x", "a spreadsheet"),
     ("id,text\n".encode("utf-16"), "UTF-16"), (b"id,text\na," + b"x" * (17 << 20), "a line of more than 16 MiB")],
)  # fmt: skip
def test_a_file_that_cant_be_meant_is_refused_whole(data: bytes, words: str) -> None:
    """With what to do about it."""
    with pytest.raises(InvalidRequest, match=f"requests: got 's3://b/k.csv', which|whose.*{words}") as caught:
        read(data)
    caught.match(words)


@pytest.mark.parametrize(
    ("data", "words"),
    [("b;Café;\n".encode("cp1252"), "record 2 (id b): got bytes that are no UTF-8 in line 4"),
     (b"b;x\n", "record 2 (id b): got 2 cells in line 4 of the file; allowed is 3 cells"),
     (b"b;x;1;2\n", "record 2 (id b): got 4 cells in line 4"), (b'b;"x" y;\n', "record 2: got no CSV in line 4"),
     (b"a;x;\n", "record 2 (id a): got the id of record 1"), (b"b;" + b"x" * 200_000 + b";\n", "record 2: got no CSV")],
)  # fmt: skip
def test_a_wrong_record_is_wrong_by_itself(data: bytes, words: str) -> None:
    """It is named by number, id and line; the others go on."""
    one, wrong, three = read(b'id;text;width\na;"x\ny";512\n' + data + b"c;z;\n")
    assert (one.problem, three.problem, three.number) == (None, None, 3)
    assert told(wrong).startswith(words)


def test_an_unknown_column_is_told_where_it_has_a_value() -> None:
    """With the name that was meant."""
    for data, name in (
        (b"id,text,widht\na,x,512\nb,y,\n", "csv"),
        (parquet(id=["a", "b"], widht=[512, None]), "parquet"),
    ):
        wrong, good = read(data, f"k.{name}")
        assert "the unknown parameter 'widht'" in told(wrong)
        assert told(wrong).endswith("Did you mean width?")
        assert good.problem is None


def test_values_of_a_data_frame_are_values() -> None:
    """Whole numbers in a column with empty cells, decimals, dates, lists and texts that are not marked as such."""
    one, two = read(
        parquet(
            id=[7.0, None], seed=[7.0, float("nan")], cfg_scale=[Decimal("7.5"), None], text=[date(2026, 1, 2), None],
            images=[["s3://b/k"], None], style=[b"PHOTO", None],
            quality=pa.array(["standard", None]).dictionary_encode(),
        ),
        "k.parquet",
    )  # fmt: skip
    assert (one.id, two.id) == ("7", "2")
    assert one.given == {
        "id": 7.0, "seed": 7, "cfg_scale": 7.5, "text": "2026-01-02", "images": ["s3://b/k"], "style": "PHOTO",
        "quality": "standard",
    }  # fmt: skip
    assert set(two.given.values()) == {None}


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"PAR1 and no more", "no Parquet file that can be read"), (b"id,text\n", "no Parquet file that can be read"),
     (parquet(__index_level_0__=[1], text=["x"]), "index=False"),
     (parquet(text=pa.array([], pa.string())), "no record")],
)  # fmt: skip
def test_a_parquet_file_that_cant_be_read_is_said(data: bytes, words: str) -> None:
    """With what to do about it."""
    with pytest.raises(InvalidRequest, match=words):
        read(data, "k.parquet")


@pytest.mark.parametrize(
    ("name", "data"),
    [("k.csv.gz", gzip.compress(b"text\nx\n")), ("k.jsonl.gz", gzip.compress(b'{"text": "x"}')),
     ("k.CSV", b"text\nx\n"), ("k", gzip.compress(b'{"text": "x"}')), ("k.csv", b' {"text": "x"}'),
     ("k.json.gz", gzip.compress(b'{"text": ') + gzip.compress(b'"x"}')), ("k.csv", parquet(text=["x"])),
     ("k.tsv", b"text\nx\n"), ("k.pq", parquet(text=["x"])), ("k.csv", gzip.compress(b"text\nx\n"))],
)  # fmt: skip
def test_the_format_is_told_by_name_and_content(name: str, data: bytes) -> None:
    """Where the content is certain, whatever the name says."""
    (request,) = read(data, name)
    assert (request.id, request.fields) == ("1", {"text": "x"})


def test_a_damaged_compression_is_said() -> None:
    """Half of the requests are none."""
    with pytest.raises(InvalidRequest, match="compressed, and damaged"):
        read(gzip.compress(b'{"text": "x"}\n' * 99)[:-9], "k.jsonl.gz")


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["csv", "parquet", "csv.gz"])
def test_a_hundred_thousand_records_take_little_memory(name: str) -> None:
    """They are read as they go."""
    count = 100_000
    data = b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 100) for number in range(count))
    if name == "parquet":
        data = parquet(
            id=[str(number) for number in range(count)], text=[f"{number} " + "x" * 100 for number in range(count)]
        )
    data = gzip.compress(data, 1) if name.endswith("gz") else data
    settings = RequestSettings(TEXT)
    tracemalloc.start()
    try:
        with BulkRequests.read(f"s3://b/k.{name}", Holding(data), settings) as found:  # type: ignore[arg-type]
            assert found.total == count
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_shards_of_a_table_are_those_of_its_lines() -> None:
    """A file that is converted between two tries stays parted as it was."""
    lines = b"".join(b'{"text": "x%d"}\n' % number for number in range(7))
    table = b"text\n" + b"".join(b"x%d\n" % number for number in range(7))
    for shard in range(3):
        one, two = (read(data, name, shard=shard, shards=3) for data, name in ((lines, "k.jsonl"), (table, "k.csv")))
        assert [(request.id, request.fields) for request in one] == [(request.id, request.fields) for request in two]


@pytest.mark.parametrize("results_format", FORMATS)
def test_rows_come_back_as_they_were(results_format: str) -> None:
    """Lists, objects, empty ids, nothing and line feeds."""
    data = written(*ROWS, results_format=results_format)
    assert list(read_rows(f"s3://b/k.{results_format}", Holding(data))) == ROWS  # type: ignore[arg-type]


def test_a_table_of_something_else_is_no_result_file() -> None:
    """It is named with the record that shows it."""
    for data in (b"id,line,status\na,1,done\nb,x,done\n", b"id,line,status\na,1,done\nb,2,painted\n"):
        with pytest.raises(InvalidRequest, match=r"whose record 2 is no row"):
            list(read_rows("s3://b/k.csv", Holding(data)))  # type: ignore[arg-type]


@pytest.mark.parametrize("results_format", FORMATS)
def test_pictures_of_a_table_feed_the_next_task(results_format: str) -> None:
    """One request a picture, as from JSON Lines."""
    data = written(*ROWS[:2], results_format=results_format)
    one, two, three = read(data, f"k.{results_format}", images_as="image", defaults={"task": "background_removal"})
    assert [(request.id, request.fields["image"]) for request in (one, two)] == [
        ("007-1", "s3://b/1.png"), ("007-2", "s3://b/2.png")
    ]  # fmt: skip
    assert three.skipped is not None


def bulk(requests: Any, **given: Any) -> TitanBulkOperator:
    """Ask for small pictures."""
    defaults = {**TEXT, "width": 512, "height": 512}
    return TitanBulkOperator(task_id="task", requests=requests, **{"defaults": defaults} | given)


def test_converting_a_file_pays_for_nothing_again(emulator: Emulator, s3: Any, bucket: str) -> None:
    """The same requests lie in the same place, whatever file they come from."""
    lines = [
        {"id": "007", "text": "a jar", "cfg_scale": 8, "seed": 7},
        {"text": "a mug", "width": 1024, "height": 1024},
    ]
    files = {
        "k.jsonl": "\n".join(map(json.dumps, lines)).encode(),
        "k.csv": b"id,text,cfg_scale,seed,width,height\n007,a jar,8.0,7.0,,\n,a mug,,,1024,1024\n",
        "k.parquet": parquet(
            id=["007", None], text=["a jar", "a mug"], cfg_scale=[8.0, None], seed=[7, None],
            width=[None, 1024.0], height=[None, 1024.0],
        ),
    }  # fmt: skip
    found = []
    for number, (name, data) in enumerate(files.items(), start=1):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
        operator = bulk(f"s3://{bucket}/{name}", null_means="default")
        uri = Instance(try_number=number).run(operator)
        found.append([(row.id, row.images) for row in read_rows(str(uri), ObjectStore(s3))])
    assert emulator.billed == 2
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("results_format", ["csv", "parquet"])
def test_a_task_writes_the_format_that_it_is_told(results_format: str, s3: Any, bucket: str) -> None:
    """Its failed requests and its shards' files go on from there."""
    requests = [{"id": "a", "text": "a jar"}, {"id": "b", "text": "x" * 9999}]
    shards = [
        str(Instance(map_index=shard).run(
            bulk(requests, shard=shard, shards=2, max_failures=1, results_format=f" {results_format.upper()} ")
        ))
        for shard in range(2)
    ]  # fmt: skip
    assert all(uri.endswith(f".{results_format}") for uri in shards)
    merged = str(Instance().run(TitanMergeResultsOperator(task_id="m", results=shards, results_format=results_format)))
    assert merged.endswith(f".{results_format}")
    assert [(row.id, row.status) for row in read_rows(merged, ObjectStore(s3))] == [("a", "done"), ("b", "invalid")]
    failed = str(Instance().run(TitanFailedRequestsOperator(task_id="f", results=merged)))
    body = s3.get_object(Bucket=bucket, Key=failed.removeprefix(f"s3://{bucket}/"))["Body"].read()
    assert json.loads(body) == requests[1]


@pytest.mark.parametrize("operator", [TitanBulkOperator, TitanMergeResultsOperator])
def test_an_unknown_format_is_told(operator: Any) -> None:
    """With those that there are."""
    given = {"requests": [{}]} if operator is TitanBulkOperator else {"results": "s3://b/k"}
    with pytest.raises(
        AirflowFailException, match=r"results_format: got 'excel'; allowed is one of jsonl, csv, parquet"
    ):
        Instance().run(operator(task_id="t", results_format="excel", **given))


@pytest.fixture
def without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take pyarrow away."""
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(__import__("sys").modules, name, None)


@pytest.mark.usefixtures("without_pyarrow")
def test_without_pyarrow_it_is_said_what_to_install(emulator: Emulator) -> None:
    """Before anything is paid, and only of those who need it."""
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-titan\[parquet\]'"):
        parquet_table.load_pyarrow()
    with pytest.raises(ConfigurationError, match="pyarrow"):
        read(b"PAR1", "k.parquet")
    with pytest.raises(AirflowFailException, match="pyarrow"):
        Instance().run(bulk([{"text": "x"}], results_format="parquet"))
    assert emulator.billed == 0
    assert len(read(b"text\nx\n")) == 1


@pytest.mark.parametrize(("given", "meant"), [("my%20rows.jsonl", "my rows.jsonl"), ("my+rows.csv", "my rows.csv")])
def test_a_file_whose_key_looks_encoded_is_told_by_its_plain_name(bucket: str, given: str, meant: str) -> None:
    """As events of S3 tell keys."""
    wrong = f"s3://{bucket}/{given}"
    for operator in (
        TitanBulkOperator(task_id="task", requests=wrong, defaults=TEXT),
        TitanMergeResultsOperator(task_id="task", results=wrong),
    ):
        with pytest.raises(AirflowFailException, match=f"s3://{bucket}/{meant} may be meant"):
            Instance().run(operator)
