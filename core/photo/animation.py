"""Choose the frame of an animated picture that shows something.

Stickers fade in: their first frame is empty or nearly so.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

ENOUGH = 20.0
"""Contrast (standard deviation, levels of 255) from which the first frame is taken without another look."""

SHARE = 0.6
"""Of the strongest contrast among the frames: the first that reaches it is taken."""

MAX_FRAMES = 60
MAX_PIXELS = 60_000_000
"""Looked at in all frames together."""

THUMBNAIL = 64


def first_visible_frame(picture: Image.Image) -> Image.Image:
    """The first frame of a picture that shows something; of a still picture, or an empty animation, the first.

    A damaged frame ends the search. Raises what the decoder raises on the first frame.
    """
    if not getattr(picture, "is_animated", False):
        return picture
    picture.load()
    contrasts = [_contrast(picture)]
    if contrasts[0] >= ENOUGH:
        return picture
    first = best = picture.copy()
    for number in range(1, min(MAX_FRAMES, MAX_PIXELS // max(1, picture.width * picture.height))):
        try:
            picture.seek(number)
            picture.load()
        except Exception:  # the end, or damage: what came before is all there is
            break
        contrasts.append(_contrast(picture))
        if contrasts[-1] * SHARE > _contrast(best):
            best = picture.copy()
    return best if max(contrasts) > 1.0 else first


def _contrast(frame: Image.Image) -> float:
    """Standard deviation of a small gray copy, with gray under what is transparent."""
    small = frame.convert("RGBA").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    ground = Image.new("RGBA", small.size, (128, 128, 128, 255))
    return float(np.asarray(Image.alpha_composite(ground, small).convert("L")).std())
