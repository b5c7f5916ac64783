"""Run by test_photo_sandbox.py: a real Celery worker whose sandbox workers do what a file tells them to."""

from __future__ import annotations

import sys
from pathlib import Path

from core.photo.sandbox_client import PhotoProcesses
from core.pipeline import Parent
from tasks.broker import create_celery
from tasks.context import TaskContext
from tasks.queue import CeleryQueue
from tasks.workers.per_process import PerProcess
from tasks.workers.worker import run_worker
from tests.support.fake_pipeline import FakePipeline
from tests.support.processes.worker_process import open_store, task_config

BAD_SANDBOX_WORKER = Path(__file__).parents[1] / "photos" / "bad_sandbox_worker.py"


class OpensPhotos(FakePipeline):
    """Encodes whatever can be opened."""

    def __init__(self) -> None:
        super().__init__()
        self._processes = PhotoProcesses(1, seconds=3.0, program=(sys.executable, "-I", str(BAD_SANDBOX_WORKER)))

    def encode(self, photo: bytes, *, face: int | None = None, drawings: bool = False) -> Parent:
        opened = self._processes.open(photo)
        return super().encode(f"photo of mom {opened.sha256}".encode(), face=face)


if __name__ == "__main__":
    url, home, broker, prefix = sys.argv[1:]
    config = task_config(broker, prefix)
    pipeline = PerProcess(OpensPhotos)
    shop = PerProcess(
        lambda: TaskContext(
            open_store(url, Path(home)), pipeline, CeleryQueue(create_celery(config), config.queue_prefix), config
        )
    )
    sys.exit(run_worker(config, shop, loglevel="WARNING"))
