"""Jobs on their way to the broker. They wait here during an outage; their rows are committed already.

Should this process end first, the workers' search for lost jobs finds what is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from bots.service.circuit_breaker import CircuitBreaker
from bots.service.job_queue import JobQueue
from observability.logs import get_logger
from storage.records import Job

log = get_logger(__name__)

CATCH_UP = 20
"""Jobs that are queued at once when the broker is back."""


class Outbox:
    """One for a process, used from several threads."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._unsent: dict[str, Job] = {}
        self.breaker = CircuitBreaker()

    @property
    def behind(self) -> bool:
        """Whether there are jobs that could not be queued."""
        return bool(self._unsent)

    def put(self, job: Job) -> bool:
        """Queue a job. False: later, by `catch_up`."""
        if self.breaker.allows():
            try:
                self._queue.put(job)
            except Exception as fault:
                self.breaker.failed()
                log.warning("could not be queued now", job=job.id, fault=type(fault).__name__)
            else:
                self.breaker.succeeded()
                self._unsent.pop(job.id, None)
                return True
        self._unsent[job.id] = job
        return False

    def catch_up(self) -> bool:
        """Enqueue some of the waiting jobs, the rest on later calls, to avoid a burst. Returns whether it worked."""
        return all(self.put(job) for job in list(self._unsent.values())[:CATCH_UP])

    def take_back(self, jobs: Sequence[Job]) -> None:
        """Remove them from the broker. If it is down, its messages will name missing jobs, which is harmless."""
        for job in jobs:
            self._unsent.pop(job.id, None)
        if not jobs or not self.breaker.allows():
            return
        try:
            self._queue.take_back(jobs)
        except Exception as fault:
            self.breaker.failed()
            log.warning("messages could not be taken back", fault=type(fault).__name__)
        else:
            self.breaker.succeeded()
