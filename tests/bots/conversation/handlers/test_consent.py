"""Nothing is fetched before somebody agreed; who agreed can take it back."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from bots.conversation.effects import (
    AskConsent,
    CloseQuestion,
    DeleteData,
    FetchPhotos,
    OutgoingMessage,
    SaveConsent,
    Say,
)
from bots.conversation.events import CommandGiven, Named, OfferedPhoto, PendingPhotos, PhotosOffered, TextSaid
from bots.conversation.handlers.consent import MAX_MESSAGES, TEXT, version_of
from bots.conversation.handlers.couples import AGREE_WITHIN
from bots.conversation.turn import RetentionPolicy
from bots.i18n.messages import EN
from bots.service.conversation_service import ConversationService, Defaults, SentPhoto
from bots.service.effect_executor import Actor
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot, running_discord_bot
from tests.bots.service.test_conversation_service import keys
from tests.bots.terminal.test_bot import Terminal
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_discord import CHANNEL, Discord
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker, drawn
from tests.support.chats.story import Story

READ = {1: "5dba2495"}
"""The first figures of the hash of what people read, by version."""

ANNA = Actor("telegram", "1", "1", "en")
GROUP = Actor("telegram", "-500", "1", "en", group=True)
GROUP_CHAT = -100500


def offer(*refs: str) -> PhotosOffered:
    return PhotosOffered(PendingPhotos(tuple(OfferedPhoto(ref, f"m-{ref}") for ref in refs)))


@pytest.fixture
def stranger() -> Story:
    story = Story()
    story.context = replace(story.context, agreed=False, agreed_once=False)
    return story


def test_whoever_changes_the_text_must_raise_its_version() -> None:
    assert hashlib.sha256(EN["consent"].encode()).hexdigest()[:8] == READ[TEXT]


def test_other_times_are_another_promise() -> None:
    assert version_of(RetentionPolicy()) != version_of(RetentionPolicy(latent_days=90.0))
    assert len(version_of(RetentionPolicy(1 / 3, 1 / 3, 1 / 3, 1 / 3))) <= 64


# The machine


def test_photos_wait_where_they_are_until_the_answer(stranger: Story) -> None:
    stranger.hear(offer("file-1"))
    assert stranger.keys == ["consent"]
    [question] = [line for line in stranger.steps if isinstance(line, Say)]
    asked = stranger.steps
    stranger.hear(offer("file-2"))
    assert stranger.keys == ["consent_first"]
    stranger.steps = asked
    stranger.press("consent_yes")
    assert question.params["latent_days"] == 30.0
    assert stranger.deeds(SaveConsent) == [SaveConsent(version_of(RetentionPolicy()))]
    [fetch] = stranger.deeds(FetchPhotos)
    assert [photo.ref for waiting in fetch.offers for photo in waiting.photos] == ["file-1", "file-2"]
    assert stranger.state.pending_photos == ()


def test_who_declines_leaves_nothing_behind(stranger: Story) -> None:
    stranger.hear(offer("file-1"))
    stranger.press("consent_no")
    assert [line.key for line in stranger.deeds(CloseQuestion)] == ["consent_declined"]
    assert stranger.state.pending_photos == () and stranger.deeds(FetchPhotos) == []
    stranger.hear(offer("file-2"))
    assert stranger.keys == ["consent"]


@pytest.mark.parametrize(
    ("said", "key"), [("yes", "consent_given"), ("I agree!", "consent_given"), ("no", "consent_declined")]
)
def test_words_answer_too(stranger: Story, said: str, key: str) -> None:
    stranger.hear(offer("file-1"))
    stranger.say(said)
    assert stranger.keys == [key]
    assert bool(stranger.deeds(FetchPhotos)) == (key == "consent_given")


def test_in_a_group_one_question_is_enough_and_talk_among_others_is_no_answer() -> None:
    story = Story(group=True)
    story.context = replace(story.context, agreed=False, agreed_once=False)
    story.hear(offer("file-1"))
    story.hear(offer("file-2"))
    assert story.steps == []
    story.hear(TextSaid("yes", addressed=False))
    assert story.steps == [] and len(story.state.pending_photos) == 2


def test_somebody_else_cannot_answer() -> None:
    story = Story(group=True)
    story.context = replace(story.context, agreed=False, agreed_once=False)
    story.hear(offer("file-1"))
    story.press("consent_yes", sender="carl")
    assert story.keys == ["not_your_button"] and len(story.state.pending_photos) == 1


def test_no_more_than_a_few_messages_wait(stranger: Story) -> None:
    for number in range(MAX_MESSAGES + 3):
        stranger.hear(offer(str(number)))
    assert len(stranger.state.pending_photos) == MAX_MESSAGES


def test_cancel_forgets_where_photos_are(stranger: Story) -> None:
    stranger.hear(offer("file-1"))
    stranger.command("/cancel")
    assert stranger.state.pending_photos == () and stranger.state.questions == ()


def test_after_a_long_silence_old_photos_are_not_fetched(stranger: Story) -> None:
    stranger.hear(offer("file-1"))
    asked = stranger.steps
    stranger.context = replace(stranger.context, now=7 * 3600.0)
    stranger.say("hello")
    stranger.steps = asked
    stranger.press("consent_yes")
    assert stranger.deeds(FetchPhotos) == []


def test_withdrawing_asks_once_more_and_then_deletes() -> None:
    story = Story()
    story.command("/withdraw")
    asked = story.steps
    story.press("withdraw_no")
    assert story.deeds(DeleteData) == []
    story.steps = asked
    story.command("/privacy")
    story.press("withdraw")
    assert story.keys == ["withdraw_sure"]
    story.press("withdraw_yes")
    assert story.deeds(DeleteData) == [DeleteData(withdrawn=True)]


def test_who_never_agreed_has_nothing_to_withdraw(stranger: Story) -> None:
    stranger.command("/withdraw")
    assert stranger.keys == ["nothing_to_withdraw"]
    [said] = [line for line in stranger.command("/privacy") if isinstance(line, Say)]
    assert said.buttons == ()


def test_one_of_a_couple_who_never_agreed_is_asked_first() -> None:
    story = Story(group=True)
    story.propose(Named("@anna", username="anna"), Named("Ben", number="2"))
    story.context = replace(story.context, agreed=False, agreed_once=False)
    story.answers("2")
    assert story.keys == ["couple_agree_first"] and story.deeds(AskConsent)
    story.answers("3")
    assert story.keys == ["couple_not_you"] and not story.deeds(AskConsent)
    assert story.context.now < AGREE_WITHIN


# The store


def asked(service: ConversationService, actor: Actor = ANNA, data: bytes = b"mom") -> list[OutgoingMessage]:
    return service.take_photos(actor, [SentPhoto(data)]).lines


def say_yes(service: ConversationService, actor: Actor = ANNA) -> None:
    service.hear(actor, TextSaid("yes"))


def test_bytes_that_come_too_early_are_not_stored(strict_dialogue: ConversationService, store: Store) -> None:
    assert keys(asked(strict_dialogue)) == ["consent"]
    assert list(store.blobs.keys()) == []
    say_yes(strict_dialogue)
    assert keys(asked(strict_dialogue)) == ["send_other_parent"]


def test_an_agreement_is_kept_with_its_moment_and_version(strict_dialogue: ConversationService, store: Store) -> None:
    asked(strict_dialogue)
    say_yes(strict_dialogue)
    with store.read_only() as unit:
        user = unit.users.find("telegram", "1")
    assert user is not None and user.consent_at is not None
    assert user.consent_version == version_of(RetentionPolicy())


def test_an_agreement_holds_in_every_chat_and_for_nobody_else(strict_dialogue: ConversationService) -> None:
    asked(strict_dialogue)
    say_yes(strict_dialogue)
    assert keys(asked(strict_dialogue, replace(ANNA, chat_id="77"))) == ["send_other_parent"]
    assert keys(asked(strict_dialogue, Actor("telegram", "2", "2"))) == ["consent"]


def test_a_changed_promise_asks_again(strict_dialogue: ConversationService, store: Store, worker: FakeWorker) -> None:
    asked(strict_dialogue)
    say_yes(strict_dialogue)
    other = ConversationService(store, worker, Defaults(retention=RetentionPolicy(latent_days=90.0)))
    assert keys(asked(other)) == ["consent"]
    assert keys(other.hear(ANNA, CommandGiven("withdraw")).lines) == ["withdraw_sure"], "the older one still counts"


def test_the_one_whose_photo_it_is_must_agree_too(strict_dialogue: ConversationService, store: Store) -> None:
    agreed(store, "telegram", 1)
    bens = PendingPhotos((OfferedPhoto("file-1", "9", "dad", "2"),))
    question = strict_dialogue.ask_first(GROUP, bens)
    assert question is not None and keys(question.lines) == ["consent"]
    [say] = question.lines
    assert isinstance(say, Say) and say.reply_to == "9"
    yes = strict_dialogue.buttons.write(say.buttons[0][0], say, question.owner, GROUP.chat_id)
    assert keys(strict_dialogue.press(GROUP, yes).lines) == ["not_your_button"]
    answer = strict_dialogue.press(replace(GROUP, user="2"), yes)
    assert [waiting.speaker for waiting in answer.fetch] == ["1"]
    assert strict_dialogue.ask_first(GROUP, bens) is None


def test_withdrawing_deletes_and_the_next_photo_is_asked_about(dialogue: ConversationService, store: Store) -> None:
    asked(dialogue)
    dialogue.hear(ANNA, CommandGiven("withdraw"))
    answer = dialogue.hear(ANNA, TextSaid("yes"))
    assert keys(answer.lines) == ["withdrawn"]
    assert list(store.blobs.keys()) == []
    assert keys(asked(dialogue)) == ["consent"]


# Over the wire


async def test_in_telegram_photos_are_fetched_after_the_agreement_and_not_sent_again(
    api: BotApi, strict_dialogue: ConversationService
) -> None:
    anna = api.person(1)
    async with running_bot(api, strict_dialogue):
        await anna.sends_photo(b"mom 1", "mom")
        question = await anna.sees("By pressing “I agree”")
        assert question.labels == ["I agree", "No, thanks"]
        await anna.sends_photo(b"dad 1")
        await anna.sees("once you have agreed")
        assert api.count("getFile") == api.count("download") == 0
    async with running_bot(api, strict_dialogue):  # a restart forgets nothing
        await anna.presses("I agree")
        await anna.sees_pictures(1)
    assert api.count("download") == 2


async def test_in_a_group_only_the_sender_is_asked_and_heard(
    api: BotApi, strict_dialogue: ConversationService, store: Store
) -> None:
    agreed(store, "telegram", 1)
    anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
    async with running_bot(api, strict_dialogue):
        await anna.sends_photo(b"someone 1", "/mom")
        await anna.sees("Got mom")
        photo = await ben.sends_photo(b"someone 2", "/dad")
        question = await ben.sees("By pressing “I agree”")
        assert question.reply_to == photo["message_id"]
        await anna.presses("I agree")
        await api.until(lambda: len(api.answers) == 1, "a toast")
        assert api.count("download") == 1
        await ben.presses("I agree")
        await anna.sees_pictures(1)


async def test_on_discord_the_question_is_for_the_one_who_asked_and_wishes_are_remembered(
    discord_api: Discord, strict_dialogue: ConversationService
) -> None:
    anna = discord_api.person(1, CHANNEL)
    async with running_discord_bot(strict_dialogue):
        await anna.uses("child", mom=b"mom 1", dad=b"dad 1", age=9.0)
        question = await anna.sees("By pressing “I agree”")
        assert question.labels == ["I agree", "No, thanks"] and question.whisper == 1
        assert discord_api.count("download") == 0
    async with running_discord_bot(strict_dialogue):
        await anna.presses("I agree")
        [picture] = await anna.sees_pictures(1)
    assert drawn(picture.picture)["age"] == 9.0


async def test_on_discord_the_owner_of_a_photo_is_asked_where_everybody_sees_it(
    discord_api: Discord, strict_dialogue: ConversationService, store: Store
) -> None:
    agreed(store, "discord", 1)
    anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
    async with running_discord_bot(strict_dialogue):
        await anna.uses("mom", photo=b"mom 1")
        await anna.sees("Got mom")
        await anna.uses_menu("Use as dad", await ben.posts(ben.upload(b"dad 1")))
        question = await ben.sees("By pressing “I agree”")
        assert question.whisper is None and discord_api.count("download") == 1
        await ben.presses("I agree")
        await anna.sees_pictures(1)


async def test_in_a_terminal_yes_is_enough(strict_dialogue: ConversationService, terminal: Terminal) -> None:
    couple = [terminal.photo("her.jpg", b"mom 1"), terminal.photo("him.jpg", b"dad 1")]
    assert len(await terminal.chat(strict_dialogue).play([" ".join(couple), "yes"])) == 1


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(tmp_path_factory.mktemp("terminal"))
