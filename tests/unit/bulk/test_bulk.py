"""Many requests in one task, against the emulator: rows, failures, budget, pace, retries and ends."""

from __future__ import annotations

import json
import re
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance
from pictures import photo

from airflow_titan.bulk import job, memory, outcome
from airflow_titan.bulk.failures import allowed_failures
from airflow_titan.bulk.workers import raise_open_file_limit
from airflow_titan.errors import ConfigurationError, Problems
from airflow_titan.operators import TitanBulkOperator
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

SMALL = {"task": "text_to_image", "width": 320, "height": 704}
#: What one small picture costs on the default model, in US dollars.
PRICE = 0.008
#: A word that the emulator's content filter knows.
FLAGGED = "something flagged"


def bulk(requests: Any, **changes: Any) -> TitanBulkOperator:
    """Ask for small pictures."""
    return TitanBulkOperator(task_id="task", requests=requests, **{"defaults": SMALL} | changes)


def some(count: int) -> list[dict[str, Any]]:
    """Ask for as many."""
    return [{"id": f"sku-{number}", "text": f"a jar, number {number}"} for number in range(1, count + 1)]


def read(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def rows(s3: Any, uri: str) -> list[dict[str, Any]]:
    """Read a result file."""
    return [json.loads(line) for line in read(s3, uri).splitlines()]


def put(s3: Any, bucket: str, name: str, data: bytes) -> str:
    """Write an object."""
    s3.put_object(Bucket=bucket, Key=name, Body=data)
    return f"s3://{bucket}/{name}"


def failed(operator: TitanBulkOperator, instance: Instance, s3: Any) -> tuple[Exception, list[dict[str, Any]]]:
    """Run a task that fails; give its error, and the rows that it left all the same."""
    with pytest.raises((AirflowException, AirflowFailException)) as caught:
        instance.run(operator)
    assert instance.xcoms["return_value"] == instance.xcoms["manifest"]["results_uri"]
    return caught.value, rows(s3, instance.xcoms["manifest"]["results_uri"])


def statuses(found: list[dict[str, Any]]) -> list[str]:
    """Give the rows' statuses."""
    return [row["status"] for row in found]


def test_every_request_has_a_row_in_order(emulator: Emulator, s3: Any) -> None:
    """Each row has its request's id and line, and names pictures that are there."""
    found = rows(s3, Instance().run(bulk(some(5))))  # type: ignore[arg-type]
    assert [(row["id"], row["line"], row["status"]) for row in found] == [
        (f"sku-{number}", number, "done") for number in range(1, 6)
    ]
    assert all(read(s3, uri).startswith(b"\x89PNG") for row in found for uri in row["images"])
    assert emulator.billed == 5


def test_a_file_is_as_good_as_a_list(emulator: Emulator, bucket: str, s3: Any) -> None:
    """Requests come from a JSON Lines file in S3."""
    uri = put(s3, bucket, "requests.jsonl", b"\n".join(json.dumps(line).encode() for line in some(3)))
    assert statuses(rows(s3, Instance().run(bulk(uri)))) == ["done"] * 3  # type: ignore[arg-type]
    assert emulator.billed == 3


def test_each_request_gets_a_picture_of_its_own(emulator: Emulator, s3: Any) -> None:
    """Equal requests of different ids have different seeds, and places of their own."""
    same = [{"id": name, "text": "a jar"} for name in "ab"]
    first, second = rows(s3, Instance().run(bulk(same)))  # type: ignore[arg-type]
    assert first["images"] != second["images"]
    assert len({call.body["imageGenerationConfig"]["seed"] for call in emulator.calls}) == 2


def test_all_tasks_are_mixed_freely(emulator: Emulator, bucket: str, s3: Any) -> None:
    """A file may hold every kind of task."""
    image = put(s3, bucket, "in.png", photo(320, 320))
    asked = [
        {"task": "inpainting", "image": image, "mask_prompt": "sky", "text": "clouds"},
        {"task": "outpainting", "image": image, "mask_prompt": "sky", "text": "clouds"},
        {"task": "image_variation", "images": [image]},
        {"task": "text_to_image", "text": "a jar", "width": 320, "height": 704},
    ]
    found = rows(s3, Instance().run(bulk(asked, defaults=None)))  # type: ignore[arg-type]
    assert statuses(found) == ["done"] * 4
    assert {call.task_type for call in emulator.calls} == {"INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "TEXT_IMAGE"}


@pytest.mark.parametrize(
    ("models", "region"),
    [
        (["amazon.titan-image-generator-v2:0"], "us-east-1"),
        (["stability.sd3-5-large-v1:0"], "us-west-2"),
        (["amazon.titan-image-generator-v2:0", "stability.sd3-5-large-v1:0"], None),
    ],
)
def test_the_record_says_where_models_were_asked(models: list[str], region: str | None) -> None:
    """In which region of Bedrock's, which need not be that of S3; nothing where there were several."""
    instance = Instance()
    requests = [{"task": "text_to_image", "text": "a jar", "model_id": model} for model in models]
    instance.run(bulk(requests, defaults={}))
    assert (instance.xcoms["manifest"].get("region"), instance.xcoms["manifest"]["s3_region"]) == (region, "us-east-1")


def test_the_record_is_small() -> None:
    """XCom holds counts and URIs, under 2 KiB."""
    instance = Instance()
    uri = instance.run(bulk(some(30)))
    told = instance.xcoms["manifest"]
    assert (told["results_uri"], told["counts"], told["images"]) == (uri, {"done": 30}, 30)
    assert told["price_usd"] == pytest.approx(30 * PRICE)
    assert len(json.dumps(told)) < 2048


WRONG = [
    b'{"id": "bad-json", "text": ',
    b'{"id": "long", "text": "%s"}' % (b"x" * 600),
    b'{"id": "odd", "text": "a jar", "colour": "red"}',
    b'{"id": "no-task", "task": "paint", "text": "a jar"}',
    b'{"id": "missing", "task": "image_variation", "images": "s3://titan-images/none.png"}',
    b'{"id": "huge", "text": "%s"}' % (b"x" * 10_000_000),
]


def test_what_is_wrong_is_found_before_anything_is_paid(
    emulator: Emulator, bucket: str, s3: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Every wrong line is named by number and id, and no request is sent."""
    good = [json.dumps(line).encode() for line in some(2)]
    uri = put(s3, bucket, "requests.jsonl", b"\n".join([good[0], *WRONG, good[1]]))
    error, found = failed(bulk(uri), Instance(), s3)
    assert isinstance(error, AirflowFailException)
    assert emulator.calls == []
    assert statuses(found) == ["not_run", *["invalid"] * len(WRONG), "not_run"]
    assert [row["id"] for row in found[2:-1]] == ["long", "odd", "no-task", "missing", "huge"]
    assert "line 7 (id 'huge')" in caplog.text
    assert all(row["error"]["message"] for row in found)


def test_the_good_go_on_where_some_may_be_wrong(emulator: Emulator, bucket: str, s3: Any) -> None:
    """Within max_failures the task succeeds, and pays for the good lines alone."""
    good = [json.dumps(line).encode() for line in some(3)]
    uri = put(s3, bucket, "requests.jsonl", b"\n".join([*WRONG, *good]))
    found = rows(s3, Instance().run(bulk(uri, max_failures=len(WRONG))))  # type: ignore[arg-type]
    assert statuses(found) == [*["invalid"] * len(WRONG), *["done"] * 3]
    assert emulator.billed == 3


def test_each_in_its_turn(emulator: Emulator, s3: Any) -> None:
    """With validate='each' what comes before a wrong line may be paid, and is kept."""
    asked = [*some(1), {"id": "odd", "colour": "red"}, *some(60)[1:]]
    emulator.inject("latency", seconds=0.2, times=None)
    _, found = failed(bulk(asked, validate="each", max_concurrency=1), Instance(), s3)
    assert statuses(found)[1] == "invalid"
    assert statuses(found).count("not_run") > 0
    assert emulator.billed == statuses(found).count("done")


def test_damage_deep_inside_is_found_before_its_payment(emulator: Emulator, bucket: str, s3: Any) -> None:
    """An image larger than what is looked at first is proved in its turn, before it is paid."""
    from io import BytesIO

    import numpy as np
    from PIL import Image

    file = BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    data = bytearray(file.getvalue())
    assert len(data) > 1 << 17
    data[-100] ^= 1
    uri = put(s3, bucket, "damaged.png", bytes(data))
    _, found = failed(bulk([{"task": "image_variation", "images": uri}], defaults=None), Instance(), s3)
    assert statuses(found) == ["invalid"]
    assert "damaged" in found[0]["error"]["message"]
    assert emulator.calls == []


def test_blocked_requests_are_failures(s3: Any) -> None:
    """What the content filter stops counts, and is named."""
    asked = [*some(2), {"id": "bad", "text": FLAGGED}]
    error, found = failed(bulk(asked), Instance(), s3)
    assert isinstance(error, AirflowFailException)
    assert statuses(found)[2] == "blocked"
    assert found[2]["request"] == {"id": "bad", "text": FLAGGED}


def test_blocked_requests_may_be_passed_over(s3: Any) -> None:
    """With on_blocked='skip' they are named, and don't fail the task."""
    found = rows(s3, Instance().run(bulk([*some(2), {"id": "bad", "text": FLAGGED}], on_blocked="skip")))  # type: ignore[arg-type]
    assert statuses(found) == ["done", "done", "blocked"]


def test_a_budget_is_looked_at_before_the_start(emulator: Emulator, s3: Any) -> None:
    """Where the estimate for all is above the budget, nothing is begun."""
    error, found = failed(bulk(some(10), max_price_usd=9.5 * PRICE), Instance(), s3)
    assert "max_price_usd" in str(error)
    assert isinstance(error, AirflowFailException)
    assert emulator.calls == []
    assert statuses(found) == ["not_run"] * 10


def test_a_budget_is_kept_exactly(emulator: Emulator, s3: Any) -> None:
    """Where nobody estimates before, as many requests are paid as the budget holds, and no more."""
    error, found = failed(bulk(some(12), max_price_usd=5.5 * PRICE, validate="each"), Instance(), s3)
    assert "max_price_usd" in str(error)
    assert emulator.billed == 5
    assert statuses(found).count("done") == 5
    assert statuses(found).count("not_run") == 7


def test_a_retry_pays_for_the_rest_alone(emulator: Emulator, s3: Any) -> None:
    """What one try finished the next one finds, and its money counts to the same budget."""
    failed(bulk(some(12), max_price_usd=5.5 * PRICE, validate="each"), Instance(), s3)
    again = bulk(some(12), max_price_usd=12 * PRICE)
    found = rows(s3, Instance(try_number=2).run(again))  # type: ignore[arg-type]
    assert statuses(found) == ["done"] * 12
    assert emulator.billed == 12


def test_what_may_pass_is_left_to_a_retry(emulator: Emulator, s3: Any) -> None:
    """A failure of the service fails the task so that Airflow tries again, and then only that request is sent."""
    emulator.inject("error_before", times=1)
    error, found = failed(bulk(some(4), max_concurrency=1), Instance(), s3)
    assert not isinstance(error, AirflowFailException)
    assert "failed" in statuses(found)
    again = rows(s3, Instance(try_number=2).run(bulk(some(4))))  # type: ignore[arg-type]
    assert statuses(again) == ["done"] * 4
    assert emulator.billed == 4


def test_what_a_half_paid_request_cost_is_not_told_as_nothing(emulator: Emulator, s3: Any) -> None:
    """Where two of three calls were paid before one was refused, the row names no price."""
    emulator.inject("access_denied", after=2, times=None)
    many = {"task": "text_to_image", "number_of_images": 3, "model_id": "stability.sd3-5-large-v1:0"}
    (row,) = rows(s3, Instance().run(bulk(some(1), defaults=many, max_failures=1)))  # type: ignore[arg-type]
    assert (row["status"], row["price_usd"], emulator.billed) == ("failed", None, 2)


def test_what_earlier_tries_may_have_paid_is_not_told_as_nothing(emulator: Emulator, s3: Any) -> None:
    """A call of unknown outcome stays unknown, though the next try's call was refused."""
    for number, fault in enumerate(("error_after", "access_denied"), start=1):
        emulator.inject(fault)
        (row,) = rows(s3, Instance(try_number=number).run(bulk(some(1), max_failures=1)))  # type: ignore[arg-type]
        assert (row["status"], row["price_usd"]) == ("failed", None)
    assert emulator.billed == 1


def test_an_id_too_long_for_a_key_is_found_before_it_is_paid(emulator: Emulator, s3: Any) -> None:
    """Below a long prefix, an id may leave no room for the names of pictures; other lines don't mind."""
    prefix = "s3://titan-images/" + "p" * 751
    given = [{"id": "jar " * 60, "text": "a jar"}, *some(1)]
    found = rows(s3, Instance().run(bulk(given, output_prefix=prefix, max_failures=1)))  # type: ignore[arg-type]
    assert statuses(found) == ["invalid", "done"]
    assert "below this prefix" in found[0]["error"]["message"]
    assert emulator.billed == 1


def test_many_threads_get_the_files_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's limit on open files is raised as far as the system allows; what is missing is said."""
    limits = [1024, 4096]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.__setitem__(slice(None), given))
    raise_open_file_limit(34)
    assert limits == [1024, 4096]
    raise_open_file_limit(450)
    assert limits == [3800, 4096]
    raise_open_file_limit(1000)
    assert limits == [4096, 4096]


def test_a_throttled_service_is_waited_for(emulator: Emulator, s3: Any) -> None:
    """Refusals for the rate slow everybody down, and nobody fails."""
    emulator.inject("throttle", times=5)
    found = rows(s3, Instance().run(bulk(some(8), max_concurrency=4)))  # type: ignore[arg-type]
    assert statuses(found) == ["done"] * 8
    assert emulator.billed == 8


def test_a_service_that_lets_nothing_in_ends_the_task(
    emulator: Emulator, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When patience is over the rest isn't tried one by one, and Airflow's retry goes on later."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "1")
    emulator.inject("unavailable", times=None)
    error, found = failed(bulk(some(30), max_failures="100%", max_concurrency=2), Instance(), s3)
    assert not isinstance(error, AirflowFailException)
    assert set(statuses(found)) == {"failed", "not_run"}
    assert statuses(found).count("failed") <= 2
    assert emulator.billed == 0


def test_the_table_counts_every_row(caplog: pytest.LogCaptureFixture) -> None:
    """The last words of the log account for all requests, whatever became of them."""
    caplog.set_level("INFO")
    asked = [*some(2), {"id": "odd", "colour": "red"}, {"id": "bad", "text": FLAGGED}]
    Instance().run(bulk(asked, max_failures=2))
    assert re.search(r"^requests +4 +of 4$", caplog.text, re.MULTILINE)
    assert re.search(r"^invalid +1 ", caplog.text, re.MULTILINE)


def test_no_more_calls_than_allowed_are_under_way(
    emulator: Emulator,
) -> None:
    """max_concurrency bounds the calls, though more threads read and write."""
    emulator.inject("latency", seconds=0.1, times=None)
    Instance().run(bulk(some(24), max_concurrency=3))
    under_way = sorted([(call.started, 1) for call in emulator.calls] + [(call.ended, -1) for call in emulator.calls])
    most, now = 0, 0
    for _, change in under_way:
        now += change
        most = max(most, now)
    assert most == 3


@pytest.mark.parametrize("many", [{}, {"model_id": "stability.sd3-5-large-v1:0", "number_of_images": 2}])
def test_waiting_requests_are_not_at_work(
    many: dict[str, Any], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few threads work at once, and all calls are under way all the same, also where a request takes several."""
    monkeypatch.setattr(memory, "_FEWEST", 1)
    monkeypatch.setattr(memory, "_MOST", 1)
    emulator.inject("latency", seconds=2, times=None)
    Instance().run(bulk(some(5), max_concurrency=5, defaults={"task": "text_to_image", **many}))
    calls = emulator.calls
    assert max(call.started for call in calls[:5]) < min(call.ended for call in calls[:5])


def test_how_many_work_at_once_is_looked_at_again_and_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that lasts adapts to the machine, from time to time."""
    looks: list[float] = []

    class Watched(memory.MemoryBudget):
        def adapt(self) -> None:
            looks.append(time.monotonic())
            super().adapt()

    monkeypatch.setattr(job, "MemoryBudget", Watched)
    emulator.inject("latency", seconds=1.5, times=None)
    Instance().run(bulk(some(1)))
    assert len(looks) >= 2


def test_a_surprise_while_looking_is_one_lines_own(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that our own check stumbles over fails; the others get their pictures."""
    from airflow_titan.bulk import checks

    def prepare(asked: Any, *rest: Any, **options: Any) -> Any:
        return 1 / 0 if "number 2" in asked.task.text else really(asked, *rest, **options)

    really = checks.prepare
    monkeypatch.setattr(checks, "prepare", prepare)
    found = rows(s3, Instance().run(bulk(some(3), max_failures=1)))  # type: ignore[arg-type]
    assert statuses(found) == ["done", "failed", "done"]
    assert (found[1]["error"]["kind"], found[1]["price_usd"]) == ("ZeroDivisionError", 0)


def test_requests_a_minute_are_spread(
    emulator: Emulator,
) -> None:
    """The user's own rate is kept, from the first call on."""
    Instance().run(bulk(some(3), requests_per_minute=60))
    began = sorted(call.started for call in emulator.calls)
    assert began[-1] - began[0] > 1


def files(s3: Any, bucket: str, ending: str) -> list[str]:
    """Name the objects whose keys end so."""
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if entry["Key"].endswith(ending)]


@pytest.fixture
def stopped(emulator: Emulator, bucket: str, s3: Any) -> tuple[Exception, list[dict[str, Any]]]:
    """Give what became of a task that was told to stop in the middle."""
    assert bucket
    emulator.inject("latency", seconds=1, times=None)
    operator, instance = bulk(some(20), max_concurrency=3), Instance()

    def kill() -> None:
        while len(emulator.calls) < 3:
            time.sleep(0.05)
        operator.on_kill()

    threading.Thread(target=kill, daemon=True).start()
    return failed(operator, instance, s3)


def test_a_task_that_is_told_to_stop_lets_answers_land(
    stopped: tuple[Exception, list[dict[str, Any]]], emulator: Emulator
) -> None:
    """What was under way is kept, what was not is not begun, and the task fails so that a retry goes on."""
    error, found = stopped
    assert not isinstance(error, AirflowFailException)
    assert set(statuses(found)) == {"done", "not_run"}
    assert statuses(found).count("done") == emulator.billed < 20


def test_rows_are_there_before_all_answers_have_landed(emulator: Emulator, bucket: str, s3: Any) -> None:
    """Whoever kills a task that was told to stop finds every request in a file, which goes when all is known."""
    emulator.inject("latency", seconds=4, times=None)
    operator, instance = bulk(some(8), max_concurrency=3), Instance()
    found: list[list[str]] = []

    def kill() -> None:
        while len(files(s3, bucket, "slot-1.json")) < 3:
            time.sleep(0.05)
        operator.on_kill()
        while not (keys := files(s3, bucket, ".jsonl")):
            time.sleep(0.05)
        found.append(statuses(rows(s3, f"s3://{bucket}/{keys[0]}")))

    watching = threading.Thread(target=kill, daemon=True)
    watching.start()
    _, last = failed(operator, instance, s3)
    watching.join(5)
    assert found == [["not_run"] * 8]
    assert sorted(statuses(last)) == ["done"] * 3 + ["not_run"] * 5
    assert len(files(s3, bucket, ".jsonl")) == 1


def test_a_task_that_is_told_to_stop_while_it_looks_waits_for_nothing(emulator: Emulator, bucket: str, s3: Any) -> None:
    """Nothing is paid for by then, so a store that is slow needn't answer first."""
    uri = put(s3, bucket, "photo.png", photo())
    emulator.inject("stall", seconds=60, times=None, method="GET", key="photo")
    operator = bulk([{"image": uri, "task": "background_removal"}], defaults={})
    threading.Timer(1, operator.on_kill).start()
    began = time.monotonic()
    _, found = failed(operator, Instance(), s3)
    assert statuses(found) == ["not_run"]
    assert time.monotonic() - began < 20
    emulator.clear_faults()


def test_a_task_that_is_told_to_stop_before_it_begins_pays_nothing(emulator: Emulator, s3: Any) -> None:
    """A signal that comes while the requests are being read is not forgotten."""
    operator = bulk(some(3))
    operator.on_kill()
    error, found = failed(operator, Instance(), s3)
    assert not isinstance(error, AirflowFailException)
    assert statuses(found) == ["not_run"] * 3
    assert emulator.billed == 0


@pytest.mark.usefixtures("stopped")
def test_a_stopped_task_goes_on_where_it_was(emulator: Emulator, s3: Any) -> None:
    """Its next try pays for what was not begun, and for nothing else."""
    emulator.clear_faults()
    assert statuses(rows(s3, Instance(try_number=2).run(bulk(some(20))))) == ["done"] * 20  # type: ignore[arg-type]
    assert emulator.billed == 20


def test_a_signal_in_the_main_thread_keeps_what_lands(
    emulator: Emulator, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Airflow raises into the task, calls under way land, rows are written, and the signal goes on."""
    emulator.inject("latency", seconds=0.5, times=None)

    class Terminated(BaseException):
        """What Airflow 2 raises on SIGTERM."""

    def tell(*_: Any, **__: Any) -> None:
        if emulator.billed:
            raise Terminated

    monkeypatch.setattr("airflow_titan.bulk.progress.Progress.tell", tell)
    instance = Instance()
    with pytest.raises(Terminated):
        instance.run(bulk(some(12), max_concurrency=2))
    found = rows(s3, instance.xcoms["manifest"]["results_uri"])
    assert set(statuses(found)) == {"done", "not_run"}
    assert statuses(found).count("done") == emulator.billed


def test_shards_are_all_of_it_and_nothing_twice(emulator: Emulator, s3: Any) -> None:
    """Every n-th request goes to each shard, by the numbers of the whole file."""
    found = [
        rows(s3, Instance(map_index=shard).run(bulk(some(7), shard=str(shard), shards="3")))  # type: ignore[arg-type]
        for shard in range(3)
    ]
    assert [[row["line"] for row in part] for part in found] == [[1, 4, 7], [2, 5], [3, 6]]
    assert emulator.billed == 7


def test_one_feeds_the_next(s3: Any) -> None:
    """A result file's pictures become the next task's inputs; a row without one is passed over by name."""
    asked = [*some(1), {"id": "bad", "text": FLAGGED}]
    first = Instance(task_id="first").run(bulk(asked, on_blocked="skip"))
    second = bulk(first, images_as="image", defaults={"task": "inpainting", "mask_prompt": "sky", "text": "clouds"})
    found = rows(s3, Instance(task_id="second").run(second))  # type: ignore[arg-type]
    assert [(row["id"], row["status"]) for row in found] == [("sku-1", "done"), ("bad", "skipped")]


def test_reuse_can_be_declined(
    emulator: Emulator,
) -> None:
    """A cleared task makes fresh pictures with reuse=False, and not otherwise."""
    for tries, reuse in ((0, True), (1, True), (2, False)):
        Instance(try_number=tries + 1, max_tries=tries).run(bulk(some(2), reuse=reuse))
    assert emulator.billed == 4


def test_memory_is_taken_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request's inputs and answer are announced to what bounds the memory."""
    taken: list[int] = []
    from airflow_titan.bulk import memory

    original = memory.MemoryReservation.take

    def take(self: Any, size: int) -> None:
        taken.append(size)
        original(self, size)

    monkeypatch.setattr(memory.MemoryReservation, "take", take)
    Instance().run(bulk(some(2)))
    assert len([size for size in taken if size > 10_000]) == 2


def allowed(given: Any, total: int) -> int:
    """Read how many of some requests may fail."""
    problems = Problems()
    share_or_count = ParameterReader(problems).share_or_count("max_failures", given, default=0)
    problems.raise_if_any()
    return allowed_failures(share_or_count, total)


@pytest.mark.parametrize(
    ("given", "total", "most"),
    [
        (0, 10, 0),
        ("3", 10, 3),
        (1, 10, 1),
        (0.05, 100, 5),
        ("0.05", 19, 0),
        ("5%", 100, 5),
        (1.0, 7, 7),
        ("12.5 %", 8, 1),
    ],
)
def test_failures_are_counted_or_a_fraction(given: Any, total: int, most: int) -> None:
    """A whole number is a count; one with a point, or a percentage, is a fraction of all."""
    assert allowed(given, total) == most


@pytest.mark.parametrize("given", [None, "", "None"])
def test_no_allowance_is_none(given: Any) -> None:
    """A template that renders to nothing leaves the default."""
    assert allowed(given, 100) == 0


@pytest.mark.parametrize("given", [-1, "many", 1.5, "120%", True, float("nan")])
def test_other_allowances_are_turned_down(given: Any) -> None:
    """What is neither is a setting's error."""
    with pytest.raises(ConfigurationError, match="max_failures"):
        allowed(given, 100)


def test_a_question_ends_as_one() -> None:
    """What was nearly meant is asked, and the sentence after it begins anew."""
    with pytest.raises(AirflowFailException, match=r"Did you mean inpainting\? What was finished"):
        Instance().run(bulk([{"text": "a jar", "task": "inpaint"}]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0}, {"max_concurrency": 5000}, {"requests_per_minute": 0}, {"requests_per_minute": "fast"},
        {"max_in_flight_mb": 0}, {"validate": "none"}, {"max_failures": "some"}, {"max_price_usd": -1},
        {"shards": 0}, {"shard": 2, "shards": 2}, {"requests": []}, {"requests": "s3://titan-images/none.jsonl"},
        {"images_as": "text"}, {"defaults": "no JSON"}, {"on_blocked": "never"},
    ],
)  # fmt: skip
def test_wrong_settings_are_told_before_anything_runs(
    wrong: dict[str, Any],
    emulator: Emulator,
) -> None:
    """Each is named, with what is allowed, and the task isn't retried."""
    with pytest.raises(AirflowFailException) as caught:
        Instance().run(bulk(**{"requests": some(1)} | wrong))
    assert next(iter(wrong)) in str(caught.value)
    assert emulator.calls == []


def test_all_wrong_settings_are_told_in_one_message(emulator: Emulator) -> None:
    """Whoever mends one need not run again to learn of the next, wherever it is used."""
    wrong = {"shards": 0, "images_as": "text", "max_concurrency": 0, "max_failures": "some", "max_price_usd": ""}
    with pytest.raises(AirflowFailException) as caught:
        Instance().run(bulk(some(1), **wrong))
    assert [name for name in wrong if f"{name}: got" not in str(caught.value)] == []
    assert emulator.calls == []


def test_bodies_wait_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request's body lies in a file while its answer is awaited, and the answer until it is kept."""
    made: list[Any] = []
    original = outcome.on_disk

    def on_disk() -> Any:
        made.append(original())
        return made[-1]

    monkeypatch.setattr(outcome, "on_disk", on_disk)
    Instance().run(bulk(some(3)))
    assert len(made) == 6
    assert all(file.closed and hasattr(file, "fileno") for file in made)


@pytest.mark.parametrize("nothing", ["", "None"])
def test_an_option_of_nothing_in_a_line_leaves_the_tasks_own(nothing: str, s3: Any) -> None:
    """As if the line did not name it."""
    flagged = {"id": "flagged", "text": FLAGGED, "on_blocked": nothing}
    (row,) = rows(s3, Instance().run(bulk([flagged], on_blocked="skip")))  # type: ignore[arg-type]
    assert row["status"] == "blocked"


def test_a_price_limit_that_a_line_lost_is_refused(s3: Any) -> None:
    """A limit of nothing would be none."""
    (row,) = rows(s3, Instance().run(bulk([{"text": "a jar", "max_price_usd": ""}], max_failures=1)))  # type: ignore[arg-type]
    assert (row["status"], row["price_usd"]) == ("invalid", 0)
    assert "max_price_usd" in row["error"]["message"]


def test_shards_may_be_a_number_with_a_point(s3: Any) -> None:
    """As a template with arithmetic in it renders one."""
    assert len(rows(s3, Instance().run(bulk(some(2), shards="2.0", requests_per_minute=6000)))) == 1  # type: ignore[arg-type]
