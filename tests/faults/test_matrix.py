"""
The fault matrix: every fault, at every step, with every operator, through Airflow's three tries of a task.

A cell injects its faults, runs the operator as try 1, 2 and 3 as Airflow would with ``retries=2``, and compares what
became of it with what ``docs/reliability.md`` promises: the tries it took, the error's name, what was billed, what was
published. Then it goes on. After a success, the task is run once more: same keys, nothing billed. After a failure, the
faults end and somebody clears the task: what can be finished is finished, and what was paid isn't paid again.
"""

from __future__ import annotations

import hashlib
import json
import signal
import time
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import mask, photo
from PIL import Image

from airflow_titan.aws import conditional as object_store
from airflow_titan.emulator.faults import kinds
from airflow_titan.errors import TitanError
from airflow_titan.generation import journal, process
from airflow_titan.operators import (
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_titan.emulator import Emulator

TRIES = 3
#: Seconds after which a cell counts as endless.
LONGEST = 40
BUCKET = "titan-images"
PHOTO, MASK = f"s3://{BUCKET}/inputs/photo.png", f"s3://{BUCKET}/inputs/mask.png"
OPERATORS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "text_to_image": (TitanTextToImageOperator, {"text": "a harbour", "width": 320, "height": 704}),
    "inpainting": (TitanInpaintingOperator, {"image": PHOTO, "mask_image": MASK, "text": "a red boat"}),
    "outpainting": (TitanOutpaintingOperator, {"image": PHOTO, "mask_image": MASK, "text": "a storm"}),
    "image_variation": (TitanImageVariationOperator, {"images": [PHOTO], "text": "at night"}),
}
EDITS = ["inpainting", "outpainting", "image_variation"]
#: No resending by the SDK, on S3 either: each fault reaches our own code.
BARE = {"read_timeout": 5, "retries": {"total_max_attempts": 1}}
#: What users have: the SDK sends to S3 up to three times.
SDK = {"read_timeout": 5}
HASTY = {"read_timeout": 0.6, "retries": {"total_max_attempts": 1}}


@dataclass(frozen=True)
class Fate:
    """
    What becomes of a task instance under a fault.

    :param tries: how many it takes
    :param error: the name of the error of the last one; ``None`` for success
    :param billed: how many calls the model finished
    :param calls: how many reached it, if others did
    :param state: the task's
    :param later: what a clear ends in when the faults are over, and how many calls were billed by then; of a success,
        a run under the same faults
    """

    tries: int
    error: str | None
    billed: int
    calls: int | None = None
    state: str = "failed"
    later: tuple[str | None, int] = (None, 1)


def success(tries: int = 1, billed: int = 1, calls: int | None = None) -> Fate:
    """End well; a run after that pays nothing."""
    return Fate(tries, None, billed, calls, "success", (None, billed))


@dataclass(frozen=True)
class Cell:
    """One cell: what goes wrong, and what becomes of it."""

    name: str
    operator: str
    faults: tuple[tuple[str, dict[str, Any]], ...]
    fate: Fate
    options: dict[str, Any] = field(default_factory=dict)
    patience: float = 2
    images: int = 2
    leftover: int = 0


def on(operators: list[str], cells: list[Cell]) -> list[Cell]:
    """Repeat cells for several operators."""
    return [replace(cell, operator=operator) for operator in operators for cell in cells]


# --- Bedrock ---

WAITS = {"throttle": "Throttled", "not_ready": "Throttled", "unavailable": "Unavailable"}
LIMITED = {"expired_token": "AccountLimited"}
REFUSED = {
    "access_denied": "AccessDenied", "retired": "ModelRetired", "legacy": "ModelRetired",
    "wrong_region": "UnknownModel",
}  # fmt: skip
UNKNOWN = {
    "error_before": "ServiceFailed", "error_after": "ServiceFailed", "model_timeout": "ServiceFailed",
    "model_error": "ServiceFailed", "reset_before": "AnswerLost", "reset_after": "AnswerLost",
    "reset_mid_answer": "AnswerLost", "close_mid_answer": "AnswerLost", "stall": "AnswerLost",
    "stall_body": "AnswerLost",
}  # fmt: skip
BAD = dict.fromkeys(
    [
        "truncated_json", "not_json", "json_list", "bad_base64", "fewer_images", "no_images", "extra_image",
        "not_a_picture", "truncated_picture", "corrupt_picture", "wrong_size",
    ],
    "BadAnswer",
)  # fmt: skip
BLOCKED = ["error_beside_images", "error_only", "null_images"]
HARMLESS = ["latency"]


def bedrock(name: str, kind: str, fate: Fate, **rest: Any) -> Cell:
    """Make a cell with one fault of InvokeModel."""
    times = None if name == "always" else 1
    seconds = {"seconds": {"latency": 0.1}.get(kind, 30)} if kinds.BEDROCK[kind].takes_seconds else {}
    options = {"botocore_config": HASTY} if kind.startswith("stall") else {}
    return Cell(
        f"{kind} {name}", "", ((kind, {"times": times} | seconds),), fate, options | rest.pop("options", {}), **rest
    )


def works(kind: str) -> int:
    """Say whether the model works under a fault, and so is billed."""
    return int(kinds.BEDROCK[kind].work_done)


def bedrock_cells() -> Iterator[Cell]:
    """Give each fault of InvokeModel, once and always."""
    for kind, error in WAITS.items():
        yield bedrock("once", kind, success(calls=2))
        yield bedrock("always", kind, Fate(3, error, 0), patience=0)
    for kind, error in LIMITED.items():
        yield bedrock("once", kind, success(2, calls=2))
        yield bedrock("always", kind, Fate(3, error, 0, 3))
    for kind, error in REFUSED.items():
        yield bedrock("once", kind, Fate(1, error, 0, 1))
    for kind in UNKNOWN | BAD:
        paid = works(kind)
        yield bedrock("once", kind, success(2, billed=1 + paid, calls=2))
        yield bedrock("always", kind, Fate(3, "OutcomeUnknown", 2 * paid, 2, later=("OutcomeUnknown", 2 * paid)))
    for kind in BLOCKED:
        stopped = Fate(1, "ContentBlocked", 1, later=("ContentBlocked", 1))
        yield bedrock("fails", kind, stopped)
        yield bedrock("skips", kind, replace(stopped, state="skipped"), options={"on_blocked": "skip"})
        kept = success() if kind == "error_beside_images" else stopped
        yield bedrock("keeps", kind, kept, options={"on_blocked": "keep"})
    for kind in HARMLESS:
        yield bedrock("always", kind, success())


def one_call_cells() -> Iterator[Cell]:
    """Give each fault of InvokeModel once, where a second call is not allowed."""
    one = {"max_paid_calls": 1}
    for kind in WAITS:
        yield bedrock("once, one call", kind, success(calls=2), options=one)
    for kind in LIMITED:
        yield bedrock("once, one call", kind, success(2, calls=2), options=one)
    for kind in UNKNOWN | BAD:
        paid = works(kind)
        unknown = Fate(2, "OutcomeUnknown", paid, 1, later=("OutcomeUnknown", paid))
        yield bedrock("once, one call", kind, unknown, options=one)
    # a lost reply and a conflict hide from the worker that the only slot is its own
    hidden = (("lost_reply", SLOT), ("conflict", SLOT))
    yield Cell("claim in doubt, one call", "", hidden, success(), one | {"botocore_config": SDK})


def mixed_cells() -> Iterator[Cell]:
    """Give a few faults one after the other."""
    lost = ("OutcomeUnknown", 2)
    for first, second, fate in (
        ("throttle", "reset_after", success(2, billed=2, calls=3)),
        ("reset_after", "throttle", success(2, billed=2, calls=3)),
        ("expired_token", "fewer_images", success(3, billed=2, calls=3)),
        ("fewer_images", "reset_after", Fate(3, "OutcomeUnknown", 2, 2, later=lost)),
        ("error_after", "corrupt_picture", Fate(3, "OutcomeUnknown", 2, 2, later=lost)),
        ("bad_base64", "expired_token", success(3, billed=2, calls=3)),
        ("model_error", "access_denied", Fate(2, "AccessDenied", 0, 2)),
        ("truncated_json", "error_only", Fate(2, "ContentBlocked", 2, 2, later=("ContentBlocked", 2))),
    ):
        yield Cell(f"{first}, then {second}", "", ((first, {}), (second, {})), fate)


# --- S3 ---

SLOT = {"method": "PUT", "key": r"/slot-1\.json$"}
JOURNAL = {"method": "PUT", "key": r"/answer-1$"}
PICTURE = {"method": "PUT", "key": r"/image-2-"}
MANIFEST = {"method": "PUT", "key": r"/manifest\.json$"}
FORGET = {"method": "DELETE", "key": r"/answer-1$"}
INPUT = {"method": "GET", "key": r"^inputs/photo"}
PASSING = ["slow_down", "error", "cut_write"]


@dataclass(frozen=True)
class Step:
    """
    A request to S3, and what its failures come to.

    :param refused: where S3 refuses it
    :param once: where it fails once and the SDK doesn't send it again
    :param always: where it fails for good
    :param lost: where it is done each time and each reply gets lost
    :param left: journals that stay when it fails for good
    """

    name: str
    where: dict[str, str]
    refused: Fate
    once: Fate
    always: Fate
    lost: Fate
    left: int = 0


_UNPAID = Fate(3, "StoreFailed", 0)
_PAID = Fate(3, "StoreFailed", 1)
STEPS = [
    Step("slot", SLOT, Fate(1, "StoreRefused", 0), success(2), _UNPAID, success()),
    Step("journal", JOURNAL, success(), success(), success(), success()),
    Step("picture", PICTURE, _PAID, success(2), _PAID, _PAID),
    Step("manifest", MANIFEST, _PAID, success(2), _PAID, success()),
    Step("forget", FORGET, success(), success(), success(), success(), left=1),
    Step("input", INPUT, Fate(1, "InvalidRequest", 0), success(2), _UNPAID, _UNPAID),
]


def s3(name: str, step: Step, kind: str, fate: Fate, config: dict[str, Any], *, left: int = 0) -> Cell:
    """Make a cell with one fault of S3."""
    seconds = {"seconds": 30} if kind == "stall" else {}
    where: dict[str, Any] = {"times": None if name == "always" else 1, **step.where, **seconds}
    return Cell(f"{kind} {step.name} {name}", "", ((kind, where),), fate, {"botocore_config": config}, leftover=left)


def s3_cells(step: Step) -> Iterator[Cell]:
    """Give each fault of S3 at one step: once with the SDK's own retries, once without, and always."""
    yield s3("always", step, "refuse", step.refused, BARE, left=step.left)
    for kind in PASSING:
        yield s3("once, SDK", step, kind, success(), SDK)
        yield s3("once", step, kind, step.once, BARE, left=step.left)
        yield s3("always", step, kind, step.always, BARE, left=step.left)
    # what S3 did although nobody heard of it
    yield s3("once, SDK", step, "lost_reply", success(), SDK)
    yield s3("once", step, "lost_reply", success() if step.lost.error is None else success(2), BARE)
    yield s3("always", step, "lost_reply", step.lost, BARE)
    yield s3("always", step, "stall", step.lost, HASTY)


def other_s3_cells() -> Iterator[Cell]:
    """Give what happens at some steps only."""
    for step in STEPS[:4]:
        conditional = step.name in {"slot", "manifest"}
        once = success() if conditional or step.name == "journal" else success(2)
        yield s3("once", step, "conflict", once, BARE)
        yield s3("always", step, "conflict", step.always, BARE)
        yield s3("always", step, "missing_bucket", step.refused, BARE)
    anywhere: dict[str, Any] = {"times": None}
    yield Cell(
        "no bucket to write to", "", (("missing_bucket", anywhere | {"key": "^results/"}),), Fate(1, "StoreRefused", 0)
    )
    writing = anywhere | {"method": "PUT"}
    yield Cell("no write allowed", "", (("refuse", writing),), Fate(1, "StoreRefused", 0))
    yield Cell("a clock ahead", "", (("clock", anywhere | {"seconds": 86_400}),), success())
    yield Cell("a clock behind", "", (("clock", anywhere | {"seconds": -86_400}),), success())


def second_try_cells() -> Iterator[Cell]:
    """Give the failures of S3 that only a second try can meet, after a first one whose outcome is unknown."""
    paid = success(2, billed=2)
    settle, recall, look = (
        {**SLOT, "after": 1},
        {"method": "GET", "key": "manifest"},
        {"method": "GET", "key": "slot-1"},
    )
    second, answer = {**SLOT, "key": r"/slot-2\.json$"}, {"method": "GET", "key": "answer-1"}
    for first, expected in (("reset_after", paid), ("fewer_images", paid)):
        late = replace(expected, tries=3)
        for kind in PASSING:
            yield Cell(f"{first}, {kind} settle", "", ((first, {}), (kind, settle)), expected)
            for name, where in (("recall", recall), ("look", look), ("slot-2", second), ("answer", answer)):
                yield Cell(f"{first}, {kind} {name}", "", ((first, {}), (kind, where)), late)
        yield Cell(f"{first}, refuse settle", "", ((first, {}), ("refuse", settle)), expected)
    # the answer is paid and kept: whatever S3 does to the second try, nothing more is billed
    broken = ("error", PICTURE)
    for kind in PASSING:
        for name, where in (("recall", recall), ("look", look), ("answer", answer)):
            yield Cell(f"picture, then {kind} {name}", "", (broken, (kind, where)), success(3))


def head_cells() -> Iterator[Cell]:
    """Give failures of looking for an earlier result by its inputs' ETags."""
    where = {"method": "HEAD", "key": "^inputs/"}
    yield Cell("reset_after, refuse HEAD", "", (("reset_after", {}), ("refuse", where)), success(2, billed=2))
    yield Cell("reset_after, slow_down HEAD", "", (("reset_after", {}), ("slow_down", where)), success(3, billed=2))
    yield Cell("cut_read input", "", (("cut_read", INPUT),), success(2))


def in_turn(cells: list[Cell], operators: list[str]) -> list[Cell]:
    """Give the operators to the cells in turn: the steps on S3 are the same for all of them."""
    return [replace(cell, operator=operators[index % len(operators)]) for index, cell in enumerate(cells)]


CELLS = [
    *on(list(OPERATORS), list(bedrock_cells())),
    *in_turn(list(one_call_cells()), list(OPERATORS)),
    *in_turn(list(mixed_cells()), list(OPERATORS)),
    *(cell for step in STEPS[:-1] for cell in in_turn(list(s3_cells(step)), list(OPERATORS))),
    *in_turn(list(s3_cells(STEPS[-1])), EDITS),
    *in_turn(list(other_s3_cells()), list(OPERATORS)),
    *in_turn(list(second_try_cells()), list(OPERATORS)),
    *in_turn(list(head_cells()), EDITS),
]
# the product keeps one pair of clients, and making another takes longer than a cell
CELLS.sort(key=lambda cell: str(cell.options.get("botocore_config")))


# --- the run ---


@dataclass
class World:
    """The emulator, with what was written to it."""

    emulator: Emulator
    s3: Any

    def keys(self, part: str) -> list[str]:
        """List the keys of the results that hold a word."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix="results/").get("Contents", [])
        return [entry["Key"] for entry in found if part in entry["Key"]]

    def read(self, uri: str) -> bytes:
        """Read an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


@cache
def _s3(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url)


@pytest.fixture
def world(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give the emulator with the inputs in it, time that runs fast, and a store that was probed."""
    client = _s3(emulator.url)
    client.create_bucket(Bucket=BUCKET)
    for uri, data in ((PHOTO, photo(256, 256)), (MASK, mask(256, 256))):
        client.put_object(Bucket=BUCKET, Key=uri.partition(f"{BUCKET}/")[2], Body=data)
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.02)))
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST)
    monkeypatch.setattr(journal, "_PATIENCE", 2)
    monkeypatch.setattr(object_store, "_proven", {(emulator.url, BUCKET)})
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    yield World(emulator, client)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    emulator.clear_faults()


def _too_long(*_: object) -> None:
    raise TimeoutError("the cell would go on for ever")


def attempt(cell: Cell, try_number: int) -> tuple[str, str, list[str], dict[str, Any]]:
    """Run an operator as one try: the state, the error's words, the keys, the record in XCom."""
    operator, arguments = OPERATORS[cell.operator]
    given = {"number_of_images": cell.images, "botocore_config": BARE} | arguments | cell.options
    instance = Instance(try_number=try_number, max_tries=TRIES - 1)
    try:
        uris = instance.run(operator(task_id="task", **given))
    except AirflowSkipException as error:
        return "skipped", str(error), [], instance.xcoms
    except AirflowFailException as error:
        return "failed", str(error), [], instance.xcoms
    except TitanError as error:
        return "up_for_retry", f"{type(error).__name__}: {error}", [], instance.xcoms
    return "success", "", uris, instance.xcoms


def check_published(world: World, uris: list[str], record: dict[str, Any], images: int) -> None:
    """Prove that a result is whole: the record, and each image by its hash and its pixels."""
    manifest = json.loads(world.read(record["manifest_uri"]))
    assert [output["uri"] for output in manifest["outputs"]] == uris
    assert len(uris) == images
    for output in manifest["outputs"]:
        data = world.read(output["uri"])
        assert hashlib.sha256(data).hexdigest() == output["sha256"]
        picture = Image.open(BytesIO(data))
        picture.load()
        assert picture.size == (output["width"], output["height"])


@pytest.mark.parametrize("cell", [pytest.param(cell, id=f"{cell.operator}: {cell.name}") for cell in CELLS])
def test_cell(cell: Cell, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of the task is what was promised, to the call."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", str(cell.patience))
    emulator, fate = world.emulator, cell.fate
    for kind, options in cell.faults:
        emulator.inject(kind, **options)
    for try_number in range(1, TRIES + 1):
        state, message, uris, xcoms = attempt(cell, try_number)
        if state != "up_for_retry":
            break
    final = "failed" if state == "up_for_retry" else state
    error = message.partition(":")[0] or None
    assert (final, error, try_number, emulator.billed) == (fate.state, fate.error, fate.tries, fate.billed), message
    if fate.calls is not None:
        assert len(emulator.calls) == fate.calls

    if fate.error is None:
        emulator_faults = [fault for fault in emulator.faults if fault.left is not None]
        assert emulator_faults == [], "the cell's fault was never met"
        assert len(world.keys("manifest.json")) == 1
        assert len(world.keys("answer-")) == cell.leftover
        check_published(world, uris, xcoms["manifest"], cell.images)
        again = attempt(cell, try_number + 1)
        assert (again[0], again[2], emulator.billed) == ("success", uris, fate.billed)
        assert again[3] == xcoms
    else:
        emulator.clear_faults()
        assert (world.keys("manifest.json"), xcoms) == ([], {"failure": xcoms["failure"]})
        assert xcoms["failure"]["error"] == fate.error
        later, message, uris, xcoms = attempt(cell, try_number + 1)
        assert (message.partition(":")[0] or None, emulator.billed) == fate.later, message
        assert len(world.keys("manifest.json")) == (later == "success")
        if later == "success":
            assert world.keys("answer-") == []
            check_published(world, uris, xcoms["manifest"], cell.images)


def test_every_kind_has_its_cells() -> None:
    """A new kind of fault gets a fate."""
    injected = {kind for cell in CELLS for kind, _ in cell.faults}
    elsewhere = {"ignore_conditions", "aged"}
    assert injected == {*kinds.BEDROCK, *kinds.S3} - elsewhere


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_store_that_ignores_conditions_is_refused(
    operator: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of the model, and nothing is left behind."""
    monkeypatch.setattr(object_store, "_proven", set())
    world.emulator.inject("ignore_conditions", times=None)
    cell = Cell("unsafe", operator, (), success())
    for try_number in (1, 2):
        state, message, _, _ = attempt(cell, try_number)
        assert (state, message.partition(":")[0], world.emulator.calls) == ("failed", "UnsafeStore", [])
        assert "ignores conditional writes" in message
        assert world.keys("") == []


def test_a_store_that_could_not_be_probed_counts_no_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim whose probe failed is taken back: nothing was paid, and the next try has all its calls."""
    monkeypatch.setattr(object_store, "_proven", set())
    world.emulator.inject("refuse", **SLOT, after=1)
    cell = Cell("unproven", next(iter(OPERATORS)), (), success())
    assert attempt(cell, 1)[0] != "success"
    assert world.keys("slot-") == []
    state, message, uris, xcoms = attempt(cell, 2)
    assert (state, message, world.emulator.billed) == ("success", "", 1)
    check_published(world, uris, xcoms["manifest"], cell.images)


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_unsafe_store_can_be_allowed(operator: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who knows what it means may have it."""
    monkeypatch.setattr(object_store, "_proven", set())
    monkeypatch.setenv("AIRFLOW__TITAN__UNSAFE_STORE", "True")
    world.emulator.inject("ignore_conditions", times=None)
    cell = Cell("unsafe", operator, (), success())
    state, message, uris, xcoms = attempt(cell, 1)
    assert (state, message, world.emulator.billed) == ("success", "", 1)
    check_published(world, uris, xcoms["manifest"], cell.images)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_claim_of_a_lost_machine_expires_by_the_stores_clock(
    operator: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by the worker's, which is a day ahead here."""
    slot_1 = {"key": SLOT["key"]}
    cell = Cell("expiry", operator, (), success())
    world.emulator.inject("reset_after")
    world.emulator.inject("refuse", **SLOT, after=1)  # so that the claim can't be given up
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(process, "_machine", lambda: "another machine")
        assert attempt(cell, 1)[0] == "up_for_retry"
    world.emulator.inject("aged", **slot_1, seconds=600, times=None)
    world.emulator.inject("clock", seconds=-86_400, times=None)
    state, message, _, _ = attempt(cell, 1)
    assert (state, message, world.emulator.billed) == ("success", "", 2)
