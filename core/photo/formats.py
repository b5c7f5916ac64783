"""Tell the format of a file by its content; names and endings are not asked.

Out: the name of a format that `core.photo.decode` reads, and where in the file it begins.
Wrong: `UnsupportedPicture` and `NotAPicture`, which name what was found instead.
"""

from __future__ import annotations

import re
import struct

from core.domain.errors import NotAPicture, PhotoError, UnsupportedPicture

PDF_WITHIN = 1024
"""Bytes in which a PDF must begin. Readers accept as many (PDF 1.7, appendix H)."""

JUNK_WITHIN = 1024
"""Bytes that may stand before a picture: a byte order mark, an empty line, the head of a mail or web answer."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIU\0", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
)
_FOREIGN_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "postscript"),
    (b"8BPS", "photoshop"),
    (b"\xff\x0a", "jpeg-xl"),
    (b"\0\0\0\x0cJXL ", "jpeg-xl"),
    (b"\0\0\0\x0cjP  ", "jpeg-2000"),
    (b"\0\0\1\0", "icon"),
    (b"II+\0", "bigtiff"),
    (b"MM\0+", "bigtiff"),
    (b"\x1a\x45\xdf\xa3", "webm"),
    (b"\0\0\1\xba", "mpeg"),
    (b"\0\0\1\xb3", "mpeg"),
    (b"OggS", "ogg"),
    (b"FLV\1", "flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wmv"),
)
_NO_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"ID3", "sound"),
    (b"fLaC", "sound"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_FILM_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}


_UNMISTAKABLE = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBPVP8"
    rb"|....ftyp(?:hei[cxms]|hev[cxms]|avi[fs]|mif1|msf1)",
    re.DOTALL,
)
"""Signatures that are long enough to be trusted where something else stands before them."""


def find_picture(data: bytes) -> tuple[str, int]:
    """Format and offset of the picture in a file: usually 0, more where up to `JUNK_WITHIN` bytes precede it.

    Raises UnsupportedPicture or NotAPicture for what stands at the beginning.
    """
    try:
        return recognise(data), 0
    except NotAPicture as error:
        if error.facts()["found"] not in {"text", "unknown"}:
            raise
        found = _UNMISTAKABLE.search(data[: JUNK_WITHIN + 16])
        if found is None or found.start() > JUNK_WITHIN:
            raise
        return recognise(data[found.start() :]), found.start()


def recognise(data: bytes) -> str:
    """The format of a picture that we take, from its first bytes: "jpeg", "png", "webp", "heif" …

    Raises UnsupportedPicture or NotAPicture, which say what was found instead.
    """
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF":
        return _recognise_riff(data)
    if data[4:8] == b"ftyp":
        return _recognise_ftyp(data)
    if data[4:8] in _FILM_BOXES:
        raise UnsupportedPicture(found="mov")
    if data[:2] == b"BM" and len(data) > 26 and struct.unpack_from("<I", data, 14)[0] in {12, 40, 52, 56, 64, 108, 124}:
        return "bmp"
    if b"%PDF-" in data[:PDF_WITHIN]:
        return "pdf"
    for start, name in _FOREIGN_PICTURES:
        if data.startswith(start):
            raise UnsupportedPicture(found=name)
    for start, name in _NO_PICTURES:
        if data.startswith(start):
            raise NotAPicture(found=name)
    if data[257:262] == b"ustar":
        raise NotAPicture(found="tar")
    raise _text_or_noise(data)


def _recognise_riff(data: bytes) -> str:
    if data[8:12] == b"WEBP":
        return "webp"
    if data[8:12] == b"AVI ":
        raise UnsupportedPicture(found="avi")
    raise NotAPicture(found="riff")


def _recognise_ftyp(data: bytes) -> str:
    """HEIC and AVIF share their container with MP4 and MOV: the brands tell them apart."""
    length = min(max(int.from_bytes(data[:4], "big"), 16), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(length, len(data)), 4))]
    major = brands[0]
    if major in _HEIF_BRANDS:
        return "heif"
    if major in _AVIF_BRANDS:
        return "avif"
    if major in {b"mif1", b"msf1", b"mif2", b"miaf"}:
        return "avif" if _AVIF_BRANDS & set(brands) and not _HEIF_BRANDS & set(brands) else "heif"
    if major == b"crx ":
        return "raw"
    raise UnsupportedPicture(found="mov" if major == b"qt  " else "mp4")


def _text_or_noise(data: bytes) -> PhotoError:
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[2:].replace(b"\0", b"")
    if re.search(rb"<svg[\s>:]|<!doctype svg", head, re.IGNORECASE):
        return UnsupportedPicture(found="svg")
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return NotAPicture(found="unknown")
    return NotAPicture(found="text")
