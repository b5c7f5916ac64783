"""Decodes untrusted bytes as a photo: upright RGB pixels out, in bounded time and memory.

In:  the bytes of a file, whatever its name says.
Out: `Photo`: uint8 H×W×3 RGB, upright, sRGB; the format and the SHA-256 of the bytes.
Wrong: `EmptyPhoto`, `NotAPicture`, `UnsupportedPicture`, `DamagedPhoto`, `PhotoTooLarge`; nothing else.

The way of a photo: recognise the format by its content, read only the header and refuse by its size, decode with the
one decoder of that format, shrink, flatten, turn upright. Of camera raw files and PDFs the largest JPEG inside is read.

Decoding happens one photo at a time in a process: Pillow reports faults as Python warnings, whose filters
threads share, and two pictures of 50 megapixels need not be in memory together.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import threading
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from core.domain.errors import DamagedPhoto, EmptyPhoto, PhotoError, PhotoTooLarge, UnsupportedPicture
from core.photo.animation import first_visible_frame
from core.photo.color_profiles import adobe_rgb, to_srgb
from core.photo.containers import MAX_PARTS, count_parts, count_scans
from core.photo.formats import find_picture
from core.photo.isobmff import code_points_of
from core.photo.jpeg_structure import (
    MAX_MISSING,
    has_hole_at_end,
    lacks_only_detail,
    largest_jpeg,
    missing_rows,
    read_frame,
    scans_of,
    with_end,
)
from core.photo.pixel_modes import to_rgb
from core.photo.png_chunks import reduce_png
from core.photo.tiff_tags import read_tags

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 65_000_000
"""As they are decoded. Phones take pictures of up to 64 megapixels, and larger ones, see `SHRINKING`."""

MAX_WEBP_PIXELS = 50_000_000
"""Its decoder takes 18 bytes for each where there is transparency; no phone writes WebP."""

SHRINKING = 4
"""A JPEG in one pass may have so many times as many pixels: its decoder shrinks while it reads. (Pillow's own guard
against bombs ends it at 178 megapixels.)"""

MAX_SIDE = 3200
"""Larger pictures are halved (or quartered) while decoding, which a JPEG decoder does for nothing.

At least 1600 pixels remain: the smallest face that the first look finds has 200 of them, and the encoder
sees 256 of the square around it. For a JPEG of 12 megapixels this takes 50 ms instead of 105.
"""

SHORTEST_SIDE = 800
"""Panoramas and long screenshots keep so much of their shorter side, as long as the area allows it: LONGEST_SIDE²."""

MAX_SCANS = 40
"""Of a progressive JPEG; cameras and optimisers write up to 14. Every scan visits every pixel, even one of
twenty bytes, so that a small file could keep the decoder busy for hours."""

SMALLEST_PREVIEW = 240
"""Pixels on each side that a JPEG inside a camera raw file or PDF must have; thumbnails have 160."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photo. `rgb` is uint8 H×W×3, read-only; one of its pixels is `shrunk` pixels of the file wide.

    `lacks` tells what the file does not hold because it ends too early: "bottom", "top", "left" or "right" (that part
    of the picture is not among the pixels), "detail", or "" for a whole file.
    """

    rgb: npt.NDArray[np.uint8]
    format: str
    sha256: str
    shrunk: int = 1
    lacks: str = ""


LACKS = frozenset({"", "bottom", "top", "left", "right", "detail"})
"""What `Photo.lacks` can be."""

_one_at_a_time = threading.Lock()


def open_photo(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode `data`; of an animation the first frame that shows something.

    Raises only PhotoError, with the decoder's as cause.

    >>> from core.output.images import encode_picture
    >>> open_photo(encode_picture(np.zeros((4, 6, 3), np.uint8))).rgb.shape
    (4, 6, 3)
    """
    if not data:
        raise EmptyPhoto()
    if len(data) > max_bytes:
        raise PhotoTooLarge(what="bytes", size=len(data), limit=max_bytes)
    format, start = find_picture(data)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decoded = _read(data[start:] if start else data, format, max_pixels)
        except PhotoError:
            raise
        except Exception as error:  # decoders raise whatever they like on damaged input: this is the border
            raise DamagedPhoto(format=format) from error
    pixels = np.asarray(decoded.picture)
    return Photo(pixels, format, hashlib.sha256(data).hexdigest(), decoded.shrunk, decoded.lacks)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Pixels on their way: to be made `left` times smaller, converted from `profile` and turned by `orientation`."""

    picture: Image.Image
    shrunk: int
    left: int
    profile: bytes | None
    orientation: int
    lacks: str = ""


def _read(data: bytes, format: str, max_pixels: int) -> _Decoded:
    """RGB, sRGB and upright."""
    if format in _CONTAINERS or (format == "tiff" and read_tags(data).is_raw):
        return _read_preview(data, format, max_pixels)
    read = _read_jpeg if format == "jpeg" else _read_other
    decoded = read(data, format, max_pixels)
    return _upright(_in_srgb(decoded))


def _read_preview(data: bytes, format: str, max_pixels: int) -> _Decoded:
    """The largest JPEG inside a camera raw file or a PDF, turned as the file around it says."""
    start = largest_jpeg(data, smallest=SMALLEST_PREVIEW)
    if start is None:
        raise UnsupportedPicture(found=read_tags(data).raw_name if format == "tiff" else format)
    decoded = _read_jpeg(data[start:], "jpeg", max_pixels)
    if decoded.orientation == 1 and format != "pdf":
        decoded = replace(decoded, orientation=read_tags(data).orientation)
    return _upright(_in_srgb(decoded))


# --- header -------------------------------------------------------------------------------------------------

_PILLOW_NAMES = {name: name.upper() for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")}
_CONTAINERS = frozenset({"pdf", "raw"})
FORMATS = frozenset({*_PILLOW_NAMES, *_CONTAINERS, "heif"})
"""What `Photo.format` can be."""


def _open(data: bytes, format: str, max_pixels: int) -> Any:
    """A Pillow image or HEIF file with its header read and its size checked, nothing decoded yet."""
    if format == "webp":  # its decoder takes memory for the canvas at once
        _refuse_many_pixels(_webp_size(data), min(max_pixels, MAX_WEBP_PIXELS))
    if format == "heif":
        import pillow_heif

        picture: Any = pillow_heif.open_heif(io.BytesIO(data))
    else:
        try:
            picture = Image.open(io.BytesIO(data), formats=[_PILLOW_NAMES[format]])
        except Image.DecompressionBombError as error:
            told = re.search(r"\d+", str(error))
            raise PhotoTooLarge(what="pixels", size=int(told[0]) if told else 0, limit=max_pixels) from error
    _refuse_many_pixels(picture.size, max_pixels)
    return picture


def _refuse_many_parts(data: bytes, format: str) -> None:
    if (parts := count_parts(data, format)) > MAX_PARTS:
        raise PhotoTooLarge(what="parts", size=parts, limit=MAX_PARTS)
    if format == "jpeg" and (scans := count_scans(data, MAX_SCANS)) > MAX_SCANS:
        raise PhotoTooLarge(what="scans", size=scans, limit=MAX_SCANS)


def _refuse_many_pixels(size: tuple[int, int], max_pixels: int) -> None:
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise PhotoTooLarge(what="pixels", size=pixels, limit=max_pixels)
    if pixels <= 0:
        raise DamagedPhoto(width=size[0], height=size[1])


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas. RFC 9649, section 2."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _halvings(size: tuple[int, int]) -> int:
    """How many times smaller a picture is made: 1, 2, 4 or 8."""
    times, area = 1, size[0] * size[1]
    while times < 8 and max(size) > times * MAX_SIDE:
        if area <= (times * MAX_SIDE) ** 2 and min(size) < 2 * times * SHORTEST_SIDE:
            break
        times *= 2
    return times


# --- pixels -------------------------------------------------------------------------------------------------


def _read_other(data: bytes, format: str, max_pixels: int) -> _Decoded:
    """Everything but JPEG: decoded whole, then shrunk."""
    _refuse_many_parts(data, format)
    profile = None
    if format == "png":
        reduced = reduce_png(data)
        data, profile = reduced.data, reduced.profile
    picture = _open(data, format, max_pixels)
    times = _halvings(picture.size)
    # libheif has applied the file's own rotation.
    picture = picture.to_pillow() if format == "heif" else first_visible_frame(picture)
    picture.load()
    profile = profile or picture.info.get("icc_profile")
    if profile is None and format in {"heif", "avif"} and (told := code_points_of(data)) is not None:
        profile = told.profile()
    orientation = 1 if format == "heif" else _orientation(picture)
    return _Decoded(picture, times, times, profile, orientation)


def _read_jpeg(data: bytes, format: str, max_pixels: int) -> _Decoded:
    """A JPEG, shrunk by its decoder; one that was cut off as far as it goes."""
    _refuse_many_parts(data, format)
    if has_hole_at_end(data):
        return _read_cut_jpeg(data, max_pixels)
    try:
        return _decode_jpeg(data, max_pixels)
    except OSError as error:
        if data.rstrip(b"\0").endswith(b"\xff\xd9"):
            raise
        try:
            return _read_cut_jpeg(data, max_pixels)
        except DamagedPhoto as refusal:
            raise refusal from error


def _read_cut_jpeg(data: bytes, max_pixels: int) -> _Decoded:
    """What is there of a JPEG that ends too early. Raises DamagedPhoto where that is too little."""
    scans, frame = scans_of(data), read_frame(data)
    if frame is None or not scans:
        raise DamagedPhoto(format="jpeg")
    decoded = _decode_jpeg(with_end(data), max_pixels)
    if frame.progressive or len(scans) > 1:
        if not lacks_only_detail(data):
            raise DamagedPhoto(format="jpeg")
        return replace(decoded, lacks="detail")
    picture = decoded.picture
    missing = missing_rows(picture, max(1, frame.row * picture.height // frame.height))
    if missing > MAX_MISSING * picture.height:
        raise DamagedPhoto(format="jpeg")
    if not missing:
        return decoded
    return replace(decoded, picture=_cropped(picture, missing), lacks="bottom")


def _cropped(picture: Image.Image, missing: int) -> Image.Image:
    kept = picture.crop((0, 0, picture.width, picture.height - missing))
    kept.info = picture.info
    return kept


def _decode_jpeg(data: bytes, max_pixels: int) -> _Decoded:
    frame = read_frame(data)
    shrinks = frame is not None and not frame.progressive and _halvings((frame.width, frame.height)) > 1
    picture = _open(data, "jpeg", max_pixels * SHRINKING if shrinks else max_pixels)
    whole, times = picture.size, _halvings(picture.size)
    if times > 1:
        picture.draft(picture.mode, (whole[0] // times, whole[1] // times))
    picture.load()
    left = max(1, times * picture.width // whole[0])
    profile = picture.info.get("icc_profile") or (adobe_rgb() if _means_adobe_rgb(picture) else None)
    orientation = _orientation(picture)
    if picture.mode == "CMYK" and "adobe" not in picture.info:
        picture = ImageChops.invert(picture)  # Pillow takes every CMYK JPEG for Adobe's, which are inverted
    return _Decoded(picture, times, left, profile, orientation)


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1 … 8; damaged EXIF does not spoil a good picture. (Pillow turns TIFF by itself.)"""
    try:
        told = picture.getexif().get(0x0112, 1)
    except Exception:  # the parser of EXIF raises nearly anything
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def _means_adobe_rgb(picture: Image.Image) -> bool:
    """Whether a camera says so in Exif instead of by a profile (DCF 2.0, section 4.6)."""
    try:
        told = picture.getexif().get_ifd(0xA005).get(1)
    except Exception:  # the parser of EXIF raises nearly anything
        return False
    return isinstance(told, str | bytes) and told[:3] in ("R03", b"R03")


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation (tag 274) → what undoes it."""

_BOTTOM_GOES = {3: "top", 4: "top", 5: "right", 6: "left", 7: "left", 8: "right"}
"""EXIF orientation → where the stored bottom is in the upright picture."""


def _upright(decoded: _Decoded) -> _Decoded:
    if decoded.orientation not in _UPRIGHT:
        return decoded
    picture = decoded.picture.transpose(_UPRIGHT[decoded.orientation])
    lacks = _BOTTOM_GOES.get(decoded.orientation, "bottom") if decoded.lacks == "bottom" else decoded.lacks
    return replace(decoded, picture=picture, lacks=lacks, orientation=1)


def _in_srgb(decoded: _Decoded) -> _Decoded:
    """Plain RGB, shrunk to the end, in sRGB where the file names another color space."""
    picture = to_rgb(decoded.picture, decoded.left, decoded.profile)
    if decoded.picture.mode not in {"CMYK", "LAB"}:  # these are in sRGB by now
        picture = to_srgb(picture, decoded.profile)
    return replace(decoded, picture=picture, left=1, profile=None)
