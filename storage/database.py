"""Opens SQLite or PostgreSQL so that the same code is safe on both, across threads and processes."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import DatabaseDamaged, FolderUnusable, StorageUnavailable, UnsupportedDatabase, disk_faults

log = logging.getLogger(__name__)

BUSY_SECONDS = 30
"""How long a writer waits for another one on SQLite before it gives up; units are milliseconds long."""

IMPATIENT, PATIENT = "PRAGMA busy_timeout = 200", "PRAGMA busy_timeout = 30000"
"""How many milliseconds emptying the write-ahead file waits for readers, and everything else for others: whoever
deletes their data waits for the former. The latter is `BUSY_SECONDS`."""

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

    def scrub(self) -> bool:
        """Make deleted rows leave SQLite's write-ahead file as well; True when they have, as always on PostgreSQL.

        Deleted cells are zeroed in the main file (secure_delete), but their old pages stay readable in the write-ahead
        file until it is emptied. That cannot be while somebody reads an older state of the database (a backup, a
        shell): then the answer is False after a moment, and it is to be tried again (`tasks/workers/housekeeping.py`).
        """
        if self.engine.dialect.name != "sqlite":
            return True
        raw = self.engine.raw_connection()  # a checkpoint cannot run inside a transaction
        try:
            busy = _checkpoint(raw.cursor())
        except sqlite3.Error:
            busy = True
        finally:
            raw.close()
        if busy:
            log.info("somebody uses the database; its write-ahead file is emptied later")
        return not busy


def _checkpoint(cursor: DBAPICursor) -> bool:
    """Empty the write-ahead file; True when a reader or a writer did not let us."""
    cursor.execute(IMPATIENT)
    try:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, *_ = cursor.fetchone() or (True,)
        return bool(busy)
    finally:
        # Whoever has this connection next waits for others as long as ever.
        cursor.execute(PATIENT)


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
    path = Path(address.database)
    with disk_faults("open the database", path.parent):
        _create_private_file(path)
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine, "handle_error", partial(_name_the_file, path))

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


DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
"""Beginnings of SQLite's names for what is wrong with a file, and with the disk below it."""


def _name_the_file(path: Path, context: ExceptionContext) -> None:
    """SQLite says "disk full" and "malformed", but not of which file. Raises `DatabaseDamaged`, `FolderUnusable`."""
    fault = context.original_exception
    name = getattr(fault, "sqlite_errorname", "")
    if name.startswith(DAMAGED):
        raise DatabaseDamaged(path=str(path)) from fault
    if name.startswith("SQLITE_READONLY") and all(os.access(there, os.W_OK) for there in (path, path.parent)):
        return  # writing in a view is our own mistake, not a fault of the disk
    if name.startswith(DISK):
        raise FolderUnusable(what="use the database", path=str(path.parent), database=True) from fault


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
