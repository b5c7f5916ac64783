"""The search for lost jobs, by what the broker says it holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.clock import utc_now
from tasks.workers.recovery import requeue_lost
from tests.tasks.conftest import Bench

LEASE = timedelta(minutes=1)
LONG = timedelta(minutes=15)


def search(bench: Bench, after: timedelta) -> int:
    bench.store.clock = lambda: utc_now() + after
    return requeue_lost(bench.store, bench.queue, LONG, bench.context.config)


def test_a_broker_that_holds_nothing_has_lost_everything_that_waits(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    assert search(bench, timedelta(seconds=5)) == 0
    assert search(bench, timedelta(seconds=40)) == 1
    assert [put.id for put in bench.queue.jobs] == [job.id]


def test_a_broker_that_holds_as_much_as_waits_has_lost_nothing_however_long_it_takes(bench: Bench) -> None:
    for number in range(3):
        bench.child_job(bench.user(str(number)))
    bench.queue.held = 3
    assert search(bench, timedelta(hours=5)) == 0


def test_a_broker_that_holds_less_has_lost_what_waits_longest(bench: Bench) -> None:
    for number in range(3):
        bench.child_job(bench.user(str(number)))
    bench.queue.held = 2
    assert search(bench, timedelta(minutes=5)) == 0
    assert search(bench, timedelta(minutes=20)) == 3


def test_a_job_whose_worker_fell_silent_is_found_whatever_the_broker_holds(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    with bench.store.unit() as unit:
        assert unit.jobs.start(job.id, LEASE)
        unit.commit()
    bench.queue.held = 7
    assert search(bench, timedelta(seconds=30)) == 0
    assert search(bench, timedelta(seconds=61)) == 1


def test_while_the_broker_is_away_no_job_is_said_to_be_queued(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    bench.queue.raises = ConnectionError()
    with pytest.raises(ConnectionError):
        search(bench, timedelta(hours=1))
    assert bench.job(job).queued_at == job.queued_at
