"""A small good photo in each format that we take, made by code: what tests spoil and fuzzers begin with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

DRAWN = Path(__file__).parents[2] / "data" / "drawn_man.jpg"


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def good_files() -> dict[str, bytes]:
    """A small good photo in each format, to be spoilt."""
    with Image.open(DRAWN) as opened:
        picture = opened.convert("RGB").resize((96, 96))
    heif = io.BytesIO()
    pillow_heif.from_pillow(picture).save(heif, quality=70)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": saved(picture, "JPEG", exif=exif),
        "progressive": saved(picture, "JPEG", progressive=True),
        "cmyk": saved(picture.convert("CMYK"), "JPEG"),
        "png": saved(picture, "PNG", exif=exif),
        "palette": saved(picture.convert("P"), "PNG"),
        "grey16": saved(Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257), "PNG"),
        "webp": saved(picture, "WEBP"),
        "lossless": saved(picture.convert("RGBA"), "WEBP", lossless=True),
        "animated": saved(picture, "WEBP", save_all=True, append_images=[picture.rotate(9)]),
        "gif": saved(picture, "GIF", save_all=True, append_images=[picture.rotate(9)]),
        "bmp": saved(picture, "BMP"),
        "tiff": saved(picture, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": saved(picture, "TIFF", compression="jpeg"),
        "heif": heif.getvalue(),
        "avif": saved(picture, "AVIF"),
    }
