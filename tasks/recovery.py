"""Finds jobs whose message was lost (a broker without memory, a killed worker) and queues them again."""

from __future__ import annotations

from datetime import timedelta

from observability.logs import get_logger
from observability.metrics import JOBS_REQUEUED
from storage.unit import Store
from tasks.queue import JobQueue

log = get_logger(__name__)


def requeue_lost(store: Store, queue: JobQueue, older_than: timedelta) -> int:
    """Queue every job again that waits longer than `older_than` or whose worker fell silent; returns how many.

    Harmless when a message does exist after all: the second one finds the job taken.
    """
    with store.view() as unit:
        lost = unit.jobs.stale(older_than)
    found = 0
    for job in lost:
        with store.unit() as unit:
            mine = unit.jobs.requeued(job.id)
            unit.commit()
        if mine:
            queue.put(job)
            found += 1
            JOBS_REQUEUED.inc()
            log.info("queued again", job=job.id)
    return found
