"""Signs of life that workers and purges give, so that whoever looks knows that somebody works. Nothing of anybody's."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from storage.models import SignRow
from storage.repositories.base import RepositoryContext, record_of

FORGOTTEN_AFTER = timedelta(days=1)
"""A process that was killed says no goodbye."""

PATIENCE = timedelta(seconds=30)
"""On top of two signs that may get lost."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Who lives where, since when, and when it is to be heard of again (seconds after `seen_at`)."""

    source: str
    kind: str
    since: datetime
    seen_at: datetime
    again_in: float
    facts: dict[str, Any]

    def is_alive(self, now: datetime) -> bool:
        """False once it has been silent for too long."""
        return now <= self.seen_at + timedelta(seconds=3 * self.again_in) + PATIENCE


def this_process() -> str:
    """What this process calls itself as a source of signs."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heartbeats:
    """Repository of signs of life."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def give(self, source: str, kind: str, again_in: float, facts: Mapping[str, Any] | None = None) -> None:
        """`source` lives, and will say so again in so many seconds. Those long silent are forgotten on the way."""
        now = self._db.now()
        new = {"since": now, "seen_at": now, "again_in": again_in, "kind": kind, "facts": dict(facts or {})}
        if not self._db.insert_unless_there(SignRow, source=source, **new):
            row = self._db.row(select(SignRow).where(SignRow.source == source))
            if row is not None:
                row.seen_at, row.again_in, row.kind, row.facts = now, again_in, kind, dict(facts or {})
                self._db.session.flush()
        self._db.change(delete(SignRow).where(SignRow.seen_at < now - FORGOTTEN_AFTER, SignRow.kind != "mark"))

    def withdraw(self, source: str) -> None:
        """It ends, and that is meant."""
        self._db.change(delete(SignRow).where(SignRow.source == source))

    def mark(self, source: str) -> None:
        """Something was done just now; who did it does not matter."""
        self.give(source, "mark", 0.0)

    def marked(self, source: str) -> datetime | None:
        """When it was done last."""
        return self._db.session.scalar(select(SignRow.seen_at).where(SignRow.source == source))

    def alive(self, kind: str | None = None) -> list[Heartbeat]:
        """Everybody who is not silent, by name."""
        query = select(SignRow).where(SignRow.kind == kind if kind else SignRow.kind != "mark")
        signs = [record_of(Heartbeat, row) for row in self._db.rows(query.order_by(SignRow.source))]
        return [sign for sign in signs if sign.is_alive(self._db.now())]
