"""Nothing is lost and nothing is doubled, whatever the network does; and one person's flood drowns nobody else."""

from __future__ import annotations

import asyncio

import pytest

from bots.service.conversation_service import ConversationService, Defaults
from bots.service.effect_executor import Actor
from bots.service.quotas import Quotas
from storage.repositories.quota_uses import person
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats import fake_telegram
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker
from tests.support.chats.storm import Plan, live_through

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning"),
    pytest.mark.timeout(600),
]

GROUP_CHAT = -100500


async def test_every_reply_is_told_once_through_faults_and_two_restarts(
    api: BotApi, dialogue: ConversationService
) -> None:
    outcome = await live_through(api, dialogue, Plan(people=10, drawings=4))
    assert (outcome.pictures, outcome.lost, outcome.doubled, outcome.questions_doubled) == (40, 0, 0, 0)
    assert min(outcome.faults[kind] for kind in ("429", "drop", "drop after")) > 0


async def test_a_flood_of_five_hundred_photos_in_a_group_drowns_nobody(
    api: BotApi, store: Store, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_telegram, "PATIENCE", 240.0)  # five hundred of anything take a while on a busy machine
    agreed(store, "telegram", 1, 2, 3, 4)
    service = ConversationService(store, worker, Defaults(quotas=Quotas(photos_hour=20, user_hour=30)))
    flooder, anna, ben = (api.person(number, GROUP_CHAT) for number in (1, 2, 3))
    carl = api.person(4)
    async with running_bot(api, service):
        for count in range(500):
            await flooder.sends_photo(b"someone %d" % count, "/mom")
            if count == 250:
                await anna.sends_photo(b"mom of anna", "/mom")
                await anna.sends_photo(b"dad of anna", "/dad")
                await carl.sends_album(b"mom of carl", b"dad of carl")
        await ben.sends_photo(b"mom of ben", "/mom")
        await ben.sends_photo(b"dad of ben", "/dad")
        await carl.sees_pictures(1)
        await anna.sees_pictures(2)
        await anna.sees("more photos than I can look at")
        # What is left of the flood is let pass without being fetched, however long it is.
        assert not service.wants_photo(Actor("telegram", str(GROUP_CHAT), "1", "en", group=True), addressed=True)
        assert service.wants_photo(Actor("telegram", str(GROUP_CHAT), "2", "en", group=True), addressed=True)
        await asyncio.sleep(0.5)
        assert len(anna.pictures) == 2
        assert sum("more photos than I can look at" in text for text in anna.texts) == 1
        assert api.count("download") == 20 + 6  # the one that is refused is not fetched
        with store.read_only() as unit:
            assert unit.uses.used_at(20, "photo", person("telegram", "1")) is not None
            assert unit.uses.used_at(21, "photo", person("telegram", "1")) is None
