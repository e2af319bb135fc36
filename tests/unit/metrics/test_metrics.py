"""What tasks tell Airflow's metrics: under which names, of which outcomes, and that nothing ever hangs on it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from instance import Instance

from airflow_titan.bulk import rows
from airflow_titan.errors import AnswerLost, ConnectFailed, RequestRefused, Throttled, TransientError, Unavailable
from airflow_titan.generation.meter import Meter
from airflow_titan.generation.policy import CallPolicy, make_attempts
from airflow_titan.metrics import METRICS, PREFIXES, STATUSES, TAGS, Measured, Metrics
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanInpaintingOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

DOCS = Path(__file__).parents[3] / "docs"
V2 = "amazon.titan-image-generator-v2_0"
SMALL = {"width": 512, "height": 512}
NAMES = [f"{prefix}.{name}" for prefix in PREFIXES for name in METRICS]


class Backend:
    """A metrics backend that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        """Count."""
        assert isinstance(count, int)
        assert rate == 1
        self.seen.append((stat, count, tags or {}))

    def timing(self, stat: str, dt: timedelta, *, tags: dict[str, str] | None = None) -> None:
        """Time."""
        assert isinstance(dt, timedelta)
        self.seen.append((stat, dt, tags or {}))

    def of(self, status: str) -> dict[str, Any]:
        """Give what was sent of requests with a status, by name; times as whether there was any."""
        return {
            stat: value if isinstance(value, int) else value > timedelta(0)
            for stat, value, tags in self.seen
            if tags["status"] == status
        }


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Let Airflow's metrics be remembered."""
    backend = Backend()
    monkeypatch.setattr(sdk, "Stats", backend, raising=False)
    return backend


def cup(text: str = "a cup", **more: Any) -> TitanTextToImageOperator:
    """Ask for a picture."""
    return TitanTextToImageOperator(task_id="task", text=text, **SMALL, **more)


@pytest.mark.usefixtures("emulator", "bucket")
def test_a_task_tells_what_it_made_and_what_that_cost(backend: Backend) -> None:
    """Requests, images, money in whole millionths, calls, and times; by task, model and outcome."""
    Instance().run(cup(number_of_images=2))
    assert backend.of("done") == {
        "titan.requests": 1, "titan.images": 2, "titan.price": 16_000, "titan.calls": 1,
        "titan.duration": True, "titan.call_duration": True, "titan.wait_duration": True,
    }  # fmt: skip
    assert {tuple(tags.items()) for _, _, tags in backend.seen} == {
        (("task", "text_to_image"), ("model_id", V2), ("status", "done"))
    }


@pytest.mark.usefixtures("emulator", "bucket")
def test_what_is_found_finished_cost_nothing(backend: Backend) -> None:
    """A second try returns the first one's pictures: no call, no money."""
    Instance().run(cup())
    backend.seen.clear()
    Instance(try_number=2).run(cup())
    assert backend.of("reused") == {"titan.requests": 1, "titan.images": 1, "titan.duration": True}
    assert len(backend.seen) == 3


@pytest.mark.usefixtures("bucket")
def test_calls_that_were_put_off_are_counted_and_their_wait_is_timed(backend: Backend, emulator: Any) -> None:
    """They cost nothing; the one that was let in does."""
    emulator.inject("throttle", times=2)
    Instance().run(cup())
    told = backend.of("done")
    assert (told["titan.throttled"], told["titan.calls"], told["titan.price"]) == (2, 1, 8_000)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(("fault", "paid"), [("error_before", 1), ("access_denied", None)])
def test_what_fails_is_told_with_what_it_may_have_cost(
    fault: str, paid: int | None, backend: Backend, emulator: Any
) -> None:
    """An answer that says no costs nothing; after one that never came, nobody knows."""
    emulator.inject(fault, times=None)
    with pytest.raises((AirflowException, TransientError)):
        Instance().run(cup())
    told = backend.of("failed")
    assert (told["titan.requests"], told.get("titan.calls"), told.get("titan.images")) == (1, paid, None)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("model_id", "told"),
    [
        ("us.amazon.titan-image-generator-v2:0", V2),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-image-generator-v2:0", V2),
        ("amazon.titan-imag-generator-v9:0", "unknown"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_fails_is_told_of_the_same_model(
    model_id: str, told: str, prefix: str, backend: Backend, emulator: Any
) -> None:
    """By the exact id that what ends well has; a name that nobody knows makes no series of its own."""
    emulator.inject("access_denied", times=None)
    requests = [{"task": "text_to_image", "text": "a cup", **SMALL, "model_id": model_id}]
    bulk = TitanBulkOperator(task_id="task", requests=requests, validate="each")
    operator = cup(model_id=model_id) if prefix == "titan" else bulk
    with pytest.raises((AirflowException, TransientError)):
        Instance().run(operator)
    assert {tags["model_id"] for _, _, tags in backend.seen} == {told}
    assert backend.seen[0][0] == f"{prefix}.requests"


@pytest.mark.usefixtures("bucket", "emulator")
@pytest.mark.parametrize(("on_blocked", "ends"), [("fail", AirflowFailException), ("skip", AirflowSkipException)])
def test_what_the_content_filter_stopped_is_blocked(on_blocked: str, ends: type[Exception], backend: Backend) -> None:
    """Whatever Airflow makes of it."""
    with pytest.raises(ends):
        Instance().run(cup("flagged", on_blocked=on_blocked))
    assert list(backend.of("blocked"))[:1] == ["titan.requests"]
    assert "titan.calls" not in backend.of("blocked")


@pytest.mark.usefixtures("bucket", "emulator")
def test_what_it_stopped_in_part_is_partial(backend: Backend) -> None:
    """The rest counts as images, and all of it was paid."""
    kept = Instance().run(cup("flagged-some", on_blocked="keep", number_of_images=3))
    told = backend.of("partial")
    assert (told["titan.images"], told["titan.price"]) == (len(kept), 24_000)


@pytest.mark.usefixtures("emulator", "bucket")
def test_a_wrong_request_counts_as_invalid(backend: Backend) -> None:
    """It was never sent."""
    with pytest.raises(AirflowException):
        Instance().run(TitanInpaintingOperator(task_id="task", image="s3://titan-images/none.png", mask_prompt="cup"))
    assert backend.of("invalid")["titan.requests"] == 1


@pytest.mark.usefixtures("emulator", "bucket")
def test_a_wrong_request_of_a_bulk_task_tells_its_model(backend: Backend) -> None:
    """Also where it is found before any is sent."""
    requests = [{"task": "text_to_image", "text": "a cup", "width": 1, "height": 1}]
    with pytest.raises(AirflowException):
        Instance().run(TitanBulkOperator(task_id="task", requests=requests))
    assert [(stat, tags["model_id"], tags["status"]) for stat, _, tags in backend.seen] == [
        ("titan.bulk.requests", V2, "invalid")
    ]


@pytest.mark.usefixtures("emulator")
def test_images_without_a_model_are_told_of_one_called_none(backend: Backend, s3: Any, bucket: str) -> None:
    """They have neither price nor calls."""
    Instance().run(cup())
    (key,) = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"] if each["Key"].endswith(".png")]
    backend.seen.clear()
    Instance(task_id="photo").run(TitanPrepareImageOperator(task_id="photo", image=f"s3://{bucket}/{key}"))
    assert backend.of("done") == {"titan.requests": 1, "titan.images": 1, "titan.duration": True}
    assert backend.seen[0][2] == {"task": "prepare_image", "model_id": "none", "status": "done"}


@pytest.mark.usefixtures("emulator", "bucket")
def test_requests_of_a_bulk_task_tell_the_same(backend: Backend) -> None:
    """Under names of their own; a second try finds them finished."""
    requests = [{"task": "text_to_image", "text": "a cup", **SMALL}]
    Instance().run(TitanBulkOperator(task_id="task", requests=requests))
    assert backend.of("done") == {
        "titan.bulk.requests": 1, "titan.bulk.images": 1, "titan.bulk.price": 8_000, "titan.bulk.calls": 1,
        "titan.bulk.duration": True, "titan.bulk.call_duration": True, "titan.bulk.wait_duration": True,
    }  # fmt: skip
    Instance(try_number=2).run(TitanBulkOperator(task_id="task", requests=requests))
    assert backend.of("reused") == {"titan.bulk.requests": 1, "titan.bulk.images": 1, "titan.bulk.duration": True}


@pytest.mark.usefixtures("emulator", "bucket")
def test_a_backend_that_fails_fails_no_task(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """One warning says so."""

    class Broken(Backend):
        def incr(self, *_: Any, **__: Any) -> None:
            raise OSError("no route to host")

    monkeypatch.setattr(sdk, "Stats", Broken(), raising=False)
    assert len(Instance().run(cup())) == 1
    assert ["no route to host" in message for message in caplog.messages].count(True) == 1


class _Line:
    """A rate limiter that lets the third attempt in, on a clock that it moves itself."""

    longest = 100.0

    def __init__(self) -> None:
        self.now = 0.0

    def admit(self) -> _Line:
        """Stand in line for a second."""
        self.now += 1
        return self

    def wait(self) -> None:
        """Wait for two."""
        self.now += 2

    def succeeded(self) -> None:
        """Do nothing."""

    def failed(self, error: BaseException) -> bool:
        """Try again after a refusal."""
        return isinstance(error, Throttled)


@pytest.mark.parametrize(
    ("ends_with", "calls", "usd"), [(None, 1, 0.5), (AnswerLost("lost"), 1, 0.5), (RequestRefused("no"), 0, 0.0)]
)
def test_a_meter_counts_what_passes_the_rate_and_the_budget(
    ends_with: Exception | None, calls: int, usd: float
) -> None:
    """Seconds of waiting and of the model apart; what may have been paid counts as paid."""
    line = _Line()
    meter = Meter(clock=lambda: line.now)
    policy = meter.on(CallPolicy(rate_limiter=line))
    refusals = iter([Throttled("busy"), Throttled("busy"), ends_with])

    def attempt() -> str:
        line.now += 4
        if error := next(refusals):
            raise error
        return "answer"

    turn = policy.rate_limiter.admit()
    ended: AbstractContextManager[Any] = pytest.raises(type(ends_with)) if ends_with else policy.budget.reserve(None)
    before = meter.calls
    with ended, policy.budget.reserve(0.5):
        make_attempts(turn, attempt)
    assert (meter.throttled, meter.wait_seconds, meter.call_seconds) == (2, 7.0, 4.0)
    assert (meter.calls - before - (ends_with is None), meter.price_usd) == (calls, usd)


@pytest.mark.parametrize(("error", "count"), [(Throttled("x"), 1), (Unavailable("x"), 1), (ConnectFailed("x"), 0)])
def test_only_what_the_service_put_off_counts_so(error: Exception, count: int) -> None:
    """A worker without a network is not throttled."""
    meter = Meter()
    meter.on(CallPolicy(rate_limiter=_Line())).rate_limiter.admit().failed(error)
    assert (meter.throttled, meter.call_seconds) == (count, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_such_as_every_backend_takes(name: str) -> None:
    """With the longest values that tags may have; OpenTelemetry allows 255 characters, and Airflow's StatsD 250."""
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", name)
    assert len(f"airflow.{name}.extend_canvas.{'x' * 100}.partial") <= 250


@pytest.fixture
def plain_statsd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the deployment have a StatsD that knows no tags."""
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")


@pytest.mark.usefixtures("plain_statsd")
def test_a_statsd_without_tags_gets_them_in_the_name(backend: Backend) -> None:
    """As Airflow's own legacy names have them: a dot in a value would be a level."""
    Metrics("titan").send(Measured("mask", "amazon.nova-canvas-v1:0", "done", {"requests": 1}))
    assert [stat for stat, _, _ in backend.seen] == [
        "titan.requests", "titan.requests.mask.amazon__nova-canvas-v1_0.done"
    ]  # fmt: skip


@pytest.mark.usefixtures("plain_statsd")
@pytest.mark.parametrize(
    ("option", "value"), [("STATSD_INFLUXDB_ENABLED", "True"), ("STATSD_DATADOG_ENABLED", "True"),
                          ("LEGACY_NAMES_ON", "False")],
)  # fmt: skip
def test_who_has_tags_or_wants_no_long_names_gets_none(
    option: str, value: str, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all would be counted twice."""
    monkeypatch.setenv(f"AIRFLOW__METRICS__{option}", value)
    Metrics("titan").send(Measured("mask", "none", "done", {"requests": 1}))
    assert [stat for stat, _, _ in backend.seen] == ["titan.requests"]


def test_opentelemetry_takes_them_with_their_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's own way to it accepts every name, adds counts up and knows the tags."""
    export = pytest.importorskip("opentelemetry.sdk.metrics.export")
    from opentelemetry.sdk.metrics import MeterProvider

    try:
        from airflow.sdk._shared.observability.metrics.otel_logger import SafeOtelLogger
    except ImportError:  # Airflow 2
        from airflow.metrics.otel_logger import SafeOtelLogger

    reader = export.InMemoryMetricReader()
    monkeypatch.setattr(sdk, "Stats", SafeOtelLogger(MeterProvider([reader])), raising=False)
    for prefix in PREFIXES:
        for _ in range(2):
            Metrics(prefix).send(Measured("mask", "none", "done", dict.fromkeys(METRICS, 3.0)))
    found = {
        metric.name: metric.data.data_points
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found.keys() == {f"airflow.{name}" for name in NAMES}
    (point,) = found["airflow.titan.price"]
    assert point.value == 6
    assert dict(point.attributes) == {"task": "mask", "model_id": "none", "status": "done"}


def _tables() -> Iterator[tuple[str, list[list[str]]]]:
    """Give the head and the rows of each table of the page."""
    for block in re.findall(r"(?:^\|.*\n)+", (DOCS / "metrics.md").read_text(), re.MULTILINE):
        head, _, *lines = block.splitlines()
        yield head, [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_tells_all_metrics_tags_and_outcomes() -> None:
    """Its tables say what the data say."""
    tables = dict(_tables())
    assert tables["| Name | Kind | Unit | Meaning |"] == [
        [f"`titan.{name}`, `titan.bulk.{name}`", *metric] for name, metric in METRICS.items()
    ]
    assert tables["| Tag | Meaning |"] == [[f"`{name}`", text] for name, text in TAGS.items()]
    assert tables["| `status` | Meaning |"] == [[f"`{name}`", text] for name, text in STATUSES.items()]


def test_outcomes_are_those_of_rows() -> None:
    """And whether they were paid in this try."""
    assert STATUSES.keys() - {"reused"} == rows.STATUSES.keys()


def _mapped(stat: str) -> tuple[str, dict[str, str]] | None:
    """Read a name as statsd_exporter does, a star for each level; None drops it. One mapping fits."""
    fitting = [
        (mapping, found)
        for mapping in yaml.safe_load((DOCS / "statsd-mapping.yaml").read_text())["mappings"]
        if (found := re.fullmatch(mapping["match"].replace(".", r"\.").replace("*", "([^.]*)"), stat))
    ]
    assert len(fitting) == 1, (stat, fitting)
    ((mapping, found),) = fitting
    name, *values = (
        re.sub(r"\$(\d)", lambda place: found[int(place[1])], text)
        for text in (mapping["name"], *mapping.get("labels", {}).values())
    )
    labels = dict(zip(mapping.get("labels", {}), values, strict=True))
    return None if mapping.get("action") == "drop" else (name, labels)


@pytest.mark.usefixtures("plain_statsd")
def test_prometheus_reads_the_long_names(backend: Backend) -> None:
    """Every metric becomes what its tags would have made of it, and is counted once."""
    for prefix in PREFIXES:
        Metrics(prefix).send(Measured("mask", "amazon.nova-canvas-v1:0", "done", dict.fromkeys(METRICS, 1.0)))
    labels = {"task": "mask", "model_id": "amazon__nova-canvas-v1_0", "status": "done"}
    read = [_mapped(f"airflow.{stat}") for stat, _, _ in backend.seen]
    assert [each for each in read if each] == [(f"airflow_{name.replace('.', '_')}", labels) for name in NAMES]


def test_the_alert_asks_for_metrics_that_there_are() -> None:
    """And for nothing in the place of those that are not: a deployment without bulk tasks is told, too."""
    (alert,) = re.findall(r"```\n(\(?sum\(.*?)```", (DOCS / "metrics.md").read_text(), re.DOTALL)
    asked = re.findall(r"sum\(increase\((airflow_titan\w*)\[1h\]\)\) or vector\(0\)", alert)
    assert asked == re.findall(r"airflow_titan\w*", alert) == ["airflow_titan_price", "airflow_titan_bulk_price"]


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """For all of them; by labels that they have."""
    board = json.loads((DOCS / "grafana-dashboard.json").read_text())
    asked = "\n".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    known = {f"airflow_{name.replace('.', '_')}" for name in NAMES}
    found = {re.sub(r"_(sum|count)$", "", name) for name in re.findall(r"\b(airflow_titan\w*)\{", asked)}
    assert found == known
    used = set(re.findall(r"(\w+)(?:=~|!=|=)\"", asked)) | set(re.findall(r"by \((\w+)\)", asked))
    assert used <= set(TAGS)
    named = {name for each in board["templating"]["list"] for name in re.findall(r"airflow_titan\w*", str(each))}
    assert named <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
