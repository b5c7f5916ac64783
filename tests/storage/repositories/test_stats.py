"""Counts for whoever looks after the house, on both databases."""

from __future__ import annotations

from datetime import timedelta

from storage.repositories.stats import ExpiredCounts
from tests.storage.conftest import Furnished

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_waiting_jobs_are_counted_by_sort_with_the_age_of_the_oldest(house: Furnished) -> None:
    anna = house.user()
    first = house.job(anna)
    house.clock.turn(MINUTE)
    house.job(anna)
    house.job(anna, quality="refined")
    with house.store.read_only() as unit:
        piles = {(pile.kind, pile.quality): (pile.count, pile.oldest) for pile in unit.stats.waiting()}

    assert piles == {
        (first.kind, "fast"): (2, first.created_at),
        (first.kind, "refined"): (1, house.clock()),
    }


def test_running_jobs_tell_how_far_they_are(house: Furnished) -> None:
    job = house.job(house.user())
    with house.store.unit() as unit:
        unit.jobs.start(job.id, MINUTE)
        unit.jobs.report(job.id, "drawing", 0.5)
        unit.commit()
    with house.store.read_only() as unit:
        [running] = unit.stats.running()

    assert (running.id, running.stage, running.progress) == (job.id, "drawing", 0.5)
    assert running.claimed_until == house.clock() + MINUTE


def test_what_ended_is_counted_by_its_end_and_only_for_a_while(house: Furnished) -> None:
    anna = house.user()
    old = house.job(anna)
    with house.store.unit() as unit:
        unit.jobs.cancel(old.id)
        unit.commit()
    house.clock.turn(2 * HOUR)
    failed, odd = house.job(anna), house.job(anna)
    with house.store.unit() as unit:
        unit.jobs.fail(failed.id, "no_face")
        unit.jobs.fail(odd.id, "no_face")
        unit.commit()
    with house.store.read_only() as unit:
        assert unit.stats.ended_since(HOUR) == {"failed: no_face": 2}
        assert unit.stats.ended_since(3 * HOUR) == {"cancelled": 1, "failed: no_face": 2}
        assert unit.stats.undelivered() == {"telegram": 3}


def test_what_is_due_is_counted_and_the_next_moment_told(house: Furnished) -> None:
    anna = house.user()
    house.photo(anna, ttl=MINUTE)
    later = house.photo(anna, b"another", ttl=HOUR)
    house.latent(later, ttl=2 * HOUR)
    house.clock.turn(2 * MINUTE)
    with house.store.read_only() as unit:
        due = unit.stats.due()

    assert due == ExpiredCounts(photos=1, latents=0, results=0, next_at=house.clock() - MINUTE)


def test_a_database_has_a_size(house: Furnished) -> None:
    with house.store.read_only() as unit:
        assert unit.stats.database_bytes() > 10_000
