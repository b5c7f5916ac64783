"""The Celery app. Tasks are thin: an id in, the plain function called, nothing out: the job's row is the truth.

Nothing connects, loads a model or reads a setting until a task runs.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, Task
from kombu import Queue

from tasks.child import make_child
from tasks.config import TaskConfig
from tasks.encode import encode_photo
from tasks.per_process import PerProcess
from tasks.queue import ENCODE_TASK, MAKE_TASK, QUEUES
from tasks.running import Again
from tasks.workshop import Workshop


def create_celery(config: TaskConfig) -> Celery:
    """A Celery app that can send tasks; `register` makes it one that can run them."""
    # Without a host kombu warns, even where there is none.
    broker = "memory://localhost/" if config.broker_url == "memory://" else config.broker_url
    app = Celery("childface", broker=broker, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A long job must not hold back the ones that another worker could take.
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        task_soft_time_limit=config.soft_limit,
        task_time_limit=config.hard_limit,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(config),
        task_queues=[Queue(config.queue_prefix + name) for name in QUEUES],
        task_default_queue=config.queue_prefix + QUEUES[0],
        enable_utc=True,
    )
    return app


def _transport_options(config: TaskConfig) -> dict[str, Any]:
    if config.broker_url.startswith("memory:"):
        # The default looks once a second, which somebody who waits for a picture would feel.
        return {"polling_interval": 0.05}
    return {"visibility_timeout": config.visibility_timeout, "queue_order_strategy": "priority"}


def register(app: Celery, workshop: PerProcess[Workshop]) -> None:
    """Add the tasks. The workshop is opened in each worker process when its first task runs."""

    def encode_photo_task(task: Task, job_id: str) -> None:
        """Encode the photo of a job."""
        _again(task, encode_photo(workshop(), job_id))

    def make_child_task(task: Task, job_id: str) -> None:
        """Draw the child of a job."""
        _again(task, make_child(workshop(), job_id))

    # The job counts its own attempts and ends them, so Celery need not. Not shared: Celery would otherwise add the
    # tasks to every other app of the process.
    app.task(name=ENCODE_TASK, bind=True, max_retries=None, shared=False)(encode_photo_task)
    app.task(name=MAKE_TASK, bind=True, max_retries=None, shared=False)(make_child_task)
    app.finalize()


def _again(task: Task, wish: Again | None) -> None:
    """Celery's retry, where the job asks for it."""
    if wish is not None:
        queue = task.request.delivery_info.get("routing_key")
        raise task.retry(countdown=wish.seconds, queue=queue)
