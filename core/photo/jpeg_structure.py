"""What the markers of a JPEG say: its size and kind, which scans are complete, and what is lacking at its end.

ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image

END = b"\xff\xd9"
_START = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

MAX_MARKERS = 2_000
MAX_PREVIEWS = 256
"""JPEGs inside another file that are looked at."""

ZEROS_OF_A_HOLE = 64
"""So many zero bytes at the end are room that a broken download never filled."""

COARSE = 6
"""Coefficients of each block that the first passes of a progressive JPEG bring: eight pixels show three."""

MISSING_GRAY = (127, 128)
"""What libjpeg makes of blocks that are not there: level 128, of inverted inks 127."""

MAX_MISSING = 0.4
"""Share of the rows that may be missing. Below a face there is seldom more."""


@dataclass(frozen=True)
class Frame:
    """The frame header: size in pixels, whether in several passes, and the height of a row of coded blocks."""

    width: int
    height: int
    progressive: bool
    row: int


@dataclass(frozen=True)
class Scan:
    """A scan header: component numbers and the spectral range (0..63); whether anything followed the scan."""

    components: tuple[int, ...]
    first: int
    last: int
    complete: bool


def read_frame(data: bytes, at: int = 0) -> Frame | None:
    """The frame header of the JPEG that begins at `at`; None where there is none, or one of lossless coding."""
    at += 2
    for _ in range(MAX_MARKERS):
        if data[at : at + 1] != b"\xff":
            found = _NEXT_MARKER.search(data, at, at + 4096)
            if found is None:
                return None
            at = found.start()
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        marker, body = data[at + 1 : at + 2], data[at + 2 : at + 4]
        if len(body) < 2 or marker[0] in {0xD9, 0xDA}:
            return None
        if marker[0] in _FRAMES:
            return _frame(data, marker[0], at + 4)
        at += 2 + max(2, int.from_bytes(body, "big"))
    return None


def _frame(data: bytes, marker: int, at: int) -> Frame | None:
    if marker in _LOSSLESS or len(data) < at + 6:
        return None
    _, height, width, components = struct.unpack_from(">BHHB", data, at)
    factors = [data[at + 7 + 3 * n] & 15 for n in range(components) if at + 7 + 3 * n < len(data)]
    return Frame(width, height, marker in _PROGRESSIVE, 8 * max(factors, default=1) if components > 1 else 8)


def largest_jpeg(data: bytes, *, smallest: int) -> int | None:
    """Where the largest JPEG inside a file begins (camera raw, PDF); None without one of `smallest` pixels a side."""
    best, most = None, 0
    for count, found in enumerate(_START.finditer(data)):
        if count >= MAX_PREVIEWS:
            break
        frame = read_frame(data, found.start())
        if frame is not None and min(frame.width, frame.height) >= smallest and frame.width * frame.height > most:
            best, most = found.start(), frame.width * frame.height
    return best


# --- files that end too early -------------------------------------------------------------------------------


def has_hole_at_end(data: bytes) -> bool:
    """Whether a file lacks its end and zeros stand there instead, which a decoder would take for picture."""
    return data[-ZEROS_OF_A_HOLE:].count(0) == ZEROS_OF_A_HOLE and not data.rstrip(b"\0").endswith(END)


def with_end(data: bytes) -> bytes:
    """A JPEG that was cut off, ended properly: decoders fill what is missing with gray."""
    return data.rstrip(b"\0") + END


def scans_of(data: bytes) -> list[Scan]:
    """The scans of the first picture."""
    scans: list[Scan] = []
    at = 2
    for _ in range(MAX_MARKERS):
        found = _NEXT_MARKER.search(data, at)
        if found is None or data[found.start() + 1] == 0xD9:
            break
        if scans:
            scans[-1] = Scan(scans[-1].components, scans[-1].first, scans[-1].last, complete=True)
        at = found.end()
        if data[found.start() + 1] == 0xDA:
            scan = _scan(data, at)
            if scan is None:
                break
            scans.append(scan)
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


def _scan(data: bytes, at: int) -> Scan | None:
    count = data[at + 2] if len(data) > at + 2 else 0
    if len(data) < at + 6 + 2 * count or not count:
        return None
    first, last = data[at + 3 + 2 * count], data[at + 4 + 2 * count]
    return Scan(tuple(data[at + 3 + 2 * n] for n in range(count)), first, last, complete=False)


def lacks_only_detail(data: bytes) -> bool:
    """Of a cut JPEG in several scans: whether luminance and mean colors are there everywhere, if only coarsely."""
    scans = scans_of(data)
    whole = [scan for scan in scans if scan.complete]
    if not whole:
        return False
    luminance = scans[0].components[0]
    seen = {number for scan in whole if luminance in scan.components for number in range(scan.first, scan.last + 1)}
    colors = {component for scan in whole if scan.first == 0 for component in scan.components}
    named = {component for scan in scans for component in scan.components}
    return seen >= set(range(COARSE)) and colors >= named


def missing_rows(picture: Image.Image, row: int) -> int:
    """Rows at the bottom that the file lacks, rounded up to whole rows of blocks (`row` pixels high)."""
    pixels = np.asarray(picture)
    levels = pixels.reshape(picture.height, picture.width, -1)
    gray = cast("npt.NDArray[np.bool_]", np.isin(levels, MISSING_GRAY).all(axis=2))
    whole = _trailing(np.asarray(gray.all(axis=1)))
    if whole == 0 and not gray[-row:, -row // 2 :].all():
        return 0
    # Colors are interpolated into the first gray row, and the row of blocks above it may be there in part.
    kept = (picture.height - whole - 2) // row * row
    return picture.height - max(0, kept)


def _trailing(flags: npt.NDArray[np.bool_]) -> int:
    """How many at the end are true."""
    return int(flags.size if flags.all() else np.argmin(flags[::-1]))
