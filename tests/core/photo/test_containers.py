"""Parts are counted without decoding, and files of endless parts are refused at once."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from core.domain.errors import PhotoTooLarge
from core.photo.containers import MAX_PARTS, count_parts, count_scans
from core.photo.decode import MAX_BYTES, open_photo


def saved(format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, format, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "WEBP"])
def test_an_ordinary_picture_has_few_parts(format: str) -> None:
    assert count_parts(saved(format), format.lower()) < 40


def test_chunks_of_a_png_are_counted() -> None:
    data = saved("PNG")
    more = data[:33] + chunk(b"tEXt", b"k\0v") * 5 + data[33:]
    assert count_parts(more, "png") == count_parts(data, "png") + 5


def test_segments_of_a_jpeg_are_counted_and_so_are_bytes_between_them() -> None:
    data = saved("JPEG")
    before = count_parts(data, "jpeg")
    assert count_parts(data[:2] + b"\xff\xe1\0\2" * 5 + data[2:], "jpeg") == before + 5
    assert count_parts(data[:2] + b"\xff" * 7 + data[2:], "jpeg") == before + 7


def test_blocks_and_sub_blocks_of_a_gif_are_counted_to_the_first_image() -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0)
    image = b"," + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\2\2\x44\1\0"
    comment = b"!\xfe\1a\2bc\0"
    assert count_parts(head + comment * 2 + image + comment * 9 + b";", "gif") == 6


def test_scans_inside_a_thumbnail_or_after_the_end_are_not_counted() -> None:
    data = saved("JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 300) + b"\xff\xda" * 150
    assert count_scans(data, 40) == 1
    assert count_scans(data[:2] + comment + data[2:] + b"\xff\xda\0\4" * 99, 40) == 1


def test_scans_of_a_progressive_jpeg_are_counted() -> None:
    assert 5 < count_scans(saved("JPEG", progressive=True), 40) < 15


JPEG, PNG, GIF = saved("JPEG"), saved("PNG"), saved("GIF")

ENDLESS = {
    "jpeg of empty segments": (JPEG[:2], b"\xff\xe1\0\2", JPEG[2:]),
    "jpeg of segments without length": (JPEG[:2], b"\xff\xe1\0\0", JPEG[2:]),
    "jpeg of comments": (JPEG[:2], b"\xff\xfe\0\3a", JPEG[2:]),
    "jpeg of fill bytes": (JPEG[:2], b"\xff", JPEG[2:]),
    "jpeg that never begins": (JPEG[:2] + b"\xff\xe0\0\2", b"\0", b""),
    "png of texts": (PNG[:33], chunk(b"tEXt", b"k\0v"), PNG[33:]),
    "png of unknown chunks": (PNG[:33], chunk(b"abCd"), PNG[33:]),
    "png of unknown chunks behind the picture": (PNG[:-12], chunk(b"abCd"), PNG[-12:]),
    "gif of comments": (GIF[: 13 + 3 * 256], b"!\xfe\1a\0", GIF[13 + 3 * 256 :]),
    "gif of one long comment": (GIF[: 13 + 3 * 256] + b"!\xfe", b"\1a", b"\0" + GIF[13 + 3 * 256 :]),
    "gif of junk": (GIF[: 13 + 3 * 256], b"x", GIF[13 + 3 * 256 :]),
}


@pytest.mark.timeout(20)  # without the limit some of these take minutes
@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_of_endless_parts_is_refused(name: str) -> None:
    start, part, end = ENDLESS[name]
    data = start + part * ((MAX_BYTES - len(start) - len(end)) // len(part)) + end
    with pytest.raises(PhotoTooLarge) as caught:
        open_photo(data)
    assert caught.value.facts()["what"] == "parts"
    assert caught.value.facts()["limit"] == MAX_PARTS


def test_a_tiff_of_endless_strips_is_refused() -> None:
    tags = ((256, 1), (257, 10**6), (258, 8), (259, 1), (262, 1), (277, 1), (278, 1))
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
    entries += [struct.pack("<HHII", tag, 4, 10**6, 200) for tag in (273, 279)]
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4 * 10**6 + 200)
    with pytest.raises(PhotoTooLarge):
        open_photo(data)


@pytest.mark.parametrize("format", ["jpeg", "png", "gif", "tiff"])
def test_counting_survives_any_end(format: str) -> None:
    whole = {"jpeg": JPEG, "png": PNG, "gif": GIF, "tiff": saved("TIFF")}[format]
    for end in range(min(len(whole), 60)):
        assert count_parts(whole[:end], format) >= 0
