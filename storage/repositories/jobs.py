"""Jobs and their delivery. The row is authoritative; a queue message is only a hint to look at it.

    queued ──start──▶ running ──finish / fail / cancel──▶ done / failed / cancelled ──claim, deliver──▶ delivered
       ▲                 │
       └──retry_later────┘        a worker that dies lets its lease run out: start() succeeds again

A lease that ends later than any lease can was given by a clock that has been set back since; it counts for nothing.

Every change of state is one conditional UPDATE whose row count tells who won, so two workers (or couriers) that were
given the same job cannot both have it, on either database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update

from storage.errors import NotFound
from storage.models import JobRow, ResultRow, UserRow
from storage.records import Job, JobKind, JobState, Quality
from storage.repositories.base import RepositoryContext, new_id, record_of

ACTIVE: tuple[JobState, ...] = ("queued", "running")
FINISHED: tuple[JobState, ...] = ("done", "failed", "cancelled")

FAR = 1000
"""Places in the queue that are counted."""

BATCH = 500
"""Ids in one query."""

MAX_CLAIM = timedelta(hours=1)
"""Of a telling; services do not ask for more patience at once."""


class Jobs:
    """Repository of jobs."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def add(
        self,
        kind: JobKind,
        user_id: str,
        platform: str,
        chat_id: str,
        *,
        photo_id: str | None = None,
        mom_photo_id: str | None = None,
        dad_photo_id: str | None = None,
        wish: Mapping[str, Any] | None = None,
        quality: Quality = "fast",
        follows_job_id: str | None = None,
        reply: Mapping[str, Any] | None = None,
    ) -> Job:
        """A new queued job. Raises `NotFound` when the user, a photo or the job before it was deleted."""
        now = self._db.now()
        row = JobRow(
            id=new_id(),
            kind=kind,
            user_id=user_id,
            platform=platform,
            chat_id=chat_id,
            photo_id=photo_id,
            mom_photo_id=mom_photo_id,
            dad_photo_id=dad_photo_id,
            wish=dict(wish or {}),
            quality=quality,
            state="queued",
            stage="",
            progress=0.0,
            error_facts={},
            result={},
            attempts=0,
            cancel_requested=False,
            follows_job_id=follows_job_id,
            reply=dict(reply or {}),
            created_at=now,
            queued_at=now,
            delivery_attempts=0,
        )
        with self._db.owner_must_exist("user or photo", user_id):
            self._db.session.add(row)
            self._db.session.flush()
        return self.get(row.id)

    def get(self, job_id: str) -> Job:
        """Raises `NotFound`."""
        return record_of(Job, self._row(job_id))

    def start(self, job_id: str, lease: timedelta) -> Job | None:
        """Claim the job for `lease`. None if it is claimed by another worker, finished or deleted."""
        now = self._db.now()
        won = self._change(
            job_id,
            or_(JobRow.state == "queued", self._dropped(lease)),
            state="running",
            claimed_until=now + lease,
            attempts=JobRow.attempts + 1,
            started_at=func.coalesce(JobRow.started_at, now),
        )
        return self.get(job_id) if won else None

    def must_wait(self, job_id: str, lease: timedelta | None = None) -> bool:
        """Whether another drawing of the same person is being made: nobody has two workers at once.

        Ask in the unit that starts the job: it holds the person's row, so two workers cannot both hear "no". A
        refinement and a drawing that somebody waits for do not hold each other up, and photos nobody.
        """
        row = self._db.row(select(JobRow).where(JobRow.id == job_id))
        if row is None or row.kind == "encode":
            return False
        self._db.session.execute(select(UserRow.id).where(UserRow.id == row.user_id).with_for_update())
        others = and_(JobRow.user_id == row.user_id, JobRow.id != job_id, JobRow.quality == row.quality)
        served = and_(JobRow.state == "running", JobRow.kind != "encode", ~self._dropped(lease))
        return self._db.session.execute(select(JobRow.id).where(others, served).limit(1)).first() is not None

    def report(self, job_id: str, stage: str, progress: float, *, lease: timedelta | None = None) -> None:
        """Say how far a running job is (0..1); with `lease`, also that its worker lives on for that long."""
        values: dict[str, Any] = {"stage": stage, "progress": min(max(progress, 0.0), 1.0)}
        if lease is not None:
            values["claimed_until"] = self._db.now() + lease
        self._change(job_id, JobRow.state == "running", **values)

    def finish(self, job_id: str, result: Mapping[str, Any]) -> bool:
        """Done. False when it was not running (any more): then leave the unit without commit."""
        return self._end(job_id, "done", JobRow.state == "running", result=dict(result), progress=1.0)

    def fail(self, job_id: str, code: str, facts: Mapping[str, Any] | None = None) -> bool:
        """Failed for good, with the code and facts of the error. False when it was already finished."""
        return self._end(job_id, "failed", JobRow.state.in_(ACTIVE), error_code=code, error_facts=dict(facts or {}))

    def cancel(self, job_id: str) -> bool:
        """Cancelled. False when it was already finished."""
        return self._end(job_id, "cancelled", JobRow.state.in_(ACTIVE), cancel_requested=True)

    def retry_later(self, job_id: str) -> bool:
        """Hand a running job back to the queue after a passing fault. False when it was not running."""
        return self._change(
            job_id, JobRow.state == "running", state="queued", claimed_until=None, queued_at=self._db.now()
        )

    def request_cancel(self, job_id: str) -> bool:
        """Ask for an end: a queued job is cancelled at once, a running one when its worker looks. False: too late."""
        if self._end(job_id, "cancelled", JobRow.state == "queued", cancel_requested=True):
            return True
        return self._change(job_id, JobRow.state == "running", cancel_requested=True)

    def is_cancel_requested(self, job_id: str) -> bool:
        """Also True when the job was deleted: its owner wants nothing of it any more."""
        row = self._db.row(select(JobRow).where(JobRow.id == job_id))
        return row is None or row.cancel_requested

    def set_reply(self, job_id: str, **facts: Any) -> Job:
        """Add facts of the chat adapter, e.g. the number of the progress message. Raises `NotFound`."""
        row = self._row(job_id, lock=True)
        row.reply = {**row.reply, **facts}
        self._db.session.flush()
        return record_of(Job, row)

    def active_for(self, user_id: str) -> list[Job]:
        """Queued and running jobs of one person, the oldest first."""
        query = select(JobRow).where(JobRow.user_id == user_id, JobRow.state.in_(ACTIVE))
        return self._records(query.order_by(JobRow.created_at, JobRow.id))

    def with_messages(self, user_id: str) -> list[Job]:
        """Jobs of one person that may still have a message in the broker: running and never started ones."""
        never_begun = and_(JobRow.state == "cancelled", JobRow.started_at.is_(None))
        mine = and_(JobRow.user_id == user_id, or_(JobRow.state.in_(ACTIVE), never_begun))
        return self._records(select(JobRow).where(mine).order_by(JobRow.created_at, JobRow.id))

    def drawn_in(self, platform: str, chat_id: str, limit: int) -> list[Job]:
        """Children shown in a chat whose image still exists, newest first."""
        query = select(JobRow).join(ResultRow, ResultRow.job_id == JobRow.id)
        here = query.where(JobRow.platform == platform, JobRow.chat_id == chat_id, JobRow.kind == "child")
        shown = here.where(
            JobRow.state == "done",
            JobRow.delivered_at.is_not(None),
            JobRow.mom_photo_id.is_not(None),
            JobRow.dad_photo_id.is_not(None),
            ResultRow.expires_at > self._db.now(),
        )
        return self._records(shown.order_by(JobRow.finished_at.desc(), JobRow.id).limit(limit))

    def place(self, job: Job) -> int | None:
        """Which in the queue a drawing is, counted from 1: those queued before it that are served before it.

        None: so far back that nobody counts (`FAR`).
        """
        before = and_(JobRow.queued_at < job.queued_at, JobRow.quality == job.quality)
        queued = and_(JobRow.state == "queued", JobRow.kind != "encode", before)
        # Counted by the database, but not beyond `FAR`: to fetch them all would make a wish dearer where many wait.
        earlier = select(JobRow.id).where(queued).limit(FAR).subquery()
        place = int(self._db.session.execute(select(func.count()).select_from(earlier)).scalar_one()) + 1
        return place if place <= FAR else None

    def places(self) -> dict[str, int]:
        """The queue positions of waiting drawings, up to a limit."""
        found: dict[str, int] = {}
        for quality in get_args(Quality):
            waits = and_(JobRow.state == "queued", JobRow.kind != "encode", JobRow.quality == quality)
            ids = select(JobRow.id).where(waits).order_by(JobRow.queued_at).limit(FAR)
            found.update((job_id, place) for place, job_id in enumerate(self._db.session.scalars(ids), start=1))
        return found

    def waiting_beside(self, job_id: str, limit: int) -> list[str]:
        """Drawings that somebody waits for and nobody makes yet, the oldest first, one of each person.

        Without those of whose job this one is: nobody has two made at once.
        """
        owner = select(JobRow.user_id).where(JobRow.id == job_id).scalar_subquery()
        waits = and_(JobRow.state == "queued", JobRow.kind != "encode", JobRow.quality == "fast")
        query = select(JobRow.user_id, JobRow.id).where(waits, JobRow.user_id != owner).order_by(JobRow.queued_at)
        found: dict[str, str] = {}
        for user_id, waiting in self._db.session.execute(query.limit(FAR)):
            found.setdefault(user_id, waiting)
        return list(found.values())[:limit]

    def some(self, ids: Sequence[str]) -> dict[str, Job]:
        """Those of these jobs that exist."""
        found: dict[str, Job] = {}
        for start in range(0, len(ids), BATCH):
            query = select(JobRow).where(JobRow.id.in_(ids[start : start + BATCH]))
            found.update((job.id, job) for job in self._records(query))
        return found

    def count_queued(self) -> int:
        """How many jobs wait for a worker."""
        query = select(func.count()).where(JobRow.state == "queued")
        return int(self._db.session.execute(query).scalar_one())

    def undelivered(self, platform: str, limit: int = 20) -> list[Job]:
        """Finished jobs that are neither delivered nor being delivered, oldest first."""
        # Of a job that is not finished the index holds no moment, and all of these may be ten thousand.
        over = and_(JobRow.finished_at.is_not(None), JobRow.state.in_(FINISHED))
        query = select(JobRow).where(JobRow.platform == platform, over, self._deliverable())
        return self._records(query.order_by(JobRow.finished_at, JobRow.id).limit(limit))

    def claim_delivery(self, job_id: str, lease: timedelta) -> bool:
        """Take the telling for `lease`; False when another courier has it or it was told."""
        return self._change(
            job_id,
            and_(JobRow.state.in_(FINISHED), self._deliverable()),
            delivery_claimed_until=self._db.now() + lease,
            delivery_attempts=JobRow.delivery_attempts + 1,
        )

    def release_delivery(self, job_id: str, *, wait: timedelta = timedelta(0)) -> bool:
        """Delivery failed; retry after `wait` (at most an hour). False if it was delivered in the meantime."""
        wait = min(wait, MAX_CLAIM)
        return self._change(job_id, JobRow.delivered_at.is_(None), delivery_claimed_until=self._db.now() + wait)

    def renew_delivery(self, job_id: str, lease: timedelta) -> bool:
        """Extend the delivery claim by `lease` from now. False if it was delivered in the meantime."""
        return self.release_delivery(job_id, wait=lease)

    def mark_delivered(self, job_id: str) -> bool:
        """Mark as delivered. False if it was delivered before."""
        return self._change(
            job_id,
            and_(JobRow.state.in_(FINISHED), JobRow.delivered_at.is_(None)),
            delivered_at=self._db.now(),
            delivery_claimed_until=None,
        )

    def stale(self, older_than: timedelta | None, lease: timedelta | None = None, limit: int = 100) -> list[Job]:
        """Jobs that nobody works on: queued longer ago than that (None: none), or running with a lease that ran out."""
        now, nobody = self._db.now(), self._dropped(lease)
        if older_than is not None:
            # Queued in the future: the clock has been set back since.
            long_ago = or_(JobRow.queued_at < now - older_than, JobRow.queued_at > now + older_than)
            nobody = or_(and_(JobRow.state == "queued", long_ago), nobody)
        return self._records(select(JobRow).where(nobody).order_by(JobRow.queued_at, JobRow.id).limit(limit))

    def requeued(self, job_id: str, lease: timedelta | None = None) -> bool:
        """Record that a stale job was requeued; False if a worker has it after all."""
        free = or_(JobRow.state == "queued", self._dropped(lease))
        return self._change(job_id, free, state="queued", claimed_until=None, queued_at=self._db.now())

    def _dropped(self, lease: timedelta | None) -> ColumnElement[bool]:
        """Running, with a lease that ran out or that nobody can have given by the clock as it is now."""
        now = self._db.now()
        over = JobRow.claimed_until < now
        if lease is not None:
            # Twice: clocks of two machines differ a little.
            over = or_(over, JobRow.claimed_until > now + 2 * lease)
        return and_(JobRow.state == "running", over)

    def _deliverable(self) -> ColumnElement[bool]:
        now, until = self._db.now(), JobRow.delivery_claimed_until
        free = or_(until.is_(None), until <= now, until > now + 2 * MAX_CLAIM)
        return and_(JobRow.delivered_at.is_(None), free)

    def _end(self, job_id: str, state: JobState, condition: ColumnElement[bool], **values: Any) -> bool:
        """What was said about a photo so that it could be looked at is forgotten once that is done."""
        values["wish"] = case((JobRow.kind == "encode", literal({}, JobRow.wish.type)), else_=JobRow.wish)
        return self._change(job_id, condition, state=state, finished_at=self._db.now(), claimed_until=None, **values)

    def _change(self, job_id: str, condition: ColumnElement[bool], **values: Any) -> bool:
        return self._db.change(update(JobRow).where(JobRow.id == job_id, condition).values(**values)) == 1

    def _row(self, job_id: str, *, lock: bool = False) -> JobRow:
        query = select(JobRow).where(JobRow.id == job_id)
        row = self._db.row(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound(what="job", id=job_id)
        return row

    def _records(self, query: Any) -> list[Job]:
        return [record_of(Job, row) for row in self._db.rows(query)]
