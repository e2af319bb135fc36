"""
A warm process that runs operators in forked children, each of which can be told to kill itself.

It reads one JSON line for each batch of jobs, runs the jobs of a batch side by side, and answers with one JSON line.
Airflow and boto3 are imported once; each child builds its own clients, so that hundreds of runs cost little.
"""

from __future__ import annotations

import functools
import json
import os
import selectors
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

import botocore
import botocore.session
from airflow.providers.common.compat.sdk import AirflowFailException
from botocore.loaders import create_loader
from instance import Instance

from airflow_titan.errors import TitanError
from airflow_titan.generation import call, process
from airflow_titan.hooks.bedrock import TitanBedrockHook
from airflow_titan.operators import TitanInpaintingOperator, TitanTextToImageOperator

OPERATORS = {"text_to_image": TitanTextToImageOperator, "inpainting": TitanInpaintingOperator}


class Gate:
    """Where the children of a batch wait for each other, just before the first request that each of them sends."""

    def __init__(self, ready: int, go: int) -> None:
        self._ready = ready
        self._go = go
        self._passed = False

    def enter(self) -> bool:
        """Wait for the others; tell whether this was the first time."""
        first, self._passed = not self._passed, True
        if first:
            os.write(self._ready, b".")
            os.read(self._go, 1)  # nothing is ever written: it ends when the parent closes its side
        return first


class Effects:
    """What a child does to the world, request by request, and the point at which it dies."""

    def __init__(self, kill: dict[str, Any], gate: Gate) -> None:
        self.seen: list[str] = []
        self._kill = kill
        self._gate = gate

    def attach(self, session: Any) -> None:
        """Watch all clients of a botocore session."""
        session.register("before-send", self._before)
        session.register("response-received", self._after)

    def _before(self, request: Any, **_: Any) -> None:
        if self._gate.enter() and "seconds" in self._kill:
            threading.Timer(self._kill["seconds"], die).start()
        self.seen.append(f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}")
        if self._is("before"):
            self._end()

    def _after(self, parsed_response: dict[str, Any] | None = None, **_: Any) -> None:
        if self._is("after"):
            body = (parsed_response or {}).get("body") or (parsed_response or {}).get("Body")
            if body and "freeze" not in self._kill:
                body.read()
            self._end()

    def _end(self) -> None:
        if "freeze" in self._kill:
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            die()

    def _is(self, moment: str) -> bool:
        return self._kill.get("effect") == len(self.seen) and self._kill.get("moment") == moment


def die() -> None:
    """End this process as the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def work(job: dict[str, Any], gate: Gate) -> dict[str, Any]:
    """Run one job in this process."""
    os.environ.update(job["environment"])
    if job["machine"]:
        process._machine = lambda: job["machine"]  # noqa: SLF001 - one machine stands for many
    if job["grace"] is not None:
        call._GRACE = job["grace"]  # noqa: SLF001 - half a minute is too long for a test
    effects = Effects(job["kill"], gate)
    botocore.register_initializer(effects.attach)
    instance = Instance(try_number=job["try_number"], max_tries=job["max_tries"])
    told: dict[str, Any] = {"keys": None, "error": "", "message": "", "effects": effects.seen}
    try:
        told["keys"] = instance.run(OPERATORS[job["operator"]](task_id="task", **job["arguments"]))
    except AirflowFailException as error:
        told["error"], _, told["message"] = str(error).partition(": ")
    except TitanError as error:
        told["error"], told["message"] = type(error).__name__, str(error)
    except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
        told["error"], told["message"] = "Unexpected", traceback.format_exc()
    return told


def run(jobs: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """
    Run jobs side by side, each in a child; those that are not done in time are ended and called stuck.

    Those that freeze come first, alone, until they are frozen; when all others have ended, they are woken.
    """
    children: dict[int, int] = {}
    texts: dict[int, bytes | None] = {}
    order = sorted(range(len(jobs)), key=lambda index: "freeze" not in jobs[index]["kill"])
    frozen = {}
    for index in order:
        if "freeze" in jobs[index]["kill"]:
            frozen.update(started([jobs[index]]))
            os.waitid(os.P_PID, list(frozen.values())[-1], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    awake = started([jobs[index] for index in order[len(frozen) :]])
    texts.update(collected(awake, seconds))
    for pid in frozen.values():
        os.kill(pid, signal.SIGCONT)
    texts.update(collected(frozen, seconds))
    children = {**frozen, **awake}
    told = [outcome(pid, texts[result]) for result, pid in children.items()]
    return [told[order.index(index)] for index in range(len(jobs))]


def started(jobs: list[dict[str, Any]]) -> dict[int, int]:
    """Fork a child for each job, and let them go when all are ready; give each by the pipe of its result."""
    ready, ready_end = os.pipe()
    go_end, go = os.pipe()
    children = {}
    for job in jobs:
        result, result_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            gate = Gate(ready_end, go_end)
            told = work(job, gate)
            gate.enter()
            with os.fdopen(result_end, "w") as out:
                json.dump(told, out)
            os._exit(0)
        os.close(result_end)
        children[result] = pid
    os.close(go_end)
    os.close(ready_end)
    waiting = len(jobs)
    while waiting and (came := os.read(ready, waiting)):
        waiting -= len(came)
    os.close(ready)
    os.close(go)
    return children


def collected(children: dict[int, int], seconds: float) -> dict[int, bytes | None]:
    """Read what the children write until they have ended; ``None`` for those that have not in time."""
    deadline = time.monotonic() + seconds
    texts: dict[int, bytes | None] = dict.fromkeys(children, b"")
    with selectors.DefaultSelector() as selector:
        for result in children:
            selector.register(result, selectors.EVENT_READ)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                came = os.read(key.fd, 1 << 16)
                texts[key.fd] = (texts[key.fd] or b"") + came
                if not came:
                    selector.unregister(key.fd)
        for late in list(selector.get_map().values()):
            os.kill(children[late.fd], signal.SIGKILL)
            texts[late.fd] = None
    for result in children:
        os.close(result)
    return texts


def outcome(pid: int, text: bytes | None) -> dict[str, Any]:
    """Say what became of a child."""
    _, status = os.waitpid(pid, 0)
    nothing = {"keys": None, "error": "", "message": "", "effects": []}
    told = json.loads(text) if text else nothing
    return {**told, "killed": os.WIFSIGNALED(status) and text is not None, "stuck": text is None}


def main() -> None:
    """Answer batches until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow logs to stdout, which is for answers here
    # reading botocore's service models takes longer than a run: let all children share them
    botocore.session.create_loader = functools.cache(create_loader)
    TitanBedrockHook().clients()
    for line in sys.stdin:
        batch = json.loads(line)
        answers.write(json.dumps(run(batch["jobs"], batch["seconds"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
