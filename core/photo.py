"""Open what somebody sent as a photo: any bytes in, upright RGB pixels out, in bounded time and memory.

In:  the bytes of a file, whatever its name says.
Out: `Photo`: uint8 H×W×3 RGB, upright, sRGB; the format and the SHA-256 of the bytes.
Wrong: `EmptyPhoto`, `NotAPicture`, `UnsupportedPicture`, `DamagedPhoto`, `PhotoTooLarge`; nothing else.

The way of a photo: recognise the format by its first bytes, read only the header and refuse by its size,
decode with the one decoder of that format, shrink, flatten, turn upright.

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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageCms

from core.containers import MOST_PARTS, count_parts, count_scans
from core.errors import DamagedPhoto, EmptyPhoto, NotAPicture, PhotoError, PhotoTooLarge, UnsupportedPicture

MOST_BYTES = 20 * 2**20
MOST_PIXELS = 50_000_000

LONGEST_SIDE = 3200
"""Larger pictures are halved (or quartered) while decoding, which a JPEG decoder does for nothing.

At least 1600 pixels remain: the smallest face that the first look finds has 200 of them, and the encoder
sees 256 of the square around it. For a JPEG of 12 megapixels this takes 50 ms instead of 105.
"""

MOST_SCANS = 40
"""Of a progressive JPEG; cameras and optimisers write up to 14. Every scan visits every pixel, even one of
twenty bytes, so that a small file could keep the decoder busy for hours."""

BACKGROUND = 128
"""What shows through transparent pixels: mid-grey, which neither darkens nor outshines a face."""

BAND_PIXELS = 4_000_000
"""Conversions go band by band: their copies would double and triple the memory that a large picture takes."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photo. `rgb` is uint8 H×W×3, read-only; one of its pixels is `shrunk` pixels of the file wide."""

    rgb: npt.NDArray[np.uint8]
    format: str
    sha256: str
    shrunk: int = 1


_one_at_a_time = threading.Lock()


def open_photo(data: bytes, *, max_bytes: int = MOST_BYTES, max_pixels: int = MOST_PIXELS) -> Photo:
    """Decode `data`; of an animation the first frame. Raises only PhotoError, with the decoder's as cause.

    >>> from core.pictures import encode_picture
    >>> open_photo(encode_picture(np.zeros((4, 6, 3), np.uint8))).rgb.shape
    (4, 6, 3)
    """
    if not data:
        raise EmptyPhoto()
    if len(data) > max_bytes:
        raise PhotoTooLarge(what="bytes", size=len(data), limit=max_bytes)
    format = recognise(data)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = _open(data, format, max_pixels)
            times = _halvings(picture.size)
            rgb = _decode(picture, format, times)
        except PhotoError:
            raise
        except Exception as error:  # decoders raise whatever they like on damaged input: this is the border
            raise DamagedPhoto(format=format) from error
    return Photo(rgb, format, hashlib.sha256(data).hexdigest(), times)


# --- recognise ----------------------------------------------------------------------------------------------

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
_FOREIGN_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "pdf"),
    (b"%!PS", "postscript"),
    (b"8BPS", "photoshop"),
    (b"\xff\x0a", "jpeg-xl"),
    (b"\0\0\0\x0cJXL ", "jpeg-xl"),
    (b"\0\0\0\x0cjP  ", "jpeg-2000"),
    (b"\0\0\1\0", "icon"),
    (b"II+\0", "bigtiff"),
    (b"MM\0+", "bigtiff"),
    (b"FUJIFILM", "raw"),
    (b"\x1a\x45\xdf\xa3", "webm"),
    (b"\0\0\1\xba", "mpeg"),
    (b"\0\0\1\xb3", "mpeg"),
    (b"OggS", "ogg"),
    (b"FLV\1", "flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wmv"),
)
_NO_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"ID3", "sound"),
    (b"fLaC", "sound"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_FILM_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}


def recognise(data: bytes) -> str:
    """The format of a picture that we take, from its first bytes: "jpeg", "png", "webp", "heif" …

    Raises UnsupportedPicture or NotAPicture, which say what was found instead.
    """
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF":
        return _recognise_riff(data)
    if data[4:8] == b"ftyp":
        return _recognise_ftyp(data)
    if data[4:8] in _FILM_BOXES:
        raise UnsupportedPicture(found="mov")
    if data[:2] == b"BM" and len(data) > 26 and struct.unpack_from("<I", data, 14)[0] in {12, 40, 52, 56, 64, 108, 124}:
        return "bmp"
    for start, name in _FOREIGN_PICTURES:
        if data.startswith(start):
            raise UnsupportedPicture(found=name)
    for start, name in _NO_PICTURES:
        if data.startswith(start):
            raise NotAPicture(found=name)
    if data[257:262] == b"ustar":
        raise NotAPicture(found="tar")
    raise _text_or_noise(data)


def _recognise_riff(data: bytes) -> str:
    if data[8:12] == b"WEBP":
        return "webp"
    if data[8:12] == b"AVI ":
        raise UnsupportedPicture(found="avi")
    raise NotAPicture(found="riff")


def _recognise_ftyp(data: bytes) -> str:
    """HEIC and AVIF share their container with MP4 and MOV: the brands tell them apart."""
    length = min(max(int.from_bytes(data[:4], "big"), 16), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(length, len(data)), 4))]
    major = brands[0]
    if major in _HEIF_BRANDS:
        return "heif"
    if major in _AVIF_BRANDS:
        return "avif"
    if major in {b"mif1", b"msf1", b"mif2", b"miaf"}:
        return "avif" if _AVIF_BRANDS & set(brands) and not _HEIF_BRANDS & set(brands) else "heif"
    if major == b"crx ":
        raise UnsupportedPicture(found="raw")
    raise UnsupportedPicture(found="mov" if major == b"qt  " else "mp4")


def _text_or_noise(data: bytes) -> PhotoError:
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[2:].replace(b"\0", b"")
    if re.search(rb"<svg[\s>:]|<!doctype svg", head, re.IGNORECASE):
        return UnsupportedPicture(found="svg")
    if b"%PDF-" in head:
        return UnsupportedPicture(found="pdf")
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return NotAPicture(found="unknown")
    return NotAPicture(found="text")


# --- header -------------------------------------------------------------------------------------------------

_PILLOW_NAMES = {name: name.upper() for name in ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")}
FORMATS = frozenset({*_PILLOW_NAMES, "heif"})
"""What `Photo.format` can be."""


def _open(data: bytes, format: str, max_pixels: int) -> Any:
    """A Pillow image or HEIF file with its header read and its size checked, nothing decoded yet."""
    if format == "webp":  # its decoder takes memory for the canvas at once
        _refuse_many_pixels(_webp_size(data), max_pixels)
    if (parts := count_parts(data, format)) > MOST_PARTS:
        raise PhotoTooLarge(what="parts", size=parts, limit=MOST_PARTS)
    if format == "jpeg" and (scans := count_scans(data, MOST_SCANS)) > MOST_SCANS:
        raise PhotoTooLarge(what="scans", size=scans, limit=MOST_SCANS)
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


# --- pixels -------------------------------------------------------------------------------------------------

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


def _decode(picture: Any, format: str, times: int) -> npt.NDArray[np.uint8]:
    """Upright RGB pixels, `times` fewer on each side."""
    if format == "heif":
        picture = picture.to_pillow()  # libheif has applied the file's own rotation
    if format == "jpeg" and times > 1:
        whole = picture.size
        picture.draft(picture.mode, (whole[0] // times, whole[1] // times))
        picture.load()
        times = max(1, times * picture.width // whole[0])
    picture.load()
    orientation = 1 if format == "heif" else _orientation(picture)
    if format == "jpeg" and picture.mode == "CMYK" and "adobe" not in picture.info:
        picture = ImageChops.invert(picture)  # Pillow takes every CMYK JPEG for Adobe's, which are inverted
    picture = _to_rgb(picture, times)
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return np.asarray(picture)


def _halvings(size: tuple[int, int]) -> int:
    times = 1
    while max(size) > times * LONGEST_SIDE and times < 8:
        times *= 2
    return times


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1 … 8; damaged EXIF does not spoil a good picture. (Pillow turns TIFF by itself.)"""
    try:
        told = picture.getexif().get(0x0112, 1)
    except Exception:  # the parser of EXIF raises nearly anything
        return 1
    return told if isinstance(told, int) and 1 <= told <= 8 else 1


def _to_rgb(picture: Image.Image, times: int) -> Image.Image:
    """Plain RGB, `times` smaller, in sRGB where the file names another colour space."""
    if picture.mode == "RGB" and picture.width * picture.height <= BAND_PIXELS and times == 1:
        return _to_srgb(picture)
    picture.info.pop("exif", None)  # or every band would carry a copy
    highest = _highest_value(picture)
    rows = max(1, BAND_PIXELS // picture.width // times) * times
    small = Image.new("RGB", (-(-picture.width // times), -(-picture.height // times)))
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        band = picture if rows >= picture.height else picture.crop((0, top, picture.width, bottom))
        band = _flatten(_to_8_bit(band, highest), picture.info.get("icc_profile"))
        small.paste(band.reduce(times) if times > 1 else band, (0, top // times))
    small.info["icc_profile"] = picture.info.get("icc_profile") if picture.mode != "CMYK" else None
    return _to_srgb(small)


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
        return _from_cmyk(picture, profile)
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGB", picture.size, (BACKGROUND,) * 3)
        ground.paste(picture, mask=picture.getchannel("A"))
        return ground
    return picture.convert("RGB")


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _from_cmyk(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture.convert("RGB")
    assert converted is not None
    return converted


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Phones store Display P3, cameras Adobe RGB: taken for sRGB, skin looks pale. Ignores broken ones."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or b"sRGB" in profile or b"s\0R\0G\0B" in profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return picture
        converted = ImageCms.profileToProfile(picture, source, _SRGB)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    assert converted is not None
    return converted
