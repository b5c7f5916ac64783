"""A photo with several faces is decoded for the chat process, but not in it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import psutil
import pytest
from PIL import Image

from bots.cards.face_numbers import OpenPhoto, number_faces
from childface.photo_preview import preview_opener
from childface.settings import Settings

ROOT = Path(__file__).parents[2]
PLAIN = Image.new("RGB", (400, 200), "navy")
BOXES = [(20, 40, 140, 160), (220, 40, 340, 160)]


@pytest.fixture
def opener(tmp_path: Path) -> OpenPhoto:
    return preview_opener(Settings(_env_file=None, data_dir=tmp_path))


def heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(PLAIN).save(file, quality=90)
    return file.getvalue()


def png_of_16_bits() -> bytes:
    rows = np.zeros((200, 400, 3), ">u2")
    rows[..., 2] = 128 * 257
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", 400, 200, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize("make", [heic, png_of_16_bits])
def test_the_faces_of_an_iphone_s_photo_and_of_16_bits_are_numbered(make: object, opener: OpenPhoto) -> None:
    assert callable(make)
    data = number_faces(make(), BOXES, opener)
    assert data is not None
    shown = Image.open(io.BytesIO(data))
    assert shown.size == (400, 200)
    for left, top, _, _ in BOXES:
        corner = shown.getpixel((left + 6, top + 3))
        assert isinstance(corner, tuple) and min(corner) > 150


def test_no_helper_stays(opener: OpenPhoto) -> None:
    before = set(psutil.Process().children())
    assert opener(heic()) is not None
    assert set(psutil.Process().children()) <= before


def test_what_is_no_photo_is_not_shown(opener: OpenPhoto) -> None:
    assert opener(b"no picture") is None


def test_a_chat_process_loads_no_decoder_until_it_is_asked() -> None:
    check = (
        "import childface.bootstrap, bots.service.conversation_service, sys;"
        "sys.exit(bool({'PIL', 'numpy', 'pillow_heif', 'torch'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)
