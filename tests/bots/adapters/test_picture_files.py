"""What claims to be a picture is fetched and looked at; what claims to be something else is not."""

from __future__ import annotations

import pytest

from bots.adapters.picture_files import is_picture_file


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_0001.JFIF", None),
        ("photo.jpe", "application/octet-stream"),
        ("IMG_0001.HIF", ""),
        ("photo.jxl", None),
        ("raw.dng", "application/octet-stream"),
        ("scan.pdf", "application/pdf"),
        ("anything.bin", "image/heic"),
        ("photo", "application/octet-stream"),
        (None, None),
        ("", "Image/JPEG"),
    ],
)
def test_this_may_be_a_photo(name: str | None, kind: str | None) -> None:
    assert is_picture_file(name, kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("film.mp4", "video/mp4"),
        ("notes.txt", "text/plain"),
        ("song", "audio/mpeg"),
        ("archive.zip", "application/zip"),
        ("program.exe", "application/octet-stream"),
        (None, "text/plain"),
    ],
)
def test_this_is_none(name: str | None, kind: str | None) -> None:
    assert not is_picture_file(name, kind)
