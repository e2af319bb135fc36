"""Workers that live and die for the tests here, and what they leave behind in S3."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

#: Seconds that a batch may take before its workers count as stuck; far below any lease with botocore's own timeouts.
BOUND = 60.0
#: The smallest pictures, two of them: enough for a result that could be half there.
SMALL = {"text": "a lighthouse", "width": 320, "height": 704, "number_of_images": 2}


@dataclass(frozen=True)
class Job:
    """
    One worker's run of one task instance.

    :param kill: at which effect, before or after (``{"effect": 3, "moment": "after"}``), or after how many seconds
        (``{"seconds": 0.2}``) it kills itself; with ``"freeze": true`` it only stops there, until all others have
        ended; empty if it lives
    :param machine: the name of the machine that it pretends to run on
    :param grace: seconds of grace in its lease, instead of the product's own
    :param environment: variables to set
    """

    operator: str = "text_to_image"
    arguments: dict[str, Any] = field(default_factory=lambda: dict(SMALL))
    try_number: int = 1
    max_tries: int = 3
    kill: dict[str, Any] = field(default_factory=dict)
    machine: str = ""
    grace: float | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def but(self, **changes: Any) -> Job:
        """Give the same job with changes."""
        return replace(self, **changes)

    def on_try(self, number: int) -> Job:
        """Give the same job as a later worker does it, who is not killed."""
        return replace(self, try_number=number, kill={})


@dataclass(frozen=True)
class Outcome:
    """
    What became of a worker.

    :param keys: what the operator returned
    :param error: the name of the error that it raised, as errors.py spells it; empty if none
    :param effects: the requests that it sent, such as ``PUT slot-1.json``; unknown of those that were killed
    """

    keys: list[str] | None
    error: str
    message: str
    effects: list[str]
    killed: bool
    stuck: bool

    def sent(self, method: str) -> list[str]:
        """Give the requests of one method."""
        return [effect for effect in self.effects if effect.startswith(f"{method} ")]


class Crew:
    """The process that workers are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(Path(__file__).parent / "worker.py")],
            env={**os.environ, "AIRFLOW_CONN_AWS_DEFAULT": "aws://"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def race(self, url: str, *jobs: Job) -> list[Outcome]:
        """
        Let workers begin at the same moment, and wait for all of them.

        :param url: the emulator's address
        """
        assert self._process.stdin
        assert self._process.stdout
        batch = [asdict(job.but(environment={"AWS_ENDPOINT_URL": url, **job.environment})) for job in jobs]
        self._process.stdin.write(json.dumps({"jobs": batch, "seconds": BOUND}) + "\n")
        self._process.stdin.flush()
        return [Outcome(**told) for told in json.loads(self._process.stdout.readline())]

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


@dataclass(frozen=True)
class Left:
    """
    What lies in the bucket.

    :param manifests: every version of every manifest, read
    :param journals: the keys of raw answers
    :param broken: the images that a manifest lists and that are not there as it says
    """

    manifests: list[dict[str, Any]]
    journals: list[str]
    broken: list[str]

    @property
    def uris(self) -> list[str]:
        """What the one manifest lists."""
        (manifest,) = self.manifests
        return [output["uri"] for output in manifest["outputs"]]


@dataclass(frozen=True)
class Stage:
    """
    Where workers meet: an emulator with a bucket that keeps every version of its objects.

    Equal requests give equal pictures here, so only the versions show whether a manifest was written over.
    """

    crew: Crew
    emulator: Emulator
    s3: Any
    bucket: str

    def race(self, *jobs: Job) -> list[Outcome]:
        """Let workers begin at the same moment, and wait for all of them."""
        return self.crew.race(self.emulator.url, *jobs)

    def run(self, job: Job) -> Outcome:
        """Let one worker work."""
        return self.race(job)[0]

    def uploaded(self, key: str, data: bytes) -> str:
        """Put a picture where workers can read it."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def left(self) -> Left:
        """Look at everything that workers left."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix="results/")
        versions = [entry for page in pages for entry in page.get("Versions", [])]
        keys = {entry["Key"] for entry in versions if entry["IsLatest"]}
        manifests = [
            json.loads(self._read(entry["Key"], VersionId=entry["VersionId"]))
            for entry in versions
            if entry["Key"].endswith("/manifest.json")
        ]
        broken = []
        for output in (output for manifest in manifests for output in manifest["outputs"]):
            key = output["uri"].removeprefix(f"s3://{self.bucket}/")
            if key not in keys or hashlib.sha256(self._read(key)).hexdigest() != output["sha256"]:
                broken.append(key)
        return Left(manifests, sorted(key for key in keys if "/answer-" in key), broken)

    def _read(self, key: str, **version: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key, **version)["Body"].read()  # type: ignore[no-any-return]
