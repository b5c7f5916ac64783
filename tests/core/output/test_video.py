"""Films are files that other programs play; a growth film begins and ends with the drawings."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
import torch
from PIL import Image

from core.domain.errors import Cancelled
from core.output.growth import FRAME_MS, REST_MS, STEPS, Stage, growth_film
from core.output.video import Film, blend, encode_film


def plain(grey: int, size: int = 64) -> np.ndarray:
    return np.full((size, size, 3), grey, np.uint8)


FILM = Film([plain(0), plain(120), plain(255)], [500, 40, 300])


def test_a_gif_plays_every_frame_for_its_time_and_for_ever() -> None:
    with Image.open(io.BytesIO(encode_film(FILM, "gif"))) as picture:
        assert (picture.format, picture.n_frames, picture.info["loop"]) == ("GIF", 3, 0)
        assert b"trainedAlgorithmicMedia" in picture.info["comment"]
        times = []
        for n in range(3):
            picture.seek(n)
            times.append(picture.info["duration"])
    assert times == [500, 40, 300]


def test_an_mp4_plays_in_other_programs() -> None:
    with av.open(io.BytesIO(encode_film(FILM, "mp4"))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 64)
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert "trainedAlgorithmicMedia" in container.metadata["comment"]
        shown = [
            (round(frame.time * 1000), frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(stream)
        ]
    assert [time for time, _ in shown] == [0, 500, 540, 840]
    assert [grey for _, grey in shown] == pytest.approx([0, 120, 255, 255], abs=6)


def test_frames_of_different_or_odd_sizes_make_no_film() -> None:
    for frames in ([], [plain(0), plain(0, 32)], [plain(0, 63)]):
        with pytest.raises(ValueError, match=r"frames|size"):
            Film(frames, [40] * len(frames))
    with pytest.raises(ValueError, match="kind"):
        encode_film(FILM, "avi")  # type: ignore[arg-type]


def test_between_two_frames_comes_their_mean() -> None:
    assert [int(frame[0, 0, 0]) for frame in blend([plain(0), plain(100), plain(255)])] == [0, 50, 100, 178, 255]


def stage(age: float, grey: float) -> Stage:
    return Stage(age, torch.full((1, 2, 3), grey), torch.full((1, 3, 256, 256), grey))


def preview(latent: torch.Tensor) -> torch.Tensor:
    """Draws the latent's own grey, too bright."""
    return latent.mean().expand(1, 3, 256, 256) + 0.2


def test_a_growth_film_shows_every_age_as_it_was_drawn_and_what_lies_between_without_a_cast() -> None:
    film = growth_film([stage(1, -0.6), stage(6, 0.0), stage(30, 0.6)], preview)
    assert len(film.frames) == 1 + 2 * 2 * STEPS
    assert [film.milliseconds[i] for i in (0, 2 * STEPS, -1)] == [REST_MS] * 3
    assert film.milliseconds.count(FRAME_MS) == len(film.frames) - 3
    greys = [int(frame[5, 200, 0]) for frame in film.frames]  # far from the caption
    assert greys == sorted(greys)
    assert [greys[0], greys[2 * STEPS], greys[-1]] == [51, 128, 204]
    assert max(np.diff(greys)) < 20


def test_a_film_can_be_enlarged_and_cancelled_and_tells_how_far_it_is() -> None:
    told: list[float] = []
    film = growth_film([stage(1, 0.0), stage(2, 0.1), stage(3, 0.2)], preview, size=512, progress=told.append)
    assert film.frames[0].shape == (512, 512, 3)
    assert told == [0.5, 1.0]
    with pytest.raises(Cancelled):
        growth_film([stage(1, 0.0), stage(2, 0.1)], preview, cancelled=lambda: True)
