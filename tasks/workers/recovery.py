"""Finds jobs whose message was lost (a broker without memory, a killed worker) and queues them again."""

from __future__ import annotations

from datetime import timedelta

from observability.logs import get_logger
from observability.metrics import JOBS_REQUEUED
from storage.unit_of_work import Store
from tasks.config import TaskConfig
from tasks.queue import JobQueue

log = get_logger(__name__)


def requeue_lost(store: Store, queue: JobQueue, older_than: timedelta, config: TaskConfig) -> int:
    """Queue every job again whose message is lost or whose worker fell silent; returns how many.

    A broker with as many messages as jobs wait has lost none, however long they wait. One without messages has lost
    them all. In between, jobs that have waited longer than `older_than` are taken to be the lost ones: harmless when a
    message does exist after all, the second one finds the job taken.
    """
    messages = queue.waiting()
    with store.read_only() as unit:
        if messages == 0:
            older_than = min(older_than, config.empty_for)
        all_there = 0 < messages >= unit.jobs.count_queued()
        lost = unit.jobs.stale(None if all_there else older_than, config.lease)
    found = 0
    for job in lost:
        with store.unit() as unit:
            mine = unit.jobs.requeued(job.id, config.lease)
            unit.commit()
        if mine:
            queue.put(job)
            found += 1
            JOBS_REQUEUED.inc()
            log.info("queued again", job=job.id)
    return found
