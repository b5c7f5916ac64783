"""Plain 8-bit RGB from whatever pixels a decoder gives: gray, palettes, inks, 16 bits, floating point, transparency."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

from core.photo.color_profiles import SRGB, cmyk_to_srgb

BACKGROUND = 128
"""What shows through transparent pixels: mid-grey, which neither darkens nor outshines a face."""

BAND_PIXELS = 4_000_000
"""Conversions go band by band: their copies would double and triple the memory that a large picture takes."""


def to_rgb(picture: Image.Image, times: int, profile: bytes | None) -> Image.Image:
    """Plain RGB, `times` smaller on each side. `profile` is that of inks; other color spaces are kept."""
    if picture.mode == "RGB" and times == 1 and "transparency" not in picture.info:
        return picture
    picture.info.pop("exif", None)  # or every band would carry a copy
    highest = _highest_value(picture)
    rows = max(1, BAND_PIXELS // picture.width // times) * times
    small = Image.new("RGB", (-(-picture.width // times), -(-picture.height // times)))
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        band = picture if rows >= picture.height else picture.crop((0, top, picture.width, bottom))
        band = _flatten(_to_8_bit(band, highest), profile)
        small.paste(band.reduce(times) if times > 1 else band, (0, top // times))
    return small


def _highest_value(picture: Image.Image) -> float:
    """What is white in a picture of more than 8 bits."""
    if picture.mode.startswith("I;16"):
        return 65535.0
    if picture.mode in {"I", "F"}:
        highest = float(np.nanmax(np.nan_to_num(np.asarray(picture), posinf=0.0), initial=0.0))
        return next((limit for limit in (1.0, 255.0, 65535.0) if highest <= limit), highest)
    return 255.0


def _to_8_bit(picture: Image.Image, highest: float) -> Image.Image:
    if picture.mode in {"I", "F"} or picture.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(picture).astype(np.float32)) * (255.0 / highest)
        return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
    return picture


def _flatten(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB of any 8-bit mode; what is transparent lets the background through."""
    if picture.mode == "CMYK" and profile:
        return cmyk_to_srgb(picture, profile)
    if picture.mode == "LAB":
        converted = ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
        assert converted is not None
        return converted
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGB", picture.size, (BACKGROUND,) * 3)
        ground.paste(picture, mask=picture.getchannel("A"))
        return ground
    return picture.convert("RGB")
