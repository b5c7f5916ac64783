"""Several threads and processes at the same database: one winner each, and nobody meets a locked file."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from storage.deletion import delete_user, purge_expired
from storage.errors import ConversationChanged, NotFound, StorageUnavailable
from tests.storage.conftest import HOUR, Furnished

T = TypeVar("T")
THREADS = 8


def at_once(action: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Run the action in several threads that all begin at the same moment."""
    ready = threading.Barrier(threads)

    def run(number: int) -> T:
        ready.wait()
        return action(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_of_many_workers_exactly_one_gets_the_job(house: Furnished) -> None:
    user = house.user()
    for _ in range(5):
        job = house.job(user)

        def start(_: int, job_id: str = job.id) -> bool:
            with house.store.unit() as unit:
                started = unit.jobs.start(job_id, HOUR)
                unit.commit()
            return started is not None

        assert sum(at_once(start)) == 1
        with house.store.read_only() as unit:
            assert unit.jobs.get(job.id).attempts == 1


def test_of_many_workers_exactly_one_takes_over_from_a_dead_one(house: Furnished) -> None:
    job = house.running_job(house.user())
    house.clock.turn(2 * HOUR)

    def start(_: int) -> bool:
        with house.store.unit() as unit:
            started = unit.jobs.start(job.id, HOUR)
            unit.commit()
        return started is not None

    assert sum(at_once(start)) == 1


def test_of_many_couriers_exactly_one_delivers(house: Furnished) -> None:
    jobs = [house.done_job(house.user()) for _ in range(5)]

    def deliver(_: int) -> int:
        sent = 0
        with house.store.read_only() as unit:
            found = unit.jobs.undelivered("telegram")
        for job in found:
            with house.store.unit() as unit:
                claimed = unit.jobs.claim_delivery(job.id, HOUR)
                unit.commit()
            if claimed:
                sent += 1
                with house.store.unit() as unit:
                    assert unit.jobs.mark_delivered(job.id)
                    unit.commit()
        return sent

    assert sum(at_once(deliver)) == len(jobs)


def test_of_many_saves_of_one_conversation_exactly_one_counts(house: Furnished) -> None:
    user = house.user()
    for version in range(3):

        def save(number: int, version: int = version) -> bool:
            try:
                with house.store.unit() as unit:
                    unit.conversations.save("telegram", "chat", user.id, {"by": number}, version)
                    unit.commit()
            except ConversationChanged:
                return False
            return True

        assert sum(at_once(save)) == 1


def test_a_person_met_by_many_bots_at_once_is_one_person(house: Furnished) -> None:
    assert len({user.id for user in at_once(lambda _: house.user("4711"))}) == 1


def test_the_same_latent_from_many_workers_is_one_row_and_one_file(house: Furnished) -> None:
    photo = house.photo(house.user())
    with house.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        unit.commit()
    at_once(lambda number: house.latent(photo, b"latent %d" % number))
    assert len(house.blob_files()) == 1
    with house.store.unit() as unit:
        found = unit.latents.find(photo.owner_id, photo.sha256, None, "encoder-1", "fast")
    assert found is not None
    assert found.startswith(b"latent ")


def test_the_same_result_from_many_workers_is_one_row_and_one_file(house: Furnished) -> None:
    job = house.running_job(house.user())

    def store(number: int) -> str:
        with house.store.unit() as unit:
            result = unit.results.add(job.id, b"child %d" % number, "image/png", 1, 1, HOUR)
            unit.commit()
        return result.id

    assert len(set(at_once(store))) == 1
    assert len(house.blob_files()) == 1


def test_reply_facts_from_many_threads_all_stay(house: Furnished) -> None:
    job = house.job(house.user())

    def add(number: int) -> None:
        with house.store.unit() as unit:
            unit.jobs.set_reply(job.id, **{f"fact{number}": number})
            unit.commit()

    at_once(add)
    with house.store.read_only() as unit:
        assert len(unit.jobs.get(job.id).reply) == THREADS


def test_reading_first_and_writing_later_never_meets_a_locked_database(house: Furnished) -> None:
    user = house.user()

    def count_up(_: int) -> None:
        for _ in range(5):
            with house.store.unit() as unit:
                age = unit.users.get(user.id).age or 0.0
                unit.users.save_settings(user.id, age=age + 1.0)
                unit.commit()

    at_once(count_up)
    with house.store.read_only() as unit:
        assert (unit.users.get(user.id).age or 0.0) > 0.0


def test_deleting_a_person_under_working_workers_leaves_nothing_of_them(house: Furnished) -> None:
    user = house.user()
    photo = house.photo(user)
    jobs = [house.running_job(user, mom_photo_id=photo.id) for _ in range(THREADS)]

    def work_or_delete(number: int) -> None:
        if number == 0:
            delete_user(house.store, user.id)
            return
        # A task stops at the first of these errors and is tried again at the second.
        with suppress(NotFound, StorageUnavailable), house.store.unit() as unit:
            unit.results.add(jobs[number].id, b"child", "image/png", 1, 1, HOUR)
            unit.latents.add(user.id, f"{number:064}", None, "encoder-1", "fast", b"latent", HOUR)
            unit.jobs.finish(jobs[number].id, {})
            unit.commit()

    at_once(work_or_delete)
    assert house.blob_files() == []
    assert delete_user(house.store, user.id).settings == 0


def test_many_purges_at_once_share_the_work(house: Furnished) -> None:
    user = house.user()
    for number in range(20):
        house.latent(house.photo(user, b"photo %d" % number))
    house.clock.turn(HOUR)
    reports = at_once(lambda _: purge_expired(house.store), threads=4)
    assert sum(report.photos for report in reports) == 20
    assert sum(report.latents for report in reports) == 20
    assert house.blob_files() == []


STARTER = """
import sys
from datetime import timedelta
from storage import migrate
from storage.database import open_database
from storage.unit_of_work import Store

url, job_id = sys.argv[1:]
store = Store(open_database(url), blobs=None)
won = 0
for _ in range(20):
    with store.unit() as unit:
        won += unit.jobs.start(job_id, timedelta(hours=1)) is not None
        unit.users.get_or_add("telegram", f"{id(store)}-{_}")
        unit.commit()
store.database.close()
print(won)
"""


def test_of_many_processes_exactly_one_gets_the_job(house: Furnished, database_url: str) -> None:
    job = house.job(house.user())
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "error", "-c", STARTER, database_url, job.id]
    processes = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [errors for _, errors in outputs] == ["", "", ""]
    assert sum(int(output) for output, _ in outputs) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_is_killed_in_a_unit_leaves_the_database_usable(house: Furnished, database_url: str) -> None:
    user = house.user()
    script = (
        "import os, signal, sys\n"
        "from storage.database import open_database\n"
        "from storage.unit_of_work import Store\n"
        "store = Store(open_database(sys.argv[1]), blobs=None)\n"
        "with store.unit() as unit:\n"
        "    unit.users.save_settings(sys.argv[2], age=99.0)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[2]
    dead = subprocess.run([sys.executable, "-c", script, database_url, user.id], cwd=root, check=False)
    assert dead.returncode == -9
    with house.store.unit() as unit:
        assert unit.users.save_settings(user.id, mix=10.0).age is None
        unit.commit()


def test_a_lease_of_nothing_is_over_at_once(house: Furnished) -> None:
    job = house.job(house.user())
    with house.store.unit() as unit:
        assert unit.jobs.start(job.id, timedelta(0)) is not None
        house.clock.turn(timedelta(seconds=1))
        assert unit.jobs.start(job.id, timedelta(0)) is not None
