"""Read color code points out of a HEIC or AVIF file, which Pillow does not tell.

ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from core.photo.color_profiles import CodePoints

MAX_BOXES = 2_000
"""Properties and top-level boxes that are looked at. Cameras write fewer than two hundred."""


def code_points_of(data: bytes) -> CodePoints | None:
    """The code points ("nclx") of the primary item; those of any item where it names none; else None."""
    meta = next((body for kind, body in _boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None:
        return None
    inside = dict(_boxes(data, meta[0] + 4, meta[1]))
    if b"iprp" not in inside:
        return None
    properties = dict(_boxes(data, *inside[b"iprp"]))
    if b"ipco" not in properties:
        return None
    told = {
        number: CodePoints(*struct.unpack_from(">HH", data, start + 4))
        for number, (kind, (start, end)) in enumerate(_boxes(data, *properties[b"ipco"]), start=1)
        if kind == b"colr" and data[start : start + 4] == b"nclx" and end - start >= 10
    }
    primary = _primary_item(data, inside.get(b"pitm"))
    wanted = _properties_of(data, primary, properties.get(b"ipma"))
    return next((told[number] for number in wanted if number in told), next(iter(told.values()), None))


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Kind, and start and end of the body, of the boxes in a stretch of the file; up to the first that is nonsense."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        size = size or end - start
        if size < head or start + size > end:
            return
        yield kind, (start + head, start + size)
        start += size


def _primary_item(data: bytes, box: tuple[int, int] | None) -> int:
    if box is None:
        return 0
    wide = data[box[0] : box[0] + 1] != b"\0"
    return int.from_bytes(data[box[0] + 4 : box[0] + (8 if wide else 6)], "big")


def _properties_of(data: bytes, item: int, box: tuple[int, int] | None) -> list[int]:
    """Numbers, from 1, of the properties of an item."""
    if box is None:
        return []
    at, end = box
    version, flags = data[at], data[at + 3]
    (entries,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(min(entries, MAX_BOXES)):
        wide = 4 if version else 2
        if at + wide + 1 > end:
            break
        number, count = int.from_bytes(data[at : at + wide], "big"), data[at + wide]
        at += wide + 1
        size = 2 if flags & 1 else 1
        mask = 0x7FFF if flags & 1 else 0x7F
        if number == item:
            return [int.from_bytes(data[at + n * size : at + (n + 1) * size], "big") & mask for n in range(count)]
        at += count * size
    return []
