"""What every job needs: storage, models, the queue for follow-up jobs, and the configuration."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.pipeline_protocol import Pipeline
from storage.unit_of_work import Store
from tasks.config import TaskConfig
from tasks.queue import JobQueue


@dataclass(frozen=True)
class TaskContext:
    """Handed to every plain function of this package."""

    store: Store
    pipeline: Callable[[], Pipeline]
    """Loads the models when first called; raises MissingWeights."""
    queue: JobQueue
    config: TaskConfig = field(default_factory=TaskConfig)
    sign: Callable[[bytes], bytes] | None = None
    """Adds Content Credentials to a finished JPEG; None: the deployment has no certificate."""
    monotonic: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when this process shuts down: long-running work stops and is requeued."""
