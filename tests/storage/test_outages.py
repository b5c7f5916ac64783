"""PostgreSQL restarts, connections break, and a commit ends nobody knows how."""

from __future__ import annotations

import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.deletion import purge_expired
from storage.errors import StorageUnavailable
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished, TurnableClock
from tests.support.servers import PostgresServer, postgres_programs

pytestmark = pytest.mark.servers


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL to be maltreated."""
    with tempfile.TemporaryDirectory(prefix="childface-pg-") as home:
        server = PostgresServer(postgres_programs(), Path(home))
        server.create()
        server.start()
        yield server
        server.stop(signal.SIGQUIT)


def test_a_restart_of_the_server_costs_one_fault_at_most(own_server: PostgresServer, tmp_path: Path) -> None:
    migrate.upgrade(own_server.url())
    with closing(open_database(own_server.url())) as database:
        clock = TurnableClock()
        blobs = DiskBlobs(tmp_path / "blobs", [secrets.token_bytes(32)])
        restart_in_the_middle(own_server, Furnished(Store(database, blobs, clock), clock, tmp_path))


def restart_in_the_middle(own_server: PostgresServer, house: Furnished) -> None:
    user = house.user()
    job = house.running_job(user)

    own_server.stop(signal.SIGQUIT)
    with pytest.raises(StorageUnavailable), house.store.unit() as unit:
        unit.jobs.report(job.id, "draw", 0.5)
    own_server.start()

    with house.store.unit() as unit:
        assert unit.jobs.get(job.id).state == "running"
        assert unit.jobs.finish(job.id, {})
        unit.commit()
    with house.store.read_only() as unit:
        assert [found.id for found in unit.jobs.undelivered("telegram")] == [job.id]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_breaks_in_the_middle_undoes_rows_and_blobs(house: Furnished) -> None:
    user = house.user()
    with pytest.raises(StorageUnavailable), house.store.unit() as unit:
        unit.photos.add(user.id, b"never meant", HOUR)
        break_connection_of(house, unit._session)
        unit.jobs.active_for(user.id)
    assert house.blob_files() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_commit_with_unknown_outcome_leaves_its_blobs_to_the_purge(house: Furnished) -> None:
    """Had the database committed before the line broke, rows would now name these blobs."""
    user = house.user()
    with pytest.raises(StorageUnavailable), house.store.unit() as unit:
        unit.photos.add(user.id, b"perhaps", HOUR)
        break_connection_of(house, unit._session)
        unit.commit()
    assert len(house.blob_files()) == 1
    assert purge_expired(house.store, grace=-timedelta(days=365 * 100)).orphans == 1
    assert house.blob_files() == []


def break_connection_of(house: Furnished, session: Session) -> None:
    number = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with house.store.database.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number})
