"""Which files are worth a look as photos, by what they claim to be. What they are, the worker finds out by content."""

from __future__ import annotations

from pathlib import PurePath

PICTURE_ENDINGS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".heic", ".heif", ".hif", ".avif", ".gif",
    ".bmp", ".dib", ".tif", ".tiff",
    ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".psd", ".svg", ".pdf",
})  # fmt: skip
"""The last line holds what is read only in part, or not at all: then the format is named in the answer."""

_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/pdf"})


def is_picture_file(name: str | None, mime_type: str | None) -> bool:
    """Whether a file claims to be a picture, or claims nothing: then its name has no ending and its type is unknown."""
    kind = (mime_type or "").lower()
    if kind.startswith("image/"):
        return True
    ending = PurePath(name or "").suffix.lower()
    return ending in PICTURE_ENDINGS or (not ending and kind in _UNKNOWN_TYPES)
