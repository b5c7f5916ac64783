"""Enqueues jobs. Needs no torch: chat processes use it too."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from storage.records import Job, JobKind, Quality

ENCODE_TASK = "tasks.encode_photo"
MAKE_TASK = "tasks.make_child"

ENCODE, DRAW, REFINE = "encode", "draw", "refine"
QUEUES = (ENCODE, DRAW, REFINE)
"""In the order in which a worker that serves all of them looks: somebody waits for the first two."""


class JobQueue(Protocol):
    """The queue for a committed job."""

    def put(self, job: Job) -> None:
        """Queue it. The message holds the id only; losing it loses nothing, because the row is the truth."""
        ...

    def take_back(self, jobs: Sequence[Job]) -> int:
        """Remove unclaimed messages of these jobs from the broker; returns how many."""
        ...

    def waiting(self) -> int:
        """The number of unclaimed messages. Raises the broker's error if it is unavailable."""
        ...


def route(job: Job) -> tuple[str, str]:
    """The task's name and the queue of a job."""
    return ENCODE_TASK if job.kind == "encode" else MAKE_TASK, queue_of(job.kind, job.quality)


def queue_of(kind: JobKind, quality: Quality) -> str:
    """Where jobs of a sort wait."""
    if kind == "encode":
        return ENCODE
    return REFINE if quality == "refined" else DRAW


class CeleryQueue:
    """A `JobQueue` that sends tasks by name. Raises kombu's OperationalError when the broker is unavailable."""

    def __init__(self, app: Any, prefix: str = "") -> None:
        """`app` is a Celery app; it needs no tasks of its own."""
        self._app = app
        self._prefix = prefix

    def put(self, job: Job) -> None:
        """Queue it."""
        task, queue = route(job)
        # Celery's own log lines tell the number of the task: it begins with that of the job.
        task_id = f"{job.id}.{secrets.token_hex(4)}"
        # A short, bounded retry: the caller may be a chat that somebody is looking at.
        policy = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.3, "interval_max": 0.5}
        self._app.send_task(
            task,
            args=[job.id],
            task_id=task_id,
            queue=self._prefix + queue,
            ignore_result=True,
            retry=True,
            retry_policy=policy,
        )

    def take_back(self, jobs: Sequence[Job]) -> int:
        """Brokers have no question for that, so the queues are read through: in memory, or in Redis."""
        ids = {job.id for job in jobs}
        queues = {self._prefix + route(job)[1] for job in jobs}
        with self._app.connection_for_write() as connection:
            channel = connection.default_channel
            return sum(_take_out(channel, queue, ids) for queue in queues)

    def waiting(self) -> int:
        """The number of unclaimed messages."""
        with self._app.connection_for_read() as connection:
            channel = connection.default_channel
            return sum(channel.queue_declare(self._prefix + name, passive=False).message_count for name in QUEUES)


def _take_out(channel: Any, queue: str, ids: set[str]) -> int:
    """Remove the messages of these jobs from one queue."""
    if not hasattr(channel, "client"):  # in memory: a queue of Python's own
        held = channel._queue_for(queue)
        with held.mutex:
            ours = [message for message in held.queue if _job_of(message) in ids]
            for message in ours:
                held.queue.remove(message)
        return len(ours)
    found = [text for text in channel.client.lrange(queue, 0, -1) if _job_of(json.loads(text)) in ids]
    return sum(channel.client.lrem(queue, 1, text) for text in found)


def _job_of(message: dict[str, Any]) -> str:
    """The number of a task begins with that of its job."""
    return str(message["headers"].get("id", "")).partition(".")[0]
