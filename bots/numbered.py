"""Draws numbers onto the faces of a photo, so that somebody can say which one they mean. Needs little memory."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

LONG_SIDE = 1024
MOST_PIXELS = 24_000_000
"""A larger one is not shown, unless its decoder shrinks while it reads (JPEG): a chat process is small."""

Box = tuple[int, int, int, int]


def number_faces(photo: bytes, boxes: Sequence[Box]) -> bytes | None:
    """The photo, upright and at most 1024 pixels long, with a numbered frame around each box, as JPEG.

    Boxes are left, top, right, bottom in pixels of the upright photo. None when this process cannot decode it.
    """
    try:
        picture, factor = _open_small(photo)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if picture is None:
        return None
    pen = ImageDraw.Draw(picture)
    for number, box in enumerate(boxes, start=1):
        _frame(pen, tuple(round(side * factor) for side in box), str(number))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _open_small(photo: bytes) -> tuple[Image.Image | None, float]:
    """The photo shrunk, and by how much; None when it is too large to be read."""
    with Image.open(io.BytesIO(photo)) as source:
        full = max(source.size)
        source.draft("RGB", (LONG_SIDE, LONG_SIDE))
        if source.width * source.height > MOST_PIXELS:
            return None, 1.0
        upright = ImageOps.exif_transpose(source).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE))
    return upright, max(upright.size) / full


def _frame(pen: ImageDraw.ImageDraw, box: tuple[int, ...], label: str) -> None:
    left, top, right, bottom = box
    size = max(18, (bottom - top) // 4)
    pen.rectangle((left, top, right, bottom), outline="white", width=5)
    pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline="black", width=2)
    pen.rectangle((left, top, left + size * 5 // 4, top + size * 5 // 4), fill="white")
    font = ImageFont.load_default(size)
    pen.text((left + size * 5 // 8, top + size * 5 // 8), label, fill="black", font=font, anchor="mm")
