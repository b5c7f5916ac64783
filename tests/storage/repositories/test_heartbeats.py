from __future__ import annotations

from datetime import timedelta

from storage.deletion import PURGED, purge_expired
from tests.storage.conftest import Furnished

MINUTE = timedelta(minutes=1)


def alive(house: Furnished, kind: str | None = None) -> list[str]:
    with house.store.read_only() as unit:
        return [sign.source for sign in unit.heartbeats.alive(kind)]


def give(house: Furnished, source: str, kind: str = "worker", again_in: float = 20.0) -> None:
    with house.store.unit() as unit:
        unit.heartbeats.give(source, kind, again_in, {"queues": ["draw"]})
        unit.commit()


def test_a_worker_lives_while_it_says_so_and_keeps_its_age(house: Furnished) -> None:
    give(house, "here:1")
    began = house.clock()
    house.clock.turn(MINUTE)
    give(house, "here:1")

    with house.store.read_only() as unit:
        [sign] = unit.heartbeats.alive()
    assert (sign.since, sign.seen_at, sign.facts) == (began, began + MINUTE, {"queues": ["draw"]})


def test_one_that_falls_silent_is_dead_after_three_signs_and_some_patience(house: Furnished) -> None:
    give(house, "here:1", again_in=20.0)
    house.clock.turn(timedelta(seconds=89))
    assert alive(house) == ["here:1"]
    house.clock.turn(timedelta(seconds=2))
    assert alive(house) == []


def test_one_that_says_goodbye_is_gone_at_once(house: Furnished) -> None:
    give(house, "here:1")
    with house.store.unit() as unit:
        unit.heartbeats.withdraw("here:1")
        unit.commit()
    assert alive(house) == []


def test_kinds_are_told_apart(house: Furnished) -> None:
    give(house, "here:1")
    give(house, "here:2", kind="purge")
    assert (alive(house, "worker"), alive(house, "purge")) == (["here:1"], ["here:2"])
    assert alive(house) == ["here:1", "here:2"]


def test_the_dead_are_forgotten_after_a_day_but_not_what_was_done(house: Furnished) -> None:
    purge_expired(house.store)
    began = house.clock()
    give(house, "gone:1", again_in=1e6)
    house.clock.turn(timedelta(days=2))
    give(house, "here:1")

    assert alive(house) == ["here:1"]
    with house.store.read_only() as unit:
        assert unit.heartbeats.marked(PURGED) == began


def test_the_end_of_a_purge_is_marked(house: Furnished) -> None:
    with house.store.read_only() as unit:
        assert unit.heartbeats.marked(PURGED) is None
    purge_expired(house.store)
    with house.store.read_only() as unit:
        assert unit.heartbeats.marked(PURGED) == house.clock()
    assert alive(house) == []
