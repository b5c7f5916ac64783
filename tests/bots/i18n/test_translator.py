"""How a language is spoken: plurals, numbers, lists, and the direction of what stands in a sentence."""

from __future__ import annotations

import unicodedata

import pytest

from bots.i18n.messages import render, voice_of

RIGHT_MARK, LEFT_ISOLATE, FIRST_ISOLATE, END = "\u200f", "\u2066", "\u2068", "\u2069"


@pytest.mark.parametrize(
    ("language", "ages"),
    [
        ("en", ["1 year", "2 years", "7.5 years"]),
        ("es", ["1 año", "2 años", "7,5 años"]),
        ("pt", ["1 ano", "2 anos", "7,5 anos"]),
        ("ru", ["1 год", "2 года", "7,5 года"]),
        ("de", ["1 Jahr", "2 Jahre", "7,5 Jahre"]),
        ("hi", ["1 साल", "2 साल", "7.5 साल"]),
        ("zh", ["1 岁", "2 岁", "7.5 岁"]),
        ("ar", ["سنة واحدة", "سنتان", "7.5 سنة"]),
    ],
)
def test_ages_are_spoken_with_the_plural_and_the_decimal_sign_of_the_language(language: str, ages: list[str]) -> None:
    voice = voice_of(language)
    assert [voice.say("age_years", count=age) for age in (1.0, 2.0, 7.5)] == ages


@pytest.mark.parametrize(("count", "said"), [(5, "5 лет"), (11, "11 лет"), (21, "21 год"), (23, "23 года")])
def test_russian_counts_by_the_last_digit(count: int, said: str) -> None:
    assert voice_of("ru").say("age_years", count=count) == said


@pytest.mark.parametrize(("count", "said"), [(3, "3 سنوات"), (12, "12 سنة"), (100, "100 سنة"), (103, "103 سنوات")])
def test_arabic_has_six_forms(count: int, said: str) -> None:
    assert voice_of("ar").say("age_years", count=count) == said


def test_numbers_have_no_separators_of_thousands_and_percent_stands_where_it_belongs() -> None:
    assert (voice_of("de").number(1234.5), voice_of("de").percent(30)) == ("1234,5", "30\xa0%")
    assert (voice_of("en").number(0.125), voice_of("en").percent(30)) == ("0.12", "30%")


def test_lists_end_as_the_language_ends_them() -> None:
    assert [voice_of(code).listed(["a", "b", "c"]) for code in ("de", "es")] == ["a, b und c", "a, b y c"]


# Direction


def test_a_name_of_the_other_direction_is_isolated() -> None:
    facts = {"name": "דנה", "other": "Ben"}
    assert render("couple_one_agreed", facts, "en").startswith(f"{FIRST_ISOLATE}דנה{END} agrees. Ben,")
    assert f"{FIRST_ISOLATE}Ben{END}" in render("couple_one_agreed", facts, "ar")
    assert f"{FIRST_ISOLATE}דנה{END}" not in render("couple_one_agreed", facts, "ar")


def test_marks_of_direction_in_a_name_cannot_turn_the_sentence_round() -> None:
    said = render("couple_one_agreed", {"name": "\u202eevil\u2069דנה", "other": "Ben"}, "en")
    assert "\u202e" not in said
    assert said.count(FIRST_ISOLATE) == said.count(END) == 1


def test_commands_in_arabic_read_from_left_to_right() -> None:
    said = render("bad_age", {}, "ar")
    assert f"{LEFT_ISOLATE}/age 7{END}" in said


@pytest.mark.parametrize("key", ["help", "privacy", "child_caption", "mix_0", "settings"])
def test_every_line_of_an_arabic_text_is_read_from_right_to_left(key: str) -> None:
    times = {"photo_hours": 24.0, "latent_days": 30.0, "result_days": 7.0, "handled_days": 30.0}
    facts = {"sex": "girl", "age": 6.0, "mix": 30.0, "refine": True, **times}
    for line in render(key, facts, "ar").split("\n"):
        assert not line or direction_of(line) == "right to left", line


def direction_of(line: str) -> str:
    """The paragraph direction by Unicode's rules P2 and P3: the first strong letter outside of isolates."""
    depth = 0
    for letter in line:
        kind = unicodedata.bidirectional(letter)
        depth += (kind in ("LRI", "RLI", "FSI")) - (kind == "PDI")
        if depth == 0 and kind in ("L", "R", "AL"):
            return "left to right" if kind == "L" else "right to left"
    return "left to right"
