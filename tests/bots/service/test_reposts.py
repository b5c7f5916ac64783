"""Photos that somebody had from somebody else: whoever brings one states that the people in it agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from bots.conversation.effects import Say
from bots.conversation.events import CommandGiven, OfferedPhoto, PendingPhotos, TextSaid
from bots.conversation.state import state_from_json
from bots.service.conversation_service import ConversationService
from bots.service.effect_executor import Actor
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot, running_discord_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_discord import CHANNEL, Discord
from tests.support.chats.fake_telegram import BotApi, Person

GROUP_CHAT = -500
SHARED = {"anonymous admin": 1087968824, "channel": 136817688, "linked channel": 777000}
QUESTION = "This photo comes from somebody else."
OTHER_BOT = {"id": 99, "is_bot": True, "first_name": "Gallery", "username": "gallery_bot"}
ANNA = Actor("telegram", "1", "1", "en")
FORWARD = PendingPhotos((OfferedPhoto("file-1", "9", "mom", reposted=True),))


def user_origin(number: int) -> dict[str, Any]:
    user = {"id": number, "is_bot": False, "first_name": "Somebody"}
    return {"type": "user", "date": 1_700_000_000, "sender_user": user}


CHANNEL_ORIGIN = {"type": "channel", "date": 1_700_000_000, "message_id": 5,
                  "chat": {"id": -1009, "type": "channel", "title": "Faces"}}  # fmt: skip
HIDDEN_ORIGIN = {"type": "hidden_user", "date": 1_700_000_000, "sender_user_name": "Somebody"}

Content = Callable[[Person], dict[str, Any]]
REPOSTS: dict[str, Content] = {
    "forwarded from somebody": lambda person: {"forward_origin": user_origin(2)},
    "forwarded from somebody who hides": lambda person: {"forward_origin": HIDDEN_ORIGIN},
    "forwarded from a channel": lambda person: {"forward_origin": CHANNEL_ORIGIN},
    "found by an inline bot": lambda person: {"via_bot": OTHER_BOT},
}


@pytest.mark.parametrize("how", REPOSTS)
async def test_a_reposted_photo_is_fetched_only_after_a_statement(
    api: BotApi, dialogue: ConversationService, how: str
) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends(photo=anna._photo(b"mom 1"), caption="/mom", **REPOSTS[how](anna))
        question = await anna.sees(QUESTION)
        assert question.labels == ["Yes, they agree", "No, leave it"]
        assert api.count("getFile") == 0
        await anna.presses("Yes, they agree")
        await anna.sees("Got mom")
        assert api.count("download") == 1


async def test_without_the_statement_nothing_is_fetched(api: BotApi, dialogue: ConversationService) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends(photo=anna._photo(b"mom 1"), caption="/mom", forward_origin=HIDDEN_ORIGIN)
        await anna.sees(QUESTION)
        await anna.presses("No, leave it")
        await anna.sees("I have not looked at this photo")
        await anna.sends_photo(b"mom 2", "/mom")
        await anna.sees("Got mom")
    assert api.count("getFile") == 1


async def test_ones_own_photo_forwarded_needs_no_statement(api: BotApi, dialogue: ConversationService) -> None:
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.sends(photo=anna._photo(b"mom 1"), caption="/mom", forward_origin=user_origin(1))
        await anna.sees("Got mom")
        assert QUESTION not in "".join(anna.texts)


@pytest.mark.parametrize("whose", ["their own forward", "another bot's", *SHARED])
async def test_an_answer_to_a_repost_asks_the_one_who_answers(
    api: BotApi, dialogue: ConversationService, whose: str
) -> None:
    """Who posted it cannot be asked: a bot and a channel are nobody, and what was forwarded shows somebody else."""
    anna = api.person(1, GROUP_CHAT)
    content: dict[str, Any] = {"photo": anna._photo(b"dad 1")}
    if whose == "their own forward":
        content["forward_origin"] = user_origin(2)
    elif whose == "another bot's":
        content["from"] = OTHER_BOT
    else:
        content["from"] = {"id": SHARED[whose], "is_bot": whose != "linked channel", "first_name": "Group"}
        content["sender_chat"] = {"id": GROUP_CHAT, "type": "supergroup", "title": "A family"}
    photo = anna._message(**content)
    async with running_bot(api, dialogue):
        await anna.says("/dad", reply_to=photo)
        await anna.sees(QUESTION)
        assert api.count("getFile") == 0
        await api.person(2, GROUP_CHAT).presses("Yes, they agree")
        await api.until(lambda: len(api.answers) == 1, "a toast")
        assert api.count("getFile") == 0
        await anna.presses("Yes, they agree")
        await anna.sees("Got dad")


async def test_somebodys_forward_used_by_somebody_else_asks_both(
    api: BotApi, strict_dialogue: ConversationService, store: Store
) -> None:
    agreed(store, "telegram", 1)
    anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
    async with running_bot(api, strict_dialogue):
        photo = ben._message(photo=ben._photo(b"dad 1"), forward_origin=user_origin(3))
        await anna.says("/dad", reply_to=photo)
        await ben.sees("By pressing “I agree”")
        await ben.presses("I agree")
        await anna.sees(QUESTION)
        assert api.count("getFile") == 0
        await anna.presses("Yes, they agree")
        await anna.sees("Got dad")


async def test_on_discord_a_forward_and_a_webhooks_post_need_the_statement(
    discord_api: Discord, dialogue: ConversationService
) -> None:
    anna = discord_api.person(1, CHANNEL)
    async with running_discord_bot(dialogue):
        forward = await anna.posts()
        forward.forwards = [anna.upload(b"mom 1", "mom.jpg", "image/jpeg")]
        await anna.uses_menu("Use as mom", forward)
        question = await anna.sees(QUESTION)
        assert question.whisper == 1 and discord_api.count("download") == 0
        await anna.presses("Yes, they agree")
        await anna.sees("Got mom")


# The machine


def keys(lines: list[Any]) -> list[str]:
    return [line.key for line in lines]


@pytest.mark.parametrize(("words", "fetched"), [("yes", 1), ("no", 0)])
def test_words_state_it_as_well(dialogue: ConversationService, words: str, fetched: int) -> None:
    answer = dialogue.ask_first(ANNA, FORWARD)
    assert answer is not None and keys(answer.lines) == ["permission_ask"]
    stated = dialogue.hear(ANNA, TextSaid(words))
    assert [offer.permitted for offer in stated.fetch] == [True] * fetched
    assert dialogue.ask_first(ANNA, FORWARD) is not None, "the next one is asked about again"
    for offer in stated.fetch:
        assert dialogue.ask_first(ANNA, offer) is None


def test_the_agreement_comes_before_the_statement(strict_dialogue: ConversationService) -> None:
    answer = strict_dialogue.ask_first(ANNA, FORWARD)
    assert answer is not None and keys(answer.lines) == ["consent"]
    [again] = strict_dialogue.hear(ANNA, TextSaid("yes")).fetch
    answer = strict_dialogue.ask_first(ANNA, again)
    assert answer is not None and keys(answer.lines) == ["permission_ask"]


def test_cancelling_forgets_where_the_photo_is(dialogue: ConversationService, store: Store) -> None:
    dialogue.ask_first(ANNA, FORWARD)
    dialogue.hear(ANNA, CommandGiven("cancel"))
    with store.read_only() as unit:
        user = unit.users.find("telegram", "1")
        assert user is not None
        saved = unit.conversations.get("telegram", "1", user.id)
    assert saved is not None and "file-1" not in str(saved.state)


def test_a_state_of_an_older_version_has_no_reposts(dialogue: ConversationService) -> None:
    answer = dialogue.ask_first(ANNA, FORWARD)
    assert answer is not None and isinstance(answer.lines[0], Say)
    state = replace(state_from_json(None), reposts=(FORWARD,))
    data = asdict(state)
    assert state_from_json(data) == state
    del data["reposts"]
    assert state_from_json(data).reposts == ()
