"""Run by test_worker.py as a separate process: a real Celery worker with the fake pipeline.

While the file `hold` exists, drawing waits; every drawing that begins writes its process number into `drawing`, and
every one that ends adds a line to `drawn`.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.unit_of_work import Store
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.context import TaskContext
from tasks.queue import CeleryQueue
from tasks.workers.per_process import PerProcess
from tasks.workers.worker import run_worker
from tests.support.fake_pipeline import FakePipeline

KEY = b"k" * 32
LEASE = timedelta(seconds=2)


def task_config(broker_url: str, prefix: str, **more: float) -> TaskConfig:
    """The same rules for the test and its worker."""
    limits = {"soft_limit": 60.0, "hard_limit": 90.0, **more}
    return TaskConfig(broker_url=broker_url, queue_prefix=prefix, lease=LEASE, refine=False, **limits)


def open_store(url: str, home: Path) -> Store:
    return Store(open_database(url), DiskBlobs(home / "blobs", [KEY]))


def main(url: str, home: Path, config: TaskConfig) -> int:
    def draw() -> None:
        (home / "drawing").write_text(str(os.getpid()))
        while (home / "hold").exists():
            time.sleep(0.02)
        with (home / "drawn").open("a") as lines:
            lines.write("drawn\n")

    pipeline = FakePipeline(before={"make": draw})

    def workshop() -> TaskContext:
        queue = CeleryQueue(create_celery(config), config.queue_prefix)
        return TaskContext(open_store(url, home), lambda: pipeline, queue, config)

    return run_worker(config, PerProcess(workshop), loglevel="WARNING")


if __name__ == "__main__":
    database, folder, broker, prefix, soft = sys.argv[1:]
    sys.exit(main(database, Path(folder), task_config(broker, prefix, soft_limit=float(soft))))
