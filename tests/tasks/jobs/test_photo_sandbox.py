"""Photos that crash or hang their decoder, sent to a real prefork worker: each is answered, and the worker lives."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from storage.records import Job
from tests.support.photos.good_photos import good_files
from tests.support.processes import worker_process
from tests.support.servers import RedisServer
from tests.tasks.workers.test_worker import PATIENCE, ROOT, Deployment, wait_until


@pytest.mark.servers
def test_a_photo_that_takes_its_decoder_down_takes_no_worker_down(
    sqlite_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    house = Deployment(sqlite_url, tmp_path, redis_server.url(6))
    command = [
        sys.executable,
        "-m",
        "tests.support.processes.photo_worker",
        sqlite_url,
        str(tmp_path),
        house.broker,
        house.prefix,
    ]
    worker = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    house.workers.append(worker)

    def sent(data: bytes) -> Job:
        with house.store.unit() as unit:
            user = unit.users.get_or_add("console", "1")
            photo = unit.photos.add(user.id, data, worker_process.LEASE * 1000)
            job = unit.jobs.add("encode", user.id, "console", "chat", photo_id=photo.id)
            unit.commit()
        house.queue.put(job)
        wait_until(lambda: house.job(job).finished)
        return house.job(job)

    try:
        assert sent(good_files()["jpeg"]).state == "done"
        [child] = psutil.Process(worker.pid).children()
        for attack, stopped in ((b"crash", "crash"), (b"hang", "time"), (b"spin", "time")):
            answered = sent(attack)
            assert (answered.error_code, answered.error_facts) == ("damaged_photo", {"stopped": stopped})
            assert answered.attempts == 1
        assert sent(good_files()["png"]).state == "done"
        assert psutil.Process(worker.pid).children() == [child]

        # A child that is killed takes its helper along.
        [helper] = child.children()
        child.kill()
        helper.wait(PATIENCE)
        started = time.monotonic()
        assert sent(good_files()["webp"]).state == "done"
        assert time.monotonic() - started < PATIENCE
    finally:
        house.close()
