"""The rows of a bulk task by pages, from files of every format."""

from __future__ import annotations

import gzip
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.manifest import BulkManifest, publish
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.rows import Row
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.plugin import rows
from airflow_titan.plugin.problems import Problem
from airflow_titan.plugin.rows import ResultFile, result_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

OWNER = TaskInstance(dag_id="d", run_id="r", task_id="t")


class _Record:
    """A record as ``rows`` looks at it, and what is asked of S3 for it."""

    def __init__(self, store: ObjectStore, manifest: BulkManifest, uri: str) -> None:
        self.store, self.manifest, self.uri = store, manifest, uri
        self.origin = self
        self.access = self
        self.name = id(self)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    rows.kept_files.clear()
    rows.known_etags.clear()


def _row(line: int, **facts: Any) -> Row:
    facts = {"status": "done", "images": (f"s3://titan-images/{line}.png",), "price_usd": 0.008, **facts}
    return Row(facts.pop("id", f"sku-{line}"), line, facts.pop("status"), **facts)


def _published(s3: Any, found: Iterable[Row], kind: Literal["jsonl", "csv", "parquet"] = "jsonl") -> Any:
    store = ObjectStore(s3)
    with Results() as results:
        for row in found:
            results.add(row)
        folder = f"s3://titan-images/{kind}"
        published = publish(
            results, store=store, folder=folder, owner=OWNER, requests=None, requests_total=1, results_format=kind
        )
    return _Record(store, published.manifest, published.manifest_uri)


def _file(*found: Row) -> ResultFile:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the rows' own
    file.write(b"".join(row.to_json() + b"\n" for row in found))
    return ResultFile(file)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.usefixtures("bucket")
def test_every_format_is_the_same_rows(s3: Any, kind: Any) -> None:
    """With errors, requests, and texts of any script."""
    error = {"kind": "InvalidRequest", "message": 'größer, "so"\nund so'}
    found = [_row(1), _row(2, status="invalid", images=(), error=error, request={"text": "ein Haus, <b>"}), _row(3)]
    file = result_file(_published(s3, found, kind))
    assert file.page(None, "", 0, 10) == (found, 3)
    assert file.counts == {"done": 2, "invalid": 1}
    assert file.page(None, "HAUS", 0, 10) == ([found[1]], 1)


@pytest.mark.usefixtures("bucket")
def test_a_file_is_brought_once(s3: Any) -> None:
    """However many pages are looked at."""
    record = _published(s3, map(_row, range(1, 50)))
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    s3.meta.events.register("before-call.s3", note)
    try:
        for offset in range(0, 50, 10):
            result_file(record).page(None, "", offset, 10)
    finally:
        s3.meta.events.unregister("before-call.s3", note)
    assert asked == ["HeadObject", "GetObject"]


def test_ten_thousand_rows() -> None:
    """Any page reads its own rows alone, whatever is filtered."""
    file = _file(*(_row(line, status="failed" if line % 100 == 0 else "done") for line in range(1, 10_001)))
    found, total = file.page(None, "", 9_990, 50)
    assert ([row.line for row in found], total) == (list(range(9_991, 10_001)), 10_000)
    found, total = file.page("failed", "", 90, 50)
    assert ([row.line for row in found], total) == ([*range(9_100, 10_001, 100)], 100)
    assert file.page(None, "sku-777", 0, 50)[1] == 11
    assert [row.id for row in file.rows_of_line(4_321)] == ["sku-4321"]
    assert file.rows_of_line(10_001) == []


def test_several_rows_of_one_line() -> None:
    """A line of results that was sent as several requests: their pictures are counted through."""
    first, second = (_row(2, id=name, images=(f"s3://b/{name}.png", f"s3://b/{name}2.png")) for name in "ab")
    file = _file(_row(1), first, second)
    assert file.rows_of_line(2) == [first, second]
    assert (file.pictures_before(first), file.pictures_before(second)) == (0, 2)


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"id": "a"}\n', b'{"id":"a","line":0,"status":"done"}\n'])
def test_a_damaged_file_is_told(line: bytes) -> None:
    """By the line that is no row."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the rows' own
    file.write(_row(1).to_json() + b"\n" + line)
    with pytest.raises(Problem, match="line 2"):
        ResultFile(file)


def test_rows_out_of_order_are_told() -> None:
    """Those of a line are found by the order."""
    with pytest.raises(Problem, match="line 3 is out of order"):
        _file(_row(1), _row(3), _row(2))


def test_rows_of_one_line_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are read wherever one is shown."""
    monkeypatch.setattr(rows, "_MOST_OF_LINE", 3)
    assert len(_file(_row(1), *[_row(2)] * 3).rows_of_line(2)) == 3
    with pytest.raises(Problem, match="more than 3 rows are of one line"):
        _file(_row(1), *[_row(2)] * 4)


def test_a_row_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end isn't read whole."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the rows' own
    file.write(_row(1).to_json() + b"\n" + _row(2, id="x" * 5_000).to_json() + b"\n")
    assert ResultFile(file).counts == {"done": 2}
    monkeypatch.setattr(rows, "_LONGEST_ROW", 1_000)
    with pytest.raises(Problem, match="line 2 is no row"):
        ResultFile(file)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.usefixtures("bucket")
def test_a_file_that_swells_is_not_brought(s3: Any, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of compressed rows would fill the disk of the api-server."""
    record = _published(s3, [_row(line, status="failed", images=(), error={"kind": "E", "message": "x" * 1_000})
                             for line in range(1, 2_000)], kind)  # fmt: skip
    if kind == "jsonl":
        where = {"Bucket": "titan-images", "Key": record.manifest.results_uri.removeprefix("s3://titan-images/")}
        s3.put_object(**where, Body=gzip.compress(s3.get_object(**where)["Body"].read()))
    monkeypatch.setattr(rows, "_LARGEST_FILE", 1_000_000)
    with pytest.raises(Problem, match="holds more than 1,000,000 bytes"):
        result_file(record)
    monkeypatch.undo()
    assert result_file(record).counts == {"failed": 1_999}


@pytest.mark.usefixtures("bucket")
def test_who_finds_a_file_waits_for_nobody(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a large one is brought, others are shown; who needs a new one is soon asked to try again."""
    monkeypatch.setattr(rows, "_PATIENCE", 0.01)
    here = _published(s3, [_row(1)])
    assert result_file(here).counts == {"done": 1}
    with rows.bringing:
        assert result_file(here).counts == {"done": 1}
        rows.known_etags.clear()
        assert result_file(here).counts == {"done": 1}
        with pytest.raises(Problem, match="Try again") as caught:
            result_file(_published(s3, [_row(1), _row(2)]))
    assert caught.value.status == 503
    assert result_file(_published(s3, [_row(1), _row(2)])).counts == {"done": 2}


def test_counts_are_of_what_is_searched() -> None:
    """A button that says how many failed shows as many."""
    file = _file(*(_row(line, status="failed" if line % 10 == 0 else "done") for line in range(1, 101)))
    assert file.counts_with("SKU-1") == {"done": 10, "failed": 2}
    assert file.page("failed", "SKU-1", 0, 50)[1] == 2
    assert file.counts_with("") == {"done": 90, "failed": 10}


@pytest.mark.usefixtures("bucket")
def test_a_file_that_is_too_large_is_not_brought(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bytes or its rows."""
    record = _published(s3, map(_row, range(1, 10)))
    monkeypatch.setattr(rows, "_MOST_ROWS", 5)
    with pytest.raises(Problem, match="more than 5 rows"):
        result_file(record)
    monkeypatch.setattr(rows, "_LARGEST_FILE", 100)
    rows.known_etags.clear()
    with pytest.raises(Problem, match="bytes") as caught:
        result_file(record)
    assert caught.value.status == 413


@pytest.mark.usefixtures("bucket")
def test_parquet_without_pyarrow_says_what_to_install(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The api-server is a machine of its own, and may lack it."""
    record = _published(s3, map(_row, range(1, 3)), "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(Problem, match=r"airflow-titan\[parquet\]"):
        result_file(record)


@pytest.mark.usefixtures("bucket")
def test_what_is_kept_has_a_bound(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of a file that has to go is free at once."""
    monkeypatch.setattr(rows.kept_files, "_capacity", 1_000)
    records = [_published(s3, [_row(line) for line in range(1, number)]) for number in (5, 6)]
    first = result_file(records[0])
    result_file(records[1])
    assert (first.file.closed, len(rows.kept_files)) == (True, 1)
    with pytest.raises(Problem, match="Try again"):
        first.page(None, "", 0, 1)
    assert result_file(records[0]).page(None, "", 0, 1)[1] == 4


@pytest.mark.usefixtures("bucket")
def test_a_file_of_rows_elsewhere_is_not_shown(s3: Any) -> None:
    """A record names the one beside it, or none."""
    record = _published(s3, [_row(1)])
    record.uri = "s3://titan-images/elsewhere/manifest.json"
    with pytest.raises(Problem, match="isn't its own"):
        result_file(record)


def test_one_search_is_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads every row; what was found is found again without."""
    file = _file(*map(_row, range(1, 20)))
    assert file.page(None, "sku-1", 0, 50)[1] == 11
    monkeypatch.setattr(rows, "_PATIENCE", 0.01)
    with file._searching:  # noqa: SLF001 - as another search holds it
        assert file.page("done", "SKU-1", 0, 50)[1] == 11
        with pytest.raises(Problem, match="Try again") as caught:
            file.page(None, "sku-2", 0, 50)
    assert caught.value.status == 503
