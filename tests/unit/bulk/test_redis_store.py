"""The record of a rate group in Redis: written only if nobody else did so, and what a Redis says that can't keep it."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from redis import exceptions
from redis_server import CONNECTION, RedisServer

from airflow_titan.bulk.rate_place import Place
from airflow_titan.bulk.rate_store import redis_store
from airflow_titan.bulk.redis_store import EXPIRY, RedisStore
from airflow_titan.errors import ConfigurationError, StoreFailed, StoreRefused
from airflow_titan.hooks import redis
from airflow_titan.hooks.redis import redis_client, redis_error
from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_titan.emulator import Emulator

PLACE = Place.of("quota", root=None, prefix=None, redis=CONNECTION)
KEY = PLACE.uri
#: Seconds after which a test that hangs is one that fails.
LONG = 30.0


def connect(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    """Let Airflow's connection lead elsewhere."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", uri)


@pytest.mark.usefixtures("redis_server")
def test_a_record_is_written_only_in_place_of_what_was_read() -> None:
    """Whoever read something else by now writes nothing."""
    store = redis_store(CONNECTION)
    assert store.read(KEY) is None
    assert store.replace(KEY, b"late", "none") is None
    first = store.create(KEY, b"first")
    assert store.create(KEY, b"another") is None
    assert first is not None
    second = store.replace(KEY, b"second", first)
    assert store.replace(KEY, b"third", first) is None
    found = store.read(KEY)
    assert found is not None
    assert (found.data, found.etag) == (b"second", second)


@pytest.mark.usefixtures("redis_server")
def test_a_write_whose_reply_got_lost_finds_itself() -> None:
    """Sent once more, it is the one that was made, and nobody else's."""
    store = redis_store(CONNECTION)
    first = store.create(KEY, b"first")
    assert first is not None
    assert store.replace(KEY, b"second", first) == store.replace(KEY, b"second", first) is not None


@pytest.mark.usefixtures("redis_server")
def test_of_many_writes_at_once_each_counts() -> None:
    """Eight threads raise a number fifty times each, by what they read: none is lost."""
    redis_store(CONNECTION).create(KEY, b"0")

    def count(name: int) -> None:
        store = redis_store(CONNECTION)
        for _ in range(50):
            while True:
                found = store.read(KEY)
                assert found is not None
                # unlike what others write
                if store.replace(KEY, f"{int(found.data.split()[0]) + 1} {name}".encode(), found.etag):
                    break

    threads = [threading.Thread(target=count, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    found = redis_store(CONNECTION).read(KEY)
    assert found is not None
    assert found.data.split()[0] == b"400"


def test_a_record_lies_there_for_a_week_after_its_last_write(redis_server: RedisServer) -> None:
    """So no group leaves anything for ever."""
    redis_store(CONNECTION).create(KEY, b"{}")
    assert 0 < redis_server.client().ttl(KEY) <= EXPIRY


@pytest.mark.usefixtures("redis_server")
def test_a_reply_tells_the_time_to_a_millionth_of_a_second() -> None:
    """By the server's clock, which is this machine's."""
    store = redis_store(CONNECTION)
    store.create(KEY, b"{}")
    before = time.time()
    found = store.read(KEY)
    assert found is not None
    assert before - store.resolution <= found.now.timestamp() <= time.time()


@pytest.fixture
def refusing(redis_server: RedisServer) -> Iterator[Any]:
    """Give a client to make the server refuse something; afterwards it is as it was."""
    client = redis_server.client()
    client.ping()
    yield client
    client.config_set("requirepass", "")
    client.acl_deluser("titan")
    client.replicaof("NO", "ONE")


def _with_password(client: Any) -> None:
    client.config_set("requirepass", "a secret")


def _with_user(*rules: str) -> Callable[[Any], None]:
    return lambda client: client.execute_command("ACL", "SETUSER", "titan", "on", ">a-secret", *rules)


def _with_list(client: Any) -> None:
    client.rpush(KEY, "something else")


def _as_replica(client: Any) -> None:
    client.replicaof("127.0.0.1", 9)


@pytest.mark.parametrize(
    ("prepare", "who", "error", "told"),
    [
        (_with_password, {}, StoreRefused, "refuses to write .* Check login and password"),
        (_with_password, {"password": "another secret"}, StoreRefused, "Check login and password"),
        (_with_user("+get", "~*"), {"login": "titan", "password": "a-secret"}, StoreRefused, r"\+eval \+get \+set"),
        (_with_user("+@all", "~other:*"), {"login": "titan", "password": "a-secret"}, StoreRefused, "~airflow_titan"),
        (_with_list, {}, StoreRefused, "Something else lies under this key"),
        (_as_replica, {}, StoreFailed, "It is a read-only replica. Name its primary"),
        (lambda _: None, {"extra": "db=99"}, StoreRefused, "Correct db in the connection's extra"),
    ],
    ids=["NOAUTH", "WRONGPASS", "NOPERM eval", "NOPERM key", "WRONGTYPE", "READONLY", "db"],
)
def test_what_redis_refuses_is_told_with_what_to_do(  # noqa: PLR0917 - a table's columns
    prepare: Callable[[Any], None],
    who: dict[str, str],
    error: type[Exception],
    told: str,
    refusing: Any,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By connection and key; no password is in any message."""
    prepare(refusing)
    connect(monkeypatch, redis_server.uri(**who))
    with pytest.raises(error, match=told) as raised:
        redis_store(CONNECTION).create(KEY, b"{}")
    assert f"Redis (rate_group_conn_id '{CONNECTION}')" in str(raised.value)
    assert KEY in str(raised.value)
    assert "secret" not in str(raised.value)


def test_what_the_message_says_is_enough(
    refusing: Any, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user with the commands and keys that the message names, and nothing else, keeps a record."""
    _with_user("+eval", "+get", "+set", "+time", "~airflow_titan:*")(refusing)
    connect(monkeypatch, redis_server.uri(login="titan", password="a-secret"))
    store = redis_store(CONNECTION)
    assert store.create(KEY, b"{}")
    assert store.read(KEY)


def test_a_replica_that_becomes_the_primary_is_written_to(refusing: Any) -> None:
    """By the same store, once the failover is over; by another connection, as its host's name may lead elsewhere."""
    _as_replica(refusing)
    store = redis_store(CONNECTION)
    with pytest.raises(StoreFailed):
        store.create(KEY, b"{}")
    refusing.replicaof("NO", "ONE")
    before = refusing.info("stats")["total_connections_received"]
    assert store.create(KEY, b"{}")
    assert refusing.info("stats")["total_connections_received"] == before + 1


def test_a_node_of_a_cluster_says_what_it_is() -> None:
    """Where the connection doesn't, and another node has the key."""
    error = redis_error(exceptions.MovedError("7438 10.0.0.7:6379"), "read", KEY, CONNECTION)
    assert isinstance(error, StoreRefused)
    assert "node of a Redis Cluster" in str(error)
    assert "cluster to true" in str(error)


@pytest.mark.parametrize("text", ["OOM command not allowed when used memory > 'maxmemory'.", "LOADING in memory"])
def test_what_may_pass_is_left_to_the_next_renewal(text: str) -> None:
    """As a full memory, or a server that has just been started."""
    assert isinstance(redis_error(exceptions.ResponseError(text), "read", KEY, CONNECTION), StoreFailed)


def test_a_cluster_keeps_a_record_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    """Its keys lie on any of its nodes; here on the only one."""
    from airflow.providers.redis.hooks.redis import RedisHook

    if not hasattr(RedisHook, "_build_startup_nodes"):
        pytest.skip("Airflow's Redis provider knows clusters from 4.6 on")
    assert redis_server
    node = RedisServer(tmp_path, "--cluster-enabled", "yes")
    node.start()
    try:
        node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + LONG
        while node.client().execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        connect(monkeypatch, node.uri(extra="cluster=true"))
        store = redis_store(CONNECTION)
        assert store.create(KEY, b"{}")
        assert store.read(KEY)
        (known,) = redis_client(CONNECTION).get_nodes()
        assert known.redis_connection.get_connection_kwargs()["socket_timeout"] == 2
        node.client().config_set("requirepass", "a secret")
        with pytest.raises(StoreRefused, match="Check login and password"):
            redis_store(CONNECTION)
    finally:
        node.kill()


def test_a_redis_that_is_no_cluster_says_so(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the connection takes it for one."""
    from airflow.providers.redis.hooks.redis import RedisHook

    if not hasattr(RedisHook, "_build_startup_nodes"):
        pytest.skip("Airflow's Redis provider knows clusters from 4.6 on")
    connect(monkeypatch, redis_server.uri(extra="cluster=true"))
    with pytest.raises(StoreRefused, match="Take cluster out of the connection's extra"):
        redis_store(CONNECTION)


def test_where_nobody_answers_it_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server, as while one is started again; and no password from a host that is none."""
    connect(monkeypatch, "redis://127.0.0.1:9")
    with pytest.raises(StoreFailed, match=r"failed to read .* Check host, port and ssl"):
        redis_store(CONNECTION).read(KEY)
    connect(monkeypatch, json.dumps({"conn_type": "redis", "host": "redis://:secret@127.0.0.1", "port": 9}))
    with pytest.raises((StoreFailed, StoreRefused)) as raised:
        redis_store(CONNECTION).read(KEY)
    assert "secret" not in str(raised.value)


def test_a_redis_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a connection and says nothing has two seconds: an ending task waits no longer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect(monkeypatch, f"redis://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(StoreFailed, match="failed to read"):
            redis_store(CONNECTION).read(KEY)
        how = redis_client(CONNECTION).get_connection_kwargs()
    assert how["socket_timeout"] == how["socket_connect_timeout"] == 2


def test_whoever_waits_beside_one_that_has_waited_too_long_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each region's thread asks the same store: one's error is none of the others'."""
    monkeypatch.setattr(redis, "_TIMEOUT", 0.5)
    errors: list[Exception] = []

    def read(store: RedisStore) -> None:
        try:
            store.read(KEY)
        except Exception as error:  # noqa: BLE001 - which it is matters
            errors.append(error)

    with socket.create_server(("127.0.0.1", 0)) as server:
        connect(monkeypatch, f"redis://127.0.0.1:{server.getsockname()[1]}")
        store = RedisStore.of(CONNECTION)
        threads = [threading.Thread(target=read, args=(store,)) for _ in range(3)]
        for thread in threads:
            thread.start()
            time.sleep(0.2)
        for thread in threads:
            thread.join(LONG)
    assert [type(error) for error in errors] == [StoreFailed] * 3


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (None, "doesn't exist; allowed is the id of one to Redis or Valkey. Add it"),
        ("rediss://127.0.0.1:9", "of type 'rediss'; allowed is redis"),
    ],
)
def test_a_connection_that_leads_to_no_redis_is_told(
    uri: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is, and what it must be."""
    if uri:
        connect(monkeypatch, uri)
    with pytest.raises(ConfigurationError, match=f"rate_group_conn_id: got '{CONNECTION}', .*{told}"):
        redis_store(CONNECTION)


def test_without_the_provider_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without it nothing of Redis can be imported."""
    for name in ("airflow_titan.bulk.redis_store", "airflow_titan.hooks.redis", "airflow.providers.redis.hooks.redis"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "airflow.providers.redis.hooks", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-titan\[redis\]'"):
        redis_store(CONNECTION)


def bulk(**changes: Any) -> TitanBulkOperator:
    """Ask for a small picture, in a rate group whose record lies in Redis."""
    requests = [{"id": "a", "text": "a jar", "task": "text_to_image", "width": 320, "height": 704}]
    given = {"requests": requests, "requests_per_minute": 600, "rate_group": "quota", "rate_group_conn_id": CONNECTION}
    return TitanBulkOperator(task_id="task", **given | changes)  # type: ignore[arg-type]


def test_a_bulk_task_keeps_its_record_in_redis(
    emulator: Emulator, s3: Any, bucket: str, redis_server: RedisServer
) -> None:
    """And none in S3; each region has its own."""
    Instance().run(bulk(regions="us-west-2"))
    assert len(emulator.calls) == 1
    client = redis_server.client()
    assert {*client.keys()} == {KEY.encode(), f"{KEY}@us-west-2".encode()}
    members = json.loads(client.get(f"{KEY}@us-west-2"))["members"].values()
    assert [member["wants"] for member in members] == [0]
    assert not [entry for entry in s3.list_objects_v2(Bucket=bucket)["Contents"] if "rate_group" in entry["Key"]]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rate_group": None}, "rate_group_conn_id: got 'rates' without rate_group; allowed is the group's name"),
        (
            {"rate_group": "s3://bucket/quota.json"},
            "rate_group: got 's3://bucket/quota.json' beside rate_group_conn_id",
        ),
        ({"rate_group_conn_id": "redis://:secret@host"}, "got a URL; allowed is the id of an Airflow connection"),
    ],
)
def test_what_does_not_go_together_is_told_when_the_dag_is_parsed(wrong: dict[str, Any], told: str) -> None:
    """With what is allowed, and no password."""
    with pytest.raises(ConfigurationError, match=told) as raised:
        bulk(**wrong)
    assert "secret" not in str(raised.value)


def test_what_templates_render_to_is_told_before_anything_is_paid(emulator: Emulator) -> None:
    """Where the DAG itself didn't show it."""
    operator = bulk()
    operator.rate_group = "s3://bucket/quota.json"
    with pytest.raises(AirflowFailException, match=r"rate_group: got .* beside rate_group_conn_id"):
        Instance().run(operator)
    assert not emulator.calls
