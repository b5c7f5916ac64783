"""Reports a job's progress, renews its lease and checks for cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.domain.errors import Cancelled
from observability.logs import get_logger
from storage.errors import StorageUnavailable
from tasks.context import TaskContext

log = get_logger(__name__)

WRITE_EVERY = 0.5
"""Seconds between two writes of the same stage: a chat cannot show more, a database should not bear more."""


class Reporter:
    """One job's voice. Safe to call from the work and from the heartbeat at once."""

    def __init__(self, context: TaskContext, job_id: str) -> None:
        self._context = context
        self._job_id = job_id
        self._lock = threading.Lock()
        self._stage = ""
        self._part = 0.0
        self._written_at = float("-inf")
        self._looked_at = float("-inf")
        self._cancel = False

    def stage(self, name: str, start: float, end: float) -> Callable[[float], None]:
        """Begin a stage that covers `start..end` of the whole; returns `progress(0..1)` within it.

        Raises Cancelled when somebody asked for that.
        """
        self.check_cancelled()
        with self._lock:
            self._stage, self._part = name, start
        self._write()

        def progress(part: float) -> None:
            with self._lock:
                self._part = start + (end - start) * min(max(part, 0.0), 1.0)
            if self._context.monotonic() - self._written_at >= WRITE_EVERY:
                self._write()

        return progress

    def cancelled(self) -> bool:
        """Whether to stop: cancelled or shutting down. Queries the database at most twice a second."""
        if self._context.stopping.is_set():
            return True
        now = self._context.monotonic()
        if not self._cancel and now - self._looked_at >= WRITE_EVERY:
            self._looked_at = now
            self._cancel = self._look()
        return self._cancel

    def check_cancelled(self) -> None:
        """Raise Cancelled if cancellation was requested; always queries the database."""
        self._cancel = self._cancel or self._look()
        if self._cancel:
            raise Cancelled()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Renew the lease in the background, whatever the work is busy with."""
        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(done,), name=f"lease-{self._job_id}", daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(self._context.config.lease.total_seconds() / 3):
            try:
                self._write()
            except StorageUnavailable:
                log.warning("the lease could not be renewed", job=self._job_id)

    def _look(self) -> bool:
        with self._context.store.read_only() as unit:
            return unit.jobs.is_cancel_requested(self._job_id)

    def _write(self) -> None:
        self._written_at = self._context.monotonic()
        with self._lock:
            stage, part = self._stage, self._part
        with self._context.store.unit() as unit:
            unit.jobs.report(self._job_id, stage, part, lease=self._context.config.lease)
            unit.commit()
