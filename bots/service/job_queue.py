"""Where a job goes after its row was committed. `childface` hands one in that sends Celery tasks by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from storage.records import Job


class JobQueue(Protocol):
    """The chat's end of the queue. A message that is lost loses nothing: the row is the truth and is found again."""

    def put(self, job: Job) -> None:
        """Queue it. May raise anything when the broker is away."""
        ...

    def take_back(self, jobs: Sequence[Job]) -> int:
        """Take back what nobody has begun of these jobs; how much that was. May raise anything, too."""
        ...
