"""Aggregate counts for `childface status` and /metrics. No personal data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from storage.models import JobRow, LatentRow, PhotoRow, ResultRow
from storage.records import JobKind, Quality
from storage.repositories.base import RepositoryContext
from storage.repositories.jobs import FINISHED


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Jobs of one sort: how many, and when the oldest of them was asked for."""

    kind: JobKind
    quality: Quality
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a worker has."""

    id: str
    kind: JobKind
    quality: Quality
    stage: str
    progress: float
    attempts: int
    created_at: datetime
    started_at: datetime | None
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class ExpiredCounts:
    """What has outlived its time and waits for the purge; and when the next thing will."""

    photos: int
    latents: int
    results: int
    next_at: datetime | None


class Stats:
    """Repository of counts."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def waiting(self) -> list[QueueDepth]:
        """Queued jobs, by sort."""
        query = select(JobRow.kind, JobRow.quality, func.count(), func.min(JobRow.created_at))
        rows = self._db.session.execute(
            query.where(JobRow.state == "queued").group_by(JobRow.kind, JobRow.quality).order_by(JobRow.kind)
        )
        return [QueueDepth(kind, quality, count, oldest) for kind, quality, count, oldest in rows]  # type: ignore[arg-type]

    def running(self, limit: int = 50) -> list[Running]:
        """Jobs that workers have, the longest at it first."""
        columns = (
            JobRow.id, JobRow.kind, JobRow.quality, JobRow.stage, JobRow.progress, JobRow.attempts, JobRow.created_at,
            JobRow.started_at, JobRow.claimed_until,
        )  # fmt: skip
        query = select(*columns).where(JobRow.state == "running").order_by(JobRow.started_at, JobRow.id).limit(limit)
        return [Running(*row) for row in self._db.session.execute(query)]  # type: ignore[arg-type]

    def ended_since(self, span: timedelta) -> dict[str, int]:
        """Jobs that ended within that time, by "done", "cancelled", or "failed: code"."""
        since = self._db.now() - span
        query = select(JobRow.state, JobRow.error_code, func.count()).where(
            JobRow.state.in_(FINISHED), JobRow.finished_at >= since
        )
        rows = self._db.session.execute(query.group_by(JobRow.state, JobRow.error_code).order_by(JobRow.state))
        ended: dict[str, int] = {}
        for state, code, count in rows:
            name = f"failed: {code}" if state == "failed" else state
            ended[name] = ended.get(name, 0) + count
        return ended

    def undelivered(self) -> dict[str, int]:
        """Finished jobs not delivered yet, by platform."""
        query = select(JobRow.platform, func.count()).where(
            JobRow.delivered_at.is_(None), JobRow.finished_at.is_not(None)
        )
        rows = self._db.session.execute(query.group_by(JobRow.platform).order_by(JobRow.platform))
        return {platform: count for platform, count in rows}

    def due(self) -> ExpiredCounts:
        """What the next purge will take, and when the next thing outlives its time."""
        now = self._db.now()
        counts: dict[str, int] = {}
        nexts: list[datetime] = []
        for name, model in (("photos", PhotoRow), ("latents", LatentRow), ("results", ResultRow)):
            there = model.blob_key.is_not(None)
            expired = select(func.count()).select_from(model).where(model.expires_at <= now, there)
            counts[name] = self._db.session.scalar(expired) or 0
            first = self._db.session.scalar(select(func.min(model.expires_at)).where(there))
            nexts += [first] if first is not None else []
        return ExpiredCounts(**counts, next_at=min(nexts, default=None))

    def database_bytes(self) -> int:
        """What the database takes on its disk."""
        if self._db.session.get_bind().dialect.name == "postgresql":
            size = select(func.pg_database_size(func.current_database()))
        else:
            size = select(text("page_count * page_size FROM pragma_page_count(), pragma_page_size()"))
        return int(self._db.session.scalar(size) or 0)
