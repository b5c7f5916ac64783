"""The Celery tasks. They are thin: take an id, call the plain function, nothing else.

Nothing connects, loads a model or reads a setting until a task runs.
"""

from __future__ import annotations

import random

from celery import Celery, Task

from tasks.context import TaskContext
from tasks.jobs.concurrent_drawing import make_children
from tasks.jobs.encode import encode_photo
from tasks.jobs.job_runner import RetryAfter
from tasks.queue import ENCODE_TASK, MAKE_TASK
from tasks.workers.per_process import PerProcess


def register(app: Celery, workshop: PerProcess[TaskContext]) -> None:
    """Add the tasks. The workshop is opened in each worker process when its first task runs."""

    def encode_photo_task(task: Task, job_id: str) -> None:
        """Encode the photo of a job."""
        _again(task, encode_photo(workshop(), job_id))

    def make_child_task(task: Task, job_id: str) -> None:
        """Draw the child of a job; with a GPU, those of others who wait beside it."""
        _again(task, make_children(workshop(), job_id))

    # The job counts its own attempts and ends them, so Celery need not. Not shared: Celery would otherwise add the
    # tasks to every other app of the process.
    app.task(name=ENCODE_TASK, bind=True, max_retries=None, shared=False)(encode_photo_task)
    app.task(name=MAKE_TASK, bind=True, max_retries=None, shared=False)(make_child_task)
    app.finalize()


def _again(task: Task, wish: RetryAfter | None) -> None:
    """Celery's retry, where the job asks for it."""
    if wish is not None:
        queue = task.request.delivery_info.get("routing_key")
        # A little chance: those who met the same fault do not all come back in the same instant.
        raise task.retry(countdown=wish.seconds * random.uniform(0.8, 1.2), queue=queue)
