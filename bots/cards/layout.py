"""Lays out images for sharing: the family card and the family wall.

Words come in ready, in the reader's language; likeness comes as the pipeline tells it, 0 … 100 with 50 for strangers.
Nothing here is kept: a card is made at the moment it is sent, of pictures of its own round only.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from bots.adapters.media_limits import words_of
from bots.cards.text import Colour, write

PAPER: Colour = (253, 250, 244)
INK: Colour = (51, 46, 60)
SOFT: Colour = (133, 124, 143)
RAIL: Colour = (234, 227, 218)
MOM: Colour = (217, 108, 117)
DAD: Colour = (74, 131, 181)

WIDE, HIGH = 1280, 800
PARENT, CHILD = 300, 420
MAX_ON_WALL = 12
TILE = 300
JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class FamilyCard:
    """Three square pictures and the words around them."""

    mom: Image.Image
    dad: Image.Image
    child: Image.Image
    title: str
    mom_name: str
    dad_name: str
    child_line: str
    likeness_title: str
    mom_alike: float
    dad_alike: float
    foot: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class WallTile:
    """One child on the wall."""

    picture: Image.Image
    name: str
    line: str


def family_card(card: FamilyCard) -> Image.Image:
    """mom + dad = child, with bars of how much the child takes after each; 1280×800."""
    sheet = Image.new("RGB", (WIDE, HIGH), PAPER)
    pen = ImageDraw.Draw(sheet)
    write(pen, (WIDE / 2, 92), card.title, 60, INK, within=WIDE - 160)
    middle = 350
    places = ((card.mom, PARENT, 60), (card.dad, PARENT, 430), (card.child, CHILD, 800))
    for picture, size, left in places:
        _paste_round(sheet, picture, size, (left, middle - size // 2))
    _sign(pen, (395, middle), "+")
    _sign(pen, (765, middle), "=")
    write(pen, (210, 550), card.mom_name, 32, MOM, within=PARENT)
    write(pen, (580, 550), card.dad_name, 32, DAD, within=PARENT)
    write(pen, (1010, 610), card.child_line, 36, INK, within=CHILD)
    write(pen, (60, 632), card.likeness_title, 26, SOFT, anchor="l", within=670)
    for top, name, alike, colour in (
        (664, card.mom_name, card.mom_alike, MOM),
        (706, card.dad_name, card.dad_alike, DAD),
    ):
        write(pen, (60, top + 20), name, 24, INK, anchor="l", within=150)
        _bar(pen, (220, top, 640, top + 24), alike / 100, colour)
        write(pen, (730, top + 20), f"{alike:.0f} %", 24, INK, anchor="r")
    write(pen, (WIDE / 2, HIGH - 22), card.foot, 20, SOFT, within=WIDE - 120)
    write(pen, (1010, 650), card.code, 20, SOFT, within=CHILD)
    return sheet


def family_wall(title: str, tiles: Sequence[WallTile], foot: str) -> Image.Image:
    """The children of a group in rows of up to four, the newest first; at most MAX_ON_WALL."""
    shown = tiles[:MAX_ON_WALL]
    columns = min(len(shown), 4 if len(shown) > 6 or len(shown) == 4 else 3)
    rows = -(-len(shown) // columns)
    gap, head, label = 28, 110, 84
    wide = max(columns * (TILE + gap) + gap, 640)
    sheet = Image.new("RGB", (wide, head + rows * (TILE + label) + 50), PAPER)
    pen = ImageDraw.Draw(sheet)
    write(pen, (wide / 2, 72), title, 48, INK, within=wide - 60)
    for index, tile in enumerate(shown):
        row, column = divmod(index, columns)
        in_row = min(columns, len(shown) - row * columns)
        left = (wide - in_row * (TILE + gap) + gap) // 2 + column * (TILE + gap)
        top = head + row * (TILE + label)
        _paste_round(sheet, tile.picture, TILE, (left, top))
        middle = left + TILE / 2
        write(pen, (middle, top + TILE + 34), tile.name, 30, INK, within=TILE)
        write(pen, (middle, top + TILE + 64), tile.line, 22, SOFT, within=TILE)
    write(pen, (wide / 2, sheet.height - 20), foot, 18, SOFT, within=wide - 60)
    return sheet


def open_square(data: bytes, size: int) -> Image.Image:
    """A picture's file as a square of about this size; JPEGs are shrunk while they are read."""
    with Image.open(io.BytesIO(data)) as source:
        source.draft("RGB", (size, size))
        return ImageOps.fit(source.convert("RGB"), (size, size))


def cut_in_three(data: bytes) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The three squares side by side in one image."""
    with Image.open(io.BytesIO(data)) as source:
        trio = source.convert("RGB")
    side = trio.height
    one, two, three = (trio.crop((side * i, 0, side * (i + 1), side)) for i in range(3))
    return one, two, three


def marks_of(data: bytes) -> dict[str, Any]:
    """The metadata that marks our images as AI-generated. Derived images inherit it."""
    with Image.open(io.BytesIO(data)) as source:
        return words_of(source)


def to_jpeg(sheet: Image.Image, marks: dict[str, Any]) -> bytes:
    """A JPEG file with these marks."""
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=JPEG_QUALITY, **marks)
    return out.getvalue()


def _paste_round(sheet: Image.Image, picture: Image.Image, size: int, at: tuple[int, int]) -> None:
    """A picture with round corners."""
    # Drawn four times too large and shrunk: Pillow's own corners have steps.
    mask = Image.new("L", (size * 4, size * 4), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size * 4 - 1, size * 4 - 1), radius=size // 2, fill=255)
    fitted = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    sheet.paste(fitted, at, mask.resize((size, size), Image.Resampling.BOX))


def _sign(pen: ImageDraw.ImageDraw, middle: tuple[int, int], sign: str) -> None:
    write(pen, (middle[0], middle[1] + 24), sign, 72, SOFT)


def _bar(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], part: float, colour: Colour) -> None:
    left, top, right, bottom = box
    radius = (bottom - top) // 2
    pen.rounded_rectangle(box, radius=radius, fill=RAIL)
    full = left + round((right - left) * min(max(part, 0.0), 1.0))
    if full - left >= 2 * radius:
        pen.rounded_rectangle((left, top, full, bottom), radius=radius, fill=colour)
