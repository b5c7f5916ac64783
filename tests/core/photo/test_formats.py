"""The format is told by content, even behind bytes that do not belong there."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.errors import NotAPicture
from core.photo.decode import open_photo
from core.photo.formats import JUNK_WITHIN, find_picture
from tests.support.photos.good_photos import good_files

GOOD = good_files()
BEFORE = {
    "a byte": b"\0",
    "a byte order mark": b"\xef\xbb\xbf",
    "an empty line": b"\r\n",
    "the head of a web answer": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
    "noise": np.random.default_rng(1).integers(1, 255, JUNK_WITHIN, np.uint8).tobytes(),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "webp", "gif", "heif", "avif"])
def test_what_stands_before_a_picture_is_passed_over(name: str, before: str) -> None:
    photo = open_photo(BEFORE[before] + GOOD[name])
    assert np.array_equal(photo.rgb, open_photo(GOOD[name]).rgb)
    assert photo.sha256 != open_photo(GOOD[name]).sha256


def test_a_picture_far_behind_the_beginning_is_not_looked_for() -> None:
    with pytest.raises(NotAPicture):
        find_picture(b" " * (JUNK_WITHIN + 1) + GOOD["jpeg"])


def test_an_archive_is_not_the_picture_inside() -> None:
    with pytest.raises(NotAPicture) as caught:
        find_picture(b"PK\3\4" + GOOD["jpeg"])
    assert caught.value.facts() == {"found": "zip"}
