"""Every kind of photo opens to the same pixels, and everything else is refused by name."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image, ImageCms

from core.domain.errors import DamagedPhoto, EmptyPhoto, NotAPicture, PhotoError, PhotoTooLarge, UnsupportedPicture
from core.photo.containers import count_scans
from core.photo.decode import MAX_SCANS, MAX_SIDE, open_photo
from core.photo.formats import recognise
from core.photo.pixel_modes import BACKGROUND

DRAWN = Path(__file__).parents[2] / "data" / "drawn_woman.jpg"


def drawn() -> Image.Image:
    with Image.open(DRAWN) as picture:
        return picture.convert("RGB")


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def heic(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=90, **options)
    return file.getvalue()


def difference(data: bytes, expected: Image.Image | npt.NDArray[np.uint8]) -> float:
    """Mean absolute difference of the opened photo to a picture of the same size."""
    rgb = open_photo(data).rgb
    assert rgb.shape == np.asarray(expected).shape
    return float(np.abs(rgb.astype(float) - np.asarray(expected)).mean())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


# --- what we take -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 2.0),
        ("JPEG", {"quality": 95, "progressive": True}, 2.0),
        ("PNG", {}, 0.0),
        ("WEBP", {"lossless": True}, 0.0),
        ("WEBP", {"quality": 90}, 3.0),
        ("GIF", {}, 4.0),
        ("BMP", {}, 0.0),
        ("TIFF", {}, 0.0),
        ("TIFF", {"compression": "tiff_lzw"}, 0.0),
        ("AVIF", {"quality": 90}, 2.0),
    ],
)
def test_every_format_opens_to_the_same_pixels(format: str, options: dict[str, Any], tolerance: float) -> None:
    data = saved(drawn(), format, **options)
    assert difference(data, drawn()) <= tolerance
    photo = open_photo(data)
    assert photo.format == format.lower()
    assert photo.rgb.dtype == np.uint8
    assert photo.shrunk == 1


def test_heic_opens_and_pillow_at_large_is_not_changed() -> None:
    assert difference(heic(drawn()), drawn()) < 2.0
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(heic(drawn())))


def test_the_same_bytes_have_the_same_hash_and_others_another() -> None:
    data = saved(drawn(), "PNG")
    assert open_photo(data).sha256 == open_photo(data).sha256
    assert open_photo(data).sha256 != open_photo(saved(drawn(), "BMP")).sha256


UNDO = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}
"""EXIF orientation → what a viewer does to the stored pixels (TIFF 6.0, tag 274)."""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int, format: str) -> None:
    stored = drawn().crop((20, 0, 200, 250))
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = UNDO[orientation](np.asarray(stored))
    assert difference(saved(stored, format, exif=exif), upright) < 4.0


def test_heic_is_turned_upright_once() -> None:
    stored = drawn().crop((20, 0, 200, 250))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert difference(heic(stored, exif=exif.tobytes()), np.rot90(np.asarray(stored), -1)) < 3.0


@pytest.mark.parametrize("told", [0, 9, 77])
def test_a_senseless_orientation_is_passed_over(told: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = told
    assert difference(saved(drawn(), "PNG", exif=exif), drawn()) == 0.0


def test_damaged_exif_does_not_spoil_a_good_picture() -> None:
    data = saved(drawn(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xff\1\2\3")
    assert difference(data, drawn()) < 2.0


def test_an_inverted_cmyk_jpeg_keeps_its_colours() -> None:
    assert difference(saved(drawn().convert("CMYK"), "JPEG", quality=95), drawn()) < 2.0


def test_a_cmyk_jpeg_without_adobe_s_mark_is_not_inverted() -> None:
    ink = drawn().convert("CMYK")
    data = saved(Image.eval(ink, lambda value: 255 - value), "JPEG", quality=95)
    at = data.index(b"Adobe") - 4
    assert data[at : at + 2] == b"\xff\xee"
    plain = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert difference(plain, drawn()) < 3.0


def test_a_cmyk_picture_with_a_profile_that_does_not_fit_opens_without_it() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(saved(drawn().convert("CMYK"), "JPEG", quality=95, icc_profile=srgb), drawn()) < 2.0


def test_a_phone_s_jpeg_of_several_pictures_shows_the_first() -> None:
    data = saved(drawn(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert difference(data, drawn()) < 3.0
    large = saved(drawn().resize((3300, 3300)), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert open_photo(large).rgb.shape == (1650, 1650, 3)


def test_cmyk_tiff_opens() -> None:
    assert difference(saved(drawn().convert("CMYK"), "TIFF"), drawn()) < 1.0


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_other_kinds_of_pixels_become_rgb(mode: str) -> None:
    stored = drawn().convert(mode)
    assert difference(saved(stored, "PNG"), stored.convert("RGB")) < 1.0


def test_what_is_transparent_becomes_grey() -> None:
    stored = drawn()
    stored.putalpha(Image.new("L", stored.size, 0))
    assert np.all(open_photo(saved(stored, "PNG")).rgb == BACKGROUND)
    assert np.all(open_photo(saved(stored, "WEBP", lossless=True, exact=True)).rgb == BACKGROUND)


def test_a_transparent_colour_of_a_palette_becomes_grey() -> None:
    stored = Image.new("P", (4, 4), 1)
    stored.putpalette([0, 0, 0, 250, 10, 20])
    stored.putpixel((0, 0), 0)
    rgb = open_photo(saved(stored, "PNG", transparency=0)).rgb
    assert rgb[0, 0].tolist() == [BACKGROUND] * 3
    assert rgb[1, 1].tolist() == [250, 10, 20]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(format: str) -> None:
    grey = np.asarray(drawn().convert("L"))
    stored = Image.fromarray(grey.astype(np.uint16) * 257)
    assert difference(saved(stored, format), np.repeat(grey[..., None], 3, 2)) < 0.5


def test_sixteen_bits_a_colour_are_scaled() -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 0, 32768, 65535) * 3 for _ in range(2))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    rgb = open_photo(b"\x89PNG\r\n\x1a\n" + header + body).rgb
    assert rgb.shape == (2, 3, 3)
    assert rgb[0, 0].tolist() == [0, 128, 255]


def test_floating_point_is_scaled_and_what_is_no_number_is_black() -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    rgb = open_photo(saved(Image.fromarray(values), "TIFF")).rgb
    assert rgb[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(format: str) -> None:
    red, blue = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(red, format, save_all=True, append_images=[blue, blue], **options)
    assert open_photo(data).rgb[4, 4].tolist() == [255, 0, 0]


def profile_with_red_and_blue_exchanged() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"s\0R\0G\0B", b"x\0R\0G\0B")
    return profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def test_another_colour_space_becomes_srgb() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    rgb = open_photo(saved(red, "PNG", icc_profile=profile_with_red_and_blue_exchanged())).rgb
    assert np.abs(rgb[0, 0].astype(int) - [0, 0, 255]).max() <= 3


def test_a_broken_colour_profile_is_passed_over() -> None:
    assert difference(saved(drawn(), "PNG", icc_profile=b"no profile at all" * 9), drawn()) == 0.0


# --- large ones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize(("longest", "shrunk"), [(3200, 1), (3202, 2), (6404, 4)])
def test_a_large_photo_is_halved_until_it_is_small_enough(format: str, longest: int, shrunk: int) -> None:
    stored = drawn().resize((longest // 2, longest))
    photo = open_photo(saved(stored, format))
    assert photo.shrunk == shrunk
    assert photo.rgb.shape[0] == -(-longest // shrunk) <= MAX_SIDE
    small = drawn().resize((photo.rgb.shape[1], photo.rgb.shape[0]))
    assert np.abs(photo.rgb.astype(float) - np.asarray(small)).mean() < 6.0


def test_bands_leave_no_seams() -> None:
    ramp = np.repeat(np.linspace(0, 255, 5000).astype(np.uint8)[:, None], 2000, 1)
    rgb = open_photo(saved(Image.fromarray(ramp), "PNG", compress_level=1)).rgb
    assert rgb.shape == (2500, 1000, 3)
    steps = np.diff(rgb[:, 500, 0].astype(int))
    assert steps.min() >= 0
    assert steps.max() <= 1


# --- what we refuse -----------------------------------------------------------------------------------------

FILM = struct.pack(">I", 24) + b"ftypmp42" + b"\0\0\0\0" + b"mp42isom" + bytes(2000)
TAR = bytes(257) + b"ustar\x0000" + bytes(300)

REFUSED: list[tuple[str, bytes, type[PhotoError], dict[str, object]]] = [
    ("nothing", b"", EmptyPhoto, {}),
    ("text named .jpg", b"Dear bot, this is my mother.\n" * 9, NotAPicture, {"found": "text"}),
    ("one letter", b"x", NotAPicture, {"found": "text"}),
    ("text in UTF-8", "Фото мамы".encode(), NotAPicture, {"found": "text"}),
    ("text in UTF-16", "Photo of mom".encode("utf-16"), NotAPicture, {"found": "text"}),
    ("a web page", b"<!DOCTYPE html><html><body>404</body></html>", NotAPicture, {"found": "text"}),
    ("text that begins like BMP", b"BMW is what we drive, mom, dad and I", NotAPicture, {"found": "text"}),
    ("zeros", bytes(5000), NotAPicture, {"found": "unknown"}),
    ("a zip", b"PK\3\4" + bytes(60), NotAPicture, {"found": "zip"}),
    ("gzip", b"\x1f\x8b\x08" + bytes(60), NotAPicture, {"found": "gzip"}),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), NotAPicture, {"found": "7z"}),
    ("rar", b"Rar!\x1a\x07\0" + bytes(60), NotAPicture, {"found": "rar"}),
    ("tar", TAR, NotAPicture, {"found": "tar"}),
    ("a program", b"\x7fELF" + bytes(60), NotAPicture, {"found": "program"}),
    ("sound", b"ID3\3" + bytes(60), NotAPicture, {"found": "sound"}),
    ("wave", b"RIFF\0\0\0\0WAVEfmt " + bytes(60), NotAPicture, {"found": "riff"}),
    ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnsupportedPicture, {"found": "svg"}),
    ("SVG after a comment", b'<?xml version="1.0"?>\n<!-- x -->\n<svg >', UnsupportedPicture, {"found": "svg"}),
    ("SVG in UTF-16", "<svg width='9'>".encode("utf-16"), UnsupportedPicture, {"found": "svg"}),
    ("PDF behind a letter", b"\n\n%PDF-1.4" + bytes(60), UnsupportedPicture, {"found": "pdf"}),
    ("PDF", b"%PDF-1.7\n" + bytes(60), UnsupportedPicture, {"found": "pdf"}),
    ("MP4", FILM, UnsupportedPicture, {"found": "mp4"}),
    ("MOV", FILM.replace(b"mp42", b"qt  "), UnsupportedPicture, {"found": "mov"}),
    ("old MOV", b"\0\0\0\x08wide" + bytes(60), UnsupportedPicture, {"found": "mov"}),
    ("camera raw", FILM.replace(b"mp42", b"crx "), UnsupportedPicture, {"found": "raw"}),
    ("WebM", b"\x1a\x45\xdf\xa3" + bytes(60), UnsupportedPicture, {"found": "webm"}),
    ("AVI", b"RIFF\0\0\0\0AVI LIST" + bytes(60), UnsupportedPicture, {"found": "avi"}),
    ("Photoshop", b"8BPS\0\1" + bytes(60), UnsupportedPicture, {"found": "photoshop"}),
    ("JPEG XL", b"\xff\x0a" + bytes(60), UnsupportedPicture, {"found": "jpeg-xl"}),
]


@pytest.mark.parametrize(("data", "error", "facts"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_photo_is_refused_by_name(data: bytes, error: type[PhotoError], facts: dict[str, object]) -> None:
    with pytest.raises(error) as caught:
        open_photo(data)
    assert type(caught.value) is error
    assert caught.value.facts() == facts


@pytest.mark.parametrize("brand", ["heic", "heix", "mif1", "msf1", "avif"])
def test_heic_and_avif_are_told_from_film(brand: str) -> None:
    data = FILM.replace(b"mp42", brand.encode())
    assert recognise(data) == ("avif" if brand == "avif" else "heif")
    with pytest.raises(DamagedPhoto):  # there is nothing behind the brand
        open_photo(data)


def test_a_general_container_says_in_its_list_of_brands_what_it_holds() -> None:
    start = struct.pack(">I", 24) + b"ftypmif1" + b"\0\0\0\0"
    assert recognise(start + b"mif1avif") == "avif"
    assert recognise(start + b"mif1heic") == "heif"


ENCODERS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda picture: saved(picture, "JPEG"),
    "progressive": lambda picture: saved(picture, "JPEG", progressive=True),
    "png": lambda picture: saved(picture, "PNG"),
    "webp": lambda picture: saved(picture, "WEBP"),
    "gif": lambda picture: saved(picture, "GIF"),
    "bmp": lambda picture: saved(picture, "BMP"),
    "tiff": lambda picture: saved(picture, "TIFF", compression="tiff_lzw"),
    "heif": heic,
    "avif": lambda picture: saved(picture, "AVIF"),
}


@pytest.mark.parametrize("kind", sorted(ENCODERS.keys() - {"progressive"}))
def test_half_a_file_is_refused_with_the_decoder_s_error_as_cause(kind: str) -> None:
    data = ENCODERS[kind](drawn())
    with pytest.raises(DamagedPhoto) as caught:
        open_photo(data[: len(data) // 2])
    assert caught.value.__cause__ is not None


def test_more_bytes_than_the_limit_are_not_looked_at() -> None:
    with pytest.raises(PhotoTooLarge) as caught:
        open_photo(bytes(101), max_bytes=100)
    assert caught.value.facts() == {"what": "bytes", "size": 101, "limit": 100}


@pytest.mark.parametrize("kind", ENCODERS)
def test_more_pixels_than_the_limit_are_not_decoded(kind: str) -> None:
    with pytest.raises(PhotoTooLarge) as caught:
        open_photo(ENCODERS[kind](drawn()), max_pixels=256 * 256 - 1)
    assert caught.value.facts() == {"what": "pixels", "size": 256 * 256, "limit": 256 * 256 - 1}


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(PhotoTooLarge) as caught:
        open_photo(png_header(60_000, 60_000) + png_chunk(b"IDAT", zlib.compress(bytes(10**6))))
    assert caught.value.facts()["size"] == 3_600_000_000


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    data = saved(drawn(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    assert count_scans(data, MAX_SCANS) < 15
    endless = data[:-2] + data[scan:-2] * (MAX_SCANS + 1) + data[-2:]
    with pytest.raises(PhotoTooLarge) as caught:
        open_photo(endless)
    assert caught.value.facts()["what"] == "scans"
