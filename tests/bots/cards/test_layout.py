"""The family card and the wall as pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bots.cards.layout import (
    MAX_ON_WALL,
    FamilyCard,
    WallTile,
    cut_in_three,
    family_card,
    family_wall,
    marks_of,
    open_square,
    to_jpeg,
)
from tests.support.chats.fake_worker import trio

SOFTWARE = 0x0131
"""EXIF's number."""
GREY = Image.new("RGB", (64, 64), "grey")


def card(mom: float, dad: float) -> Image.Image:
    return family_card(FamilyCard(GREY, GREY, GREY, "Mia", "Anna", "Ben", "Girl, 6", "Takes after", mom, dad, "foot"))


def coloured(sheet: Image.Image, top: int) -> int:
    """How long the bar in this row is, in pixels."""
    row = [sheet.getpixel((x, top)) for x in range(220, 640)]
    return sum(1 for dot in row if isinstance(dot, tuple) and max(dot) - min(dot) > 60)


def test_the_bars_are_as_long_as_the_likeness() -> None:
    sheet = card(80, 40)
    mom, dad = coloured(sheet, 676), coloured(sheet, 718)
    assert mom == pytest.approx(0.8 * 420, abs=6)
    assert dad == pytest.approx(0.4 * 420, abs=6)


@pytest.mark.parametrize(("mom", "dad"), [(0, 100), (-5, 130)])
def test_bars_never_leave_their_rail(mom: float, dad: float) -> None:
    sheet = card(mom, dad)
    assert coloured(sheet, 676) == 0
    assert coloured(sheet, 718) <= 420


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 12, 40])
def test_a_wall_of_any_size_is_a_picture_that_both_services_take(count: int) -> None:
    tiles = [WallTile(GREY, f"Child {i}", "Girl, 6 years") for i in range(count)]
    wall = family_wall("Our family wall", tiles, "foot")
    assert wall.width + wall.height <= 10_000 and max(wall.size) / min(wall.size) < 20
    assert wall.height <= 110 + (min(count, MAX_ON_WALL) + 2) // 3 * 384 + 50


def test_three_pictures_side_by_side_are_told_apart() -> None:
    colours = [picture.getpixel((32, 32)) for picture in cut_in_three(trio())]
    assert [max(range(3), key=lambda i: dot[i]) for dot in colours if isinstance(dot, tuple)] == [0, 2, 1]


def test_what_says_that_a_model_made_it_goes_on_into_the_card() -> None:
    made = trio()
    marks = marks_of(to_jpeg(card(50, 50), marks_of(made)))
    assert marks["xmp"] == b"<made-by-a-model/>"
    assert marks["exif"][SOFTWARE] == "ChildFace"
    assert "xmp" not in marks_of(to_jpeg(GREY, {}))


def test_a_picture_of_any_shape_becomes_a_square() -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 120), "red").save(out, "JPEG")
    assert open_square(out.getvalue(), 100).size == (100, 100)
