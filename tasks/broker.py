"""The Celery app without its tasks: all that a chat process needs to put jobs on the queue, and no model library."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu import Queue

from tasks.config import TaskConfig
from tasks.queue import QUEUES

CONNECT_SECONDS = 5
"""How long Redis may take to let us in."""


def create_celery(config: TaskConfig) -> Celery:
    """A Celery app that can send tasks; `tasks.app.register` makes it one that can run them."""
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
        worker_max_tasks_per_child=config.tasks_per_child or None,
        worker_max_memory_per_child=config.memory_per_child * 1000 or None,
        # What ran while the broker was unavailable is finished: its lease in the database keeps others away from it.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        task_soft_time_limit=config.soft_limit,
        task_time_limit=config.hard_limit,
        broker_connection_retry_on_startup=True,
        # For ever: by default a worker gives up after a hundred tries, and ends.
        broker_connection_max_retries=None,
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
    return {
        "visibility_timeout": config.visibility_timeout,
        # The order in which a worker looks at its queues; the default takes turns.
        "queue_order_strategy": "priority",
        # A server that does not answer at all must not hold a chat for as long as TCP is patient.
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
