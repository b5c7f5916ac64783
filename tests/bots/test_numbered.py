"""Numbers on faces."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bots.numbered import LONG_SIDE, number_faces


def photo(width: int, height: int, kind: str = "JPEG", *, orientation: int | None = None) -> bytes:
    image = Image.new("RGB", (width, height), "navy")
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_shown_small_with_white_frames(kind: str) -> None:
    shown = opened(number_faces(photo(3000, 2000, kind), [(300, 300, 900, 900)]))
    assert max(shown.size) == LONG_SIDE
    factor = LONG_SIDE / 3000
    pixel = shown.getpixel((round(900 * factor) - 4, round(600 * factor)))
    assert isinstance(pixel, tuple) and min(pixel) > 150


def test_boxes_are_those_of_the_upright_photo() -> None:
    shown = opened(number_faces(photo(400, 200, orientation=6), [(10, 300, 90, 390)]))
    assert shown.size == (200, 400)
    corner = shown.getpixel((20, 310))
    assert isinstance(corner, tuple) and min(corner) > 150


@pytest.mark.parametrize("data", [b"", b"no picture", photo(100, 100)[:300]])
def test_what_cannot_be_decoded_is_shown_in_words_only(data: bytes) -> None:
    assert number_faces(data, [(0, 0, 9, 9)]) is None


def test_a_very_large_picture_is_not_decoded_here() -> None:
    out = io.BytesIO()
    Image.new("1", (6000, 5000)).save(out, "PNG")
    assert number_faces(out.getvalue(), [(0, 0, 9, 9)]) is None
