"""Reading what people type, in any language."""

from __future__ import annotations

import pytest

from bots.words import read_age, read_command, read_mix, read_number, read_role, read_sex, read_yes_no


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
