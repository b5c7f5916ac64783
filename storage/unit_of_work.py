"""Entry point of storage: a `Store` hands out units of work.

    with store.unit() as unit:
        photo = unit.photos.add(user.id, data, ttl=timedelta(hours=1))
        job = unit.jobs.add("encode", user.id, "telegram", chat_id, photo_id=photo.id)
        unit.commit()

Leaving without `commit()` undoes everything, blobs included. Deleted blobs leave the disk only after the commit: a
rollback must find them again. Keep a unit short and never wait for the network inside: on SQLite it holds the one
write lock from its first query on. Use `store.view()` where nothing is changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from storage.blobs import BlobStore
from storage.clock import Clock, utc_now
from storage.database import Database, database_faults
from storage.errors import StorageUnavailable
from storage.fork_safety import transactions
from storage.repositories.access_rules import AccessRules
from storage.repositories.base import RepositoryContext
from storage.repositories.chat_migration import Chats
from storage.repositories.conversations import Conversations
from storage.repositories.heartbeats import Heartbeats
from storage.repositories.inbox import Inbox
from storage.repositories.jobs import Jobs
from storage.repositories.latents import Latents
from storage.repositories.photos import Photos
from storage.repositories.quota_uses import QuotaUses
from storage.repositories.removal import Removal
from storage.repositories.results import Results
from storage.repositories.sealed import SealedColumns
from storage.repositories.stats import Stats
from storage.repositories.users import Users

log = logging.getLogger(__name__)


class Store:
    """The entry point to storage. Safe to share between threads; units of work are not."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock = utc_now) -> None:
        self.database = database
        self.blobs = blobs
        self.clock = clock

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """A unit of work that may write. Raises `StorageUnavailable` when database or disk cannot serve."""
        with self._open(self.database.session_factory) as unit:
            yield unit

    @contextmanager
    def read_only(self) -> Iterator[UnitOfWork]:
        """A unit that only reads: it never waits for a writer, and the database refuses changes."""
        with self._open(self.database.reader_factory) as unit:
            yield unit

    @contextmanager
    def _open(self, sessions: sessionmaker[Session]) -> Iterator[UnitOfWork]:
        with database_faults(), transactions().one():
            unit = UnitOfWork(sessions(), self.blobs, self.clock)
            try:
                yield unit
            finally:
                unit.close()


class UnitOfWork:
    """One action: repositories that share a transaction."""

    def __init__(self, session: Session, blobs: BlobStore, clock: Clock) -> None:
        self._session = session
        self._blobs = UnitBlobs(blobs)
        self._tools = RepositoryContext(session, self._blobs, clock)

    @cached_property
    def users(self) -> Users:
        """People and their settings."""
        return Users(self._tools)

    @cached_property
    def chats(self) -> Chats:
        """Whole chats that get another number."""
        return Chats(self._tools)

    @cached_property
    def access_rules(self) -> AccessRules:
        """Access rules and maintenance mode."""
        return AccessRules(self._tools)

    @cached_property
    def conversations(self) -> Conversations:
        """The state of each conversation."""
        return Conversations(self._tools)

    @cached_property
    def photos(self) -> Photos:
        """Photos that were sent."""
        return Photos(self._tools)

    @cached_property
    def latents(self) -> Latents:
        """Faces that were encoded."""
        return Latents(self._tools)

    @cached_property
    def jobs(self) -> Jobs:
        """Work to do, and its delivery."""
        return Jobs(self._tools)

    @cached_property
    def results(self) -> Results:
        """Pictures that were made."""
        return Results(self._tools)

    @cached_property
    def heartbeats(self) -> Heartbeats:
        """Who lives."""
        return Heartbeats(self._tools)

    @cached_property
    def stats(self) -> Stats:
        """Aggregate counts."""
        return Stats(self._tools)

    @cached_property
    def inbox(self) -> Inbox:
        """Recorded updates of chat services."""
        return Inbox(self._tools)

    @cached_property
    def uses(self) -> QuotaUses:
        """How much was asked for lately, for quotas."""
        return QuotaUses(self._tools)

    @cached_property
    def sealed(self) -> SealedColumns:
        """What is encrypted in rows, and what files are bound to."""
        return SealedColumns(self._tools)

    @cached_property
    def removal(self) -> Removal:
        """What is to go; `deletion.py` is the way to it."""
        return Removal(self._tools)

    def commit(self) -> None:
        """Make everything since the beginning (or the last commit) last, then remove the blobs it let go."""
        try:
            self._session.commit()
        except (OperationalError, StorageUnavailable):
            # The connection broke: nobody knows whether the database committed. Rows may point to the new blobs, so
            # leave them; the purge finds the ones that no row names.
            self._blobs.forget()
            raise
        self._blobs.finish()

    def close(self) -> None:
        """Undo what was not committed."""
        try:
            self._session.close()
        finally:
            self._blobs.undo()


class UnitBlobs:
    """Lets blobs take part in a transaction: new ones go when it fails, deleted ones when it succeeds."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._written: list[str] = []
        self._pending_deletes: list[str] = []

    def put(self, data: bytes, context: str) -> str:
        """Write now; undone unless the unit commits."""
        key = self._blobs.put(data, context)
        self._written.append(key)
        return key

    def get(self, key: str, context: str) -> bytes:
        """Read through."""
        return self._blobs.get(key, context)

    def delete(self, key: str) -> None:
        """Delete when the unit commits."""
        self._pending_deletes.append(key)

    def seal(self, name: str, data: bytes) -> bytes:
        """Encrypt for a column."""
        return self._blobs.seal(name, data)

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """The reverse of `seal`."""
        return self._blobs.unseal(name, sealed)

    def is_newest(self, name: str, sealed: bytes) -> bool:
        """Whether a column's content is under the newest key."""
        return self._blobs.is_newest(name, sealed)

    def finish(self) -> None:
        """The transaction is through."""
        self._remove(self._pending_deletes)
        self.forget()

    def undo(self) -> None:
        """The transaction is not to be."""
        self._remove(self._written)
        self.forget()

    def forget(self) -> None:
        """Touch nothing more."""
        self._written, self._pending_deletes = [], []

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            try:
                self._blobs.delete(key)
            except StorageUnavailable:
                # The rows are right already; the purge will find the orphan.
                log.warning("a blob could not be deleted and is left to the purge")
