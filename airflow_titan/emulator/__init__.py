"""A local Amazon Bedrock with Titan Image Generator, and S3 beside it, on one port of this machine.

For developing and testing DAGs without an account, a bill or a network. It needs the ``emulator`` extra::

    pip install 'airflow-titan[emulator]'

In a test::

    from airflow_titan.emulator import running

    with running() as emulator:
        os.environ["AWS_ENDPOINT_URL"] = emulator.url  # all that any AWS client needs; any credentials will do
        ...
        assert emulator.calls[0].task_type == "TEXT_IMAGE"

        emulator.inject("reset_after", times=2)  # trouble on request: `faults` has the options, `fault_kinds` the kinds
        ...
        assert emulator.billed == 2

Other processes read the record at ``GET /_titan/calls``, empty everything with ``POST /_titan/reset``, and wait for
``GET /_titan/health``. Faults are added, listed and cleared by ``POST``, ``GET`` and ``DELETE /_titan/faults``.

The rules it holds requests to are stated here a second time, from Amazon's documents, and share nothing with this
package's own checks: were they one, a mistake in them could not be seen. The pictures are painted, not generated:
equal requests give equal bytes. `filters` lists the words that trip its content filter.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

try:
    from .emulator import Emulator
except ModuleNotFoundError as error:
    if error.name and error.name.startswith(__name__):
        raise
    raise ImportError(
        f"airflow_titan.emulator needs the package {error.name!r}. Install the extra: "
        "pip install 'airflow-titan[emulator]'"
    ) from error

from .calls import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Call", "Emulator", "running", "serve"]


@contextmanager
def running(
    host: str = "127.0.0.1", port: int = 0, latency: float = 0.0, *, allow_remote: bool = False
) -> Iterator[Emulator]:
    """Run an emulator in the background of this process for the length of a ``with`` block.

    It starts with no buckets and no calls. S3's state belongs to the process, so two emulators at the same time in
    one process share it, and the start of the second empties it.

    Args:
        host: The address to bind; a loopback address unless `allow_remote`.
        port: The port to bind; 0, the default, lets the system choose a free one.
        latency: Seconds that the model takes for each request that it accepts. Calls wait side by side.
        allow_remote: Whether `host` may be an address that other machines can reach. No credentials are checked.

    Raises:
        ValueError: `host` is not a loopback address, or `latency` is negative.
        OSError: the port is in use.

    """
    emulator = Emulator(host, port, latency=latency, allow_remote=allow_remote)
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def serve(host: str, port: int, *, latency: float = 0.0, allow_remote: bool = False) -> None:
    """Run an emulator until SIGINT or SIGTERM. Prints its address on one line when it is ready.

    Must be called in the main thread, where Python delivers signals. The arguments and errors are those of `running`.
    """
    done = threading.Event()
    before = {number: signal.signal(number, lambda *_: done.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with running(host, port, latency, allow_remote=allow_remote) as emulator:
            print(f"airflow-titan emulator listening on {emulator.url}", flush=True)  # noqa: T201  (its one output)
            done.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
