"""Draws numbers onto the faces in a photo so that a person can pick one. Uses little memory.

The photo is a stranger's file: whoever calls brings an `OpenPhoto` that decodes it behind a fence.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

LONG_SIDE = 1024

Box = tuple[int, int, int, int]

OpenPhoto = Callable[[bytes], tuple[Image.Image, int] | None]
"""File → the photo upright (mode RGB), and how many pixels of the file one of its pixels is wide; None: no photo."""


def number_faces(photo: bytes, boxes: Sequence[Box], open_photo: OpenPhoto) -> bytes | None:
    """The photo, upright and at most 1024 pixels long, with a numbered frame around each box, as JPEG.

    Boxes are left, top, right, bottom in pixels of the upright photo as it was sent. None where it cannot be opened.
    """
    opened = open_photo(photo)
    if opened is None:
        return None
    picture, shrunk = opened
    full = picture.width * shrunk
    picture.thumbnail((LONG_SIDE, LONG_SIDE))
    factor = picture.width / full
    pen = ImageDraw.Draw(picture)
    for number, box in enumerate(boxes, start=1):
        _frame(pen, tuple(round(side * factor) for side in box), str(number))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _frame(pen: ImageDraw.ImageDraw, box: tuple[int, ...], label: str) -> None:
    left, top, right, bottom = box
    size = max(18, (bottom - top) // 4)
    pen.rectangle((left, top, right, bottom), outline="white", width=5)
    pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline="black", width=2)
    pen.rectangle((left, top, left + size * 5 // 4, top + size * 5 // 4), fill="white")
    font = ImageFont.load_default(size)
    pen.text((left + size * 5 // 8, top + size * 5 // 8), label, fill="black", font=font, anchor="mm")
