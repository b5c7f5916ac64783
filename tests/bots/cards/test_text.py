"""Words of every language on pictures."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from bots.cards.text import FONTS, Run, runs_of, shapes_scripts, width_of, write
from bots.i18n.child_names import NAMES
from bots.i18n.languages import LANGUAGES
from bots.i18n.messages import render

SAMPLES = [
    "card_mom", "card_dad", "card_likeness", "card_foot", "wall_title", "girl", "boy", "age_newborn",
]  # fmt: skip


def drawn(text: str, size: int = 40, **more: float) -> Image.Image:
    sheet = Image.new("L", (900, 100))
    write(ImageDraw.Draw(sheet), (450, 60), text, size, 255, **more)  # type: ignore[arg-type]
    return sheet


def test_a_line_is_cut_into_runs_of_one_font() -> None:
    assert runs_of("Anna 安娜") == [Run("Anna", "NotoSans.ttf"), Run(" 安娜", "NotoSansSC.ttf")]


def test_a_line_that_begins_in_arabic_runs_from_right_to_left() -> None:
    number, girl = runs_of("بنت، 6")
    assert number.text.strip() == "6" and girl.from_right


def test_pictographs_and_control_characters_are_left_out() -> None:
    assert runs_of("Mia \U0001f476\u2068\n") == [Run("Mia ", "NotoSans.ttf")]
    assert runs_of("\U0001f476") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_ours_has_its_letters(language: str) -> None:
    words = [render(key, {}, language) for key in SAMPLES] + [" ".join(NAMES[language].values())]
    words.append(render("card_line", {"sex": "girl", "age": 6}, language))
    for run in (run for text in words for run in runs_of(text)):
        font = ImageFont.truetype(FONTS / run.font, 40, layout_engine=ImageFont.Layout.BASIC)
        empty = bytes(font.getmask("\U0010fffd"))
        for letter in run.text:
            if letter.isalnum():
                assert bytes(font.getmask(letter)) != empty, (letter, run.font)


@pytest.mark.skipif(not shapes_scripts(), reason="no FriBiDi on this machine")
def test_arabic_letters_are_joined_and_hindi_vowels_stand_before_their_consonant() -> None:
    assert width_of("سلمى", 40) < sum(width_of(letter, 40) for letter in "سلمى")
    reordered, plain = drawn("कि"), drawn("क")
    assert reordered.getbbox() != plain.getbbox()


def test_a_long_line_is_written_smaller_and_then_cut() -> None:
    long = drawn("A very long name that nobody has given to a child before, or ever will", within=300.0)
    box = long.getbbox()
    assert box is not None and box[2] - box[0] <= 302


@pytest.mark.parametrize("text", ["", " ", "\u200d", "…", "🙂"])
def test_nothing_to_write_is_no_trouble(text: str) -> None:
    drawn(text, within=100.0)
