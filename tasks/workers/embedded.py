"""Worker threads inside this process: no broker, no server.

Traps of Celery that this file steps around: its command-line worker wants signals and so the main thread; stopping by
its module-wide flags would stop every worker of the process; workers of one process must share one app, and choosing
queues changes that app, so they start one after the other; the in-memory broker forgets everything with the process,
so lost jobs are looked for at the start and afterwards.
"""

from __future__ import annotations

import contextlib
import os
import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController

from tasks.app import register
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.context import TaskContext
from tasks.queue import DRAW, ENCODE, REFINE
from tasks.workers.housekeeping import LOOK_EVERY, Housekeeping
from tasks.workers.per_process import PerProcess

LANES = ((ENCODE, DRAW), (REFINE,))
"""Which queues share a thread."""

WAITED_TOO_LONG = timedelta(minutes=2)
"""A queued job older than this lost its message, or waits behind many: a second message does no harm."""

MODESTY = 10
"""Nice value of the thread that refines."""

STOP_TASK = "tasks.stop_worker"


class EmbeddedWorkers:
    """`start()`, `stop()`, or a `with` block."""

    def __init__(
        self, config: TaskConfig, workshop: PerProcess[TaskContext], *, look_every: float = LOOK_EVERY
    ) -> None:
        self._workshop = workshop
        self._app = app = create_celery(config)
        register(app, workshop)
        app.task(name=STOP_TASK, shared=False)(_stop_worker)
        self._lanes = [
            _Lane(app, [config.queue_prefix + queue for queue in queues], modest=queues == (REFINE,))
            for queues in LANES
        ]
        self._housekeeping = Housekeeping(
            workshop,
            waited_too_long=WAITED_TOO_LONG,
            memory_is_lost=True,
            look_every=look_every,
            facts={"queues": [queue for queues in LANES for queue in queues], "processes": 1, "embedded": True},
        )

    def start(self) -> None:
        """Begin to work; returns when both threads listen."""
        # Celery looks tasks up in the process's default app, also from the thread that its timer runs retries on.
        self._app.set_default()
        for lane in self._lanes:
            lane.start()
        self._housekeeping.start()

    def stop(self, patience: float = 10.0) -> bool:
        """Finish what is being done, for at most `patience` seconds; then leave it to the next start.

        True when everything ended in order.
        """
        workshop = self._workshop.made()
        if workshop is not None:
            workshop.stopping.set()
        for lane in self._lanes:
            lane.ask_to_stop()
        ended = [lane.join(patience) for lane in self._lanes]
        return self._housekeeping.stop(patience) and all(ended)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Lane:
    """One Celery worker on one thread, for some of the queues."""

    def __init__(self, app: Celery, queues: list[str], *, modest: bool) -> None:
        self._app = app
        self._modest = modest
        self._queues = queues
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"worker-{'-'.join(queues)}", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def ask_to_stop(self) -> None:
        """Forget what waits (the rows remember it) and send the message that ends the thread."""
        with self._app.connection_for_write() as connection:
            for queue in self._queues:
                connection.default_channel.queue_purge(queue)
        self._app.send_task(STOP_TASK, queue=self._queues[0], ignore_result=True)

    def join(self, patience: float) -> bool:
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._modest:
            # Nobody waits for a refinement, somebody may for a drawing. On Linux a thread has a priority of its own,
            # and the threads that torch starts for it inherit it.
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), MODESTY)
        try:
            WorkController(
                app=self._app,
                hostname=f"{self._thread.name}@embedded",
                pool="solo",
                concurrency=1,
                queues=self._queues,
                without_heartbeat=True,
                without_gossip=True,
                without_mingle=True,
                ready_callback=lambda consumer: self._ready.set(),
            ).start()
        finally:
            self._ready.set()


def _stop_worker() -> None:
    """Runs on the worker's own thread, which it ends."""
    raise WorkerShutdown(0)
