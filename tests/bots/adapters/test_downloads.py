"""What is fetched of what people send, and how much of it is in memory at once."""

from __future__ import annotations

import asyncio

import pytest

from bots.adapters.downloads import BytesInFlight
from bots.service.conversation_service import ConversationService, Defaults
from bots.service.quotas import Quotas
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker


async def test_of_a_large_album_only_the_two_photos_that_are_used_are_fetched(
    api: BotApi, dialogue: ConversationService
) -> None:
    async with running_bot(api, dialogue, album_quiet=1.0):
        anna = api.person(1)
        await anna.sends_album(*(b"photo %d" % number for number in range(10)), captions=("mom", "dad"))
        await anna.sees("two")
        await anna.sees_pictures(1)

    assert api.count("getFile") == 2


async def test_photos_beyond_the_quota_are_not_fetched(api: BotApi, store: Store, worker: FakeWorker) -> None:
    agreed(store, "telegram", 1)
    service = ConversationService(store, worker, Defaults(quotas=Quotas(photos_hour=2)))
    async with running_bot(api, service, album_quiet=1.0):
        anna = api.person(1)
        await anna.sends_album(b"mom 1", b"dad 1", captions=("mom", "dad"))
        await anna.sees_pictures(1)
        fetched = api.count("getFile")
        await anna.sends_album(b"mom 2", b"dad 2", b"a third")
        await anna.sees("more photos than I can look at")

    assert api.count("getFile") == fetched == 2


async def test_too_large_photos_do_not_take_the_place_of_those_that_fit(
    api: BotApi, dialogue: ConversationService
) -> None:
    async with running_bot(api, dialogue, album_quiet=1.0, largest_photo=100):
        anna = api.person(1)
        await anna.sends_album(b"x" * 200, b"her", b"him", captions=("", "mom", "dad"))
        await anna.sees_pictures(1)

    assert api.count("getFile") == 2


async def test_no_more_bytes_are_in_flight_than_there_is_room_for() -> None:
    room, held, most = BytesInFlight(100), 0, 0

    async def fetch(size: int) -> None:
        nonlocal held, most
        async with room.hold(size):
            held += size
            most = max(most, held)
            await asyncio.sleep(0)
            held -= size

    await asyncio.gather(*(fetch(size) for size in (60, 30, 50, 100, 10, 40, 70) * 20))

    assert 0 < most <= 100
    assert held == 0


async def test_more_than_there_is_room_for_gets_all_of_it_and_room_is_given_back_after_a_fault() -> None:
    room = BytesInFlight(100)
    with pytest.raises(ValueError, match="broken"):
        async with room.hold(1000):
            raise ValueError("broken")
    async with asyncio.timeout(10), room.hold(100):
        pass
