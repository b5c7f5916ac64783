"""Servers that the drills may break, one pair for all of them, and a fresh site for each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import migrate
from tests.support.chats.fake_telegram import BotApi
from tests.support.processes.site import Nursery, Site
from tests.support.servers import PostgresServer, RedisServer, postgres_programs, redis_program

StartSite = Callable[..., Site]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    home = Path(tempfile.mkdtemp(prefix="childface-pg-"))
    server = PostgresServer(postgres_programs(), home)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def template(postgres: PostgresServer) -> str:
    name = postgres.create_database()
    migrate.upgrade(postgres.url(name))
    return name


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    home = Path(tempfile.mkdtemp(prefix="childface-redis-"))
    server = RedisServer(redis_program(), home, keep_data=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
async def start_site(
    nursery: Nursery, postgres: PostgresServer, template: str, redis: RedisServer, tmp_path: Path
) -> AsyncIterator[StartSite]:
    """Called with what differs from the usual site."""
    api = BotApi()
    await api.start()
    sites: list[Site] = []
    databases: list[str] = []

    def start(**changes: Any) -> Site:
        databases.append(postgres.create_database(template=template))
        sites.append(Site(tmp_path, nursery, postgres, databases[-1], redis, api, **changes))
        return sites[-1]

    yield start
    for site in sites:
        site.close()
    for name in databases:
        postgres.drop_database(name)
    await api.stop()
