"""Numbers on faces."""

from __future__ import annotations

import io

from PIL import Image

from bots.cards.face_numbers import LONG_SIDE, number_faces


def numbered(photo: Image.Image, *boxes: tuple[int, int, int, int], shrunk: int = 1) -> Image.Image:
    """What is shown of a photo that the fence decoded to these pixels."""
    data = number_faces(b"a file", boxes, lambda _: (photo, shrunk))
    assert data is not None
    return Image.open(io.BytesIO(data))


def is_white(picture: Image.Image, x: int, y: int) -> bool:
    pixel = picture.getpixel((x, y))
    return isinstance(pixel, tuple) and min(pixel) > 150


def test_a_photo_is_shown_small_with_white_frames() -> None:
    shown = numbered(Image.new("RGB", (3000, 2000), "navy"), (300, 300, 900, 900))
    assert shown.size == (LONG_SIDE, round(LONG_SIDE * 2 / 3))
    factor = LONG_SIDE / 3000
    assert is_white(shown, round(900 * factor) - 4, round(600 * factor))


def test_boxes_are_in_pixels_of_the_file_however_much_the_decoder_shrank_it() -> None:
    shown = numbered(Image.new("RGB", (400, 200), "navy"), (40, 120, 360, 600), shrunk=4)
    assert shown.size == (400, 200)
    assert is_white(shown, 15, 35)
    assert not is_white(shown, 200, 100)


def test_what_cannot_be_opened_is_told_in_words_only() -> None:
    assert number_faces(b"no picture", [(0, 0, 9, 9)], lambda _: None) is None
