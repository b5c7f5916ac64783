"""Updates of a chat service: written down once, taken once, remembered until nobody hands them out any more."""

from __future__ import annotations

import pytest

from storage.deletion import KEEP_UPDATES, purge_expired
from storage.repositories.inbox import PendingUpdate
from storage.unit_of_work import Store
from tests.storage.conftest import Furnished

BOT = "telegram:1"


def keep(store: Store, number: int, data: bytes = b"words") -> bool:
    with store.unit() as unit:
        fresh = unit.inbox.keep(BOT, number, data)
        unit.commit()
    return fresh


def take(store: Store, number: int, turn: int, answer: bytes = b"answer") -> bool:
    with store.unit() as unit:
        mine = unit.inbox.take(BOT, number, turn, answer)
        unit.commit()
    return mine


def settle(store: Store, *numbers: int) -> None:
    with store.unit() as unit:
        unit.inbox.complete(BOT, numbers)
        unit.commit()


def waiting(store: Store) -> list[PendingUpdate]:
    with store.read_only() as unit:
        return unit.inbox.waiting(BOT)


def answer(store: Store, number: int, turn: int) -> bytes | None:
    with store.read_only() as unit:
        return unit.inbox.answer(BOT, number, turn)


def test_what_waits_is_found_in_the_order_in_which_it_came(house: Furnished) -> None:
    keep(house.store, 12, b"second")
    keep(house.store, 7, b"first")
    assert waiting(house.store) == [PendingUpdate(7, b"first", 0), PendingUpdate(12, b"second", 0)]


def test_tries_count_what_was_begun_and_not_what_waited(house: Furnished) -> None:
    keep(house.store, 7)
    keep(house.store, 12)
    for _ in range(2):
        with house.store.unit() as unit:
            unit.inbox.begin(BOT, [7])
            unit.commit()
    assert [letter.tries for letter in waiting(house.store)] == [2, 0]


def test_an_update_that_comes_again_is_not_new(house: Furnished) -> None:
    assert keep(house.store, 7)
    assert not keep(house.store, 7)
    settle(house.store, 7)
    assert not keep(house.store, 7)
    assert waiting(house.store) == []


def test_each_turn_of_an_update_is_taken_once_and_remembers_its_answer(house: Furnished) -> None:
    keep(house.store, 7)
    assert take(house.store, 7, 0, b"one")
    assert not take(house.store, 7, 0, b"again")
    assert take(house.store, 7, 1, b"two")
    assert [answer(house.store, 7, turn) for turn in (0, 1, 2)] == [b"one", b"two", None]


def test_a_turn_that_is_undone_is_not_taken(house: Furnished) -> None:
    keep(house.store, 7)
    with house.store.unit() as unit:
        assert unit.inbox.take(BOT, 7, 0, b"never committed")
    assert take(house.store, 7, 0)


def test_a_settled_update_is_taken_by_nobody_and_says_nothing(house: Furnished) -> None:
    keep(house.store, 7)
    take(house.store, 7, 0)
    settle(house.store, 7)
    assert not take(house.store, 7, 0)
    assert not take(house.store, 7, 1)
    assert answer(house.store, 7, 0) is None


def test_after_a_day_even_the_number_is_forgotten(house: Furnished) -> None:
    keep(house.store, 7)
    take(house.store, 7, 0)
    settle(house.store, 7)
    keep(house.store, 8)
    assert purge_expired(house.store, house.clock.time + KEEP_UPDATES / 2).updates == 0
    assert purge_expired(house.store, house.clock.time + KEEP_UPDATES).updates == 2
    assert keep(house.store, 7)


def test_the_database_does_not_hold_the_words(house: Furnished) -> None:
    keep(house.store, 7, b"secret words of anna")
    take(house.store, 7, 0, b"secret answer")
    with house.store.database.engine.connect() as connection:
        tables = ("inbox", "inbox_answers")
        rows = [tuple(row) for table in tables for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608
    assert len(rows) == 2
    assert "secret" not in str(rows)


def test_two_bots_of_one_service_do_not_read_each_others_updates(house: Furnished) -> None:
    keep(house.store, 7)
    with house.store.unit() as unit:
        assert unit.inbox.keep("telegram:2", 7, b"other")
        unit.commit()
    assert waiting(house.store) == [PendingUpdate(7, b"words", 0)]


@pytest.mark.parametrize("number", [1, 2**40])
def test_numbers_may_be_large(house: Furnished, number: int) -> None:
    assert keep(house.store, number)
    assert waiting(house.store)[0].number == number
