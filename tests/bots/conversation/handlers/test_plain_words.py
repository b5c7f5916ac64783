"""Wishes in somebody's own words, told to the pure machine, in every language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.conversation.effects import CloseQuestion, ForgetPhotos, QueueDrawing, SaveSettings
from bots.conversation.events import TextSaid
from bots.conversation.state import Child
from bots.conversation.turn import Preferences
from bots.i18n.languages import LANGUAGES
from tests.support.chats.story import Story

OLDER = {
    "en": "make her older", "de": "mach sie älter", "es": "hazla mayor", "pt": "deixa ela mais velha",
    "ru": "сделай её старше", "zh": "让她变老", "hi": "इसे बड़ा करो", "ar": "خليها أكبر",
}  # fmt: skip
SEVERAL = {
    "en": "a boy, 12, more like mom", "de": "ein Junge, 12, mehr wie Mama", "es": "un niño, 12, más como mamá",
    "pt": "um menino, 12, mais como a mãe", "ru": "мальчик, 12, больше похож на маму", "zh": "男孩，12岁，更像妈妈",
    "hi": "लड़का, 12, ज्यादा माँ जैसा", "ar": "ولد، 12، يشبه أمه أكثر",
}  # fmt: skip
TOWARD_DAD = {
    "en": "more like dad", "de": "mehr wie papa", "es": "más como papá", "pt": "mais parecido com o pai",
    "ru": "больше похож на папу", "zh": "更像爸爸", "hi": "पापा जैसा ज़्यादा", "ar": "يشبه بابا أكثر",
}  # fmt: skip
UNLIKE_US = {
    "en": "doesn't look like us", "de": "sieht uns gar nicht ähnlich", "es": "no se parece a nosotros",
    "pt": "não parece com a gente", "ru": "на нас не похож", "zh": "不像我们", "hi": "हमारे जैसा नहीं लगता",
    "ar": "لا يشبهنا",
}  # fmt: skip
THANKS = {
    "en": "thanks", "de": "danke", "es": "gracias", "pt": "obrigada", "ru": "спасибо", "zh": "谢谢", "hi": "धन्यवाद",
    "ar": "شكرا",
}  # fmt: skip
BLUE_EYES = {
    "en": "with blue eyes", "de": "mit blauen Augen", "es": "con ojos azules", "pt": "com olhos azuis",
    "ru": "с голубыми глазами", "zh": "蓝眼睛", "hi": "नीली आँखें", "ar": "بعيون زرقاء",
}  # fmt: skip
FACTS_OF_LIFE = {
    "en": "my son is 12", "de": "mein Sohn ist 12", "es": "mi hijo tiene 12 años", "pt": "meu filho tem 12 anos",
    "ru": "моему сыну 12", "zh": "我儿子12岁", "hi": "मेरा बेटा 12 साल का है", "ar": "ابني عمره 12 سنة",
}  # fmt: skip


def with_child(language: str = "en", **habits: object) -> Story:
    """Somebody who has just got a picture of a girl of six, half mom and half dad."""
    story = Story(preferences=Preferences(sex="girl", **habits))  # type: ignore[arg-type]
    story.context = replace(story.context, language=language)
    story.first_child()
    return story


def drawn_after(story: Story, text: str) -> Child:
    story.say(text)
    assert story.deeds(QueueDrawing), story.keys
    return story.last_drawing.child


@pytest.mark.parametrize("language", LANGUAGES)
def test_older_draws_the_same_child_at_the_next_age(language: str) -> None:
    story = with_child(language)
    before = story.last_drawing.child
    assert drawn_after(story, OLDER[language]) == replace(before, age=10.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_wishes_make_one_picture(language: str) -> None:
    story = with_child(language)
    before = story.last_drawing.child
    assert drawn_after(story, SEVERAL[language]) == replace(before, sex="boy", age=12.0, mix=30.0)
    assert len(story.deeds(QueueDrawing)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_more_like_dad_moves_the_mix_instead_of_asking_for_a_photo(language: str) -> None:
    story = with_child(language)
    assert drawn_after(story, TOWARD_DAD[language]).mix == 70.0
    assert story.state.awaiting_role is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_recognises_nobody_is_offered_another_photo_or_child(language: str) -> None:
    story = with_child(language, refine=False)
    before = story.last_drawing.child
    story.say(UNLIKE_US[language])
    assert story.keys == ["complaint_likeness"]
    story.press("sibling")
    assert replace(story.last_drawing.child, seed=before.seed) == before != story.last_drawing.child


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("said", "answered"),
    [(THANKS, "reply_thanks"), (BLUE_EYES, "cannot_eye_colour"), (FACTS_OF_LIFE, "hint_after_child")],
)
def test_what_asks_for_no_picture_draws_none(said: dict[str, str], answered: str, language: str) -> None:
    story = with_child(language)
    story.say(said[language])
    assert story.keys == [answered] and not story.deeds(QueueDrawing)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("10", {"age": 10.0}),
        ("a bit older", {"age": 7.0}),
        ("much older", {"age": 15.0}),
        ("much younger", {"age": 1.0}),
        ("5 years older", {"age": 11.0}),
        ("as a baby", {"age": 1.0}),
        ("a bit more like mom", {"mix": 40.0}),
        ("only dad", {"mix": 100.0}),
        ("smiling", {"looks": {"smile": 1.0}}),
        ("glasses and blond hair", {"looks": {"glasses": 1.0, "hair": -1.0}}),
        ("mom's eyes", {"genes": {"eyes": "mom"}}),
        ("what about a boy?", {"sex": "boy"}),
    ],
)
def test_each_wish_changes_what_it_names(said: str, changes: dict[str, object]) -> None:
    story = with_child()
    before = story.last_drawing.child
    assert drawn_after(story, said) == replace(before, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "kind"),
    [("another one", "child"), ("show her growing up", "grow"), ("family card", "card"), ("a video", "clip")],
)
def test_other_pictures_can_be_asked_for(said: str, kind: str) -> None:
    story = with_child()
    story.say(said)
    assert story.last_drawing.kind == kind


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("400", "bad_age"),
        ("make her 120", "bad_age"),
        ("she looks weird", "complaint_looks"),
        ("haha", "reply_laughter"),
        ("so cute", "reply_praise"),
        ("hi", "reply_greeting"),
        ("what can you do?", "help"),
        ("start over", "start_over_sure"),
        ("the weather is nice", "hint_after_child"),
    ],
)
def test_the_rest_is_answered_and_changes_nothing(said: str, answered: str) -> None:
    story = with_child()
    before = story.state.child
    story.say(said)
    assert (story.keys, story.state.child) == ([answered], before)
    assert not story.deeds(QueueDrawing) and not story.deeds(SaveSettings)


def test_a_greeting_is_answered_by_what_comes_next() -> None:
    story = Story()
    story.say("hello")
    assert story.keys == ["welcome"]
    story.photo()
    story.say("hello")
    assert story.keys == ["send_other_parent"]


def test_a_heart_thanks_for_a_picture_and_means_nothing_before_one() -> None:
    story = Story()
    story.say("👶❤️")
    assert story.keys == ["send_two_photos"]
    story = with_child()
    story.say("👶❤️")
    assert story.keys == ["reply_thanks"]


def test_nobody_is_drawn_older_than_can_be() -> None:
    story = with_child(age=90.0)
    story.say("older")
    assert story.keys == ["no_older"]


def test_what_cannot_be_done_is_said_and_the_rest_is_drawn() -> None:
    story = with_child()
    assert drawn_after(story, "a boy, blue eyes").sex == "boy"
    assert story.keys == ["cannot_eye_colour"]


def test_a_wish_while_something_is_drawn_comes_next() -> None:
    story = with_child()
    story.say("older")
    story.say("a boy")
    assert story.keys == ["drawn_next"]
    story.ready(story.last_job)
    assert (story.last_drawing.child.age, story.last_drawing.child.sex) == (10.0, "boy")


def test_wishes_before_there_are_photos_are_remembered_and_then_photos_are_asked_for() -> None:
    story = Story()
    story.say("a boy, 12 years, smiling")
    assert story.keys == ["wishes_noted", "send_two_photos"]
    assert story.deeds(SaveSettings) == [SaveSettings({"sex": "boy", "age": 12.0})]
    assert story.state.looks == {"smile": 1.0}


@pytest.mark.parametrize("said", ["10", "older", "more like dad"])
def test_before_there_is_a_child_nothing_is_relative(said: str) -> None:
    story = Story()
    story.say(said)
    assert not story.deeds(SaveSettings)


def test_with_both_photos_and_no_child_a_wish_draws_at_once() -> None:
    story = Story()
    story.couple()
    story.command("/cancel")
    assert story.keys == ["stopped"]
    assert drawn_after(story, "a boy, 12 years").sex == "boy"
    story.command("/cancel")
    story.command("/age 9")
    assert story.last_drawing.child.age == 9.0


def test_an_open_question_is_answered_first_unless_more_is_said() -> None:
    story = with_child()
    story.command("/mix")
    assert drawn_after(story, "30").mix == 30.0
    story = with_child()
    story.command("/mix")
    assert drawn_after(story, "more like dad").mix == 70.0
    story.ready(story.last_job)
    story.command("/age")
    child = drawn_after(story, "a boy, 12")
    assert (child.age, child.sex) == (12.0, "boy")


def test_a_question_about_the_photos_is_not_answered_by_a_wish() -> None:
    story = with_child()
    spare = story.photo()
    story.encoded(spare)
    assert story.keys == ["whose_photo"]
    assert drawn_after(story, "more like dad").mix == 70.0
    assert story.state.unassigned


def test_words_between_people_of_a_group_draw_nothing() -> None:
    story = Story(group=True)
    story.first_child()
    story.hear(TextSaid("a boy, 12", addressed=False))
    assert story.steps == []
    story.hear(TextSaid("a boy, 12", addressed=True))
    assert story.deeds(QueueDrawing)


@pytest.mark.parametrize(("refine", "offered"), [(True, False), (False, True)])
def test_a_closer_look_is_offered_where_none_is_taken_anyway(refine: bool, offered: bool) -> None:
    story = with_child(refine=refine)
    said = story.say("she looks weird")[0]
    assert ("better_refine" in [button.label for row in said.buttons for button in row]) is offered  # type: ignore[union-attr]


def test_a_closer_look_draws_the_same_child_again_with_one_to_follow() -> None:
    story = with_child(refine=False)
    before = story.last_drawing.child
    story.say("she looks weird")
    story.press("better_refine")
    assert story.last_drawing.child == before
    assert story.deeds(SaveSettings) == [SaveSettings({"refine": True})]


def test_another_photo_is_explained() -> None:
    story = with_child()
    story.say("she looks weird")
    story.press("better_photo")
    assert story.deeds(CloseQuestion) == [CloseQuestion("better_photo_how")]


@pytest.mark.parametrize(("answer", "forgets"), [("start_over", True), ("keep_photos", False)])
def test_starting_over_is_asked_about_before_photos_are_forgotten(answer: str, forgets: bool) -> None:
    story = with_child()
    story.say("start over")
    assert not story.deeds(ForgetPhotos)
    story.press(answer)
    assert bool(story.deeds(ForgetPhotos)) is forgets
    assert bool(story.state.photos) is not forgets


def test_an_edited_message_counts_but_does_nothing_twice() -> None:
    story = with_child()
    story.hear(TextSaid("make her oxer", message_id="m9"))
    assert story.keys == ["hint_after_child"]
    story.hear(TextSaid("make her older", message_id="m9", edited=True))
    assert story.last_drawing.child.age == 10.0
    story.ready(story.last_job)
    story.hear(TextSaid("make her older!", message_id="m9", edited=True))
    assert story.steps == []
    story.hear(TextSaid("make her 12", message_id="m9", edited=True))
    assert story.last_drawing.child.age == 12.0


def test_an_edited_remark_to_somebody_is_not_answered_again() -> None:
    story = with_child()
    story.hear(TextSaid("the wether is nice", message_id="m9"))
    story.hear(TextSaid("the weather is nice", message_id="m9", edited=True))
    assert story.steps == []


# Commands


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_command_takes_plain_words_where_a_bot_hears_nothing_else(language: str) -> None:
    story = with_child(language)
    story.command(f"/wish {SEVERAL[language]}")
    child = story.last_drawing.child
    assert (child.sex, child.age, child.mix) == ("boy", 12.0, 30.0)


@pytest.mark.parametrize("argument", ["", "the weather is nice"])
def test_a_wish_that_is_none_is_explained(argument: str) -> None:
    story = with_child()
    story.command(f"/wish {argument}")
    assert story.keys == ["wish_how"]


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [("/age twelve", "age", 12.0), ("/sex ein Mädchen bitte", "sex", "girl"), ("/mix half and half", "mix", 50.0)],
)
def test_commands_understand_words_as_well(command: str, name: str, value: object) -> None:
    story = Story(preferences=Preferences(age=3.0, sex="boy", mix=10.0))
    story.first_child()
    story.command(command)
    assert getattr(story.last_drawing.child, name) == value


def test_the_family_card_has_a_command() -> None:
    story = with_child()
    story.command("/card")
    assert story.last_drawing.kind == "card"
    story = Story()
    story.command("/card")
    assert story.keys == ["send_two_photos"]
