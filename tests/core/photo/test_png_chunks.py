"""What a PNG's pixels do not need cannot spoil it."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from core.domain.errors import DamagedPhoto
from core.photo.decode import open_photo
from core.photo.png_chunks import MAX_PROFILE, reduce_png
from tests.core.photo.test_decode import drawn as drawn_picture
from tests.support.photos.drawn_faces import drawn
from tests.support.photos.good_photos import saved


def chunk(kind: bytes, body: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(kind + body) ^ wrong
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(*chunks: bytes) -> bytes:
    data = saved(drawn_picture(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


WORDS = np.random.default_rng(0).integers(32, 127, 3_000_000, np.uint8).tobytes()

ODD_BUT_GOOD = {
    "text of 3 MB": [chunk(b"tEXt", b"prompt\0" + WORDS)],
    "packed text of 3 MB": [chunk(b"zTXt", b"prompt\0\0" + zlib.compress(WORDS))],
    "international text of 3 MB": [chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(WORDS))],
    "many texts": [chunk(b"tEXt", b"k\0" + WORDS[:90_000])] * 90,
    "profile of 3 MB": [chunk(b"iCCP", b"printer\0\0" + zlib.compress(WORDS))],
    "profile beyond all measure": [chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(MAX_PROFILE + 1)))],
    "profile that is not packed": [chunk(b"iCCP", b"x\0\0nothing packed")],
    "wrong checksum of pHYs": [chunk(b"pHYs", bytes(9), wrong=True)],
    "wrong checksum of iCCP": [chunk(b"iCCP", b"x\0\0" + zlib.compress(b"profile"), wrong=True)],
    "wrong checksum of eXIf": [chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0", wrong=True)],
    "wrong checksum of text": [chunk(b"tEXt", b"k\0v", wrong=True)],
    "pHYs of no length": [chunk(b"pHYs", b"")],
    "gAMA of no length": [chunk(b"gAMA", b"")],
    "cICP of no length": [chunk(b"cICP", b"")],
}


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_what_pixels_do_not_need_does_no_harm(name: str) -> None:
    assert np.array_equal(open_photo(png_with(*ODD_BUT_GOOD[name])).rgb, drawn())


def test_text_behind_the_pixels_does_no_harm() -> None:
    data = saved(drawn_picture(), "PNG")
    assert np.array_equal(open_photo(data[:-12] + chunk(b"tEXt", b"k\0" + WORDS) + data[-12:]).rgb, drawn())


def test_a_wrong_checksum_of_pixels_is_damage() -> None:
    data = bytearray(saved(drawn_picture(), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(DamagedPhoto):
        open_photo(bytes(data))


@pytest.mark.parametrize("end", [8, 20, 40, 500])
def test_a_png_that_ends_early_is_reduced_as_far_as_it_goes(end: int) -> None:
    data = saved(drawn_picture(), "PNG")
    assert data.startswith(reduce_png(data[:end]).data[:8])
