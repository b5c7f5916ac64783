"""Runs a job: claim it, run it, record its outcome. Safe to run twice."""

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
from tasks.context import TaskContext
from tasks.jobs import instrumentation
from tasks.jobs.progress import Reporter

log = get_logger(__name__)

TRANSIENT_ERRORS = (OSError,)
"""Faults that may be over in a minute: database or disk away, locked or full (`StorageUnavailable` is an OSError)."""

ONE_AT_A_TIME = 1.0
"""Seconds between checks whether the person's previous drawing is done."""

Work = Callable[[Job, Reporter], bool]
"""Does a job and writes its result; False when it had ended before. Raises what `core` and `storage` raise."""


@dataclass(frozen=True)
class RetryAfter:
    """The job is unfinished and unclaimed: retry after this many seconds."""

    seconds: float


def run_job(context: TaskContext, job_id: str, work: Work) -> RetryAfter | None:
    """Take the job, do the work, write down the end. Returns `RetryAfter` when it must be looked at once more.

    Raises nothing that passes or that somebody's photo can cause; such ends stand in the job's row.
    """
    with about(job=job_id):
        return _run(context, job_id, work)


def _run(context: TaskContext, job_id: str, work: Work) -> RetryAfter | None:
    try:
        job = _take(context, job_id)
    except TRANSIENT_ERRORS as fault:
        log.warning("cannot be taken now", fault=type(fault).__name__)
        return RetryAfter(context.config.retry_wait(3))
    if job is None:
        return _look_again(context, job_id)
    if job.attempts > context.config.max_attempts:
        # Whatever takes the whole process down with it is not tried for ever.
        log.error("given up", attempts=job.attempts - 1)
        return _end(context, job, "too_many_attempts", {})
    reporter = Reporter(context, job_id)
    instrumentation.taken(context, job)
    try:
        with reporter.alive(), instrumentation.timed(job):
            finished = work(job, reporter)
    except Cancelled:
        return _stop(context, job)
    except ChildFaceError as answer:
        log.info("answered", code=answer.code)
        return _end(context, job, answer.code, answer.facts())
    except PhotoGone as answer:
        return _end(context, job, answer.code, answer.facts())
    except NotFound:
        log.info("what it needs was deleted")
        return _end(context, job, None, {})
    except SoftTimeLimitExceeded:
        log.warning("took too long", seconds=context.config.soft_limit)
        return _end(context, job, "timed_out", {"seconds": context.config.soft_limit})
    except TRANSIENT_ERRORS as fault:
        return _try_later(context, job, fault)
    except Exception:
        log.exception("failed")
        return _end(context, job, "internal_error", {})
    if finished:
        instrumentation.ended(job, "done")
    return None


def _take(context: TaskContext, job_id: str) -> Job | None:
    with context.store.unit() as unit:
        if unit.jobs.must_wait(job_id, context.config.lease):
            return None
        job = unit.jobs.start(job_id, context.config.lease)
        unit.commit()
    return job


def _look_again(context: TaskContext, job_id: str) -> RetryAfter | None:
    """Somebody else has the job, or had it and was killed: then its lease runs out and it is ours.

    Still queued: another drawing of its owner is being made, and this one comes after it.
    """
    try:
        with context.store.read_only() as unit:
            job = unit.jobs.get(job_id)
    except NotFound:
        return None
    if job.state == "queued":
        return RetryAfter(ONE_AT_A_TIME)
    if job.state != "running":
        return None
    left = (job.claimed_until or context.store.clock()) - context.store.clock()
    # At most a lease: a longer one was given by a clock that has been set back since, and counts for nothing.
    return RetryAfter(min(max(left, timedelta(0)), context.config.lease).total_seconds() + 1.0)


def _stop(context: TaskContext, job: Job) -> RetryAfter | None:
    """Cancelled by its owner, or stopped by shutdown, in which case it is requeued."""
    with context.store.read_only() as unit:
        wanted = unit.jobs.is_cancel_requested(job.id)
    if wanted or not context.stopping.is_set():
        log.info("cancelled")
        return _end(context, job, None, {})
    log.info("handed back, this process ends")
    with context.store.unit() as unit:
        unit.jobs.retry_later(job.id)
        unit.commit()
    return None


def _end(context: TaskContext, job: Job, code: str | None, facts: dict[str, Any]) -> RetryAfter | None:
    """Write a failure (or, without a code, a cancellation) into the row."""
    try:
        with context.store.unit() as unit:
            if code is None:
                unit.jobs.cancel(job.id)
            else:
                unit.jobs.fail(job.id, code, facts)
            unit.commit()
    except TRANSIENT_ERRORS as fault:
        return _try_later(context, job, fault)
    instrumentation.ended(job, "cancelled" if code is None else "failed", code)
    return None


def _try_later(context: TaskContext, job: Job, fault: BaseException) -> RetryAfter | None:
    """Hand the job back after a passing fault, or give up after the last attempt."""
    log.warning("an attempt failed", attempts=job.attempts, fault=type(fault).__name__)
    last = job.attempts >= context.config.max_attempts
    try:
        with context.store.unit() as unit:
            if last:
                unit.jobs.fail(job.id, "service_down", {})
            else:
                unit.jobs.retry_later(job.id)
            unit.commit()
    except TRANSIENT_ERRORS:
        # Not even that could be written: the lease will run out and the job is free again.
        return RetryAfter(context.config.lease.total_seconds())
    instrumentation.ended(job, "failed", "service_down") if last else instrumentation.handed_back(job, fault)
    return None if last else RetryAfter(context.config.retry_wait(job.attempts))
