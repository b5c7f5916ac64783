"""The frame around every job: take it, do it, and write down how it ended. Safe to run twice, or in two places."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded

from core.errors import Cancelled, ChildFaceError
from storage.errors import NotFound, PhotoGone
from storage.records import Job
from tasks.reporter import Reporter
from tasks.workshop import Workshop

log = logging.getLogger(__name__)

PASSING = (OSError,)
"""Faults that may be over in a minute: database or disk away, locked or full (`StorageUnavailable` is an OSError)."""

ONE_AT_A_TIME = 1.0
"""Seconds between two looks at whether a person's drawing before this one is done."""

Work = Callable[[Job, Reporter], Any]
"""Does a job and writes its result. Raises what `core` and `storage` raise."""


@dataclass(frozen=True)
class Again:
    """The job is not finished and nobody works on it: look at it again after this many seconds."""

    seconds: float


def run_job(workshop: Workshop, job_id: str, work: Work) -> Again | None:
    """Take the job, do the work, write down the end. Returns `Again` when it must be looked at once more.

    Raises nothing that passes or that somebody's photo can cause; such ends stand in the job's row.
    """
    try:
        job = _take(workshop, job_id)
    except PASSING as fault:
        log.warning("job %s: cannot be taken now: %s", job_id, type(fault).__name__)
        return Again(workshop.config.retry_wait(3))
    if job is None:
        return _look_again(workshop, job_id)
    if job.attempts > workshop.config.max_attempts:
        # Whatever takes the whole process down with it is not tried for ever.
        log.error("job %s: given up after %d attempts", job_id, job.attempts - 1)
        return _end(workshop, job, "too_many_attempts", {})
    reporter = Reporter(workshop, job_id)
    try:
        with reporter.alive():
            work(job, reporter)
    except Cancelled:
        return _stop(workshop, job)
    except ChildFaceError as answer:
        log.info("job %s: answered %s", job_id, answer.code)
        return _end(workshop, job, answer.code, answer.facts())
    except PhotoGone as answer:
        return _end(workshop, job, answer.code, answer.facts())
    except NotFound:
        log.info("job %s: what it needs was deleted", job_id)
        return _end(workshop, job, None, {})
    except SoftTimeLimitExceeded:
        log.warning("job %s: took too long", job_id)
        return _end(workshop, job, "timed_out", {"seconds": workshop.config.soft_limit})
    except PASSING as fault:
        return _try_later(workshop, job, fault)
    except Exception:
        log.exception("job %s: failed", job_id)
        return _end(workshop, job, "internal_error", {})
    return None


def _take(workshop: Workshop, job_id: str) -> Job | None:
    with workshop.store.unit() as unit:
        if unit.jobs.must_wait(job_id):
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
    return Again(max(left, timedelta(0)).total_seconds() + 1.0)


def _stop(workshop: Workshop, job: Job) -> Again | None:
    """Cancelled by its owner; or stopped because this process ends, and then it goes back to the queue."""
    with workshop.store.view() as unit:
        wanted = unit.jobs.is_cancel_requested(job.id)
    if wanted or not workshop.stopping.is_set():
        log.info("job %s: cancelled", job.id)
        return _end(workshop, job, None, {})
    log.info("job %s: handed back, this process ends", job.id)
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
    return None


def _try_later(workshop: Workshop, job: Job, fault: BaseException) -> Again | None:
    """Hand the job back after a passing fault, or give up after the last attempt."""
    log.warning("job %s: attempt %d met %s", job.id, job.attempts, type(fault).__name__)
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
    return None if last else Again(workshop.config.retry_wait(job.attempts))
