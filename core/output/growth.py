"""The same child growing up as a video: a smooth morph through the latents of its ages.

The frames between the ages come from the preview head, which costs a tenth of a whole drawing. What it gets wrong is
known where the whole generator drew (at each age); that error, blended, is added to every frame, so there is no jump.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.domain.child_spec import PICTURE_SIZES
from core.domain.errors import Cancelled
from core.output.images import Pixels, resize_area
from core.output.video import Film, blend, captioned
from core.runtime.tensors import to_pixels

STEPS = 5
"""Frames that are drawn from one age to the next; blending makes twice as many of them."""

FRAME_MS, REST_MS = 70, 700
"""How long a frame of the morph is shown, and a face at one of the ages."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A face at one age: its latent (1, L, D) and the whole drawing of it (1, 3, 256, 256) in [-1, 1]."""

    age: float
    latent: Tensor
    drawn: Tensor


@torch.inference_mode()
def growth_film(
    stages: Sequence[Stage],
    preview: Callable[[Tensor], Tensor],
    *,
    size: int = PICTURE_SIZES[0],
    progress: Callable[[float], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Film:
    """A film through the stages in their order, each frame captioned with its age. Raises Cancelled."""
    errors = [stage.drawn - preview(stage.latent) for stage in stages]
    frames, lasting = [_frame(stages[0].drawn, stages[0].age, size)], [REST_MS]
    for i in range(len(stages) - 1):
        before, after = stages[i], stages[i + 1]
        between, ages = [to_pixels(before.drawn)], [before.age]
        for step in range(1, STEPS):
            if cancelled is not None and cancelled():
                raise Cancelled()
            at = _eased(step / STEPS)
            drawn = preview(torch.lerp(before.latent, after.latent, at)) + torch.lerp(errors[i], errors[i + 1], at)
            between.append(to_pixels(drawn))
            ages.append(before.age + at * (after.age - before.age))
        between.append(to_pixels(after.drawn))
        ages.append(after.age)
        smooth = blend(between)
        for n, pixels in enumerate(smooth[1:], start=1):
            age = float(np.interp(n / 2, range(len(ages)), ages))
            frames.append(_captioned(pixels, age, size))
            lasting.append(FRAME_MS if n < len(smooth) - 1 else REST_MS)
        if progress is not None:
            progress((i + 1) / (len(stages) - 1))
    return Film(frames, lasting)


def _eased(at: float) -> float:
    """Slow at both ends: smoothstep."""
    return at * at * (3 - 2 * at)


def _frame(drawn: Tensor, age: float, size: int) -> Pixels:
    return _captioned(to_pixels(drawn), age, size)


def _captioned(pixels: Pixels, age: float, size: int) -> Pixels:
    return captioned(resize_area(pixels, size), f"{age:.0f}")
