from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from core.domain.errors import MissingWeights
from storage.errors import StorageUnavailable
from tasks.jobs.child import make_child
from tests.tasks.conftest import Bench


def test_a_passing_fault_hands_the_job_back_and_the_next_attempt_succeeds(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    bench.pipeline.raises["make"] = [StorageUnavailable(what="disk")]

    again = make_child(bench.context, job.id)
    assert again is not None
    assert bench.job(job).state == "queued"

    assert make_child(bench.context, job.id) is None
    assert bench.job(job).state == "done"
    assert bench.pipeline.calls["encode"] == 2  # the first attempt's latents were kept


def test_waits_grow_and_have_an_end(bench: Bench) -> None:
    bench.configure(first_retry_seconds=1.0)
    waits = [bench.context.config.retry_wait(attempt) for attempt in range(1, 10)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_fault_that_does_not_pass_ends_the_job_after_the_last_attempt(bench: Bench) -> None:
    bench.configure(max_attempts=3)
    job = bench.child_job(bench.user())
    bench.pipeline.raises["make"] = [OSError("full")] * 3

    assert make_child(bench.context, job.id) is not None
    assert make_child(bench.context, job.id) is not None
    assert make_child(bench.context, job.id) is None

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "service_down")


def test_a_job_that_kills_its_worker_every_time_is_given_up(bench: Bench) -> None:
    bench.configure(max_attempts=2, lease=timedelta(seconds=-1))
    job = bench.child_job(bench.user())
    for _ in range(2):  # two workers took it and were never heard of again
        with bench.store.unit() as unit:
            assert unit.jobs.start(job.id, timedelta(seconds=-1)) is not None
            unit.commit()

    make_child(bench.context, job.id)

    assert bench.job(job).error_code == "too_many_attempts"
    assert bench.pipeline.calls["make"] == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MissingWeights(name="generator", path="/somewhere"), "missing_weights"),
        (SoftTimeLimitExceeded(), "timed_out"),
        (ZeroDivisionError("a mistake of ours"), "internal_error"),
        (MemoryError(), "internal_error"),
    ],
)
def test_other_errors_end_the_job_with_a_code(bench: Bench, error: BaseException, code: str) -> None:
    job = bench.child_job(bench.user())
    bench.pipeline.raises["make"] = [error]

    assert make_child(bench.context, job.id) is None

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", code)


def test_a_job_that_somebody_else_works_on_is_looked_at_when_the_lease_ends(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    with bench.store.unit() as unit:
        unit.jobs.start(job.id, timedelta(seconds=60))
        unit.commit()

    again = make_child(bench.context, job.id)

    assert again is not None and 50 < again.seconds < 70
    assert bench.pipeline.calls["make"] == 0


def test_a_job_whose_worker_was_killed_is_taken_over_when_the_lease_has_ended(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    with bench.store.unit() as unit:
        unit.jobs.start(job.id, timedelta(seconds=-1))
        unit.commit()

    make_child(bench.context, job.id)

    assert (bench.job(job).state, bench.job(job).attempts) == ("done", 2)


def test_an_unknown_job_does_no_harm(bench: Bench) -> None:
    assert make_child(bench.context, "0" * 32) is None


def test_a_slow_job_keeps_its_lease(bench: Bench) -> None:
    bench.configure(lease=timedelta(seconds=0.3))
    job = bench.child_job(bench.user())
    ends = []

    def wait_for_two_beats() -> None:
        while len(set(ends)) < 3:
            ends.append(bench.job(job).claimed_until)

    bench.pipeline.before["make"] = wait_for_two_beats

    make_child(bench.context, job.id)

    assert bench.job(job).state == "done"


def test_progress_is_written_but_not_for_every_step(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    seen = []
    bench.pipeline.before["encode"] = lambda: seen.append((bench.job(job).stage, bench.job(job).progress))
    bench.pipeline.before["make"] = lambda: seen.append((bench.job(job).stage, bench.job(job).progress))

    make_child(bench.context, job.id)

    assert seen == [("encoding", 0.0), ("encoding", 0.25), ("drawing", 0.5)]


def test_log_lines_carry_the_jobs_id_and_nothing_personal(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="tasks")
    job = bench.child_job(bench.user("471147114711-user"))
    bench.pipeline.raises["make"] = [ZeroDivisionError("a mistake of ours")]

    make_child(bench.context, job.id)

    assert {record.__dict__["job"] for record in caplog.records} == {job.id}
    assert "471147114711" not in caplog.text
