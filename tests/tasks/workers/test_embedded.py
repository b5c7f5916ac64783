from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.records import Job
from tasks.broker import create_celery
from tasks.queue import CeleryQueue
from tasks.workers.embedded import EmbeddedWorkers
from tasks.workers.per_process import PerProcess
from tests.tasks.conftest import Bench

PATIENCE = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def workers(bench: Bench, request: pytest.FixtureRequest) -> EmbeddedWorkers:
    """Not started yet."""
    bench.configure(queue_prefix=f"{request.node.name}.")
    queue = CeleryQueue(create_celery(bench.context.config), bench.context.config.queue_prefix)
    bench.context = replace(bench.context, queue=queue)
    return EmbeddedWorkers(bench.context.config, PerProcess(lambda: bench.context))


def finished(bench: Bench, job: Job) -> bool:
    return bench.job(job).finished


def test_a_job_put_on_the_queue_is_drawn_by_the_thread(bench: Bench, workers: EmbeddedWorkers) -> None:
    job = bench.child_job(bench.user())

    with workers:
        bench.context.queue.put(job)
        wait_until(lambda: finished(bench, job))

    assert bench.job(job).state == "done"


def test_the_refined_picture_follows_by_itself(bench: Bench, workers: EmbeddedWorkers) -> None:
    user = bench.user(refine=True)
    job = bench.child_job(user)

    with workers:
        bench.context.queue.put(job)
        wait_until(lambda: finished(bench, job) and not _active(bench, job))

    assert bench.pipeline.calls["refine"] == 2


def test_a_child_is_drawn_while_somebody_elses_parents_are_refined(bench: Bench, workers: EmbeddedWorkers) -> None:
    slow = bench.child_job(bench.user("1", refine=True))
    quick = bench.child_job(bench.user("2"))
    bench.pipeline.never_done = True

    with workers:
        bench.context.queue.put(slow)
        assert bench.pipeline.refining.wait(PATIENCE)
        bench.context.queue.put(quick)
        wait_until(lambda: finished(bench, quick))

    assert bench.job(quick).state == "done"


def test_jobs_of_an_earlier_process_are_found_at_the_start(bench: Bench, workers: EmbeddedWorkers) -> None:
    waiting = bench.child_job(bench.user())  # its message died with the process
    abandoned = bench.child_job(bench.user())
    with bench.store.unit() as unit:
        unit.jobs.start(abandoned.id, timedelta(seconds=-1))
        unit.commit()

    with workers:
        wait_until(lambda: finished(bench, waiting) and finished(bench, abandoned))

    assert bench.job(waiting).state == bench.job(abandoned).state == "done"


def test_a_passing_fault_is_tried_again_by_itself(bench: Bench, workers: EmbeddedWorkers) -> None:
    job = bench.child_job(bench.user())
    bench.pipeline.raises["make"] = [OSError("full"), OSError("full")]

    with workers:
        bench.context.queue.put(job)
        wait_until(lambda: finished(bench, job))

    assert (bench.job(job).state, bench.job(job).attempts) == ("done", 3)


def test_stopping_ends_every_thread_and_hands_back_what_was_going_on(bench: Bench, workers: EmbeddedWorkers) -> None:
    job = bench.child_job(bench.user(refine=True))
    bench.pipeline.never_done = True
    before = set(threading.enumerate())
    workers.start()
    bench.context.queue.put(job)
    assert bench.pipeline.refining.wait(PATIENCE)

    assert workers.stop(PATIENCE)

    wait_until(lambda: set(threading.enumerate()) <= before)
    assert [other.state for other in _active(bench, job)] == ["queued"]


def test_workers_can_be_started_again_in_the_same_process(bench: Bench, workers: EmbeddedWorkers) -> None:
    with workers:
        pass
    bench.context.stopping.clear()
    job = bench.child_job(bench.user())

    with EmbeddedWorkers(bench.context.config, PerProcess(lambda: bench.context)):
        bench.context.queue.put(job)
        wait_until(lambda: finished(bench, job))

    assert bench.job(job).state == "done"


def _active(bench: Bench, job: Job) -> list[Job]:
    with bench.store.read_only() as unit:
        return unit.jobs.active_for(job.user_id)


def test_a_refinement_lets_drawings_go_first(bench: Bench, workers: EmbeddedWorkers) -> None:
    nice: dict[str, int] = {}

    def note(name: str) -> Callable[[], None]:
        return lambda: nice.update({name: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())})

    bench.pipeline.before = {"encode": note("encode"), "refine": note("refine")}
    job = bench.child_job(bench.user(refine=True))

    with workers:
        bench.context.queue.put(job)
        wait_until(lambda: finished(bench, job) and not _active(bench, job))

    assert nice["refine"] > nice["encode"] or nice["refine"] == 19
