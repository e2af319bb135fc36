"""
Kills, races and faults at random, seed by seed; after each, the promises are checked.

``TITAN_RANDOM_SEEDS=500`` runs more seeds than the usual 30. A seed fixes what is done to the workers, not how the
system schedules them.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from crew import SMALL, Job
from pictures import photo

from airflow_titan import errors

if TYPE_CHECKING:
    from crew import Stage

SEEDS = int(os.environ.get("TITAN_RANDOM_SEEDS", "30"))
#: Short timeouts make short leases, so that a dead worker's claim expires while the test waits.
_TIMEOUTS = {"read_timeout": 1, "connect_timeout": 1}
_PATIENCE = {"AIRFLOW__TITAN__PATIENCE_SECONDS": "2"}
_GRACE = 1.0

_BEDROCK = (
    "throttle", "not_ready", "unavailable", "error_before", "model_timeout", "model_error", "reset_before",
    "error_after", "reset_after", "reset_mid_answer", "close_mid_answer", "truncated_json", "not_json", "bad_base64",
    "fewer_images", "no_images", "extra_image", "error_beside_images", "error_only", "not_a_picture",
    "truncated_picture", "wrong_size", "expired_token",
)  # fmt: skip
_BEDROCK_SLOW = ("latency", "stall", "stall_body")
_S3 = ("refuse", "slow_down", "error", "conflict", "cut_write", "lost_reply", "cut_read")
_OBJECTS = (r"slot-1\.json$", r"slot-2\.json$", r"answer-1$", r"image-1-", r"image-2-", r"manifest\.json$", "photo")
_METHODS = ("PUT", "PUT", "PUT", "GET", "DELETE")
_REGIONS = ("us-east-1", "us-west-2")
#: What sends calls to another region.
_ELSEWHERE = ("throttle", "unavailable", "access_denied", "wrong_region", "retired")
#: What a worker without trouble may end with, when others before it had trouble.
_HONEST_ENDS = {"OutcomeUnknown", "ContentBlocked"}


def faults(rng: random.Random) -> list[dict[str, Any]]:
    """Choose what goes wrong with the services."""
    chosen: list[dict[str, Any]] = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        if rng.random() < 0.2:
            chosen.append({"kind": rng.choice(_BEDROCK_SLOW), "seconds": rng.choice((0.3, 1.5))})
        else:
            chosen.append({"kind": rng.choice(_BEDROCK), "times": rng.choice((1, 1, 2))})
    for _ in range(rng.choice((0, 1, 2, 3))):
        where = {"method": rng.choice(_METHODS), "key": rng.choice(_OBJECTS), "after": rng.choice((0, 0, 1))}
        chosen.append({"kind": rng.choice(_S3), "times": rng.choice((1, 1, 2, 4)), **where})
    return chosen


def kill(rng: random.Random) -> dict[str, Any]:
    """Choose how a worker ends before its time, if it does."""
    effect = {"effect": rng.randint(1, 10), "moment": rng.choice(("before", "after"))}
    return rng.choice(({}, effect, effect, {**effect, "freeze": True}, {"seconds": rng.uniform(0, 0.5)}))


def jobs(rng: random.Random, limit: int, photo_uri: str) -> list[Job]:
    """Choose two workers of one task instance."""
    operator = rng.choice(("text_to_image", "inpainting"))
    edit = {"image": photo_uri, "mask_prompt": "sky", "text": "clouds", "number_of_images": 2}
    wanted = SMALL if operator == "text_to_image" else edit
    shared = Job(
        operator,
        {**wanted, "max_paid_calls": limit, "botocore_config": _TIMEOUTS},
        grace=_GRACE,
        environment=_PATIENCE,
    )
    machines = rng.choice((("", ""), ("one", "other")))
    tries = rng.choice(((1, 1), (1, 2)))
    return [
        shared.but(try_number=number, machine=machine, kill=kill(rng))
        for number, machine in zip(tries, machines, strict=True)
    ]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_promises_hold(stage: Stage, seed: int) -> None:
    """Whatever happens to two workers, the bound holds, nothing is half published, and a third one ends well."""
    rng = random.Random(seed)
    limit = 1 + seed % 2
    play(stage, limit, jobs(rng, limit, stage.uploaded("photo.png", photo(320, 320))), faults(rng))


@pytest.mark.parametrize("seed", range(max(6, SEEDS // 5)))
def test_the_promises_hold_over_regions(stage: Stage, seed: int) -> None:
    """The same where calls may go to either of two regions, and each has troubles of its own."""
    rng = random.Random(f"regions {seed}")
    limit = 1 + seed % 2
    pair = [
        job.but(arguments={**job.arguments, "regions": rng.sample(_REGIONS, 2)})
        for job in jobs(rng, limit, stage.uploaded("photo.png", photo(320, 320)))
    ]
    trouble = [{"kind": rng.choice(_ELSEWHERE), "times": rng.choice((1, 2, None))}, *faults(rng), *faults(rng)]
    of_bedrock = {*_BEDROCK, *_BEDROCK_SLOW, *_ELSEWHERE}
    regions = [{"region": rng.choice(_REGIONS)} if fault["kind"] in of_bedrock and "key" not in fault else {}
               for fault in trouble]  # fmt: skip
    play(stage, limit, pair, [fault | region for fault, region in zip(trouble, regions, strict=True)])
    paid = [call.request_metadata["slot"] for call in stage.emulator.calls if call.billed]
    assert len(paid) == len(set(paid))


def play(stage: Stage, limit: int, pair: list[Job], trouble: list[dict[str, Any]]) -> None:
    """Let two workers meet trouble, and a third one come after it; see that the promises hold."""
    print(f"{pair}, {trouble}")  # noqa: T201 - pytest shows it if the test fails
    for fault in trouble:
        stage.emulator.inject(**fault)
    outcomes = stage.race(*pair)
    stage.emulator.clear_faults()
    last = stage.run(pair[0].on_try(3))
    print(f"{outcomes}, then {last}, billed {stage.emulator.billed}")  # noqa: T201 - likewise

    found = stage.left()
    assert stage.emulator.billed <= limit
    assert len(found.manifests) <= 1
    assert found.broken == []
    for outcome in (*outcomes, last):
        assert not outcome.stuck
        assert outcome.keys is None or outcome.keys == found.uris
        assert not outcome.error or hasattr(errors, outcome.error), outcome.message
    assert last.keys or last.error in _HONEST_ENDS, last.message
