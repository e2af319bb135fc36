"""When slot, concurrency, money and memory are held and let go: in order, on every way in which a call can end."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import pytest
from pictures import photo
from stub import Says, pictures, refuses, scripted, stable

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.budget import Budget
from airflow_titan.errors import (
    AnswerLost,
    BackOff,
    BudgetSpent,
    RequestRefused,
    ServiceFailed,
    StoreRefused,
    Throttled,
)
from airflow_titan.generation.generate import CallPolicy, Request, Result, ResultLocation, generate
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.generation.response import ResponseImage
from airflow_titan.hooks.bedrock import TitanBedrockHook
from airflow_titan.models.tasks import TextToImage

if TYPE_CHECKING:
    from collections.abc import Iterator

TITAN, SD35 = "amazon.titan-image-generator-v2:0", "stability.sd3-5-large-v1:0"
ANSWER = pictures(photo(512, 512))
BUSY = refuses(429, "ThrottlingException", "slow down")


@dataclass
class Watch:
    """
    Everything that a request holds, and what becomes of it, in order.

    :param interrupt: the event at which this process is told to end
    """

    interrupt: str = ""
    events: list[str] = field(default_factory=list)

    def note(self, event: str) -> None:
        """Note an event."""
        self.events.append(event)
        if event == self.interrupt:
            raise KeyboardInterrupt(event)

    def since(self, event: str) -> list[str]:
        """Give what came from an event on."""
        return self.events[self.events.index(event) :]


class Concurrency:
    """Lets any number of calls be under way."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._watch.note("concurrency held")

    def __exit__(self, *_: object) -> None:
        self._watch.note("concurrency free")


class Limiter:
    """Lets each call go at once, and a refused one once more."""

    longest = 0.0
    lane = None

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def admit(self) -> Self:
        """Let a call come."""
        self._watch.note("admitted")
        self.left = 1
        return self

    def wait(self) -> None:
        """Let an attempt go."""
        self._watch.note("moment")

    def succeeded(self) -> None:
        """Note that it was let in."""
        self._watch.note("let in")

    def failed(self, error: BaseException) -> bool:
        """Note that it wasn't."""
        self._watch.note(f"attempt: {type(error).__name__}")
        self.left -= 1
        return isinstance(error, BackOff) and self.left >= 0


class Money:
    """A budget whose movements are noted."""

    def __init__(self, watch: Watch, limit: float | None = None) -> None:
        self.budget = Budget(limit)
        self._watch = watch

    @contextmanager
    def reserve(self, price: float | None) -> Iterator[None]:
        """Note that money is held, and what becomes of it."""
        reservation = self.budget.reserve(price)
        self._watch.note("money held")
        try:
            with reservation:
                yield
        finally:
            self._watch.note("money spent" if reservation.committed else "money free")

    def record(self, price: float | None) -> None:
        """Count what an earlier try has spent."""
        self.budget.record(price)


class Memory:
    """Memory without a bound, whose movements are noted."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._holding = False

    @contextmanager
    def reserve(self, size: int | None = None) -> Iterator[Memory]:
        """Note what is held for as long as a block lasts."""
        if size is not None:
            self.take(size)
        try:
            yield self
        finally:
            self.release()

    def release(self) -> None:
        """Note that nothing is held any more."""
        if self._holding:
            self._holding = False
            self._watch.note("memory free")

    def take(self, size: int) -> None:
        """Note what is held."""
        self._holding = True
        self._watch.note(f"memory held: {size}")


class Store(ObjectStore):
    """A store whose writes are noted: slots with their state."""

    watch: Watch

    def create(self, uri: str, data: bytes, *, take_back: bool = False) -> str | None:
        """Note a claim, or a manifest."""
        etag = super().create(uri, data, take_back=take_back)
        self._noted(uri, data)
        return etag

    def replace(self, uri: str, data: bytes, etag: str) -> str | None:
        """Note what becomes of a claim."""
        self._noted(uri, data)
        return super().replace(uri, data, etag)

    def write(self, uri: str, data: bytes, *rest: Any, **more: Any) -> str:
        """Note an image."""
        if not more.keys() & {"IfNoneMatch", "IfMatch"}:
            self._noted(uri, data)
        return super().write(uri, data, *rest, **more)

    def upload(self, uri: str, *rest: Any, **more: Any) -> str:
        """Note an answer."""
        if "/answer-" in uri:
            self._noted(uri, b"")
        return super().upload(uri, *rest, **more)

    def _noted(self, uri: str, data: bytes) -> None:
        name = uri.rpartition("/")[2]
        if "slot" in name:
            self.watch.note(f"{name.removesuffix('.json')} {json.loads(data)['state']}")
        else:
            self.watch.note("-".join(name.split("-")[:2]))


class Client:
    """A client of Bedrock whose doings are noted."""

    def __init__(self, client: Any, watch: Watch) -> None:
        self.meta = client.meta
        self._client = client
        self._watch = watch

    def invoke_model(self, **arguments: Any) -> dict[str, Any]:
        """Send a request."""
        self._watch.note("sent")
        response: dict[str, Any] = self._client.invoke_model(**arguments)
        self._watch.note("headers")
        return response | {"body": Body(response["body"], self._watch)}


class Body:
    """What an answer's body is read from, which is noted."""

    def __init__(self, body: Any, watch: Watch) -> None:
        self._body = body
        self._watch = watch

    def read(self, size: int | None = None) -> bytes:
        """Read it whole, or a piece."""
        self._watch.note("read")
        return self._body.read(size)  # type: ignore[no-any-return]


@dataclass
class Scene:
    """Where a request is run and watched."""

    s3: Any
    bucket: str
    monkeypatch: pytest.MonkeyPatch
    watch: Watch = field(default_factory=Watch)
    limit: float | None = None
    files: list[BytesIO] = field(default_factory=list)

    def run(
        self, *script: Says, model_id: str = TITAN, count: int = 1, try_number: int = 1, on_missing: str = "fail"
    ) -> Result:
        """Run a request of a model that follows a script."""
        self.money = Money(self.watch, self.limit)
        policy = CallPolicy(
            rate_limiter=Limiter(self.watch),
            budget=self.money,
            memory=Memory(self.watch),
            concurrency=Concurrency(self.watch),
            new_file=self._new_file,
        )
        store = Store(self.s3)
        store.watch = self.watch
        owner = TaskInstance(dag_id="d", run_id="r", task_id="t", try_number=try_number)
        location = ResultLocation.of(owner, prefix=f"s3://{self.bucket}/out", root=None)
        size = {"width": 512, "height": 512} if model_id == TITAN else {}
        request = Request(TextToImage(text="a jar", number_of_images=count, **size), model_id, on_missing=on_missing)  # type: ignore[arg-type]
        with scripted(*script) as stub:
            self.monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
            client = Client(TitanBedrockHook(None, region_name="us-west-2").clients()[0], self.watch)
            return generate(request, client, store, location, policy=policy)

    def _new_file(self) -> BytesIO:
        self.files.append(File())
        return self.files[-1]


class File(BytesIO):
    """A file that can be looked into when it has been closed."""

    content = b""

    def close(self) -> None:
        """Keep what was in it."""
        if not self.closed:
            self.content = self.getvalue()
        super().close()


@pytest.fixture
def scene(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Give an empty store."""
    return Scene(s3, bucket, monkeypatch)


#: From the moment at which the inputs are in the bodies, to the one at which the request goes out.
BEFORE = ["concurrency held", "admitted", "slot-1 claimed", "money held", "moment", "sent"]
FREE = ["money free", "slot-1 unused", "concurrency free"]


def call(scene: Scene) -> list[str]:
    """Give what happened from the call on."""
    return scene.watch.since("concurrency held")


def test_a_call_that_succeeds(scene: Scene) -> None:
    """The model is free for others when the answer is kept; its memory is held until all is published."""
    scene.run(ANSWER)
    size = f"memory held: {2 * len(ANSWER.body)}"
    assert scene.watch.events[:2] == ["memory held: 0", "memory free"]
    assert call(scene) == [
        *BEFORE, "headers", "let in", "money spent", "read", "read", "answer-1", "concurrency free", size, "image-1",
        "manifest.json", "memory free",
    ]  # fmt: skip


def test_a_refused_call_goes_again_within_what_it_holds(scene: Scene) -> None:
    """Slot, money and concurrency are the same for both attempts."""
    scene.run(BUSY, ANSWER)
    refused = ["attempt: Throttled", "moment", "sent", "headers", "let in", "money spent", "read", "read"]
    assert call(scene)[: len(BEFORE) + len(refused)] == BEFORE + refused


@pytest.mark.parametrize(
    ("script", "error", "attempts"),
    [
        ((BUSY,), Throttled, ["attempt: Throttled", "moment", "sent", "attempt: Throttled"]),
        ((refuses(400, "ValidationException", "no"),), RequestRefused, ["attempt: RequestRefused"]),
    ],
)
def test_what_surely_wasnt_paid_lets_everything_go(
    scene: Scene, script: tuple[Says, ...], error: type[Exception], attempts: list[str]
) -> None:
    """The money first, then the slot, then the concurrency; nothing is held afterwards."""
    with pytest.raises(error):
        scene.run(*script)
    assert call(scene) == [*BEFORE, *attempts, *FREE]
    assert (scene.money.budget.spent, scene.money.budget.held) == (0, 0)


def test_a_call_that_the_budget_doesnt_pay_isnt_made(scene: Scene) -> None:
    """Its slot is given back."""
    scene.limit = 0.001
    with pytest.raises(BudgetSpent):
        scene.run(ANSWER)
    assert call(scene) == [*BEFORE[:3], "slot-1 unused", "concurrency free"]


@pytest.mark.parametrize(
    ("says", "error"),
    [(refuses(500, "InternalServerException", "no"), ServiceFailed), (Says(reset=True), AnswerLost)],
)
def test_what_may_have_been_paid_is_spent(scene: Scene, says: Says, error: type[Exception]) -> None:
    """The slot stays claimed until the worker gives up, and is over then: never unused."""
    with pytest.raises(error):
        scene.run(says)
    ended = [f"attempt: {error.__name__}", "money spent", "concurrency free", "slot-1 over"]
    assert call(scene) == [*BEFORE, *ended]
    assert (scene.money.budget.spent > 0, scene.money.budget.held) == (True, 0)


def test_an_answer_that_is_cut_off_was_paid(scene: Scene) -> None:
    """What is lost on the way has its money spent, and takes no memory."""
    with pytest.raises(AnswerLost):
        scene.run(Says(body=b'{"images": [', missing=100))
    paid = ["headers", "let in", "money spent", "read", "read", "concurrency free"]
    assert call(scene) == [*BEFORE, *paid, "slot-1 over"]


@pytest.mark.parametrize("moment", ["sent", "headers", "let in"])
def test_a_sigterm_while_a_call_is_under_way(scene: Scene, moment: str) -> None:
    """Whether the model does its work is open: the money is spent, and the slot is over."""
    scene.watch.interrupt = moment
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    assert call(scene)[-3:] == ["money spent", "concurrency free", "slot-1 over"]
    assert scene.money.budget.held == 0


@pytest.mark.parametrize("moment", ["read", "answer-1"])
def test_a_sigterm_before_the_answer_is_kept(scene: Scene, moment: str) -> None:
    """Whether it is kept is open: the money is spent, the concurrency is free, and the slot is over."""
    scene.watch.interrupt = moment
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    assert call(scene)[-3:] == [moment, "concurrency free", "slot-1 over"]
    assert (scene.money.budget.spent > 0, scene.money.budget.held) == (True, 0)


@pytest.mark.parametrize("moment", [f"memory held: {2 * len(ANSWER.body)}", "image-1"])
def test_a_sigterm_after_the_answer_is_kept(scene: Scene, moment: str) -> None:
    """Nothing is held any more; the next try pays for nothing that was journaled."""
    scene.watch.interrupt = moment
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    assert call(scene)[-2:] == ["memory free", "slot-1 over"]
    assert (scene.money.budget.spent > 0, scene.money.budget.held) == (True, 0)


def test_a_sigterm_before_the_claim_leaves_none(scene: Scene) -> None:
    """What waits for its turn has claimed nothing."""
    scene.watch.interrupt = "admitted"
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    assert call(scene) == ["concurrency held", "admitted", "concurrency free"]


def test_a_store_that_refuses_the_claim_frees_the_concurrency(scene: Scene) -> None:
    """Nothing was paid."""
    scene.bucket = "no-such-bucket"
    with pytest.raises(StoreRefused):
        scene.run(ANSWER)
    assert call(scene) == ["concurrency held", "admitted", "concurrency free"]


def test_the_outcome_is_told_where_it_is_unknown(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and not where it is known."""
    with pytest.raises(RequestRefused):
        scene.run(refuses(400, "ValidationException", "no"))
    assert "outcome is unknown" not in caplog.text
    with pytest.raises(AnswerLost):
        scene.run(Says(body=b'{"images": [', missing=100))
    assert caplog.text.count("outcome is unknown") == 1


def test_an_answer_waits_in_a_file_for_those_of_the_next_calls(scene: Scene) -> None:
    """While the second call is under way, the first one's answer takes no memory; both are published to the byte."""
    one, two = photo(64, 64), photo(64, 65)
    result = scene.run(stable(one), stable(two), model_id=SD35, count=2)
    first, second = (f"memory held: {2 * len(stable(image).body)}" for image in (one, two))
    assert [event for event in scene.watch.events if event.startswith(("memory", "sent", "image"))] == [
        "memory held: 0", "memory free", "sent", first, "memory free", "sent", second, "image-1", "image-2",
        "memory free",
    ]  # fmt: skip
    assert one in [file.content for file in scene.files]  # type: ignore[attr-defined]
    keys = [uri.removeprefix(f"s3://{scene.bucket}/") for uri in result.manifest.uris]
    assert [scene.s3.get_object(Bucket=scene.bucket, Key=key)["Body"].read() for key in keys] == [one, two]


class Counting(Watch):
    """Counts the pictures that are in memory whenever a call comes to its turn."""

    def note(self, event: str) -> None:
        """Note an event."""
        if event == "admitted":
            event = f"admitted with {sum(isinstance(one, ResponseImage) for one in gc.get_objects())}"
        super().note(event)


def test_no_picture_is_in_memory_while_the_next_call_waits(scene: Scene) -> None:
    """Not even where nobody looks at it any more; else each request under way has one that no bound counts."""
    gc.collect()
    scene.watch = Counting()
    answers = [stable(photo(64, 64 + number)) for number in range(4)]
    scene.run(*answers, model_id=SD35, count=4)
    assert [event for event in scene.watch.events if event.startswith("admitted")] == ["admitted with 0"] * 4


def test_an_answer_of_unknown_length_is_held_like_any_other(scene: Scene) -> None:
    """How long it is is known when it has come."""
    chunked = f"{len(ANSWER.body):x}\r\n".encode() + ANSWER.body + b"\r\n0\r\n\r\n"
    scene.run(Says(body=chunked, headers=ANSWER.headers | {"Transfer-Encoding": "chunked"}))
    assert f"memory held: {2 * len(ANSWER.body)}" in scene.watch.events


def test_an_answer_from_the_journal_is_held_like_any_other(scene: Scene) -> None:
    """A try that finds what the one before was killed with has no more in memory than that one had."""
    scene.watch.interrupt = "image-1"
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    scene.watch = Watch()
    scene.run(try_number=2)
    size = f"memory held: {2 * len(ANSWER.body)}"
    assert scene.watch.since(size) == [size, "image-1", "manifest.json", "memory free"]


def test_an_answer_whose_images_are_gone_is_held_like_any_other(scene: Scene) -> None:
    """The manifest stands, an image is gone, and the journal is still there: nothing is paid, all is counted."""
    scene.watch.interrupt = "manifest.json"
    with pytest.raises(KeyboardInterrupt):
        scene.run(ANSWER)
    found = scene.s3.list_objects_v2(Bucket=scene.bucket)["Contents"]
    (image,) = [entry["Key"] for entry in found if "image-" in entry["Key"]]
    scene.s3.delete_object(Bucket=scene.bucket, Key=image)
    scene.watch = Watch()
    scene.run(try_number=2, on_missing="regenerate")
    size = f"memory held: {2 * len(ANSWER.body)}"
    assert [event for event in scene.watch.since(size) if "memory" in event] == [size, "memory free"]
    assert "sent" not in scene.watch.events


def test_a_call_that_left_nothing_holds_nothing_while_the_next_one_waits(scene: Scene) -> None:
    """Else the requests of a killed task wait for their turn with memory, and keep the others from their work."""
    with pytest.raises(AnswerLost):
        scene.run(Says(reset=True))
    scene.watch = Watch()
    scene.run(ANSWER, try_number=2)
    before = scene.watch.events[: scene.watch.events.index("concurrency held", 3)]
    assert before[-2:] == ["memory held: 0", "memory free"]


def test_a_request_of_one_call_needs_a_file_for_its_body_and_one_for_its_answer(scene: Scene) -> None:
    """Its pictures go from memory to S3."""
    scene.run(ANSWER)
    assert [file.content for file in scene.files] == [scene.files[0].content, ANSWER.body]  # type: ignore[attr-defined]
