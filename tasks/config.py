"""Task configuration: timeouts, retries and the broker. Built from the program's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """Defaults suit two cores and no server."""

    broker_url: str = "memory://"
    queue_prefix: str = ""
    """In front of every queue's name. The in-memory broker is shared by a whole process; this keeps two apart."""
    refine: bool = True
    """Whether a refined picture follows the first one when the user did not choose."""
    refine_seconds: float = 12.0
    youngest_parent: float = 18.0
    """Years; a parent who clearly looks younger is rejected. 0 disables the check."""
    drawings: bool = True
    """Whether a drawing may be a parent if its sender says so."""
    corner_mark: bool = True
    """Whether pictures bear a small, visible "AI"."""
    ttl_latent: timedelta = timedelta(days=30)
    ttl_result: timedelta = timedelta(days=7)
    lease: timedelta = timedelta(seconds=60)
    """How long a job stays with a worker that says nothing. Workers say something three times in that time, so a
    killed one's jobs are free again after a minute, and a slow one keeps its own."""
    empty_for: timedelta = timedelta(seconds=30)
    """A job that waits longer than this while the broker holds no message at all has lost its own."""
    soft_limit: float = 240.0
    hard_limit: float = 300.0
    visibility_timeout: int = 3600
    tasks_per_child: int = 200
    """After so many jobs a worker's child makes room for a fresh one, whatever it may have leaked. 0: never."""
    memory_per_child: int = 3_000
    """Megabytes; a child that ever took more makes room for a fresh one after its job. 0: no limit."""
    together: int = 1
    """How many people's drawings a process makes at once (`tasks/jobs/concurrent_drawing.py`): worth it on a GPU
    only.
    """
    max_attempts: int = 5
    first_retry_seconds: float = 1.0
    """Waits grow from here: doubled each time, at most a minute."""

    def retry_wait(self, attempt: int) -> float:
        """Seconds to wait after the given attempt (1, 2, …) met a passing fault."""
        return min(self.first_retry_seconds * 2.0 ** max(attempt - 1, 0), 60.0)
