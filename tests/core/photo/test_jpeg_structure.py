"""JPEGs that end too early are read as far as they go, and it is known what they lack."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import DamagedPhoto, UnsupportedPicture
from core.photo.decode import open_photo
from core.photo.jpeg_structure import MAX_MISSING, lacks_only_detail, largest_jpeg, read_frame, scans_of
from tests.support.photos.drawn_faces import drawn
from tests.support.photos.good_photos import saved

SIZE = 512
PICTURE = Image.fromarray(drawn("woman", SIZE))


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}], ids=str
)
@pytest.mark.parametrize("lacking", [2, 1, 7])
def test_a_jpeg_without_its_last_bytes_is_whole(options: dict[str, Any], lacking: int) -> None:
    data = saved(PICTURE, "JPEG", quality=90, **options)
    photo = open_photo(data[:-lacking])
    whole = open_photo(data).rgb
    rows = photo.rgb.shape[0]
    assert rows >= SIZE - 16
    assert np.abs(photo.rgb[: rows - 16].astype(int) - whole[: rows - 16]).max() <= 40
    if lacking == 2:
        assert (rows, photo.lacks) in {(SIZE, ""), (SIZE, "detail")}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_fifth_that_is_missing_is_left_out_and_told(mode: str) -> None:
    data = saved(PICTURE.convert(mode), "JPEG", quality=90)
    whole = open_photo(data).rgb
    photo = open_photo(data[: len(data) * 8 // 10])
    rows = photo.rgb.shape[0]
    assert photo.lacks == "bottom"
    assert 0.6 * SIZE < rows < 0.95 * SIZE
    assert np.array_equal(photo.rgb[:-1], whole[: rows - 1])


@pytest.mark.parametrize(
    ("orientation", "lacks"),
    [(1, "bottom"), (2, "bottom"), (3, "top"), (4, "top"), (5, "right"), (6, "left"), (7, "left"), (8, "right")],
)
def test_the_missing_side_turns_with_the_photo(orientation: int, lacks: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(PICTURE, "JPEG", quality=90, exif=exif)
    whole, photo = open_photo(data).rgb, open_photo(data[: len(data) * 8 // 10])
    assert photo.lacks == lacks
    height, width = photo.rgb.shape[:2]
    top, left = (SIZE - height if lacks == "top" else 0), (SIZE - width if lacks == "left" else 0)
    # The colors of the row that touches what is missing are interpolated.
    expected = whole[top : top + height, left : left + width]
    assert np.array_equal(photo.rgb[1:-1, 1:-1], expected[1:-1, 1:-1])


def test_a_progressive_jpeg_that_was_cut_lacks_detail() -> None:
    data = saved(PICTURE, "JPEG", quality=90, progressive=True)
    photo = open_photo(data[: len(data) * 8 // 10])
    assert photo.lacks == "detail"
    assert photo.rgb.shape == (SIZE, SIZE, 3)
    assert np.abs(photo.rgb.astype(int) - open_photo(data).rgb).mean() < 3


def test_zeros_in_place_of_the_end_are_not_taken_for_picture() -> None:
    data = saved(PICTURE, "JPEG", quality=90)
    kept = len(data) * 8 // 10
    photo = open_photo(data[:kept] + bytes(len(data) - kept))
    assert photo.lacks == "bottom"
    assert np.array_equal(photo.rgb[:-1], open_photo(data).rgb[: photo.rgb.shape[0] - 1])


def test_a_shrunk_photo_that_was_cut_is_left_out_in_its_own_rows() -> None:
    large = Image.fromarray(drawn("woman", 3600))
    data = saved(large, "JPEG", quality=80)
    photo = open_photo(data[: len(data) * 8 // 10])
    assert (photo.lacks, photo.shrunk) == ("bottom", 2)
    assert np.array_equal(photo.rgb[:-1], open_photo(data).rgb[: photo.rgb.shape[0] - 1])


def test_too_little_is_damage() -> None:
    data = saved(PICTURE, "JPEG", quality=90)
    with pytest.raises(DamagedPhoto):
        open_photo(data[: int(len(data) * (1 - MAX_MISSING) * 0.8)])
    progressive = saved(PICTURE, "JPEG", quality=90, progressive=True)
    with pytest.raises(DamagedPhoto):
        open_photo(progressive[: len(progressive) // 5])


def test_scans_are_told_with_whether_they_are_complete() -> None:
    data = saved(PICTURE, "JPEG", progressive=True)
    assert [scan.complete for scan in scans_of(data[:-2])][-1] is False
    assert all(scan.complete for scan in scans_of(data[:-2])[:-1])
    assert lacks_only_detail(data[:-2])
    assert not lacks_only_detail(data[: len(data) // 10])


def test_the_frame_header_is_read() -> None:
    frame = read_frame(saved(Image.new("RGB", (300, 200)), "JPEG", progressive=True, subsampling=2))
    assert frame is not None
    assert (frame.width, frame.height, frame.progressive, frame.row) == (300, 200, True, 16)
    assert read_frame(b"\xff\xd8\xff\xe0" + bytes(50)) is None


# --- JPEGs inside other files -------------------------------------------------------------------------------


def dng(*jpegs: bytes, orientation: int = 1) -> bytes:
    """A camera raw file whose first directory says that it is a Digital Negative, with JPEGs behind it."""
    tags = [(254, 4, 1, 1), (262, 3, 1, 32803), (274, 3, 1, orientation), (50706, 1, 4, 0x00000401)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + b"".join(jpegs)


THUMBNAIL = saved(PICTURE.resize((160, 160)), "JPEG")
PREVIEW = saved(PICTURE, "JPEG", quality=95)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tiff", dng(THUMBNAIL, PREVIEW)),
        ("raw", b"FUJIFILMCCD-RAW " + bytes(80) + THUMBNAIL + PREVIEW),
        ("pdf", b"%PDF-1.7\n1 0 obj <</Filter /DCTDecode>> stream\n" + PREVIEW + b"\nendstream\n%%EOF"),
    ],
)
def test_the_largest_jpeg_inside_is_taken(name: str, data: bytes) -> None:
    photo = open_photo(data)
    assert photo.format == name
    assert np.array_equal(photo.rgb, open_photo(PREVIEW).rgb)


def test_a_preview_is_turned_as_the_file_around_it_says() -> None:
    assert np.array_equal(open_photo(dng(PREVIEW, orientation=3)).rgb, open_photo(PREVIEW).rgb[::-1, ::-1])


@pytest.mark.parametrize(
    ("found", "data"),
    [
        ("dng", dng()),
        ("dng", dng(THUMBNAIL)),
        ("raw", b"FUJIFILMCCD-RAW " + bytes(80)),
        ("raw", b"II*\0\x10\0\0\0CR\2\0" + bytes(90)),
        ("pdf", b"%PDF-1.7\n" + THUMBNAIL),
    ],
)
def test_without_one_that_is_large_enough_the_format_is_named(found: str, data: bytes) -> None:
    with pytest.raises(UnsupportedPicture) as caught:
        open_photo(data)
    assert caught.value.facts() == {"found": found}


def test_a_lossless_jpeg_is_a_sensor_s_and_not_taken() -> None:
    data = PREVIEW.replace(b"\xff\xc0", b"\xff\xc3", 1)
    assert largest_jpeg(data, smallest=100) is None
