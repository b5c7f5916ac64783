"""The frame around every job: take it, do it, and write down how it ended. Safe to run twice, or in two places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded

from core.domain.errors import Cancelled, ChildFaceError
from observability.logs import about, get_logger
from storage.errors import NotFound, PhotoGone
from storage.records import Job
from tasks.context import Workshop
from tasks.jobs import instrumentation
from tasks.jobs.progress import Reporter

log = get_logger(__name__)

PASSING = (OSError,)
"""Faults that may be over in a minute: database or disk away, locked or full (`StorageUnavailable` is an OSError)."""

ONE_AT_A_TIME = 1.0
"""Seconds between two looks at whether a person's drawing before this one is done."""

Work = Callable[[Job, Reporter], bool]
"""Does a job and writes its result; False when it had ended before. Raises what `core` and `storage` raise."""


@dataclass(frozen=True)
class Again:
    """The job is not finished and nobody works on it: look at it again after this many seconds."""

    seconds: float


def run_job(workshop: Workshop, job_id: str, work: Work) -> Again | None:
    """Take the job, do the work, write down the end. Returns `Again` when it must be looked at once more.

    Raises nothing that passes or that somebody's photo can cause; such ends stand in the job's row.
    """
    with about(job=job_id):
        return _run(workshop, job_id, work)


def _run(workshop: Workshop, job_id: str, work: Work) -> Again | None:
    try:
        job = _take(workshop, job_id)
    except PASSING as fault:
        log.warning("cannot be taken now", fault=type(fault).__name__)
        return Again(workshop.config.retry_wait(3))
    if job is None:
        return _look_again(workshop, job_id)
    if job.attempts > workshop.config.max_attempts:
        # Whatever takes the whole process down with it is not tried for ever.
        log.error("given up", attempts=job.attempts - 1)
        return _end(workshop, job, "too_many_attempts", {})
    reporter = Reporter(workshop, job_id)
    instrumentation.taken(workshop, job)
    try:
        with reporter.alive(), instrumentation.timed(job):
            finished = work(job, reporter)
    except Cancelled:
        return _stop(workshop, job)
    except ChildFaceError as answer:
        log.info("answered", code=answer.code)
        return _end(workshop, job, answer.code, answer.facts())
    except PhotoGone as answer:
        return _end(workshop, job, answer.code, answer.facts())
    except NotFound:
        log.info("what it needs was deleted")
        return _end(workshop, job, None, {})
    except SoftTimeLimitExceeded:
        log.warning("took too long", seconds=workshop.config.soft_limit)
        return _end(workshop, job, "timed_out", {"seconds": workshop.config.soft_limit})
    except PASSING as fault:
        return _try_later(workshop, job, fault)
    except Exception:
        log.exception("failed")
        return _end(workshop, job, "internal_error", {})
    if finished:
        instrumentation.ended(job, "done")
    return None


def _take(workshop: Workshop, job_id: str) -> Job | None:
    with workshop.store.unit() as unit:
        if unit.jobs.must_wait(job_id, workshop.config.lease):
            return None
        job = unit.jobs.start(job_id, workshop.config.lease)
        unit.commit()
    return job


def _look_again(workshop: Workshop, job_id: str) -> Again | None:
    """Somebody else has the job, or had it and was killed: then its lease runs out and it is ours.

    Still queued: another drawing of its owner is being made, and this one comes after it.
    """
    try:
        with workshop.store.view() as unit:
            job = unit.jobs.get(job_id)
    except NotFound:
        return None
    if job.state == "queued":
        return Again(ONE_AT_A_TIME)
    if job.state != "running":
        return None
    left = (job.claimed_until or workshop.store.clock()) - workshop.store.clock()
    # At most a lease: a longer one was given by a clock that has been set back since, and counts for nothing.
    return Again(min(max(left, timedelta(0)), workshop.config.lease).total_seconds() + 1.0)


def _stop(workshop: Workshop, job: Job) -> Again | None:
    """Cancelled by its owner; or stopped because this process ends, and then it goes back to the queue."""
    with workshop.store.view() as unit:
        wanted = unit.jobs.is_cancel_requested(job.id)
    if wanted or not workshop.stopping.is_set():
        log.info("cancelled")
        return _end(workshop, job, None, {})
    log.info("handed back, this process ends")
    with workshop.store.unit() as unit:
        unit.jobs.retry_later(job.id)
        unit.commit()
    return None


def _end(workshop: Workshop, job: Job, code: str | None, facts: dict[str, Any]) -> Again | None:
    """Write a failure (or, without a code, a cancellation) into the row."""
    try:
        with workshop.store.unit() as unit:
            if code is None:
                unit.jobs.cancel(job.id)
            else:
                unit.jobs.fail(job.id, code, facts)
            unit.commit()
    except PASSING as fault:
        return _try_later(workshop, job, fault)
    instrumentation.ended(job, "cancelled" if code is None else "failed", code)
    return None


def _try_later(workshop: Workshop, job: Job, fault: BaseException) -> Again | None:
    """Hand the job back after a passing fault, or give up after the last attempt."""
    log.warning("an attempt failed", attempts=job.attempts, fault=type(fault).__name__)
    last = job.attempts >= workshop.config.max_attempts
    try:
        with workshop.store.unit() as unit:
            if last:
                unit.jobs.fail(job.id, "service_down", {})
            else:
                unit.jobs.retry_later(job.id)
            unit.commit()
    except PASSING:
        # Not even that could be written: the lease will run out and the job is free again.
        return Again(workshop.config.lease.total_seconds())
    instrumentation.ended(job, "failed", "service_down") if last else instrumentation.handed_back(job, fault)
    return None if last else Again(workshop.config.retry_wait(job.attempts))
