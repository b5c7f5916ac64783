"""One number for many people: an anonymous admin and a channel cannot agree, own a photo, or delete anything."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bots.discord.parsing import couple_of
from bots.service.conversation_service import ConversationService, SentPhoto
from bots.service.effect_executor import Actor
from bots.telegram.parsing import SHARED_NUMBERS
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi, Person
from tests.support.chats.fake_worker import FakeWorker

GROUP_CHAT, OTHER_GROUP = -500, -600
ANONYMOUS_ADMIN, CHANNEL_BOT, LINKED_CHANNEL = 1087968824, 136817688, 777000
REFUSAL = "Please write as yourself"


class Masked:
    """Somebody who speaks in the name of a chat. Presses always come from the person, as Telegram has it."""

    def __init__(self, api: BotApi, number: int, chat_id: int = GROUP_CHAT) -> None:
        self.person = Person(api, number, chat_id, "en")
        kind = "supergroup" if number == ANONYMOUS_ADMIN else "channel"
        chat = chat_id if number == ANONYMOUS_ADMIN else -1007
        self.facts: dict[str, Any] = {
            "from": {"id": number, "is_bot": number != LINKED_CHANNEL, "first_name": "Group"},
            "sender_chat": {"id": chat, "type": kind, "title": "A family"},
        }

    async def says(self, text: str, **more: Any) -> None:
        length = len(text.split()[0])
        entities = [{"type": "bot_command", "offset": 0, "length": length}]
        await self.person.sends(text=text, entities=entities, **self.facts, **more)

    async def sends_photo(self, data: bytes, caption: str | None = None) -> None:
        await self.person.sends(photo=self.person._photo(data), caption=caption, **self.facts)


def rows_of_shared_numbers(store: Store) -> list[str]:
    with store.read_only() as unit:
        return [str(number) for number in SHARED_NUMBERS if unit.users.find("telegram", str(number)) is not None]


@pytest.mark.parametrize("number", sorted(SHARED_NUMBERS))
async def test_a_chat_that_speaks_is_asked_to_write_as_a_person(
    api: BotApi, dialogue: ConversationService, store: Store, number: int
) -> None:
    masked, carl = Masked(api, number), api.person(3, GROUP_CHAT)
    async with running_bot(api, dialogue):
        for count, command in enumerate(
            ("/delete_my_data", "/withdraw", "/age 9", "/settings", "/couple @anna12 @bennn", "/mom", "/language"), 1
        ):
            await masked.says(command)
            await api.until(lambda count=count: len(carl.texts) == count, command)
            assert carl.texts[-1].startswith(REFUSAL)
        await masked.sends_photo(b"mom 1", "/mom")
        await api.until(lambda: len(carl.texts) == 8, "the photo")
        assert carl.texts[-1].startswith(REFUSAL)
    assert api.count("getFile") == 0 and not any(shown.buttons for shown in api.shown(GROUP_CHAT))
    assert rows_of_shared_numbers(store) == []


async def test_another_bots_commands_and_talk_are_not_ours_to_answer(
    api: BotApi, dialogue: ConversationService
) -> None:
    masked = Masked(api, ANONYMOUS_ADMIN)
    async with running_bot(api, dialogue):
        await masked.says("/ban somebody")
        await masked.person.sends(text="hello everybody", **masked.facts)
        await masked.sends_photo(b"a holiday")
        await masked.says("/help")
        await masked.person.sees("Send two photos")
    assert len(masked.person.texts) == 1


async def test_what_holds_for_the_group_an_anonymous_admin_may_still_say(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    masked = Masked(api, ANONYMOUS_ADMIN)
    async with running_bot(api, dialogue):
        await masked.says("/wall on")
        await masked.person.sees("The family wall is on")
        await masked.says("/language de")
        await masked.person.sees("Deutsch")
    assert rows_of_shared_numbers(store) == []


async def test_one_anonymous_admins_data_is_not_anothers(
    api: BotApi, strict_dialogue: ConversationService, store: Store, worker: FakeWorker
) -> None:
    """As a database may hold it that was filled before: an agreement and a photo under the number of all of them."""
    agreed(store, "telegram", ANONYMOUS_ADMIN)
    worker.stop()
    old = Actor("telegram", str(OTHER_GROUP), str(ANONYMOUS_ADMIN), "en", group=True)
    assert strict_dialogue.take_photos(old, [SentPhoto(b"mom 1", "5", "mom")]).jobs
    blobs = sorted(store.blobs.keys())
    masked = Masked(api, ANONYMOUS_ADMIN)
    async with running_bot(api, strict_dialogue):
        await masked.sends_photo(b"dad 1", "/dad")
        await masked.person.sees(REFUSAL)
        await masked.says("/delete_my_data")
        await api.until(lambda: len(masked.person.texts) == 2, "the second refusal")
    assert api.count("getFile") == 0 and sorted(store.blobs.keys()) == blobs


async def test_nobody_is_let_in_or_kept_out_by_a_number_of_many(
    api: BotApi, store: Store, dialogue: ConversationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "_is_operator", lambda who: who.user == "1")
    anna = api.person(1, GROUP_CHAT)
    post = anna._message(text="hello", **Masked(api, ANONYMOUS_ADMIN).facts)
    async with running_bot(api, dialogue):
        await anna.says("/admin block", reply_to=post)
        await api.until(lambda: bool(anna.texts), "an answer")
    with store.read_only() as unit:
        assert unit.access_rules.verdicts("telegram", str(ANONYMOUS_ADMIN)) == set()


async def test_a_couple_has_no_such_half(api: BotApi, dialogue: ConversationService) -> None:
    anna = api.person(1, GROUP_CHAT)
    post = anna._message(text="hello", **Masked(api, LINKED_CHANNEL).facts)
    async with running_bot(api, dialogue):
        await anna.says("/couple", reply_to=post)
        await api.until(lambda: bool(anna.texts), "an answer")
    assert not any(shown.buttons for shown in api.shown(GROUP_CHAT))


async def test_the_real_persons_press_counts(api: BotApi, strict_dialogue: ConversationService, store: Store) -> None:
    anna, masked = api.person(1, GROUP_CHAT), Masked(api, ANONYMOUS_ADMIN)
    async with running_bot(api, strict_dialogue):
        await anna.sends_photo(b"mom 1", "/mom")
        await anna.sees("By pressing “I agree”")
        await masked.says("/help")
        await anna.presses("I agree")
        await anna.sees("Got mom")
    with store.read_only() as unit:
        user = unit.users.find("telegram", "1")
    assert user is not None and user.consent_at is not None


async def test_other_bots_are_not_answered(api: BotApi, dialogue: ConversationService) -> None:
    anna = api.person(1, GROUP_CHAT)
    bot = {"id": 99, "is_bot": True, "first_name": "Gallery", "username": "gallery_bot"}
    async with running_bot(api, dialogue):
        await anna.sends(text="/help", entities=[{"type": "bot_command", "offset": 0, "length": 5}], **{"from": bot})
        await anna.says("/help")
        await anna.sees("Send two photos")
    assert len(anna.texts) == 1


def discord_user(**facts: Any) -> discord.User:
    data = {"id": "5", "username": "somebody", "discriminator": "0", "avatar": None, **facts}
    return discord.User(state=None, data=data)  # type: ignore[arg-type]


@pytest.mark.parametrize("facts", [{"bot": True}, {"system": True}])
def test_on_discord_bots_webhooks_and_discord_itself_are_no_halves_of_a_couple(facts: dict[str, bool]) -> None:
    assert couple_of(discord_user(), discord_user(**facts)) == ()
    assert couple_of(discord_user(**facts), discord_user()) == ()
    assert len(couple_of(discord_user(), discord_user(id="6"))) == 2
