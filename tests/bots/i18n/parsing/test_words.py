"""Reading what people type, in any language."""

from __future__ import annotations

import pytest
from babel import Locale

from bots.conversation.router import COMMANDS
from bots.i18n.languages import LANGUAGES, own_name
from bots.i18n.messages import render
from bots.i18n.parsing.command_names import NAMES
from bots.i18n.parsing.tokens import fold
from bots.i18n.parsing.words import (
    read_age,
    read_command,
    read_language,
    read_mix,
    read_number,
    read_role,
    read_sex,
    read_yes_no,
)


@pytest.mark.parametrize(
    "caption", ["mom", "Mom!", "MAMA", "my mother", "Мама", "mamá", "माँ", "妈妈", "أمي", "❤️ mum ❤️"]
)
def test_captions_name_mom(caption: str) -> None:
    assert read_role(caption) == "mom"


@pytest.mark.parametrize("caption", ["dad", "this is my dad", "papa", "Vater", "папа", "पापा", "爸爸", "أبي", "pai"])
def test_captions_name_dad(caption: str) -> None:
    assert read_role(caption) == "dad"


@pytest.mark.parametrize(
    "caption",
    [None, "", "holiday", "mom and dad", "madam", "Ana", "the day my dad and all his friends went fishing at last"],
)
def test_other_captions_name_nobody(caption: str | None) -> None:
    assert read_role(caption) is None


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/age 7", ("age", "7")),
        ("/Age@ChildFace_Bot   7 ", ("age", "7")),
        ("/child", ("child", "")),
        ("/mix\n30", ("mix", "30")),
    ],
)
def test_commands_are_read(text: str, command: tuple[str, str]) -> None:
    read = read_command(text, "childface_bot")
    assert read is not None and (read.name, read.argument) == command


@pytest.mark.parametrize("text", [None, "", "age 7", "/", "/age@other_bot 7", "//age", "/äge", "see /age"])
def test_what_is_no_command_of_ours_is_none(text: str | None) -> None:
    assert read_command(text, "childface_bot") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7.0),
        ("7,5", 7.5),
        ("-3", -3.0),
        ("about 8 years", 8.0),
        ("30%", 30.0),
        ("７", 7.0),
        ("٧", 7.0),
        ("−3", -3.0),
    ],
)
def test_numbers_are_read(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["", "abc", "1 2", "👶", "30/70", "ten"])
def test_what_is_not_one_number_is_none(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("text", "sex"),
    [("girl", "girl"), ("A boy!", "boy"), ("сюрприз", "surprise"), ("?", "surprise"), ("niña", "girl"), ("cat", None)],
)
def test_sexes_are_read(text: str, sex: str | None) -> None:
    assert read_sex(text) == sex


def test_the_mix_may_be_a_parent() -> None:
    assert (read_mix("mom"), read_mix("papa"), read_mix("40")) == (0.0, 100.0, 40.0)


@pytest.mark.parametrize(("text", "sure"), [("yes", True), ("No!", False), ("maybe", None), ("yes no", None)])
def test_yes_and_no_are_read(text: str, sure: bool | None) -> None:
    assert read_yes_no(text) is sure


@pytest.mark.parametrize(
    ("text", "age"),
    [("7", 7.0), ("0-10", 5.0), ("11-20", 15.0), ("21 – 30", 25.0), ("between 8-12 please", 10.0), ("-3", -3.0)],
)
def test_an_age_is_a_number_or_the_middle_of_a_group(text: str, age: float) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize("text", ["", "old", "20-11", "1-2-3", "0-10 11-20", "7 8"])
def test_what_is_neither_one_age_nor_one_group_is_none(text: str) -> None:
    assert read_age(text) is None


EIGHT_LANGUAGES = {
    # mom, dad, girl, boy, surprise, yes, no
    "en": ("my mom", "Dad", "a girl", "boy", "surprise", "Yes, please", "no!"),
    "es": ("Mi mamá", "papá", "una niña", "niño", "sorpresa", "Sí", "no, gracias"),
    "pt": ("minha mãe", "Pai", "menina", "um menino", "surpresa", "sim", "Não"),
    "ru": ("фото мамы", "Папа", "девочка", "мальчик", "сюрприз", "Да", "нет"),
    "de": ("Mama", "mein Vater", "Mädchen", "ein Junge", "Überraschung", "Ja!", "nein"),
    "hi": ("यह मेरी माँ है", "पापा", "लड़की", "लड़का", "आश्चर्य", "हाँ", "नहीं"),
    "zh": ("这是我妈妈", "爸爸", "我想要女孩", "男孩", "惊喜", "是的", "不是"),
    "ar": ("هذه أمي", "أبي", "بنت", "ولد", "مفاجأة", "نعم", "لا"),
}


@pytest.mark.parametrize("language", EIGHT_LANGUAGES)
def test_people_may_type_their_own_language(language: str) -> None:
    mom, dad, girl, boy, surprise, yes, no = EIGHT_LANGUAGES[language]
    assert (read_role(mom), read_role(dad), read_mix(dad)) == ("mom", "dad", 100.0)
    assert [read_sex(text) for text in (girl, boy, surprise)] == ["girl", "boy", "surprise"]
    assert (read_yes_no(yes), read_yes_no(no)) == (True, False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_on_the_buttons_may_be_typed_as_well(language: str) -> None:
    for sex in ("girl", "boy", "surprise"):
        assert read_sex(render(sex, {}, language)) == sex
    assert (read_role(render("is_mom", {}, language)), read_role(render("is_dad", {}, language))) == ("mom", "dad")
    assert (read_yes_no(render("yes", {}, language)), read_yes_no(render("no", {}, language))) == (True, False)
    assert read_yes_no(render("consent_yes", {}, language)) is True
    assert read_yes_no(render("consent_no", {}, language)) is False
    assert read_language(own_name(language)) == language


@pytest.mark.parametrize("other", LANGUAGES)
def test_every_language_is_understood_by_its_name_in_every_other(other: str) -> None:
    for language in LANGUAGES:
        name = Locale.parse(language).get_display_name(other)
        assert name is not None and read_language(name) == language, name


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/edad 7", ("age", "7")),
        ("/Alter 7", ("age", "7")),
        ("/возраст 7", ("age", "7")),
        ("/年龄 7", ("age", "7")),
        ("/उम्र 7", ("age", "7")),
        ("/عمر 7", ("age", "7")),
        ("/mamá", ("mom", "")),
        ("/mama@ChildFace_Bot", ("mom", "")),
        ("/tarjeta", ("card", "")),
        ("/ayuda", ("help", "")),
    ],
)
def test_commands_have_names_in_every_language(text: str, command: tuple[str, str]) -> None:
    read = read_command(text, "childface_bot")
    assert read is not None and (read.name, read.argument) == command


def test_no_name_of_a_command_means_another_one() -> None:
    others = [fold(other) for names in NAMES.values() for other in set(map(fold, names.split()))]
    assert len(others) == len(set(others))
    assert not set(others) & (COMMANDS.keys() - {"genes"})
    assert NAMES.keys() <= COMMANDS.keys()
