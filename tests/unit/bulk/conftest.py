"""A Redis for the tests here that need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis_server import CONNECTION, RedisServer, require_redis

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Start one server for the tests of a module."""
    require_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"), "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """Give a Redis that is empty, with a connection of Airflow's to it."""
    _redis.client().flushall()
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", _redis.uri())
    return _redis
