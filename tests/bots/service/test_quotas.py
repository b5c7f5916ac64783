"""Enough for everybody: what happens when somebody asks for more than their share, and when it goes on."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bots.conversation.effects import Say
from bots.conversation.events import CommandGiven
from bots.discord.bot import DiscordBot
from bots.service.conversation_service import Answer, ConversationService, Defaults, ReplyTo, SentPhoto
from bots.service.effect_executor import Actor
from bots.service.quotas import Quotas
from bots.telegram.bot import TelegramBot
from storage.deletion import delete_user, purge_expired
from storage.records import Job
from storage.unit_of_work import Store
from tests.bots.service.test_conversation_service import Kept
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_discord import Discord
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_telegram import Person as TelegramPerson
from tests.support.chats.fake_worker import FakeWorker

ANNA, BEN = Actor("telegram", "1", "1", "en"), Actor("telegram", "2", "2", "en")
LEASE = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)


class Shop:
    """A dialogue with quotas, a clock to turn, and a worker who is quick."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self.store = store
        agreed(store, "telegram", 1, 2)
        self.clock = store.clock = Clock()
        self.dialogue = ConversationService(store, Kept(), Defaults(quotas=quotas))
        self._photos = 0

    def couple(self, actor: Actor) -> Answer:
        """Two photos, and the drawing they lead to."""
        self._photos += 2
        photos = [SentPhoto(b"%d" % self._photos, role="mom"), SentPhoto(b"%d!" % self._photos, role="dad")]
        answer = Answer()
        for job in self.dialogue.take_photos(actor, photos).jobs:
            answer = self.done(job, sex="female", sex_confidence=0.9, estimated_age=30.0)
        return answer

    def sibling(self, actor: Actor) -> Answer:
        """Ask for one more, and get it if it is drawn."""
        answer = self.dialogue.hear(actor, CommandGiven("sibling"))
        for job in answer.jobs:
            self.done(job, sex="girl")
        return answer

    def done(self, job: Job, **result: object) -> Answer:
        with self.store.unit() as unit:
            assert unit.jobs.start(job.id, LEASE)
            assert unit.jobs.finish(job.id, result)
            unit.commit()
        answer = self.dialogue.tell(job.id)
        with self.store.unit() as unit:
            unit.jobs.mark_delivered(job.id)
            unit.commit()
        return answer


def said(answer: Answer) -> list[tuple[str, object]]:
    return [(line.key, line.params.get("wait")) for line in answer.lines if isinstance(line, Say)]


def first_child(shop: Shop, actor: Actor) -> None:
    [job] = shop.couple(actor).jobs
    shop.done(job, sex="girl")


def test_after_the_last_drawing_of_an_hour_it_is_said_when_it_goes_on(store: Store) -> None:
    shop = Shop(store, Quotas(user_hour=3))
    first_child(shop, ANNA)
    shop.clock.turn(minutes=10)
    assert shop.sibling(ANNA).jobs and shop.sibling(ANNA).jobs
    refused = shop.sibling(ANNA)
    assert (refused.jobs, said(refused)) == ([], [("failed_quota_user", 50 * 60.0)])
    shop.clock.turn(minutes=50, seconds=1)
    shop.dialogue.hear(ANNA, CommandGiven("child"))
    with store.read_only() as unit:
        assert len(unit.jobs.active_for(unit.users.get_or_add("telegram", "1").id)) == 1


def test_one_persons_quota_is_not_anothers(store: Store) -> None:
    shop = Shop(store, Quotas(user_hour=1))
    first_child(shop, ANNA)
    assert not shop.sibling(ANNA).jobs
    first_child(shop, BEN)


def test_a_group_shares_its_quota(store: Store) -> None:
    anna, ben = (Actor("telegram", "-5", user, "en", group=True) for user in ("1", "2"))
    shop = Shop(store, Quotas(chat_day=2))
    first_child(shop, anna)
    first_child(shop, ben)
    assert [key for key, _ in said(shop.sibling(anna))] == ["failed_quota_chat"]
    first_child(shop, ANNA)


def test_the_longer_of_two_waits_is_told(store: Store) -> None:
    shop = Shop(store, Quotas(user_hour=1, user_day=1))
    first_child(shop, ANNA)
    assert said(shop.sibling(ANNA)) == [("failed_quota_user", 24 * 3600.0)]


def test_too_many_photos_are_answered_once_and_then_not_even_fetched(store: Store) -> None:
    shop = Shop(store, Quotas(photos_hour=2))
    assert len(shop.dialogue.take_photos(ANNA, [SentPhoto(b"1"), SentPhoto(b"2")]).jobs) == 2
    refused = shop.dialogue.take_photos(ANNA, [SentPhoto(b"3")])
    assert (refused.jobs, said(refused)) == ([], [("refused_quota_photos", 3600.0)])
    silence = shop.dialogue.take_photos(ANNA, [SentPhoto(b"4")])
    assert (silence.lines, silence.jobs) == ([], [])
    assert not shop.dialogue.wants_photo(ANNA, addressed=True)
    assert shop.dialogue.wants_photo(BEN, addressed=True)
    shop.clock.turn(hours=1, seconds=1)
    assert shop.dialogue.wants_photo(ANNA, addressed=True)
    assert shop.dialogue.take_photos(ANNA, [SentPhoto(b"5")]).owner


def test_photos_beyond_the_quota_are_not_stored(store: Store) -> None:
    shop = Shop(store, Quotas(photos_hour=1))
    shop.dialogue.take_photos(ANNA, [SentPhoto(b"1")])
    before = list(store.blobs.keys())
    shop.dialogue.take_photos(ANNA, [SentPhoto(b"2")])
    assert list(store.blobs.keys()) == before


def leaves_and_comes_back(shop: Shop, actor: Actor) -> None:
    """Deletes everything, and agrees again."""
    with shop.store.read_only() as unit:
        user = unit.users.find(actor.platform, actor.user)
    assert user is not None
    delete_user(shop.store, user.id)
    agreed(shop.store, actor.platform, int(actor.user))


def test_deleting_and_agreeing_again_gives_no_fresh_quota(store: Store) -> None:
    shop = Shop(store, Quotas(user_hour=1, photos_hour=4))
    first_child(shop, ANNA)
    leaves_and_comes_back(shop, ANNA)
    assert [key for key, _ in said(shop.couple(ANNA))] == ["failed_quota_user"]
    leaves_and_comes_back(shop, ANNA)
    assert [key for key, _ in said(shop.dialogue.take_photos(ANNA, [SentPhoto(b"more")]))] == ["refused_quota_photos"]
    shop.clock.turn(hours=1, seconds=1)
    first_child(shop, ANNA)


def test_deleting_gives_a_chat_no_fresh_quota(store: Store) -> None:
    anna, ben = (Actor("telegram", "-5", user, "en", group=True) for user in ("1", "2"))
    shop = Shop(store, Quotas(chat_hour=1))
    first_child(shop, anna)
    leaves_and_comes_back(shop, anna)
    assert [key for key, _ in said(shop.couple(ben))] == ["failed_quota_chat"]


def test_a_group_with_another_number_gets_no_fresh_quota(store: Store) -> None:
    shop = Shop(store, Quotas(chat_hour=1))
    first_child(shop, Actor("telegram", "-5", "1", "en", group=True))
    shop.dialogue.groups.renumber("telegram", "-5", "-1005")
    there = Actor("telegram", "-1005", "2", "en", group=True)
    assert [key for key, _ in said(shop.couple(there))] == ["failed_quota_chat"]


def test_what_others_answer_in_my_round_uses_up_their_photos_not_mine(store: Store) -> None:
    anna, ben = (Actor("telegram", "-5", user, "en", group=True) for user in ("1", "2"))
    shop = Shop(store, Quotas(photos_hour=3))
    assert shop.dialogue.take_photos(anna, [SentPhoto(b"mom", role="mom")]).jobs
    for number in range(3):
        answer = shop.dialogue.take_photos(ben, [SentPhoto(b"no face %d" % number, role="dad")], ReplyTo(user="1"))
        [job] = answer.jobs
        with store.unit() as unit:
            assert unit.jobs.start(job.id, LEASE)
            unit.jobs.fail(job.id, "no_face")
            unit.commit()
        shop.dialogue.tell(job.id)
    refused = shop.dialogue.take_photos(ben, [SentPhoto(b"no face", role="dad")], ReplyTo(user="1"))
    assert [key for key, _ in said(refused)] == ["refused_quota_photos"]
    assert not shop.dialogue.wants_photo(ben, addressed=True)
    assert shop.dialogue.wants_photo(anna, addressed=True)
    assert len(shop.dialogue.take_photos(anna, [SentPhoto(b"dad", role="dad")]).jobs) == 1


def test_nothing_that_is_counted_outlives_the_window_of_its_quota(store: Store) -> None:
    shop = Shop(store, Quotas(user_day=5, photos_hour=5))
    first_child(shop, ANNA)
    leaves_and_comes_back(shop, ANNA)

    def counted() -> set[str]:
        purge_expired(store)
        with store.database.engine.connect() as connection:
            return set(connection.execute(text("SELECT kind FROM quota_uses")).scalars())

    assert counted() == {"drawing", "photo"}
    shop.clock.turn(hours=1)
    assert counted() == {"drawing"}
    shop.clock.turn(hours=23)
    assert counted() == set()


def test_what_is_counted_tells_nobody_without_the_key_whose_it_is(store: Store) -> None:
    anna = replace(ANNA, chat_id="770077007700", user="770077007700")
    shop = Shop(store, Quotas(user_day=5))
    agreed(store, "telegram", 770077007700)
    first_child(shop, anna)
    with store.read_only() as unit:
        user = unit.users.find("telegram", anna.user)
    assert user is not None
    delete_user(store, user.id)
    with store.database.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM quota_uses")).all())
        subjects = set(connection.execute(text("SELECT subject FROM quota_uses")).scalars())
    assert anna.user not in rows and user.id not in rows
    assert len(subjects) == 2
    told = ("person telegram 770077007700", "chat telegram 770077007700")
    assert not subjects & {hashlib.sha256(words.encode()).hexdigest() for words in told}


@pytest.mark.parametrize("quotas", [Quotas(), Quotas(user_hour=0, photos_hour=0)])
def test_zero_is_no_limit(store: Store, quotas: Quotas) -> None:
    shop = Shop(store, quotas)
    first_child(shop, ANNA)
    assert all(shop.sibling(ANNA).jobs for _ in range(5))


def look_at_photos(store: Store, worker: FakeWorker, platform: str, number: int) -> bool:
    """The worker takes photos only; whether somebody's drawing waits then."""
    with store.read_only() as unit:
        user = unit.users.find(platform, str(number))
        jobs = unit.jobs.active_for(user.id) if user else []
    for job in jobs:
        if job.kind == "encode":
            worker.work(job.id)
    return any(job.kind == "child" for job in jobs)


@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_whoever_waits_behind_others_is_told_their_place(
    platform: str,
    dialogue: ConversationService,
    store: Store,
    worker: FakeWorker,
    api: BotApi,
    bot: TelegramBot,
    discord_api: Discord,
    discord_bot: DiscordBot,
) -> None:
    worker.pause()
    people = [(api if platform == "telegram" else discord_api).person(number) for number in (1, 2, 3)]
    for number, person in enumerate(people, start=1):
        if isinstance(person, TelegramPerson):
            await person.sends_album(b"mom %d" % number, b"dad %d" % number)
        else:
            await person.uses("child", mom=b"mom %d" % number, dad=b"dad %d" % number)
        async with asyncio.timeout(30):
            while not look_at_photos(store, worker, platform, number):
                await asyncio.sleep(0.05)
    await people[1].sees("Your picture is number 2 in the queue")
    await people[2].sees("Your picture is number 3 in the queue")
    worker.resume()
    for person in people:
        await person.sees_pictures(1)
        assert not [text for text in person.texts if "in the queue" in text]
