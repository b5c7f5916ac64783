"""A worker as a process of its own, for Redis and PostgreSQL: `childface worker` runs it until a signal stops it.

Prefork: the parent keeps the connection to the broker, its children run the jobs. So time limits hold, a killed child
costs one job one attempt, and models are loaded in the child, after the fork, as CUDA needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.app import create_celery, register
from tasks.config import TaskConfig
from tasks.per_process import PerProcess
from tasks.queue import QUEUES
from tasks.workshop import Workshop


def run_worker(
    config: TaskConfig,
    workshop: PerProcess[Workshop],
    *,
    queues: Sequence[str] = QUEUES,
    concurrency: int = 1,
    loglevel: str = "INFO",
) -> int:
    """Serve the queues until SIGTERM or SIGINT; finishes what is being done first. Returns the exit code."""
    app = create_celery(config)
    register(app, workshop)
    worker = app.Worker(
        pool="prefork",
        concurrency=concurrency,
        queues=[config.queue_prefix + queue for queue in queues],
        loglevel=loglevel,
        without_gossip=True,
        without_mingle=True,
        optimization="fair",
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
