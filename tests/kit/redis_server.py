"""A Redis of a test's own: its keys outlive a kill, and nothing of it outlives the test."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import databases
import pytest
from whole_airflow import HOST, free_port

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds after which a server that isn't there won't be.
_PATIENCE = 30.0
#: Airflow's name for the connection of the tests.
CONNECTION = "rates"


def require_redis() -> None:
    """Skip a test where no Redis is installed; where none may be skipped for that, fail it."""
    if not databases.find("redis-server"):
        message = "redis-server not found: apt-get install redis-server"
        if os.environ.get("TITAN_DISTRIBUTED") == "required":
            pytest.fail(message)
        pytest.skip(message)


class RedisServer:
    """
    A server on a port of its own.

    :param folder: what it keeps lies there
    :param options: more of its command line
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._command = [*databases.redis(folder, self.port), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import redis

        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - a fixed list
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.client().ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, "redis-server doesn't answer"
                assert self._process.poll() is None, "redis-server has ended"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End it at once, as when its machine goes down; what it was told is on disk."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def client(self) -> Any:
        """Give a client that may do everything."""
        import redis

        return redis.Redis(host=HOST, port=self.port)

    def uri(self, *, login: str = "", password: str = "", extra: str = "") -> str:
        """Give its connection, as Airflow's environment has it."""
        who = f"{login}:{quote(password, safe='')}@" if login or password else ""
        return f"redis://{who}{HOST}:{self.port}/?{extra}"
