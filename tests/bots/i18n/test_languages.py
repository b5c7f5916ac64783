"""Which language is spoken: the group's, the person's choice, the chat program's; and how it is chosen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bots.conversation.effects import CloseQuestion, Say
from bots.conversation.events import CommandGiven, TextSaid
from bots.i18n.languages import LANGUAGES, catalogue, language_of, language_of_environment, own_name
from bots.i18n.messages import render
from bots.service.conversation_service import Answer, ConversationService, SentPhoto
from bots.service.effect_executor import Actor
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker
from tests.support.chats.story import Story

ANNA = Actor("telegram", "1", "1", "pt-BR")


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("de", "de"),
        ("pt-BR", "pt"),
        ("es-419", "es"),
        ("zh-hans", "zh"),
        ("zh_TW", "zh"),
        ("EN-us", "en"),
        ("ru_RU.UTF-8", "ru"),
        ("ar@latin", "ar"),
        ("fr", None),
        ("C", None),
        ("", None),
        (None, None),
    ],
)
def test_codes_are_read_as_services_and_systems_write_them(code: str | None, language: str | None) -> None:
    assert language_of(code) == language


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "hi_IN.UTF-8"}, "hi"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "es_ES"}, "es"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:en"}, "de"),
        ({"LANG": "C.UTF-8"}, None),
        ({}, None),
    ],
)
def test_a_terminal_says_its_language_by_its_environment(environment: dict[str, str], language: str | None) -> None:
    assert language_of_environment(environment) == language


def test_languages_are_offered_by_their_own_names() -> None:
    assert [own_name(language) for language in LANGUAGES] == [
        "English", "Español", "Português", "Русский", "Deutsch", "हिन्दी", "中文", "العربية",
    ]  # fmt: skip


def test_every_language_has_a_catalogue() -> None:
    for language in LANGUAGES:
        assert catalogue(language) is catalogue(language)


# Choosing


def test_the_command_offers_a_button_for_each_language() -> None:
    story = Story()
    story.command("/language")
    question = next(line for line in story.steps if isinstance(line, Say))
    assert (question.key, [button.value for row in question.buttons for button in row]) == (
        "ask_language",
        list(LANGUAGES),
    )


@pytest.mark.parametrize("said", ["de", "Deutsch", "german", "немецкий", "德语", "الألمانية"])
def test_a_language_may_be_typed_with_the_command_or_as_the_answer(said: str) -> None:
    story = Story()
    story.command(f"/language {said}")
    assert story.keys == ["language_chosen"]
    story.command("/language")
    story.say(said)
    assert story.keys == ["language_chosen"]


def test_a_language_that_we_do_not_speak_is_answered_with_those_we_do() -> None:
    story = Story()
    story.command("/language Klingon")
    assert story.keys == ["bad_language"]


# Remembering


@pytest.fixture
def dialogue(store: Store, worker: FakeWorker) -> Iterator[ConversationService]:
    agreed(store, "telegram", 1)
    yield ConversationService(store, worker)


def choose(service: ConversationService, actor: Actor, language: str) -> Answer:
    """Press a button of /language."""
    answer = service.hear(actor, CommandGiven("language"))
    [question] = [line for line in answer.lines if isinstance(line, Say)]
    button = next(button for row in question.buttons for button in row if button.value == language)
    return service.press(actor, service.buttons.write(button, question, answer.owner, actor.chat_id))


def test_the_chat_programs_language_is_spoken_until_another_one_is_chosen(dialogue: ConversationService) -> None:
    assert dialogue.hear(ANNA, CommandGiven("help")).language == "pt"
    chosen = choose(dialogue, ANNA, "de")
    assert chosen.language == "de"
    assert isinstance(chosen.lines[0], CloseQuestion)
    assert dialogue.hear(ANNA, CommandGiven("help")).language == "de"
    assert dialogue.language_for(ANNA) == "de"


def test_a_choice_holds_in_all_private_chats_of_a_person_and_for_nobody_else(dialogue: ConversationService) -> None:
    choose(dialogue, ANNA, "ru")
    assert dialogue.hear(Actor("telegram", "elsewhere", "1", "pt"), TextSaid("hi")).language == "ru"
    assert dialogue.hear(Actor("telegram", "1", "2", "pt"), TextSaid("hi")).language == "pt"


def test_a_group_speaks_one_language_with_everybody_once_it_was_chosen(dialogue: ConversationService) -> None:
    anna, ben = (Actor("telegram", "g", number, "en", group=True) for number in ("1", "2"))
    choose(dialogue, anna, "es")
    assert dialogue.hear(ben, CommandGiven("help")).language == "es"
    assert dialogue.hear(ANNA, CommandGiven("help")).language == "pt"


def test_a_finished_job_is_told_in_the_language_of_now(dialogue: ConversationService, worker: FakeWorker) -> None:
    worker.pause()
    [job] = dialogue.take_photos(ANNA, [SentPhoto(b"a photo")]).jobs
    assert job.reply["language"] == "pt"
    choose(dialogue, ANNA, "zh")
    worker.work(job.id)
    assert dialogue.tell(job.id).language == "zh"


def test_deleting_ones_data_forgets_the_language_and_says_so_in_it(dialogue: ConversationService) -> None:
    choose(dialogue, ANNA, "de")
    dialogue.hear(ANNA, CommandGiven("delete_my_data"))
    deleted = dialogue.hear(ANNA, TextSaid("ja"))
    assert (deleted.language, deleted.lines[-1].key) == ("de", "deleted")
    assert dialogue.hear(ANNA, CommandGiven("help")).language == "pt"


def test_a_language_nobody_translated_is_answered_in_english(dialogue: ConversationService) -> None:
    assert dialogue.hear(Actor("telegram", "3", "3", "tlh"), CommandGiven("help")).language is None
    assert render("kept", {}, "tlh") == render("kept", {}, "en")


# As people see it


@pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")
@pytest.mark.usefixtures("bot")
class TestInTelegram:
    async def test_somebody_is_spoken_to_in_the_language_of_their_phone(self, api: BotApi) -> None:
        anna = api.person(1, language="de")
        await anna.says("/start")
        await anna.sees("Hallo! Schick mir ein Foto von Mama")
        await anna.sends_photo(b"someone 1", "Mama")
        await anna.sees("Mama ist da.")
        await anna.sends_photo(b"someone 2")
        [picture] = await anna.sees_pictures(1)
        assert picture.text.startswith("Mädchen, 6 Jahre · halb Mama, halb Papa\nÄhnlichkeit: Mama 81\xa0%")
        assert picture.labels[:2] == ["◀ Jünger", "Älter ▶"]

    async def test_a_chosen_language_is_spoken_at_once_and_from_then_on(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.says("/language")
        question = await anna.sees("Which language shall I speak?")
        assert question.labels[0] == "English" and len(question.labels) == len(LANGUAGES)
        await anna.presses("Русский")
        await anna.sees("Хорошо, теперь я говорю по-русски.")
        await anna.sends_photo(b"nobody 1")
        await anna.sees("Не нахожу на этом фото лица.")

    async def test_arabic_runs_from_right_to_left_with_its_own_words_typed(self, api: BotApi) -> None:
        anna = api.person(1, language="ar")
        await anna.says("/age 400")
        await anna.sees("جرّب \u2066/age 7\u2069")
        await anna.sends_photo(b"someone 1", "أمي")
        await anna.sees("وصلت صورة الأم.")
        await anna.sends_photo(b"someone 2")
        [picture] = await anna.sees_pictures(1)
        assert picture.text.startswith("بنت، 6 سنوات · نصف من الأم ونصف من الأب\n")
