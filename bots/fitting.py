"""Makes a picture fit a service's limit of bytes, without losing what it says about itself."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from PIL import Image

from bots.messenger import Picture

QUALITIES = (92, 85, 75)
SMALLEST = 256
"""Pixels of the longer side below which shrinking stops."""


def fit_picture(picture: Picture, limit: int) -> Picture | None:
    """The picture as it is where it fits, else as a smaller JPEG; None where it cannot be made to fit."""
    if len(picture.data) <= limit:
        return picture
    try:
        with Image.open(io.BytesIO(picture.data)) as opened:
            about: dict[str, Any] = {
                name: opened.info[name] for name in ("exif", "xmp", "comment") if name in opened.info
            }
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    while max(image.size) >= SMALLEST:
        for quality in QUALITIES:
            data = _jpeg(image, quality, about)
            if len(data) <= limit:
                name = PurePath(picture.name).with_suffix(".jpg").name
                return replace(picture, data=data, mime="image/jpeg", name=name)
        image = image.resize((max(1, image.width * 2 // 3), max(1, image.height * 2 // 3)))
    return None


def _jpeg(image: Image.Image, quality: int, about: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, **about)
    return out.getvalue()
