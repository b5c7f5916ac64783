"""Access rules and maintenance mode, as set by the operators.

Independent of `users`: somebody who is denied access stays out when they delete their data, and comes in only by the
same command. A row holds the platform, the number and the decision, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from storage.models import DoorRow, JobRow, SwitchRow, UserRow
from storage.repositories.base import RepositoryContext

Verdict = Literal["allow", "block"]

MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class AdminStats:
    """What an operator wants to know at a glance."""

    people: int
    queued: int
    running: int
    undelivered: int
    """Finished, but not delivered yet."""
    failed: int
    """In the last 24 hours."""
    allowed: int
    blocked: int
    maintenance: bool


class AccessRules:
    """Repository of decisions about people and chats."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def verdicts(self, platform: str, *numbers: str) -> set[str]:
        """What was decided about any of these people and chats."""
        query = select(DoorRow.verdict).where(DoorRow.platform == platform, DoorRow.number.in_(numbers))
        return set(self._db.session.scalars(query))

    def decide(self, platform: str, number: str, verdict: Verdict) -> None:
        """Let in, or keep out, from now on; takes the place of an earlier decision."""
        self.forget(platform, number)
        self._db.insert_unless_there(
            DoorRow, platform=platform, number=number, verdict=verdict, created_at=self._db.now()
        )

    def forget(self, platform: str, number: str) -> bool:
        """No decision any more; True if there was one."""
        return self._db.change(delete(DoorRow).where(DoorRow.platform == platform, DoorRow.number == number)) == 1

    def has_allow_list(self, platform: str) -> bool:
        """Whether an allow list exists; then only its members may use the bot."""
        query = select(DoorRow.number).where(DoorRow.platform == platform, DoorRow.verdict == "allow").limit(1)
        return self._db.session.scalar(query) is not None

    @property
    def maintenance(self) -> bool:
        """Whether maintenance mode is on."""
        return self._db.session.scalar(select(SwitchRow.name).where(SwitchRow.name == MAINTENANCE)) is not None

    def set_maintenance(self, on: bool) -> None:
        """Take in nothing new, or open again; doing it twice is doing it once."""
        if on:
            self._db.insert_unless_there(SwitchRow, name=MAINTENANCE, since=self._db.now())
        else:
            self._db.change(delete(SwitchRow).where(SwitchRow.name == MAINTENANCE))

    def admin_stats(self) -> AdminStats:
        """Aggregate counts."""
        states = self._counts(JobRow.state)
        verdicts = self._counts(DoorRow.verdict)
        finished = JobRow.finished_at.is_not(None)
        since = self._db.now() - timedelta(days=1)
        return AdminStats(
            people=self._count(UserRow.consent_at.is_not(None)),
            queued=states.get("queued", 0),
            running=states.get("running", 0),
            undelivered=self._count(finished & JobRow.delivered_at.is_(None)),
            failed=self._count((JobRow.state == "failed") & (JobRow.finished_at > since)),
            allowed=verdicts.get("allow", 0),
            blocked=verdicts.get("block", 0),
            maintenance=self.maintenance,
        )

    def _count(self, condition: ColumnElement[bool]) -> int:
        return self._db.session.scalar(select(func.count()).where(condition)) or 0

    def _counts(self, column: InstrumentedAttribute[str]) -> dict[str, int]:
        rows = self._db.session.execute(select(column, func.count()).group_by(column))
        return {name: count for name, count in rows}
