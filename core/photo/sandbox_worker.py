"""The sandboxed process that decodes untrusted photos and can do nothing else.

`core.photo.sandbox_client` starts it with an empty environment and talks to it through two pipes and shared memory:

    question  <QQQ  length, most bytes, most pixels; the file lies in the shared memory
    answer    <I    length of JSON · JSON; the pixels (uint8 H×W×3) lie there instead

The JSON is {"format", "shape", "shrunk", "lacks"} or {"error", "facts"}; the first answer, before any question, is
{"fences"}.
Nothing but numbers, short words and pixels comes out, and no pickle.
"""

from __future__ import annotations

import importlib
import json
import mmap
import os
from collections.abc import Callable
from io import FileIO
from typing import Any

import pillow_heif
from PIL import Image

from core.domain.errors import PhotoError
from core.photo.decode import Photo, open_photo
from core.photo.sandbox import allow_seconds, confine
from core.photo.sandbox_client import ANSWER, QUESTION, SHARED_BYTES

MEMORY = 1280 * 2**20
"""Of address space. The worst that passes for a photo, a WebP of 50 megapixels with alpha, needs 900 MB of it."""

CPU_SECONDS = 15.0
"""Of one photo. The slowest of 65 megapixels takes about four."""

WALL_SECONDS = 60.0
"""After which a helper ends by itself, should nobody be there any more to end it."""


def serve(shared: int, decode: Callable[..., Photo] = open_photo, *, memory: int = MEMORY) -> None:
    """Answer questions from standard input on standard output until it is closed. `shared`: a file descriptor."""
    questions, answers = FileIO(0), os.dup(1)
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    area = mmap.mmap(shared, SHARED_BYTES)
    _load_everything()
    fences = confine(read_from=0, write_to=answers, memory=memory)
    _say(answers, {"fences": fences})
    while (question := _read(questions, QUESTION.size)) is not None:
        length, max_bytes, max_pixels = QUESTION.unpack(question)
        allow_seconds(CPU_SECONDS, WALL_SECONDS)
        try:
            photo = decode(area[:length], max_bytes=max_bytes, max_pixels=max_pixels)
            area[: photo.rgb.nbytes] = photo.rgb.reshape(-1).data
        except PhotoError as error:
            _say(answers, {"error": error.code, "facts": error.facts()})
        else:
            told = {"format": photo.format, "shape": photo.rgb.shape, "shrunk": photo.shrunk, "lacks": photo.lacks}
            _say(answers, told)
            del photo


def _load_everything() -> None:
    """What decoders import only when they need it cannot be imported any more once this process is fenced in."""
    for name in ("encodings.ascii", "encodings.latin_1", "encodings.utf_16", "xml.etree.ElementTree"):
        importlib.import_module(name)
    Image.init()
    pillow_heif.libheif_info()


def _say(answers: int, told: dict[str, Any]) -> None:
    words = json.dumps(told).encode()
    os.write(answers, ANSWER.pack(len(words)) + words)


def _read(questions: FileIO, length: int) -> bytearray | None:
    """Exactly so many bytes; None where there are no more."""
    data = bytearray(length)
    left = memoryview(data)
    while left:
        got = questions.readinto(left)
        if not got:
            return None
        left = left[got:]
    return data
