"""One way to the model: a region by a connection, with the quota that is counted there."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_titan.aws.bedrock import Origin
from airflow_titan.errors import BackOff
from airflow_titan.generation.policy import FIRST_PAUSE, LONGEST_PAUSE

if TYPE_CHECKING:
    from airflow_titan.generation.policy import Turn


class Endpoint(NamedTuple):
    """
    Where a request is sent; both ``None`` is where its task asks usually.

    :param connection: the Airflow connection, where it is the request's own
    :param region: the region of AWS's
    """

    connection: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Name it in a message or in a key."""
        return "@".join(filter(None, self))


class Quota(Protocol):
    """What a region lets in, to calls that may go elsewhere too."""

    @property
    def rate(self) -> float | None:
        """Calls a minute that it lets in now; ``None`` while nobody limits them."""

    def soonest(self) -> float:
        """Return when one more call may go out here, by the monotonic clock; those who wait here go before."""

    def take(self) -> Turn | None:
        """
        Let a call go out here now.

        :return: its turn, which waits no more; ``None`` if it may not go yet after all
        :raises Stopped: if the task is ending
        """

    def expect(self, calls: float) -> None:
        """Take note of how many more calls, or fewer, wait for this quota among others."""


@dataclass(frozen=True, eq=False)
class Lane:
    """
    One way to the model.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param connection: the Airflow connection that the client is of, where it is the request's own
    """

    client: Any
    quota: Quota
    connection: str = ""

    @property
    def region(self) -> str:
        """Where it leads."""
        return str(self.client.meta.region_name)

    @property
    def origin(self) -> Origin:
        """What is recorded of a call that goes this way."""
        return Origin(self.region, self.connection)


class BackoffQuota:
    """A region of which nobody knows but the one call that asks there: it rests longer and longer when it refuses."""

    rate = None
    lane = None

    def __init__(self) -> None:
        self._refusals = 0
        self._not_before = -math.inf

    def soonest(self) -> float:
        """Return when its pause ends."""
        return self._not_before

    def take(self) -> BackoffQuota:
        """Let a call go."""
        return self

    def expect(self, calls: float) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""

    def succeeded(self) -> None:
        """Do nothing."""

    def failed(self, error: BaseException) -> bool:
        """Pause after a refusal; whoever has several regions knows how long in all."""
        if isinstance(error, BackOff):
            self._refusals += 1
            pause = random.uniform(0, min(FIRST_PAUSE * 2 ** (self._refusals - 1), LONGEST_PAUSE))
            self._not_before = time.monotonic() + pause
        return isinstance(error, BackOff)
