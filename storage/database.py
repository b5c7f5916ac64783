"""Opens SQLite or PostgreSQL so that the same code is safe on both, with several threads and processes."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import StorageUnavailable, UnsupportedDatabase

log = logging.getLogger(__name__)

BUSY_SECONDS = 30
"""How long a writer waits for another one on SQLite before it gives up; units are milliseconds long."""

DEADLOCK = "40P01"
"""PostgreSQL's code for "two transactions waited for each other, and this one was broken off"."""

CONNECT_SECONDS = 10
"""How long PostgreSQL may take to let us in."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and two makers of sessions: one that may write and one that only reads."""

    engine: Engine
    session_factory: sessionmaker[Session]
    reader_factory: sessionmaker[Session]

    def close(self) -> None:
        """Give all connections back; call when the process ends or before it forks."""
        self.engine.dispose()

    def rewrite(self) -> None:
        """Write SQLite's file anew, without what deleted rows left in it; nothing to do on PostgreSQL.

        `secure_delete` overwrites a deleted cell, but not the copies that stay in the free part of a page whose cells
        were moved to another one. The file holds no pictures and is small, so this takes milliseconds.
        """
        if self.engine.dialect.name == "sqlite":
            raw = self.engine.raw_connection()  # nor can this run inside a transaction
            try:
                raw.cursor().execute("VACUUM")
            except sqlite3.Error:
                log.warning("the database file could not be written anew")
            finally:
                raw.close()

    def scrub(self) -> None:
        """Make deleted rows leave SQLite's write-ahead file as well; nothing to do on PostgreSQL.

        Deleted cells are zeroed in the main file (secure_delete), but their old pages stay readable in the write-ahead
        file until it is emptied.
        """
        if self.engine.dialect.name == "sqlite":
            raw = self.engine.raw_connection()  # a checkpoint cannot run inside a transaction
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error:
                log.warning("the write-ahead file could not be emptied and is left to the next purge")
            finally:
                raw.close()


def open_database(url: str) -> Database:
    """Connect lazily to `sqlite:///file` or `postgresql://…`; raises `UnsupportedDatabase` for anything else.

    Does not create tables: `storage.migrate.upgrade` does.
    """
    engine = open_engine(url)
    reader = engine.execution_options(reads_only=True, postgresql_readonly=True)
    return Database(engine, sessionmaker(engine), sessionmaker(reader))


def open_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    """The bare engine. Migrations switch foreign keys off, because SQLite changes a table by replacing it.

    Parameters stay out of error messages: they are people's numbers and chats, and messages end up in logs.
    """
    address = normal_url(url)
    if address.get_backend_name() == "postgresql":
        # A restarted server must cost one failed ping, not one failed job.
        options = {"connect_timeout": CONNECT_SECONDS}
        return create_engine(address, pool_pre_ping=True, connect_args=options, hide_parameters=True)
    assert address.database is not None
    _create_private_file(Path(address.database))
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reads_only else 'OFF'}")
        # A transaction that reads first and writes later fails at once when another writer came between, without
        # waiting. Asking for the write lock at the beginning makes it wait its turn instead.
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def database_faults() -> Iterator[None]:
    """Turn the driver's "away, locked, full, deadlock" into our one passing fault, and keep the cause."""
    try:
        yield
    except PoolTimeout as error:
        raise StorageUnavailable(what="get a connection", database=True) from error
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_READONLY":
            raise  # writing in a view is our own mistake, not a fault that passes
        deadlock = getattr(error.orig, "sqlstate", None) == DEADLOCK
        raise StorageUnavailable(what="use the database", deadlock=deadlock, database=not deadlock) from error


def normal_url(url: str) -> URL:
    """The address with the driver we ship; raises `UnsupportedDatabase`."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise UnsupportedDatabase(found="no database address") from error
    match address.get_backend_name():
        case "postgresql" | "postgres":
            return address.set(drivername="postgresql+psycopg")
        case "sqlite" if address.database and not address.database.startswith((":memory:", "file:")):
            return address.set(drivername="sqlite+pysqlite")
        case "sqlite":
            # In memory, every thread would get an empty database of its own.
            raise UnsupportedDatabase(found="sqlite without a plain file")
        case other:
            raise UnsupportedDatabase(found=other)


def _create_private_file(path: Path) -> None:
    """SQLite gives its side files the mode of the main one, so it is enough to make that one private."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
