"""Every picture arrives: as it is where it may, smaller where it must, and never without its mark."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bots.adapters.media_limits import TELEGRAM, CannotFit, Limits, discord_limits, fit
from bots.adapters.messenger import Picture
from core.output.images import MADE_BY_A_MODEL, encode_picture


def picture_of(width: int, height: int, kind: str = "png", *, noisy: bool = True) -> Picture:
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (height, width, 3), np.uint8) if noisy else np.zeros((height, width, 3), np.uint8)
    return Picture(encode_picture(pixels, kind=kind), f"image/{kind}", f"child-1.{kind}")  # type: ignore[arg-type]


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_what_fits_is_sent_byte_for_byte(kind: str) -> None:
    picture = picture_of(300, 200, kind)
    for limits in (TELEGRAM, discord_limits()):
        fitted = fit(picture, limits)
        assert fitted.picture is picture and not fitted.as_file


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_too_many_bytes_are_saved_and_the_mark_stays(kind: str) -> None:
    picture = picture_of(400, 400, kind)
    fitted = fit(picture, Limits(photo_bytes=60_000, file_bytes=60_000)).picture
    assert len(fitted.data) <= 60_000
    assert (fitted.mime, fitted.name) == ("image/jpeg", "child-1.jpg")
    assert MADE_BY_A_MODEL.encode() in fitted.data


def test_quality_goes_before_pixels() -> None:
    picture = picture_of(400, 400, "png")
    fitted = fit(picture, Limits(photo_bytes=len(picture.data) - 1, file_bytes=10**6)).picture
    assert opened(fitted).size == (400, 400)


@pytest.mark.parametrize("size", [(9000, 2000), (2000, 9000), (9990, 600), (5001, 5000)])
def test_telegram_takes_no_more_than_ten_thousand_pixels_of_both_sides(size: tuple[int, int]) -> None:
    fitted = fit(picture_of(*size, "jpeg", noisy=False), TELEGRAM)
    assert sum(opened(fitted.picture).size) <= 10_000
    assert not fitted.as_file


def test_a_long_strip_goes_as_a_file_with_all_its_pixels() -> None:
    strip = picture_of(4200, 200, "png", noisy=False)
    fitted = fit(strip, TELEGRAM)
    assert fitted.as_file and fitted.picture is strip
    assert not fit(picture_of(4000, 200, "png", noisy=False), TELEGRAM).as_file


def test_a_long_strip_too_large_even_for_a_file_is_made_smaller() -> None:
    limits = Limits(photo_bytes=20_000, file_bytes=50_000, sides=10_000, ratio=20.0)
    fitted = fit(picture_of(2200, 100), limits)
    assert fitted.as_file and len(fitted.picture.data) <= 50_000


def test_a_guild_says_itself_how_much_it_takes() -> None:
    picture = picture_of(300, 300, "png")
    small = len(picture.data) // 2
    assert fit(picture, discord_limits()).picture is picture
    assert len(fit(picture, discord_limits(small)).picture.data) <= small


def test_films_are_judged_by_their_bytes() -> None:
    limits = Limits(photo_bytes=100, file_bytes=200)
    film = Picture(b"x" * 90, "video/mp4", "growth.mp4")
    assert not fit(film, limits).as_file
    assert fit(Picture(b"x" * 150, "video/mp4", "growth.mp4"), limits).as_file
    with pytest.raises(CannotFit):
        fit(Picture(b"x" * 300, "video/mp4", "growth.mp4"), limits)


def test_an_animation_is_never_flattened() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (60, 60), colour) for colour in ("red", "green", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    clip = Picture(file.getvalue(), "image/gif", "growth.gif")
    assert fit(clip, Limits(photo_bytes=10, file_bytes=10**6)).as_file
    with pytest.raises(CannotFit):
        fit(clip, Limits(photo_bytes=10, file_bytes=20))
