"""Fits images to the size and format limits of each service before sending.

    Limits                what a service takes (TELEGRAM; discord_limits(bytes))
    fit(picture, limits)  → Fitted: the picture as it may be sent, as a photo or as a file

A picture that fits is sent byte for byte as it is. One that does not is made smaller as far as needed, and keeps what
it says about itself: the AI mark must not get lost on the way. Blocks for as long as encoding takes; call it in a
thread.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bots.adapters.messenger import Picture

if TYPE_CHECKING:
    from PIL import Image

MEGABYTE = 10**6
"""Services do not say which megabyte they mean; the smaller one is safe."""

QUALITIES = (93, 88, 80, 70)
"""JPEG qualities in the order in which they are tried before pixels are given up."""
SHRINK = 0.75
SMALLEST = 16
"""Pixels of a side below which nothing is worth sending."""


class CannotFit(Exception):
    """No way to make this small enough, such as a long film."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service takes: bytes of a photo and of a file, width + height in pixels, longer side by shorter side."""

    photo_bytes: int
    file_bytes: int
    sides: int | None = None
    ratio: float | None = None


TELEGRAM = Limits(photo_bytes=10 * MEGABYTE, file_bytes=50 * MEGABYTE, sides=10_000, ratio=20.0)
"""https://core.telegram.org/bots/api#sendphoto and #senddocument"""

DISCORD_BYTES = 10 * MEGABYTE
"""https://docs.discord.com/developers/reference#uploading-files: where a guild does not say more."""


def discord_limits(most: int = DISCORD_BYTES) -> Limits:
    """Discord's limits; `most`: the bytes that this guild or interaction takes (`filesize_limit`)."""
    return Limits(photo_bytes=most, file_bytes=most)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture that a service takes; `as_file`: as a file, because it is too long and thin for a photo."""

    picture: Picture
    as_file: bool = False


def fit(picture: Picture, limits: Limits) -> Fitted:
    """Make a picture fit, changing as little as possible. Raises CannotFit."""
    from PIL import Image, UnidentifiedImageError

    size = len(picture.data)
    try:
        with Image.open(io.BytesIO(picture.data)) as opened:
            thin = limits.ratio is not None and max(opened.size) > limits.ratio * min(opened.size)
            wide = limits.sides is not None and sum(opened.size) > limits.sides
            if not (thin or wide) and size <= limits.photo_bytes:
                return Fitted(picture)
            still = not getattr(opened, "is_animated", False)
            if still and not thin:
                return Fitted(_smaller(picture, opened, limits))
            if still and size > limits.file_bytes:
                return Fitted(_smaller(picture, opened, replace(limits, photo_bytes=limits.file_bytes)), as_file=True)
    except UnidentifiedImageError:  # a film: its bytes are all that can be judged
        if size <= limits.photo_bytes:
            return Fitted(picture)
    if size <= limits.file_bytes:
        return Fitted(picture, as_file=True)
    raise CannotFit()


def _smaller(picture: Picture, opened: Image.Image, limits: Limits) -> Picture:
    """The same picture as a JPEG within the limits, with the words that came with it."""
    from PIL import Image

    told = words_of(opened)
    image = opened.convert("RGB")
    if limits.sides is not None and sum(image.size) > limits.sides:
        image = _scaled(image, limits.sides / sum(image.size))
    while min(image.size) >= SMALLEST:
        for quality in QUALITIES:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=quality, **told)
            if file.tell() <= limits.photo_bytes:
                stem = picture.name.rsplit(".", 1)[0]
                return replace(picture, data=file.getvalue(), mime="image/jpeg", name=f"{stem}.jpg")
        image = image.resize([round(side * SHRINK) for side in image.size], Image.Resampling.LANCZOS)
    raise CannotFit()


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    """Smaller by this factor; whole pixels are rounded down, so that the limit holds."""
    from PIL import Image

    return image.resize([max(1, int(side * scale)) for side in image.size], Image.Resampling.LANCZOS)


def words_of(opened: Image.Image) -> dict[str, Any]:
    """XMP, EXIF and comment of a picture, as Pillow takes them for a JPEG."""
    xmp = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp")
    told: dict[str, Any] = {"exif": opened.getexif()}
    if xmp:
        told["xmp"] = xmp.encode() if isinstance(xmp, str) else xmp
    if comment := opened.info.get("comment"):
        told["comment"] = comment
    return told
