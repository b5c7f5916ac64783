"""Draws text in any supported language: a font for each script, shaped and ordered by raqm.

Latin, Greek and Cyrillic, Arabic, Devanagari and the commoner Chinese characters have a font in bots/cards/fonts.
Words may mix scripts: they are cut into runs of one font, and a line that begins in Arabic runs from the right to the
left. Pillow's wheels bring raqm and HarfBuzz along and look for FriBiDi on the machine; without it Arabic and Hindi
stand unshaped (`shapes_scripts` tells).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont, features

FONTS = Path(__file__).parent / "fonts"
DEFAULT = "NotoSans.ttf"

SCRIPTS = (
    (0x0600, 0x06FF, "NotoSansArabic.ttf"),
    (0x0900, 0x097F, "NotoSansDevanagari.ttf"),
    (0x2E80, 0x9FFF, "NotoSansSC.ttf"),
    (0xFF00, 0xFFEF, "NotoSansSC.ttf"),
)
"""First and last code point of the scripts that need another font than DEFAULT."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring letters of one font."""

    text: str
    font: str

    @property
    def from_right(self) -> bool:
        """Arabic."""
        return self.font == "NotoSansArabic.ttf"


def shapes_scripts() -> bool:
    """Whether this machine joins Arabic letters and orders Hindi vowels."""
    return bool(features.check("raqm") and features.check("fribidi"))


def runs_of(text: str) -> list[Run]:
    """A line as runs, from left to right as they are drawn. Control characters and pictographs are left out."""
    letters = [letter for letter in " ".join(text.split()) if _is_drawn(letter)]
    fonts = [_font_for(letter) for letter in letters]
    # A space between two scripts belongs to the one that is not DEFAULT, which knows on which side it stands.
    for i, letter in enumerate(letters[:-1]):
        if i and letter == " ":
            fonts[i] = fonts[i - 1] if fonts[i - 1] != DEFAULT else fonts[i + 1]
    pairs = zip(letters, fonts, strict=True)
    runs = [Run("".join(letter for letter, _ in group), font) for font, group in groupby(pairs, key=lambda p: p[1])]
    first = next((run for run in runs if any(letter.isalpha() for letter in run.text)), None)
    return runs[::-1] if first is not None and first.from_right else runs


def _is_drawn(letter: str) -> bool:
    """Joiners shape Hindi and Persian; other invisible characters and pictographs would be empty boxes."""
    if letter in "\u200c\u200d":
        return True
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk")


def _font_for(letter: str) -> str:
    point = ord(letter)
    return next((font for first, last, font in SCRIPTS if first <= point <= last), DEFAULT)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / name, size)


def width_of(text: str, size: int) -> float:
    """Pixels from the first letter to the last."""
    return sum(_font(run.font, size).getlength(run.text) for run in runs_of(text))


def write(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: Colour,
    *,
    anchor: str = "m",
    within: float | None = None,
) -> None:
    """One line; `at` is its left end, middle or right end (anchor l, m, r) on the base line.

    A line wider than `within` is written smaller, down to half, and then cut.
    """
    if within is not None:
        text, size = _fitted(text, size, within)
    left = at[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor] * width_of(text, size)
    for run in runs_of(text):
        font = _font(run.font, size)
        direction = "rtl" if run.from_right and shapes_scripts() else None
        pen.text((left, at[1]), run.text, fill=colour, font=font, anchor="ls", direction=direction)
        left += font.getlength(run.text)


def _fitted(text: str, size: int, within: float) -> tuple[str, int]:
    smallest = max(size // 2, 10)
    while size > smallest and width_of(text, size) > within:
        size -= 1
    if width_of(text, size) <= within:
        return text, size
    while text and width_of(text + "…", size) > within:
        text = text[:-1]
    return text.rstrip() + "…", size
