"""
Something ends at any moment, or two things shortly after one another: what, and when, is chosen by a seed.

``TITAN_KILL_SEEDS=40`` goes through all pairs of what and when; the usual number is one, and two in CI, because each
takes half a minute. A seed fixes what is done, and not how processes and threads interleave.
"""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from bursts import REQUESTS, Burst
from strikes import STRIKES

if TYPE_CHECKING:
    from compose_stack import Stack

SEEDS = int(os.environ.get("TITAN_KILL_SEEDS", "1"))
#: How many of the pictures are paid for then: before the first call, while calls are under way, and while the result is
#: being published.
MOMENTS = ("before", "under way", "at the end")
PLANS = list(itertools.product(STRIKES, MOMENTS))
random.Random(894).shuffle(PLANS)


def paid_by_then(moment: str, chance: random.Random) -> int:
    """Give the number of pictures that are paid for at a moment."""
    return {"before": 0, "under way": chance.randrange(1, REQUESTS), "at the end": REQUESTS}[moment]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_ends_no_request_is_lost(stack: Stack, store: Any, seed: int) -> None:
    """Every request has its row, its picture is written once, and at most the calls under way are paid for again."""
    chance = random.Random(seed)
    strike, moment = PLANS[seed % len(PLANS)]
    strikes = [strike, chance.choice([*STRIKES])] if chance.random() < 0.4 else [strike]
    paid = paid_by_then(moment, chance)
    print(f"seed {seed}: {', then '.join(strikes)}, when {paid} of {REQUESTS} are paid for")  # noqa: T201 - seen where it fails
    stack.falls.clear()
    burst = Burst(stack, f"seed-{seed}")
    burst.wait_until_paid(paid)
    lost = sum(STRIKES[name](stack, burst) for name in strikes)
    burst.assert_whole(store, lost_calls=lost)
