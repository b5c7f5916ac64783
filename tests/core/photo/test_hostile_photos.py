"""Two hundred files made to do harm, and as many more as Hypothesis finds: each is a photo or a PhotoError.

A decoder that crashes would take this test process with it, so that passing means that none did.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.domain.errors import PhotoError, PhotoTooLarge
from core.photo.decode import MAX_SIDE, open_photo
from tests.support.photos.good_photos import good_files, saved

ROOT = Path(__file__).parents[3]


GOOD = good_files()


def png(width: int, height: int, *chunks: tuple[bytes, bytes], colour: int = 2, bits: int = 8) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), *chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(width: int, height: int, *, strip: int = 8, at: int = 200) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, at), (277, 1), (278, height), (279, strip))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(400)


def jpeg_of_size(width: int, height: int) -> bytes:
    data = GOOD["jpeg"]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def webp_of_size(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + canvas + GOOD["webp"][12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_size(width: int, height: int, frames: int = 1) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + frame * frames + b";"


def heif_of_size(width: int, height: int, kind: str = "heif") -> bytes:
    data = GOOD[kind]
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


DEFLATED = zlib.compress(bytes(10**7), 9)

BOMBS = {
    "png of 3.6 gigapixels": png(60_000, 60_000, (b"IDAT", DEFLATED)),
    "png of the largest size": png(2**31 - 1, 2**31 - 1, (b"IDAT", DEFLATED)),
    "png of 80 megapixels": png(10_000, 8_000, (b"IDAT", DEFLATED)),
    "png one pixel high": png(2**31 - 1, 1, (b"IDAT", DEFLATED)),
    "jpeg of 4 gigapixels": jpeg_of_size(65_500, 65_500),
    "jpeg of 240 megapixels": jpeg_of_size(60_000, 4_000),
    "webp of 268 megapixels": webp_of_size(16_384, 16_384),
    "webp of the largest size": webp_of_size(2**24, 2**24),
    "gif of 4 gigapixels": gif_of_size(65_535, 65_535),
    "tiff of 10 gigapixels": tiff(100_000, 100_000),
    "tiff of the largest size": tiff(2**31 - 1, 2**31 - 1),
    "bmp of 4 gigapixels": GOOD["bmp"][:18] + struct.pack("<ii", 65_000, 65_000) + GOOD["bmp"][26:],
    "heic of 4 gigapixels": heif_of_size(65_000, 65_000),
    "avif of 4 gigapixels": heif_of_size(65_000, 65_000, "avif"),
}

ODD = {
    "png without pixels": png(0, 0),
    "png without data": png(10, 10),
    "png of impossible colours": png(10, 10, (b"IDAT", zlib.compress(bytes(400))), colour=5),
    "png with too little data": png(3_000, 3_000, (b"IDAT", zlib.compress(bytes(9)))),
    "png with too much data": png(3, 3, (b"IDAT", DEFLATED)),
    "png with swollen text": png(3, 3, (b"zTXt", b"a\0\0" + DEFLATED), (b"IDAT", zlib.compress(bytes(30)))),
    "png with swollen profile": png(3, 3, (b"iCCP", b"a\0\0" + DEFLATED), (b"IDAT", zlib.compress(bytes(30)))),
    "png of nested chunks": png(3, 3, *[(b"tEXt", b"k\0v")] * 20_000, (b"IDAT", zlib.compress(bytes(30)))),
    "apng of no frames": png(3, 3, (b"acTL", bytes(8)), (b"IDAT", zlib.compress(bytes(30)))),
    "apng of endless frames": png(3, 3, (b"acTL", b"\xff" * 8), (b"IDAT", zlib.compress(bytes(30)))),
    "gif of 20,000 frames": gif_of_size(10, 10, frames=20_000),
    "gif of endless blocks": gif_of_size(10, 10)[:-1] + b"!\xfe\x01a" * 50_000,
    "tiff that points beyond its end": tiff(50, 50, strip=2_500, at=2**31),
    "tiff that points at itself": b"II*\0" + struct.pack("<IHI", 8, 0, 8) + bytes(40),
    "webp with a length of zero": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0",
    "webp cut in its header": GOOD["webp"][:20],
    "jpeg of two bytes": b"\xff\xd8\xff",
    "jpeg of markers only": b"\xff\xd8" + b"\xff\xe0\0\2" * 5_000,
    "jpeg of lengths of zero": b"\xff\xd8" + b"\xff\xe0\0\0" * 5_000,
    "jpeg of fill bytes": b"\xff\xd8" + b"\xff" * 100_000,
    "jpeg within a jpeg": GOOD["jpeg"][:-2] + GOOD["jpeg"] + GOOD["jpeg"],
    "jpeg before a zip": GOOD["jpeg"] + b"PK\3\4" + bytes(500),
    "zip of a jpeg": b"PK\3\4" + GOOD["jpeg"],
    "mp4 named .heic": struct.pack(">I", 24) + b"ftypmp42\0\0\0\0mp42isom" + bytes(500),
    "heic of film boxes": struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + b"\xff\xff\xff\xffmeta" * 50,
    "box without end": b"\xff\xff\xff\xffftypheic" + bytes(500),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
    "svg of entities": b"<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
    "text": b"not a photo at all",
    "nothing": b"",
    "zeros": bytes(10_000),
    "newlines": b"\n" * 10_000,
}


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of 200 files: always the same ones."""
    chance = random.Random(20)
    yield from BOMBS.items()
    yield from ODD.items()
    for name, data in GOOD.items():
        for part in (3, 12, 30, len(data) // 3, len(data) * 9 // 10, len(data) - 1):
            yield f"{name} cut to {part} bytes", data[:part]
        for share in (1, 20, 300):
            spoilt = bytearray(data)
            for _ in range(share):
                spoilt[chance.randrange(len(data))] = chance.randrange(256)
            yield f"{name} with {share} bytes changed", bytes(spoilt)
    starts = [data[:16] for data in GOOD.values()]
    while True:
        yield "noise", chance.choice([b"", *starts]) + chance.randbytes(chance.randrange(1, 3_000))


FILES = [file for file, _ in zip(hostile_files(), range(200), strict=False)]


def photo_or_refusal(data: bytes) -> None:
    """Anything but a valid Photo or a PhotoError fails."""
    try:
        photo = open_photo(data)
    except PhotoError:
        return
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.ndim == 3
    assert photo.rgb.shape[2] == 3
    assert 0 < photo.rgb.shape[0] * photo.rgb.shape[1] <= MAX_SIDE**2


def test_there_are_two_hundred_of_them() -> None:
    assert len(FILES) == 200


@pytest.mark.parametrize("data", [data for _, data in FILES], ids=[name for name, _ in FILES])
def test_a_hostile_file_is_a_photo_or_a_refusal(data: bytes) -> None:
    photo_or_refusal(data)


@pytest.mark.parametrize("name", GOOD)
def test_the_files_were_good_before_they_were_spoilt(name: str) -> None:
    assert open_photo(GOOD[name]).rgb.shape == (96, 96, 3)


@pytest.mark.parametrize("name", [name for name in BOMBS if "heic" not in name and "avif" not in name])
def test_a_bomb_is_too_large(name: str) -> None:
    with pytest.raises(PhotoTooLarge):
        open_photo(BOMBS[name])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=500))
@example(b"BM" + bytes(12) + b"\x28\0\0\0" + b"\xff" * 40)
def test_any_bytes_are_a_photo_or_a_refusal(data: bytes) -> None:
    photo_or_refusal(data)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=12),
    st.integers(0, 2**16),
    st.binary(max_size=40),
)
def test_any_spoilt_photo_is_a_photo_or_a_refusal(
    name: str, changes: list[tuple[int, int]], cut: int, inserted: bytes
) -> None:
    spoilt = bytearray(GOOD[name])
    for at, value in changes:
        spoilt[at % len(spoilt)] = value
    place = cut % len(spoilt)
    photo_or_refusal(bytes(spoilt[:place]) + inserted + bytes(spoilt[place:]))


PEAK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from core.domain.errors import PhotoError
from core.photo.decode import open_photo
import pillow_heif

files = [Path(name).read_bytes() for name in sys.argv[2:]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for data in files:
    try:
        open_photo(data)
    except PhotoError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak_megabytes(folder: Path, *files: bytes) -> int:
    """By how much opening these files raises the memory of a fresh process."""
    names = [folder / str(number) for number in range(len(files))]
    for name, data in zip(names, files, strict=True):
        name.write_bytes(data)
    told = subprocess.run(
        [sys.executable, "-c", PEAK, str(ROOT), *map(str, names)], capture_output=True, text=True, check=True
    )
    return int(told.stdout)


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    assert peak_megabytes(tmp_path, *BOMBS.values()) < 100


def test_the_largest_photo_takes_no_more_than_its_pixels_and_a_band(tmp_path: Path) -> None:
    # 49 megapixels with alpha are 196 MB when decoded; conversions of the whole would add 350 MB.
    largest = saved(Image.new("RGBA", (7_000, 7_000), (200, 100, 50, 128)), "PNG", compress_level=1)
    assert peak_megabytes(tmp_path, largest) < 320
