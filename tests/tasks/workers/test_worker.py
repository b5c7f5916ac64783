"""A real Celery worker process over a real Redis: what is killed is done again, and never twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.clock import utc_now
from storage.records import Job, Quality
from storage.unit_of_work import Store
from tasks.broker import create_celery
from tasks.queue import CeleryQueue
from tests.support.fake_pipeline import photo_of
from tests.support.processes import worker_process
from tests.support.servers import RedisServer

ROOT = Path(__file__).parents[3]
PATIENCE = 90.0

pytestmark = pytest.mark.servers


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class Deployment:
    """A database, a broker and as many workers as a test starts."""

    def __init__(self, url: str, home: Path, broker: str) -> None:
        self.url, self.home, self.broker = url, home, broker
        self.prefix = f"{uuid.uuid4().hex[:8]}."
        self.store: Store = worker_process.open_store(url, home)
        self.queue = CeleryQueue(create_celery(worker_process.task_config(broker, self.prefix)), self.prefix)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.hold = home / "hold"
        self.drawing = home / "drawing"

    def start_worker(self, soft_limit: float = 60.0) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "tests.support.processes.worker_process",
            self.url,
            str(self.home),
            self.broker,
        ]
        # A session of its own, so that the worker can be killed together with its children.
        worker = subprocess.Popen([*command, self.prefix, str(soft_limit)], cwd=ROOT, start_new_session=True)
        self.workers.append(worker)
        return worker

    def new_job(self, quality: Quality = "fast", who: str = "1") -> Job:
        with self.store.unit() as unit:
            user = unit.users.get_or_add("console", who)
            photos = [unit.photos.add(user.id, photo_of(who), worker_process.LEASE * 1000).id for who in ("mom", "dad")]
            job = unit.jobs.add(
                "child",
                user.id,
                "console",
                "chat",
                mom_photo_id=photos[0],
                dad_photo_id=photos[1],
                wish={"age": 6.0, "size": 256},
                quality=quality,
            )
            unit.commit()
        return job

    def job(self, job: Job) -> Job:
        with self.store.read_only() as unit:
            return unit.jobs.get(job.id)

    def drawn(self) -> int:
        path = self.home / "drawn"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def to_deliver(self) -> list[str]:
        with self.store.read_only() as unit:
            return [job.id for job in unit.jobs.undelivered("console", 10)]

    def close(self) -> None:
        self.hold.unlink(missing_ok=True)
        for worker in self.workers:
            kill_group(worker)
        self.store.database.close()


def kill_group(worker: subprocess.Popen[bytes]) -> None:
    """The worker and its children, at once, as a power cut would."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(PATIENCE)


@pytest.fixture
def deployment(sqlite_url: str, redis_server: RedisServer, tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(sqlite_url, tmp_path, redis_server.url())
    yield deployment
    deployment.close()


def test_a_worker_process_draws_and_stops_when_told_so(deployment: Deployment) -> None:
    job = deployment.new_job()
    worker = deployment.start_worker()
    deployment.queue.put(job)
    wait_until(lambda: deployment.job(job).finished)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(PATIENCE) == 0
    assert deployment.job(job).state == "done"


def test_a_worker_process_deletes_what_has_outlived_its_time(sqlite_url: str, tmp_path: Path) -> None:
    """No Redis needed: nobody sends anything, the worker keeps house by itself."""
    deployment = Deployment(sqlite_url, tmp_path, "memory://")
    deployment.store.clock = lambda: utc_now() - worker_process.LEASE * 1000
    deployment.new_job()  # its photos may live until now
    assert len(list(deployment.store.blobs.keys())) == 2

    worker = deployment.start_worker()
    try:
        wait_until(lambda: not list(deployment.store.blobs.keys()))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    finally:
        deployment.close()


def test_drawings_that_somebody_waits_for_go_before_refinements(deployment: Deployment) -> None:
    refined = [deployment.new_job("refined", who) for who in ("1", "2")]
    fast = [deployment.new_job("fast", who) for who in ("3", "4")]
    for job in refined + fast:
        deployment.queue.put(job)

    deployment.start_worker()
    wait_until(lambda: all(deployment.job(job).finished for job in refined + fast))

    began = {job.id: deployment.job(job).started_at for job in refined + fast}
    assert sorted(began, key=lambda job_id: str(began[job_id]))[:2] == [job.id for job in fast]


def test_a_killed_child_of_the_worker_loses_nothing_and_doubles_nothing(deployment: Deployment) -> None:
    job = deployment.new_job()
    deployment.hold.touch()
    deployment.start_worker()
    deployment.queue.put(job)
    wait_until(deployment.drawing.exists)

    os.kill(int(deployment.drawing.read_text()), signal.SIGKILL)
    deployment.hold.unlink()
    wait_until(lambda: deployment.job(job).finished)

    assert (deployment.job(job).state, deployment.job(job).attempts) == ("done", 2)
    assert deployment.drawn() == 1
    assert deployment.to_deliver() == [job.id]


def test_a_killed_worker_and_messages_that_come_again_give_one_picture(deployment: Deployment) -> None:
    job = deployment.new_job()
    deployment.hold.touch()
    worker = deployment.start_worker()
    deployment.queue.put(job)
    wait_until(deployment.drawing.exists)

    kill_group(worker)
    deployment.hold.unlink()
    deployment.start_worker()
    for _ in range(3):  # Redis hands the lost message out again, and the search for lost jobs may be quicker
        deployment.queue.put(job)
    wait_until(lambda: deployment.job(job).finished)
    marker = deployment.new_job()
    deployment.queue.put(marker)
    wait_until(lambda: deployment.job(marker).finished)

    assert deployment.job(job).attempts == 2
    assert deployment.drawn() == 2  # one for each job
    assert sorted(deployment.to_deliver()) == sorted([job.id, marker.id])


def test_a_job_that_takes_too_long_ends_with_that_answer(deployment: Deployment) -> None:
    job = deployment.new_job()
    deployment.hold.touch()
    deployment.start_worker(soft_limit=1.0)
    deployment.queue.put(job)

    wait_until(lambda: deployment.job(job).finished)

    assert (deployment.job(job).state, deployment.job(job).error_code) == ("failed", "timed_out")
