"""Lanes and albums: what happens in order, and what is gathered."""

from __future__ import annotations

import asyncio

from bots.service.keyed_locks import KeyedLocks
from bots.telegram.albums import Albums


async def test_a_lane_serves_in_the_order_of_arrival() -> None:
    lanes, told = KeyedLocks(), []

    async def speak(number: int) -> None:
        async with lanes.hold("anna"):
            await asyncio.sleep(0)
            told.append(number)

    await asyncio.gather(*(speak(number) for number in range(20)))
    assert told == list(range(20))


async def test_lanes_do_not_wait_for_each_other() -> None:
    locks = KeyedLocks()
    async with locks.hold("anna"), locks.hold("ben"):
        assert len(locks) == 2
    assert len(locks) == 0


async def test_a_fault_in_a_lane_lets_the_next_one_in() -> None:
    locks = KeyedLocks()
    try:
        async with locks.hold("anna"):
            raise ValueError
    except ValueError:
        pass
    async with locks.hold("anna"):
        assert len(locks) == 1


async def test_an_album_is_complete_when_it_has_been_quiet() -> None:
    albums: Albums[int] = Albums(quiet=0.05)
    assert albums.join("a", 1) is False
    waiting = asyncio.create_task(albums.complete("a"))
    await asyncio.sleep(0.02)
    assert albums.join("a", 2) is True
    assert await waiting == [1, 2]
    assert albums.join("a", 3) is False


async def test_two_albums_do_not_mix() -> None:
    albums: Albums[int] = Albums(quiet=0.01)
    albums.join("a", 1)
    albums.join("b", 2)
    assert await asyncio.gather(albums.complete("a"), albums.complete("b")) == [[1], [2]]
