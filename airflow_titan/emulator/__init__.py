"""
A local Amazon Bedrock with its image models, and S3 beside it, on one port of this machine.

Titan Image Generator, Nova Canvas and Stability AI's models; ``bedrock/models.toml`` lists them.

For developing and testing DAGs without an account, a bill or a network. It needs the ``emulator`` extra::

    pip install 'airflow-titan[emulator]'

In a test::

    from airflow_titan.emulator import running

    with running() as emulator:
        os.environ["AWS_ENDPOINT_URL"] = emulator.url  # all that any AWS client needs; any credentials will do
        ...
        assert emulator.calls[0].task_type == "TEXT_IMAGE"

        emulator.inject("reset_after", times=2)  # trouble on request: see `faults`
        ...
        assert emulator.billed == 2

Other processes read the record at ``GET /_titan/calls`` and ``GET /_titan/guardrail_calls``, empty everything with
``POST /_titan/reset``, and wait for ``GET /_titan/health``. Faults are added, listed and cleared by ``POST``, ``GET``
and ``DELETE /_titan/faults``, and so is the rate at ``/_titan/rate``; ``GET /_titan/summary`` counts the calls.

The rules it holds requests to are stated here a second time, from Amazon's documents, and share nothing with this
package's own checks: were they one, a mistake in them could not be seen. The pictures are painted, not generated:
equal requests give equal bytes, but for Stability's models, which draw a seed where none is sent. `content_filter`
lists the words that trip the content filters.

A request comes in through `http`, which hands it to one of the services, `bedrock` or `s3`, to `control`, which has
the routes of the emulator's own, or to `gallery`, the page of pictures. The services stand on `faults`, `painting` and
`images`; `emulator` puts all of it together.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

try:
    from .emulator import Emulator
except ModuleNotFoundError as error:
    if error.name and error.name.startswith(__name__):
        raise
    raise ImportError(
        f"airflow_titan.emulator needs the package {error.name!r}. Install the extra: "
        "pip install 'airflow-titan[emulator]'"
    ) from error

from .bedrock import Availability, Call, GuardrailCall, Rate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import date

    from .bedrock import RateKind

__all__ = ["Call", "Emulator", "GuardrailCall", "Rate", "running", "serve"]


@contextmanager
def running(
    host: str = "127.0.0.1",
    port: int = 0,
    latency: float = 0.0,
    *,
    allow_remote: bool = False,
    as_of: date | None = None,
    aliases: Mapping[str, str] | None = None,
    per_minute: float | None = None,
    rate_kind: RateKind = "bucket",
    canned: bool = False,
    buckets: Iterable[str] = (),
    control_hosts: Iterable[str] = (),
    client_timeout: float = 30.0,
    guardrails: Collection[str] | None = None,
) -> Iterator[Emulator]:
    """
    Run an emulator in the background of this process for the length of a ``with`` block.

    It starts with no calls, and no buckets but `buckets`. S3's state belongs to the process, so two emulators at the
    same time in one process share it, and the start of the second empties it.

    :param host: the address to bind; a loopback address unless `allow_remote`
    :param port: the port to bind; 0, the default, lets the system choose a free one
    :param latency: seconds that the model takes for each request that it accepts; calls wait side by side
    :param allow_remote: whether `host` may be an address that other machines can reach; no credentials are checked
    :param as_of: the day it is at Amazon: models answer, or have reached their end of life, as on this day. From the
        day itself of its end of life on, a model is gone. Without a day every model answers
    :param aliases: what is behind ARNs that hide their model (of provisioned throughput, custom models, application
        inference profiles): from an ARN to the id that the model is invoked by
    :param per_minute: how many calls of a model in a region are admitted in a minute; those above are refused with
        status 429. None admits all. `Emulator.limit` changes it
    :param rate_kind: ``bucket`` refills evenly, ``window`` is a number for each minute by itself
    :param canned: whether pictures lie ready instead of being painted for each call: see `bedrock.canned`
    :param buckets: the buckets that are there from the beginning, and again after a reset
    :param control_hosts: names by which the routes below ``/_titan/`` and the page of pictures answer, beside the
        loopback addresses; S3 and Bedrock answer by any name
    :param client_timeout: seconds that a client may take to send a request, or to take a piece of an answer, before
        its connection is closed
    :param guardrails: the ids of the guardrails that there are; None, the default, makes any id one. What they stop is
        told in `bedrock.guardrails`
    :raises ValueError: if `host` is not a loopback address, `latency` is negative, an alias stands for no model, the
        rate or the timeout makes no sense, S3 would refuse a bucket's name, or a guardrail's id is none
    :raises OSError: if the port is in use
    """
    emulator = Emulator(
        host,
        port,
        latency=latency,
        allow_remote=allow_remote,
        availability=Availability(as_of, aliases or {}),
        canned=canned,
        rate=None if per_minute is None else Rate(per_minute, rate_kind),
        buckets=buckets,
        control_hosts=control_hosts,
        client_timeout=client_timeout,
        guardrails=guardrails,
    )
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def serve(host: str, port: int, *, guide: bool = False, **options: Any) -> None:
    """
    Run an emulator until SIGINT or SIGTERM, and print its address on one line when it is ready.

    Must be called in the main thread, where Python delivers signals. The options and errors are those of `running`.

    :param guide: whether to print below it what points Airflow or any AWS client at it
    """
    done = threading.Event()
    before = {number: signal.signal(number, lambda *_: done.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with running(host, port, **options) as emulator:
            lines = [f"airflow-titan emulator listening on {emulator.url}", *(_guide(emulator) if guide else ())]
            print("\n".join(lines), flush=True)  # noqa: T201  (its one output)
            done.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _guide(emulator: Emulator) -> list[str]:
    """Return the lines that say how to use it, those to paste among them."""
    bucket = next(iter(emulator.buckets), None)
    lines = [
        "",
        "Paste this where Airflow runs; any credentials will do:",
        "",
        f"export AWS_ENDPOINT_URL={emulator.url}",
        "export AWS_ACCESS_KEY_ID=testing",
        "export AWS_SECRET_ACCESS_KEY=testing",
        "export AWS_DEFAULT_REGION=us-east-1",
        "export AWS_REGION=us-east-1",  # boto3 reads the one above, other SDKs this one
        "export AIRFLOW_CONN_AWS_DEFAULT=aws://",
    ]
    if bucket:
        lines.append(f"export AIRFLOW__TITAN__OUTPUT_ROOT=s3://{bucket}/titan")
    lines += ["", f"The pictures: {emulator.url}/"]
    if bucket is None:
        lines.append("There is no bucket yet; --bucket NAME makes one, and the line for output_root.")
    return lines
