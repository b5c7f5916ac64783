"""A worker as a separate process, for Redis and PostgreSQL: `childface worker` runs it until a signal stops it.

Prefork: the parent keeps the connection to the broker, its children run the jobs. So time limits hold, a killed child
costs one job one attempt, and models are loaded in the child, after the fork, as CUDA needs it. The parent also keeps
house (`housekeeping.py`): it deletes what has outlived its time and queues lost jobs again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from billiard import current_process
from celery.bootsteps import StartStopStep
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready

from observability import traces
from tasks.app import register
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.context import TaskContext
from tasks.queue import QUEUES
from tasks.workers.housekeeping import LOOK_EVERY, Housekeeping
from tasks.workers.per_process import PerProcess
from tasks.workers.resources import share_cores, take_card
from tasks.workers.stall_watchdog import Unstick

WAITED_TOO_LONG = timedelta(minutes=15)
"""A queued job older than this has lost its message."""


def run_worker(
    config: TaskConfig,
    workshop: PerProcess[TaskContext],
    *,
    queues: Sequence[str] = QUEUES,
    concurrency: int = 1,
    loglevel: str = "INFO",
    look_every: float = LOOK_EVERY,
    pulse: type[StartStopStep] | None = None,
    on_ready: Callable[[], object] = lambda: None,
) -> int:
    """Serve the queues until SIGTERM or SIGINT; finishes what is being done first. Returns the exit code.

    `pulse` is a step of the consumer (`tasks/workers/heartbeat.py`), for those who watch whether this process is
    alive; `on_ready` is called in the parent when the children have been forked: from then on it may have threads.
    """
    app = create_celery(config)
    register(app, workshop)
    app.steps["consumer"].add(Unstick)
    if pulse is not None:
        app.steps["consumer"].add(pulse)
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
    keeper = Housekeeping(
        workshop,
        waited_too_long=WAITED_TOO_LONG,
        process_forks=True,
        look_every=look_every,
        facts={"queues": list(queues), "processes": concurrency},
    )
    # Not before the children have been forked: a thread that holds a lock at that moment would leave it closed there.
    worker_ready.connect(lambda **_: keeper.start(), weak=False)
    worker_ready.connect(lambda **_: on_ready(), weak=False)
    share_cores(concurrency)
    worker_process_init.connect(_take_card, weak=False)
    worker_process_shutdown.connect(_send_traces, weak=False)
    try:
        worker.start()
    finally:
        keeper.stop()
    return int(worker.exitcode or 0)


def _take_card(**_: object) -> None:
    """In each child, before its first job: a recycled child gets the number of the one before it, and its GPU."""
    take_card(current_process().index)


def _send_traces(**_: object) -> None:
    """In each child, before it makes room for another one."""
    traces.flush()
