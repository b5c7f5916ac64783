"""No message is lost and none is handled twice: a killed bot, a store or a broker that is unavailable for a while."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bots.conversation.effects import Say, message_to_json
from bots.service.conversation_service import ConversationService
from bots.service.receipts import Receipt
from bots.telegram.bot import TelegramBot
from bots.telegram.update_queue import MAX_TRIES
from storage.repositories.inbox import PendingUpdate
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.fake_telegram import ME, BotApi, Person
from tests.support.chats.fake_worker import FakeWorker, drawn

SOURCE = f"telegram:{ME['id']}"


def update_of(message: dict[str, Any], number: int) -> bytes:
    return json.dumps({"update_id": number, "message": message}).encode()


def written_down(store: Store, person: Person, text: str, number: int = 5) -> None:
    """As a bot leaves it that was killed after it had told Telegram that it has the update."""
    message = person._message(text=text, entities=[{"type": "bot_command", "offset": 0, "length": len(text)}])
    with store.unit() as unit:
        unit.inbox.keep(SOURCE, number, update_of(message, number))
        unit.commit()


def waiting(store: Store) -> list[PendingUpdate]:
    with store.read_only() as unit:
        return unit.inbox.waiting(SOURCE)


async def settled(store: Store) -> None:
    async with asyncio.timeout(20):
        while waiting(store):
            await asyncio.sleep(0.02)


@contextmanager
def away(store: Store, table: str) -> Iterator[None]:
    """A table that nobody can use for a while."""
    store.database.close()

    def rename(before: str, after: str) -> None:
        with store.database.engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")
            connection.commit()

    rename(table, "elsewhere")
    yield
    rename("elsewhere", table)


async def test_what_a_killed_bot_had_not_begun_is_answered_by_the_next(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    written_down(store, anna, "/help")
    async with running_bot(api, dialogue):
        await anna.sees("Send two photos")
        await settled(store)
    assert len(anna.texts) == 1


async def test_what_a_killed_bot_had_done_but_not_said_is_said_and_not_done_again(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    written_down(store, anna, "/cancel")
    answer = {"language": "en", "lines": [message_to_json(Say("forgotten"))], "jobs": [], "avatars": [], "fetch": []}
    with store.unit() as unit:
        assert Receipt(SOURCE, 5).take(unit, 0, {**answer, "deletes": None, "asks": False})
        unit.commit()
    async with running_bot(api, dialogue):
        await anna.sees("I have forgotten these photos")
        await settled(store)
    assert len(anna.texts) == 1


async def test_an_update_that_telegram_hands_out_again_is_heeded_once(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends_album(b"mom 1", b"dad 1")
        await anna.sees_pictures(1)
        given = list(api.given)
        for update in given:
            await api.push_again(update)
        await anna.says("/help")
        await anna.sees("Send two photos")
        await asyncio.sleep(0.3)
    assert len(given) == 2 and len(anna.pictures) == 1
    assert api.count("download") == 2


async def test_an_update_that_the_library_cannot_read_holds_up_nobody(
    api: BotApi, dialogue: ConversationService, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends(poll={"id": "1", "question": "a question of mine"})
        await anna.says("/help")
        await anna.sees("Send two photos")
        await settled(store)
    assert "an update cannot be read" in caplog.text and "a question of mine" not in caplog.text


async def test_what_was_written_down_by_a_commit_in_doubt_is_answered_when_telegram_hands_it_out_again(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    """The row came after this bot had looked for rows, and nobody has the update in hand."""
    anna = api.person(1)
    async with running_bot(api, dialogue):
        written_down(store, anna, "/help")
        message = anna._message(text="/help", entities=[{"type": "bot_command", "offset": 0, "length": 5}])
        await api.push_again({"update_id": 5, "message": message})
        await anna.sees("Send two photos")
        await settled(store)
        await api.push_again({"update_id": 5, "message": message})
        await anna.says("/settings")
        await anna.sees("When you say nothing else")
    assert len(anna.texts) == 2


async def test_an_album_is_settled_whole(api: BotApi, dialogue: ConversationService, store: Store) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends_album(b"mom 1", b"dad 1")
        await anna.sees_pictures(1)
        await settled(store)


async def test_while_the_store_is_away_everybody_is_told_once_and_answered_later(
    api: BotApi, dialogue: ConversationService, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = api.person(1), api.person(2, language="de")
    async with running_bot(api, dialogue):
        with away(store, "inbox"):
            await anna.says("/help secret words")
            await anna.says("/settings")
            await ben.says("/help")
            await anna.sees("What you sent is kept")
            await ben.sees("Was du geschickt hast, ist aufgehoben")
            await asyncio.sleep(1.0)
            assert len(anna.texts) == len(ben.texts) == 1
        await anna.sees("Send two photos")
        await anna.sees("When you say nothing else")
        await api.until(lambda: len(ben.texts) == 2, "ben's help")
        await settled(store)
    assert len(anna.texts) == 3
    assert "secret" not in caplog.text


async def test_a_turn_that_the_store_refuses_is_taken_when_it_is_back(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        with away(store, "conversations"):
            await anna.sends_album(b"mom 1", b"dad 1")
            await anna.sees("What you sent is kept")
        await anna.sees_pictures(1)
        await settled(store)
    assert len(anna.pictures) == 1
    assert drawn(anna.pictures[0].picture)["kind"] == "child"


async def test_a_bot_stops_while_the_store_is_away_and_the_next_one_answers(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    with away(store, "conversations"):
        async with running_bot(api, dialogue):
            await anna.says("/help")
            await anna.sees("What you sent is kept")
    assert len(anna.texts) == 1
    async with running_bot(api, dialogue):
        await anna.sees("Send two photos")
    assert len(anna.texts) == 2


async def test_what_takes_a_bot_down_again_and_again_is_given_up(
    api: BotApi, dialogue: ConversationService, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    anna = api.person(1)
    written_down(store, anna, "/help")
    for _ in range(MAX_TRIES):
        with store.unit() as unit:
            unit.inbox.begin(SOURCE, [5])
            unit.commit()
    async with running_bot(api, dialogue):
        await anna.says("/settings")
        await anna.sees("When you say nothing else")
        await settled(store)
    assert len(anna.texts) == 1
    assert "an update is given up" in caplog.text


async def test_what_no_bot_came_to_is_answered_after_any_number_of_starts(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    anna = api.person(1)
    written_down(store, anna, "/help", number=5)
    written_down(store, anna, "/settings", number=6)
    with away(store, "conversations"):
        # The second one waits behind the first, which is begun at each start and gets no further.
        for started in range(1, MAX_TRIES + 1):
            async with running_bot(api, dialogue):
                async with asyncio.timeout(20):
                    while waiting(store)[0].tries < started:
                        await asyncio.sleep(0.02)
    assert [letter.tries for letter in waiting(store)] == [MAX_TRIES, 0]
    async with running_bot(api, dialogue):
        await anna.sees("When you say nothing else")
        await settled(store)
    assert not any("Send two photos" in text for text in anna.texts)


class TestBrokerAway:
    @pytest.fixture
    def broken(self, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Whether the broker is unavailable, and how often it was asked."""
        away = [True]
        put = worker.put

        def maybe(job: Any) -> None:
            away.append(True)
            if away[0]:
                raise ConnectionError("the broker is away")
            put(job)

        monkeypatch.setattr(worker, "put", maybe)
        return away

    async def test_people_are_told_once_and_get_their_pictures_when_it_is_back(
        self, api: BotApi, dialogue: ConversationService, broken: list[bool]
    ) -> None:
        people = [api.person(number) for number in range(1, 6)]
        async with running_bot(api, dialogue):
            for person in people:
                await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)
            for person in people:
                await person.sees("My drawing desk does not answer")
            broken[0] = False
            for person in people:
                await person.sees_pictures(1)
        for person in people:
            assert len(person.pictures) == 1
            assert sum("drawing desk" in text for text in person.texts) == 1

    async def test_it_is_not_asked_by_everybody_all_the_time(
        self, api: BotApi, dialogue: ConversationService, broken: list[bool]
    ) -> None:
        people = [api.person(number) for number in range(1, 21)]
        async with running_bot(api, dialogue):
            for person in people:
                await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)
            for person in people:
                await person.sees("My drawing desk does not answer")
            asked = len(broken) - 1
        assert asked < 20, "forty photos, and each look of the courier"


async def test_the_log_says_who_is_away_and_nothing_else(
    api: BotApi, bot: TelegramBot, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with away(store, "conversations"):
        await api.person(424242424242).says("secret words")
        await api.person(424242424242).sees("What you sent is kept")
    assert "the store is away" in caplog.text
    assert "secret" not in caplog.text and "424242424242" not in caplog.text
