"""The emulator as an object: a server with its record of calls."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .bedrock import Availability, BedrockApp, Guardrails, InvokeModel, Painted, Rate, Throttle
from .control import ControlApp
from .faults import FaultInjector
from .gallery import GalleryApp
from .http import Router, Server, require_loopback
from .s3 import S3App, check_bucket_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .bedrock import Call, GuardrailCall, RateKind
    from .faults import Fault


class Emulator:
    """
    A running emulator. ``url, calls = emulator`` works too.

    The parameters are those of `running`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        latency: float,
        allow_remote: bool,
        availability: Availability | None = None,
        canned: bool = False,
        rate: Rate | None = None,
        buckets: Iterable[str] = (),
        control_hosts: Iterable[str] = (),
        client_timeout: float = 30.0,
        guardrails: Collection[str] | None = None,
    ) -> None:
        require_loopback(host, allow_remote=allow_remote)
        if latency < 0:
            raise ValueError(f"latency: {latency} seconds; it must not be negative.")
        if client_timeout <= 0:
            raise ValueError(f"client_timeout: {client_timeout} seconds; it must be above 0.")
        self.buckets = tuple(buckets)
        """The buckets that it begins with, and again after a reset."""
        for bucket in self.buckets:
            check_bucket_name(bucket)
        self.calls: list[Call] = []
        """Every call of InvokeModel since the start or the last reset, in the order they ended. Live."""
        self.guardrail_calls: list[GuardrailCall] = []
        """Every call of ApplyGuardrail, likewise."""
        self._initial_rate = rate
        self._throttle = Throttle(rate)
        self._faults = FaultInjector()
        self._painted = Painted()
        self._aws = S3App(self._faults)
        availability = availability or Availability()
        invoke = InvokeModel(
            self.calls, self._faults, self._throttle, availability, self._painted, latency=latency, canned=canned
        )
        self._guardrails = Guardrails(self.guardrail_calls, self._faults, self._painted, guardrails)
        hosts = frozenset(name.lower() for name in control_hosts)
        router = Router(
            control=ControlApp(self, hosts),
            page=GalleryApp(self._aws.pictures, self._painted, hosts),
            bedrock=BedrockApp(invoke, availability, self._guardrails),
            aws=self._aws,
            hosts=hosts,
        )
        self._server = Server(host, port, router, client_timeout)
        self.url: str = self._server.url
        """Its address, e.g. ``http://127.0.0.1:41235``: the value for ``AWS_ENDPOINT_URL``."""

    def __iter__(self) -> Iterator[str | list[Call]]:
        return iter((self.url, self.calls))

    def start(self) -> None:
        """Empty everything and begin to answer."""
        self.reset()
        self._server.start()

    def stop(self) -> None:
        """Stop answering, cut open connections, free the port."""
        self._server.stop()

    def reset(self) -> None:
        """Forget all buckets, calls and faults, and go back to the rate and the buckets of the beginning."""
        self._faults.clear()
        self._throttle.set(self._initial_rate)
        self._aws.reset(self.buckets)
        self._painted.clear()
        self._guardrails.clear()
        self.calls.clear()
        self.guardrail_calls.clear()

    @property
    def billed(self) -> int:
        """How many invocations finished the model's work, and so would have been billed."""
        return sum(call.billed for call in tuple(self.calls))

    @property
    def faults(self) -> list[Fault]:
        """The injected faults that are still active; each has its `kind` and how many times are `left`."""
        return self._faults.active()

    def inject(self, /, kind: str, **options: Any) -> None:
        """
        Make the next requests meet a fault.

        ::

            emulator.inject("throttle", times=2)  # the next two calls of InvokeModel
            emulator.inject("lost_reply", method="PUT", key=r"json$")  # the next such request to S3
            emulator.inject("stall", seconds=3, times=None, text="castle")  # until they are cleared
            emulator.inject("throttle", operation="ApplyGuardrail")  # the next look of a guardrail

        :param kind: one of those in `faults.kinds`
        :param options: those that `faults` lists
        :raises ValueError: if there is no such kind or option, or an option's value makes no sense
        """
        self._faults.inject(kind, **options)

    def clear_faults(self) -> None:
        """End every fault, and every wait that one is causing."""
        self._faults.clear()

    @property
    def rate(self) -> Rate | None:
        """How many calls a minute are admitted; None for any number."""
        return self._throttle.rate

    def limit(self, per_minute: float | None, kind: RateKind = "bucket") -> None:
        """
        Admit so many calls of InvokeModel a minute from now on, of each model in each region.

        Those above are refused with ThrottlingException and status 429; the model does no work for them.

        :param per_minute: how many, from 1; None for any number
        :param kind: ``bucket`` refills evenly and holds what a second admits, at least one call; ``window`` lets the
            whole number through at the beginning of each minute, which the first begins now
        :raises ValueError: if it is less than one a minute, or there is no such kind
        """
        self._throttle.set(None if per_minute is None else Rate(per_minute, kind))

    @property
    def summary(self) -> dict[str, Any]:
        """How many `calls` there were, how many were `billed`, and how many had each of the `statuses`."""
        calls = tuple(self.calls)
        statuses = Counter(str(call.status) for call in calls)
        return {"calls": len(calls), "billed": sum(call.billed for call in calls), "statuses": dict(statuses)}
