"""Moving pictures: frames as an animated GIF or as MP4 (H.264), marked as made by a model. ValueError for our mistakes.

Frames are uint8 H×W×3 RGB of one even size; each is shown for its own number of milliseconds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core.output.images import MADE_BY_A_MODEL, mark_corner

Pixels = npt.NDArray[np.uint8]
FilmKind = Literal["gif", "mp4"]
FILM_TYPES: dict[FilmKind, str] = {"gif": "image/gif", "mp4": "video/mp4"}

CRF = 21
"""H.264's constant rate factor: 18 is visually lossless, 23 usual."""


@dataclass(frozen=True, eq=False)
class Film:
    """N frames and how long each is shown."""

    frames: list[Pixels]
    milliseconds: list[int]

    def __post_init__(self) -> None:
        if not self.frames or len(self.frames) != len(self.milliseconds):
            raise ValueError(f"{len(self.frames)} frames and {len(self.milliseconds)} durations")
        if len({frame.shape for frame in self.frames}) != 1 or any(side % 2 for side in self.frames[0].shape[:2]):
            raise ValueError("the frames of a film must have one even size")


def encode_film(film: Film, kind: FilmKind) -> bytes:
    """The file's bytes."""
    if kind not in FILM_TYPES:
        raise ValueError(f"kind must be gif or mp4, not {kind!r}")
    return _gif(film) if kind == "gif" else _mp4(film)


def mark_corners(film: Film) -> Film:
    """The film with the visible mark of AI-generated pictures on every frame."""
    return Film([mark_corner(frame) for frame in film.frames], film.milliseconds)


def captioned(frame: Pixels, words: str) -> Pixels:
    """A frame with a few words in its lower left corner, white on a soft shadow."""
    picture = Image.fromarray(frame)
    size = max(12, frame.shape[0] // 12)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    at = (size // 2, frame.shape[0] - size // 2)
    pen.text(at, words, fill="white", font=font, anchor="ls", stroke_width=max(1, size // 12), stroke_fill=(60, 60, 60))
    return np.array(picture)


def blend(frames: Sequence[Pixels]) -> list[Pixels]:
    """The frames with the mean of each two neighbours between them: twice as smooth, and it costs nothing to draw."""
    smooth = [frames[0]]
    for before, after in pairwise(frames):
        middle = (before.astype(np.uint16) + after + 1) // 2
        smooth += [middle.astype(np.uint8), after]
    return smooth


def _gif(film: Film) -> bytes:
    # One palette for all frames: palettes that change from frame to frame flicker.
    sample = np.concatenate(film.frames[:: max(1, len(film.frames) // 8)])
    palette = Image.fromarray(sample).quantize(256, method=Image.Quantize.MEDIANCUT)
    pictures = [Image.fromarray(frame).quantize(palette=palette) for frame in film.frames]
    file = io.BytesIO()
    pictures[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=film.milliseconds,
        loop=0,
        optimize=False,
        comment=MADE_BY_A_MODEL.encode(),
    )
    return file.getvalue()


def _mp4(film: Film) -> bytes:
    import av  # FFmpeg's libraries: loaded only where a film is made

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = MADE_BY_A_MODEL
        stream = container.add_stream("libx264", rate=25, options={"crf": str(CRF), "preset": "veryfast"})
        stream.height, stream.width = film.frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        shown_at = 0
        # The last frame is given twice: the time for which a frame is shown ends where the next one begins.
        times = [*film.milliseconds, 0]
        for pixels, lasting in zip([*film.frames, film.frames[-1]], times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = shown_at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            shown_at += lasting
        container.mux(stream.encode(None))
    return file.getvalue()
