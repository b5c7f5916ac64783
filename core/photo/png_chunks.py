"""Reduce a PNG to the chunks that its pixels need, so that nothing else in it can spoil it.

Image generators write megabytes of text, printers' profiles are large, old editors get a checksum wrong. Pillow refuses
the whole picture for each of these; libpng passes over ancillary chunks that it cannot use, and so do we.

W3C, Portable Network Graphics (third edition), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from core.photo.color_profiles import CodePoints, gamma_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE = 8 * 2**20
"""Bytes of a decompressed profile; those of printers reach three million."""

_FOR_PILLOW = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
_COLOR = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})


@dataclass(frozen=True)
class ReducedPng:
    """A PNG without what its pixels do not need, and the profile of its colors (None: sRGB)."""

    data: bytes
    profile: bytes | None


def reduce_png(data: bytes) -> ReducedPng:
    """The needed chunks of a PNG. Errors in critical chunks are left for the decoder to find. Raises nothing."""
    kept, color = [SIGNATURE], dict[bytes, bytes]()
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk, at = data[at : at + 12 + length], at + 12 + length
        if kind[:1].isupper() or _is_sound(chunk):
            if kind in _FOR_PILLOW or kind[:1].isupper():
                kept.append(chunk)
            elif kind in _COLOR:
                color.setdefault(kind, chunk[8:-4])
        if kind == b"IEND":
            break
    return ReducedPng(b"".join(kept), _profile_of(color))


def _is_sound(chunk: bytes) -> bool:
    return len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _profile_of(color: dict[bytes, bytes]) -> bytes | None:
    """The first that says something, in the order of section 12.3 of the standard: cICP, iCCP, sRGB, cHRM and gAMA."""
    code_points = color.get(b"cICP", b"")
    if len(code_points) == 4:
        return CodePoints(code_points[0], code_points[1]).profile()
    if b"iCCP" in color:
        return _decompressed(color[b"iCCP"])
    if b"sRGB" in color or len(color.get(b"cHRM", b"")) != 32 or len(color.get(b"gAMA", b"")) != 4:
        return None
    white_x, white_y, *rest = (value / 100_000 for value in struct.unpack(">8I", color[b"cHRM"]))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    (gamma,) = struct.unpack(">I", color[b"gAMA"])
    return gamma_profile((red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y), gamma / 100_000)


def _decompressed(body: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method, then zlib's bytes."""
    _, _, packed = body.partition(b"\0")
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return None
    return profile if stream.eof else None
