"""Metrics sampled on each scrape of /metrics: queues, workers, sizes, memory.

Looked up at most every few seconds, whoever asks how often: rows are cheap to count, but not free.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil

from childface.bootstrap import open_store_to_look
from childface.ops.broker import messages
from observability import metrics
from observability.metrics import Sampled
from storage.errors import StorageUnavailable
from tasks.queue import QUEUES, queue_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from childface.settings import Settings

KEPT_FOR = 5.0
"""Seconds for which a sample is cached."""

Values = list[tuple[Sampled, tuple[str, ...], float]]


class Samples:
    """A collector for `observability.serving`."""

    def __init__(self, settings: Settings, role: str, *, kept_for: float = KEPT_FOR) -> None:
        """`role` is what this process is: "bot" or "worker"."""
        self._settings = settings
        self._store = open_store_to_look(settings)
        self._role = role
        self._kept_for = kept_for
        self._lock = threading.Lock()
        self._kept: tuple[float, Values] | None = None

    def collect(self) -> Iterator[Metric]:
        """Every gauge of `metrics.SAMPLED`, with what was found."""
        found = self._values()
        for sampled in metrics.SAMPLED:
            family = sampled.family()
            for which, labels, value in found:
                if which is sampled:
                    family.add_metric(labels, value)
            yield family

    def _values(self) -> Values:
        with self._lock:
            now = time.monotonic()
            if self._kept is None or now - self._kept[0] >= self._kept_for:
                self._kept = now, [*self._database(), *self._broker(), *self._machine()]
            return self._kept[1]

    def _database(self) -> Values:
        try:
            with self._store.read_only() as unit:
                now = self._store.clock()
                waiting, running = unit.stats.waiting(), unit.stats.running(limit=10_000)
                values: Values = [
                    (metrics.WORKERS_SEEN, (), len(unit.heartbeats.alive("worker"))),
                    (metrics.DATABASE_BYTES, (), unit.stats.database_bytes()),
                ]
                values += [(metrics.JOBS_UNTOLD, (name,), count) for name, count in unit.stats.undelivered().items()]
        except StorageUnavailable:
            return [(metrics.SERVICE_UP, ("database",), 0)]
        finally:
            # A worker forks; its children must not inherit open connections.
            with contextlib.suppress(StorageUnavailable):
                self._store.database.close()
        for queue in QUEUES:
            piles = [pile for pile in waiting if queue_of(pile.kind, pile.quality) == queue]
            oldest = max(((now - pile.oldest).total_seconds() for pile in piles), default=0.0)
            at_work = sum(queue_of(job.kind, job.quality) == queue for job in running)
            values += [
                (metrics.JOBS_WAITING, (queue,), sum(pile.count for pile in piles)),
                (metrics.OLDEST_WAIT, (queue,), max(oldest, 0.0)),
                (metrics.JOBS_RUNNING, (queue,), at_work),
            ]
        return [*values, (metrics.SERVICE_UP, ("database",), 1)]

    def _broker(self) -> Values:
        if self._settings.embedded:
            return []
        held = messages(self._settings.broker_url)
        if held is None:
            return [(metrics.SERVICE_UP, ("broker",), 0)]
        values: Values = [(metrics.BROKER_MESSAGES, (queue,), count) for queue, count in held.items()]
        return [*values, (metrics.SERVICE_UP, ("broker",), 1)]

    def _machine(self) -> Values:
        values: Values = []
        folder = self._settings.blob_folder
        while not folder.exists():
            folder = folder.parent
        values.append((metrics.DISK_FREE_BYTES, (), shutil.disk_usage(folder).free))
        me = psutil.Process()
        processes = {self._role: [me], f"{self._role} child": me.children(recursive=True)}
        for role, some in processes.items():
            for process in some:
                with contextlib.suppress(psutil.Error):
                    values.append((metrics.PROCESS_MEMORY, (role, str(process.pid)), process.memory_info().rss))
        return values
