"""The user's own limit of a task, as a token bucket."""

from __future__ import annotations

import math
from typing import Protocol


class Bucket(Protocol):
    """A limit that is kept by letting calls go at their time."""

    @property
    def per_minute(self) -> float:
        """Calls a minute that it allows."""

    def due(self) -> float:
        """Return when the next call may go."""

    def sent(self, now: float) -> None:
        """Take note of a call that goes out."""

    def refused(self, sent: float) -> None:
        """Take note that the call of time ``sent`` was refused."""


class TokenBucket:
    """
    The user's own limit: calls evenly spaced, and after a lull as many at once as are allowed in a second.

    A token bucket that holds the tokens of one second, at least one; kept as one time, that of the next call were all
    evenly spaced (the generic cell rate algorithm), so that nothing has to fill it.

    :param per_minute: calls a minute
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._gap = 60 / per_minute
        self._burst = max(0.0, 1 - self._gap)  # seconds by which calls may be ahead of even spacing
        self._even = -math.inf  # when the next call would go, were all evenly spaced

    def due(self) -> float:
        """Return when the next call may go."""
        return self._even - self._burst

    def sent(self, now: float) -> None:
        """Take a token for a call that goes out."""
        self._even = max(self._even, now) + self._gap

    def refused(self, sent: float = 0.0) -> None:  # noqa: ARG002 - whenever it was sent
        """Put the token of a refused call back: it doesn't count."""
        self._even -= self._gap
