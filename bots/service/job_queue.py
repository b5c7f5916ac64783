"""The interface through which jobs are queued after commit; `childface` provides the Celery one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from storage.records import Job


class JobQueue(Protocol):
    """The chat's end of the queue. A message that is lost loses nothing: the row is the truth and is found again."""

    def put(self, job: Job) -> None:
        """Enqueue it. May raise anything if the broker is unavailable."""
        ...

    def take_back(self, jobs: Sequence[Job]) -> int:
        """Revoke those jobs that have not started; returns how many. May raise anything."""
        ...
