"""Of an animated sticker the first frame that shows something is taken."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.photo.decode import open_photo
from tests.support.photos.drawn_faces import drawn
from tests.support.photos.good_photos import saved

FACE = Image.fromarray(drawn("woman", 128)).convert("RGBA")
EMPTY = Image.new("RGBA", FACE.size)


def faded(alpha: float) -> Image.Image:
    frame = FACE.copy()
    frame.putalpha(round(255 * alpha))
    return frame


def animated(format: str, first: Image.Image, *others: Image.Image) -> bytes:
    options = {"lossless": True} if format == "WEBP" else {}
    return saved(first, format, save_all=True, append_images=list(others), duration=40, **options)


def distance(data: bytes, expected: Image.Image) -> float:
    return float(np.abs(open_photo(data).rgb.astype(int) - np.asarray(expected.convert("RGB"))).mean())


@pytest.mark.parametrize("format", ["WEBP", "PNG", "GIF"])
@pytest.mark.parametrize("empty", [1, 3])
def test_empty_frames_at_the_beginning_are_passed_over(format: str, empty: int) -> None:
    start = [Image.new("RGBA", FACE.size, (n, 0, 0, 0)) for n in range(empty)]
    assert distance(animated(format, *start, FACE, FACE.rotate(180)), FACE) < 6


def test_a_sticker_that_fades_in_is_taken_once_it_is_there() -> None:
    frames = [faded(step / 8) for step in range(9)]
    assert distance(animated("WEBP", *frames), FACE) < 20


def test_a_white_first_frame_shows_nothing() -> None:
    assert distance(animated("GIF", Image.new("RGBA", FACE.size, "white"), FACE), FACE) < 6


def test_a_first_frame_that_shows_something_is_taken() -> None:
    assert distance(animated("WEBP", FACE, FACE.rotate(180)), FACE) < 1


def test_an_animation_that_never_shows_anything_is_its_first_frame() -> None:
    assert open_photo(animated("WEBP", EMPTY, EMPTY.copy())).rgb.shape == (128, 128, 3)


def test_damage_in_a_later_frame_does_not_matter() -> None:
    data = animated("GIF", Image.new("RGBA", FACE.size, "white"), FACE, *[FACE.rotate(n) for n in range(9, 90, 9)])
    assert distance(data[: len(data) * 2 // 3], FACE) < 6
