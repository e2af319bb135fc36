"""The rows of many result files as those of one, in little memory."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_titan.bulk.merge import LinesTwice, MergedResults
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def merged(*files: Iterable[Row]) -> bytes:
    """Merge the rows of files."""
    written = io.BytesIO()
    with MergedResults() as results:
        for rows in files:
            results.add(rows)
        results.write(written)
    return written.getvalue()


def sorted_rows(rows: Iterable[Row]) -> bytes:
    """Write rows as one task would that had them all."""
    written = io.BytesIO()
    with Results() as results:
        for row in rows:
            results.add(row)
        results.write(written)
    return written.getvalue()


def some(lines: Iterable[int], status: str = "done") -> list[Row]:
    """Give a row for each line."""
    return [Row(f"sku-{line}", line, status, (f"s3://b/{line}.png",), price_usd=0.01) for line in lines]


@pytest.mark.parametrize("files", [1, 3, 64])
def test_rows_come_in_the_order_of_their_lines(files: int) -> None:
    """However they are divided among files, of which one may have none."""
    chance = random.Random(files)
    parts: list[list[Row]] = [[] for _ in range(files + 1)]
    rows = some(range(1, 500))
    for row in rows:
        parts[chance.randrange(files)].append(row)
    assert merged(*parts) == sorted_rows(rows)


def test_rows_of_one_line_come_by_the_length_of_their_names() -> None:
    """As in the file that they come from: a line of results may be sent as several requests."""
    rows = [Row(f"a-{number}", 1, "done") for number in range(1, 12)]
    names = [json.loads(row)["id"] for row in merged(rows, some([2])).splitlines()]
    assert names == [*(row.id for row in rows), "sku-2"]


def test_a_file_in_another_order_is_sorted() -> None:
    """Somebody's own program may have written it."""
    rows = some(range(1, 100))
    shuffled = random.Random(1).sample(rows[::2], 50)
    assert merged(some([200]), shuffled, rows[1::2]) == sorted_rows([*rows, *some([200])])


def test_sums_are_those_of_all_files() -> None:
    """Before anything is written."""
    with MergedResults() as results:
        counts = [results.add(some([1, 2, 3])), results.add([]), results.add(some([4], "partial"))]
        assert (counts, results.images, results.price_usd) == ([3, 0, 1], 4, 0.04)
        assert results.counts == {"done": 3, "partial": 1}


@pytest.mark.parametrize(
    ("rows", "lines"),
    [([("a", 1, 0), ("b", 2, 0), ("b-2", 2, 0)], []), ([("a", 1, 0), ("a", 1, 0)], [1]),
     ([("a", 1, 0), ("b", 1, 1)], [1]), ([("a", 5, 0), ("a", 5, 1), ("b", 3, 0), ("b", 3, 0), ("c", 9, 0)], [3, 5])],
)  # fmt: skip
def test_lines_that_are_there_twice_are_named(rows: list[tuple[str, int, int]], lines: list[int]) -> None:
    """One line may have several rows, each of its own name, in one file only."""
    files = [[Row(name, line, "done") for name, line, part in rows if part == number] for number in (0, 1)]
    with nullcontext() if not lines else pytest.raises(LinesTwice) as caught:
        merged(*files)
    assert (list(caught.value.lines) if caught else []) == lines


def test_the_first_of_many_lines_that_are_there_twice_are_named() -> None:
    """And no more: the files may be those of other requests altogether."""
    with pytest.raises(LinesTwice) as caught:
        merged(some(range(1, 1000)), some(range(1, 1000)))
    assert caught.value.lines == tuple(range(1, 12))


def test_many_files_are_one_open_file() -> None:
    """A process may have 1,024 of them, and a task may have more shards than that."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with MergedResults() as results:
        for line in range(1, 300):
            results.add(some([line]))
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.heavy
@pytest.mark.parametrize("files", [2, 64])
def test_memory_is_flat_however_many_rows_there_are(files: int) -> None:
    """They lie on disk; of each file the next few are in memory."""

    def rows(lines: Sequence[int]) -> Iterable[Row]:
        return (Row(f"sku-{line:07}", line, "failed", request={"text": "x" * 200}) for line in lines)

    def most(count: int) -> int:
        tracemalloc.start()
        try:
            with MergedResults() as results, open("/dev/null", "wb") as file:  # noqa: PTH123
                for number in range(files):
                    results.add(rows(range(number + 1, count, files)))
                results.write(file)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    most(100)
    few, many = most(2_000), most(12_000)
    assert many < few + 50_000
