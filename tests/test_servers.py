"""The servers that other tests lean on: they start, survive a crash, and never go missing in silence."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support import servers
from tests.support.servers import REQUIRED, PostgresServer, RedisServer, redis_program

pytestmark = pytest.mark.servers


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(redis_program(), tmp_path, keep_data=True, password="only-for-this-test")
    server.start()
    yield server
    server.stop()


def test_redis_answers(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url(5)) as client:
        client.set("child", "face")
        assert client.get("child") == b"face"
        client.flushdb()


def test_redis_keeps_its_data_through_a_crash_when_told_to(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url()) as client:
        client.set("kept", "yes")
    own_redis.stop(signal.SIGKILL)
    own_redis.start()
    with redis.Redis.from_url(own_redis.url()) as client:
        assert client.get("kept") == b"yes"


def test_redis_can_lose_its_data(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url()) as client:
        client.set("kept", "no")
    own_redis.stop()
    own_redis.forget_data()
    own_redis.start()
    with redis.Redis.from_url(own_redis.url()) as client:
        assert client.get("kept") is None


def test_databases_of_different_tests_are_apart(postgres_server: PostgresServer) -> None:
    one, two = postgres_server.create_database(), postgres_server.create_database()
    assert one != two
    postgres_server.drop_database(one)
    postgres_server.drop_database(two)


def test_postgresql_does_not_run_as_root(postgres_server: PostgresServer) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root could do it wrong")
    assert postgres_server.home.stat().st_uid != 0
    assert stat.S_IMODE(postgres_server.home.stat().st_mode) == 0o700


def test_a_missing_server_skips_loudly_or_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"IS NOT TESTED.*apt-get install nosuch"):
        servers.not_here("No such server", "nosuch")
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="must be"):
        servers.not_here("No such server", "nosuch")
