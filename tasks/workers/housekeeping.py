"""Periodic work of every worker: heartbeat, recovery of lost jobs, purging expired data."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from observability.logs import get_logger
from storage.deletion import purge_expired
from storage.errors import StorageUnavailable
from storage.repositories.heartbeats import this_process
from tasks.context import TaskContext
from tasks.workers.recovery import requeue_lost

log = get_logger(__name__)

LOOK_EVERY = 20.0
"""Seconds between two searches for lost jobs."""

PURGE_EVERY = 30
"""After so many searches, what has expired is deleted: every ten minutes, and once at the start."""


class Housekeeping:
    """A thread. Several houses on one database may each have one: they share the work, and no job is done twice."""

    def __init__(
        self,
        workshop: Callable[[], TaskContext],
        *,
        waited_too_long: timedelta,
        memory_is_lost: bool = False,
        process_forks: bool = False,
        look_every: float = LOOK_EVERY,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """`facts` stand beside the worker's sign of life: which queues it serves, with how many processes.

        A job that was queued `waited_too_long` ago is queued again.

        `memory_is_lost`: the queue forgets everything with the process, so the first search takes every waiting job.
        `process_forks`: give connections back after each round, because children must not inherit open ones.
        """
        self._workshop = workshop
        self._waited_too_long = waited_too_long
        self._memory_is_lost = memory_is_lost
        self._process_forks = process_forks
        self._look_every = look_every
        self._source = this_process()
        self._facts = {**(facts or {}), "purges_every": look_every * PURGE_EVERY}
        self._purge_at = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin with a first round at once."""
        self._thread.start()

    def stop(self, patience: float = 10.0) -> bool:
        """Finish the round; True when the thread has ended."""
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join(patience)
            self._say_goodbye()
        return not self._thread.is_alive()

    def _say_goodbye(self) -> None:
        with contextlib.suppress(Exception), self._workshop().store.unit() as unit:
            unit.heartbeats.withdraw(self._source)
            unit.commit()
        self._give_back()

    def _run(self) -> None:
        for number in itertools.count():
            for work in (self._give_sign, self._purge, self._requeue, self._scrub):
                try:
                    work(number)
                except StorageUnavailable:
                    log.info("the store is away; the house is kept later")
                except Exception as fault:
                    # A broker that is unavailable must not keep what is to be deleted, nor end this thread.
                    log.warning("the house could not be kept", fault=type(fault).__name__)
            self._give_back()
            if self._done.wait(self._look_every):
                return

    def _give_sign(self, number: int) -> None:
        with self._workshop().store.unit() as unit:
            unit.heartbeats.give(self._source, "worker", self._look_every, self._facts)
            unit.commit()

    def _purge(self, number: int) -> None:
        if number >= self._purge_at:
            purge_expired(self._workshop().store)
            self._purge_at = number + PURGE_EVERY

    def _requeue(self, number: int) -> None:
        workshop = self._workshop()
        everything = self._memory_is_lost and number == 0
        older_than = timedelta(0) if everything else self._waited_too_long
        requeue_lost(workshop.store, workshop.queue, older_than, workshop.config)

    def _scrub(self, number: int) -> None:
        self._workshop().store.database.scrub()

    def _give_back(self) -> None:
        if self._process_forks:
            with contextlib.suppress(StorageUnavailable):
                self._workshop().store.database.close()
