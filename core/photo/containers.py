"""Counts the parts of an image file before a decoder sees it.

Pillow reads markers, chunks and blocks one by one in Python and keeps many of them: twenty megabytes of empty ones
cost it 20 seconds and a gigabyte, and a GIF of many comments minutes. No camera writes more than a few hundred.

All walks stop at the limit, at the first part that makes no sense and at the end of the file: what is wrong there is
for the decoder to say.
"""

from __future__ import annotations

import re
import struct

MAX_PARTS = 20_000

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # inside a scan FF00 and restarts do not end it


def count_parts(data: bytes, format: str) -> int:
    """Markers, chunks, blocks or strips that a decoder of `format` goes through to show the first frame."""
    walk = {"jpeg": _jpeg, "png": _png, "gif": _gif, "tiff": _tiff}.get(format)
    return walk(data) if walk else 0


def count_scans(data: bytes, most: int) -> int:
    """Number of scans of the first picture in a JPEG, counted to `most` + 1. ITU-T T.81, annex B."""
    scans, parts, at = 0, 0, 2
    while scans <= most and parts <= MAX_PARTS and (found := _NEXT_MARKER.search(data, at)):
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        scans += marker == 0xDA
        parts += 1
        if marker != 0x01:
            at += _number(data, at, 2)
    return scans


def _jpeg(data: bytes) -> int:
    """Segments before the first scan; bytes between them count too, as Pillow looks at each."""
    parts, at = 0, 2
    while parts <= MAX_PARTS and (found := _NEXT_MARKER.search(data, at)):
        marker = data[found.start() + 1]
        if marker in (0xD9, 0xDA):
            break
        parts += 1 + found.start() - at
        at = found.end() + (0 if marker == 0x01 else _number(data, found.end(), 2))
    else:
        parts += max(0, len(data) - at) if parts <= MAX_PARTS else 0
    return parts


def _png(data: bytes) -> int:
    parts, at = 0, 8
    while parts <= MAX_PARTS and at < len(data):
        at += 12 + _number(data, at, 4)
        parts += 1
    return parts


def _gif(data: bytes) -> int:
    """Blocks and sub-blocks before the first image; Pillow joins comments in a time that is quadratic in them."""
    parts, at = 0, 13
    if len(data) > 10 and data[10] & 0x80:
        at += 3 << (data[10] & 7) + 1
    while parts <= MAX_PARTS and at < len(data) and data[at : at + 1] not in (b",", b";"):
        parts += 1
        if data[at : at + 1] != b"!":
            at += 1
            continue
        at += 2
        while at < len(data) and data[at] and parts <= MAX_PARTS:
            at += 1 + data[at]
            parts += 1
        at += 1
    return parts


def _tiff(data: bytes) -> int:
    """Strips or tiles of the first page."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, at)
        tags = [struct.unpack_from(order + "HHI", data, at + 2 + 12 * n) for n in range(entries)]
    except struct.error:
        return 0
    return max((count for tag, _, count in tags if tag in (273, 279, 324, 325)), default=0)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
