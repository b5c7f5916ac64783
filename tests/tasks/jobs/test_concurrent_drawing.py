"""With a GPU, those who wait are drawn beside the one whose turn it is: each once, and nobody's fault is another's."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from core.domain.errors import SettingError
from storage.errors import StorageUnavailable
from storage.records import Job
from tasks.jobs.concurrent_drawing import make_children
from tasks.workers.resources import ON_A_CARD, drawn_together
from tests.tasks.conftest import Bench


@pytest.fixture
def gpu(bench: Bench) -> Bench:
    bench.configure(together=8)
    return bench


def waiting(bench: Bench, *people: str) -> list[Job]:
    """A child that each of these people waits for."""
    return [bench.child_job(bench.user(number)) for number in people]


def states(bench: Bench, jobs: list[Job]) -> list[str]:
    return [bench.job(job).state for job in jobs]


def test_who_waits_is_drawn_at_the_same_time(gpu: Bench) -> None:
    jobs = waiting(gpu, "1", "2", "3")
    all_three = threading.Barrier(3, timeout=20)
    gpu.pipeline.before["make"] = all_three.wait

    assert make_children(gpu.context, jobs[0].id) is None

    assert states(gpu, jobs) == ["done"] * 3
    assert all(gpu.picture(job) for job in jobs)


def test_the_messages_of_those_taken_along_draw_nothing_more(gpu: Bench) -> None:
    jobs = waiting(gpu, "1", "2", "3")
    for job in jobs:
        assert make_children(gpu.context, job.id) is None
    assert gpu.pipeline.calls["make"] == 3
    assert [gpu.job(job).attempts for job in jobs] == [1, 1, 1]


def test_a_process_without_a_gpu_draws_one_at_a_time(bench: Bench) -> None:
    jobs = waiting(bench, "1", "2")
    make_children(bench.context, jobs[0].id)
    assert states(bench, jobs) == ["done", "queued"]


def test_there_is_an_end_to_those_taken_along_and_a_person_is_taken_once(gpu: Bench) -> None:
    gpu.configure(together=3)
    first, *others = waiting(gpu, "1", "2", "3", "4")
    siblings = [gpu.sibling_job(first, seed=2), gpu.sibling_job(others[0], seed=3)]
    make_children(gpu.context, first.id)
    assert states(gpu, [first, *others]) == ["done", "done", "done", "queued"]
    assert states(gpu, siblings) == ["queued", "queued"]


def test_nobody_is_taken_along_with_a_refinement_nor_with_what_is_drawn_already(gpu: Bench) -> None:
    first, second, third = waiting(gpu, "1", "2", "3")
    refined = gpu.add_job(
        "child",
        gpu.user("1"),
        mom_photo_id=first.mom_photo_id,
        dad_photo_id=first.dad_photo_id,
        wish=first.wish,
        quality="refined",
    )
    gpu.configure(together=2)
    make_children(gpu.context, first.id)  # and the second
    gpu.configure(together=8)
    make_children(gpu.context, refined.id)
    make_children(gpu.context, second.id)
    assert states(gpu, [first, second, third]) == ["done", "done", "queued"]


def test_a_fault_of_one_is_nobody_elses(gpu: Bench) -> None:
    jobs = waiting(gpu, "1", "2", "3")
    gpu.pipeline.raises["make"] = [SettingError(name="age", value="-1", allowed="0..90")]
    make_children(gpu.context, jobs[0].id)
    assert sorted(states(gpu, jobs)) == ["done", "done", "failed"]


def test_where_the_rows_cannot_be_read_the_one_job_says_so(gpu: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = waiting(gpu, "1")
    view = gpu.store.read_only
    calls: list[int] = []

    def away_once() -> AbstractContextManager[object]:
        calls.append(1)
        if len(calls) == 1:
            raise StorageUnavailable(what="database")
        return view()

    monkeypatch.setattr(gpu.store, "read_only", away_once)
    make_children(gpu.context, job.id)
    assert gpu.job(job).state == "done"
    assert make_children(gpu.context, "0" * 32) is None


@pytest.mark.parametrize("found, drawn", [([], 1), (["0"], ON_A_CARD)])
def test_a_machine_with_a_gpu_draws_together(found: list[str], drawn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.workers.resources.cards", lambda: found)
    assert drawn_together() == drawn
