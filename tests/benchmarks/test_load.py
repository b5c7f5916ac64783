"""The load generator's people come when they should, and a small crowd on real servers gets its pictures."""

from __future__ import annotations

import argparse
import itertools
import random
import statistics

import pytest

from benchmarks.service.crowd import SWING, arrivals
from benchmarks.service.load import play


def test_people_come_in_a_rush_that_swells_and_ebbs() -> None:
    moments = arrivals(20_000, 100.0, random.Random(3))

    assert moments == sorted(moments) and moments[0] >= 0.0 and moments[-1] <= 100.0
    counts = [sum(start <= moment < start + 10.0 for moment in moments) for start in range(0, 100, 10)]
    mean = statistics.mean(counts)
    assert counts[0] / mean == pytest.approx(1 - SWING, abs=0.1)
    assert max(counts) / mean == pytest.approx(1 + SWING, abs=0.15)
    assert counts.index(max(counts)) in (4, 5)


def test_within_a_short_while_they_come_by_chance() -> None:
    """Gaps of a Poisson process scatter as much as they are long, unlike those of a metronome."""
    moments = [moment for moment in arrivals(20_000, 100.0, random.Random(3)) if 45.0 <= moment < 55.0]
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert statistics.pstdev(gaps) / statistics.mean(gaps) == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_brings_the_same_people() -> None:
    assert arrivals(5, 10.0, random.Random(1)) == arrivals(5, 10.0, random.Random(1))


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("returning", [False, True])
async def test_a_small_crowd_on_real_servers_gets_its_pictures(
    returning: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = argparse.Namespace(
        users=[4], workers=[1], window=2.0, speed=20.0, returning=returning, known=5, real=False, patience=120.0,
        seed=1, json=False,
    )  # fmt: skip
    [row] = await play(asked)

    assert (row.users, row.jobs, row.lost) == (4, 4 if returning else 12, 0)
    assert 0 < row.wait_50 <= row.wait_95 <= row.wait_99
    assert row.bot_mb > 30 and row.worker_mb > 30 and row.database_mb > 5 and row.files_mb > 0.1
    assert row.bot_cpu > 0 and row.postgres_cpu > 0
    assert len(capsys.readouterr().out.splitlines()) == 2
