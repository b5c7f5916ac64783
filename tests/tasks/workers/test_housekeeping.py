"""The purge runs by itself, whatever else fails; the clock is moved, nobody waits for days."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from storage.clock import utc_now
from storage.deletion import delete_user
from storage.unit_of_work import Store
from tasks.config import TaskConfig
from tasks.workers.embedded import EmbeddedWorkers
from tasks.workers.housekeeping import PURGE_EVERY, Housekeeping
from tasks.workers.per_process import PerProcess
from tests.tasks.conftest import DAY, Bench

QUICK = 0.01
PATIENCE = 60.0


class MovedClock:
    """Shows the time of the machine, plus what it was moved by."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def clock(bench: Bench) -> MovedClock:
    clock = MovedClock()
    bench.context = replace(bench.context, store=Store(bench.store.database, bench.store.blobs, clock))
    return clock


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(QUICK)


def keeper(bench: Bench, **more: bool) -> Housekeeping:
    return Housekeeping(lambda: bench.context, waited_too_long=DAY, look_every=QUICK, **more)


@pytest.mark.parametrize("forks", [False, True])
def test_a_photo_goes_when_its_day_is_over_without_anybody_asking(bench: Bench, clock: MovedClock, forks: bool) -> None:
    bench.add_photo(bench.user(), b"a photo")
    house = keeper(bench, process_forks=forks)
    house.start()
    try:
        time.sleep(QUICK * PURGE_EVERY)
        assert bench.blobs() == 1
        clock.ahead = DAY
        wait_until(lambda: bench.blobs() == 0)
    finally:
        assert house.stop()


def test_what_was_deleted_while_somebody_read_the_database_leaves_its_files_later(
    bench: Bench, clock: MovedClock
) -> None:
    with bench.context.store.unit() as unit:
        number = unit.users.get_or_add("telegram", "770077007700").platform_user_id
        unit.commit()
    bench.context.store.database.scrub()
    reader = bench.context.store.database.reader_factory()
    reader.execute(text("SELECT count(*) FROM users")).all()
    with bench.context.store.read_only() as unit:
        person = unit.users.find("telegram", number)
    assert person is not None
    delete_user(bench.context.store, person.id)

    def remembered() -> bool:
        files = [path for path in bench.home.rglob("*") if path.is_file()]
        return any(number.encode() in path.read_bytes() for path in files)

    assert remembered()
    house = keeper(bench)
    house.start()
    try:
        reader.rollback()
        reader.close()
        wait_until(lambda: not remembered())
    finally:
        assert house.stop()


def test_the_embedded_house_purges_too(bench: Bench, clock: MovedClock) -> None:
    bench.add_photo(bench.user(), b"a photo")
    with EmbeddedWorkers(TaskConfig(queue_prefix="purge."), PerProcess(lambda: bench.context), look_every=QUICK):
        clock.ahead = DAY
        wait_until(lambda: bench.blobs() == 0)


def test_a_broker_that_is_away_does_not_keep_what_is_to_go(bench: Bench, clock: MovedClock) -> None:
    job = bench.child_job(bench.user())
    bench.queue.raises = ConnectionError("the broker is away")
    clock.ahead = DAY + timedelta(minutes=1)
    house = keeper(bench)
    house.start()
    try:
        wait_until(lambda: bench.blobs() == 0)
        bench.queue.raises = None
        clock.ahead += 2 * DAY
        wait_until(lambda: [queued.id for queued in bench.queue.jobs[:1]] == [job.id])
    finally:
        assert house.stop()


def test_a_store_that_is_away_is_tried_again(bench: Bench, clock: MovedClock) -> None:
    bench.add_photo(bench.user(), b"a photo")
    clock.ahead = DAY
    calls: list[int] = []

    def workshop() -> object:
        calls.append(1)
        if len(calls) < 5:
            raise OSError("the disk is away")
        return bench.context

    house = Housekeeping(workshop, waited_too_long=DAY, look_every=QUICK)  # type: ignore[arg-type]
    house.start()
    try:
        wait_until(lambda: bench.blobs() == 0)
    finally:
        assert house.stop()
