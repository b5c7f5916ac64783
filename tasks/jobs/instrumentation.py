"""Job metrics, kept apart from the work itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from observability import metrics, traces
from storage.records import Job
from tasks.context import TaskContext
from tasks.queue import queue_of

End = Literal["done", "failed", "cancelled"]


def taken(context: TaskContext, job: Job) -> None:
    """A worker has it; the first one to have it ends the waiting."""
    now = context.store.clock()
    traces.past(job.id, "wait", job.queued_at, now, queue=queue_of(job.kind, job.quality), attempt=job.attempts)
    if job.attempts == 1:
        waited = (now - job.created_at).total_seconds()
        metrics.JOB_WAIT.labels(queue_of(job.kind, job.quality)).observe(max(waited, 0.0))


@contextmanager
def timed(job: Job) -> Iterator[None]:
    """The block is the work on a job, however it ends."""
    began = time.perf_counter()
    try:
        with traces.working(job.id, job.kind, quality=job.quality, attempt=job.attempts):
            yield
    finally:
        metrics.JOB_SECONDS.labels(job.kind, job.quality).observe(time.perf_counter() - began)


def ended(job: Job, end: End, code: str | None = None) -> None:
    """Nothing more will happen to it; `code` of the error where it failed."""
    metrics.JOBS_ENDED.labels(job.kind, job.quality, end).inc()
    if code is not None:
        metrics.JOB_ERRORS.labels(job.kind, code).inc()


def handed_back(job: Job, fault: BaseException) -> None:
    """It is queued again after a transient error."""
    metrics.JOB_RETRIES.labels(job.kind, type(fault).__name__).inc()


def looked_up(wanted: Literal["best", "fast", "refined"], found: object | None) -> None:
    """Whether the cache held a parent's latent."""
    metrics.LATENT_LOOKUPS.labels(wanted, "miss" if found is None else "hit").inc()


def staged(*timings_ms: dict[str, float]) -> None:
    """The stages of what the pipeline has just done, in order."""
    for one in timings_ms:
        metrics.observe_stages(one)
    traces.stages(timings_ms)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A stage that the pipeline itself does not time."""
    began = time.perf_counter()
    with metrics.STAGE_SECONDS.labels(name).time():
        yield
    traces.stages([{name: 1000 * (time.perf_counter() - began)}])
