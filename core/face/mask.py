"""Masks the face in an aligned image, from its landmarks: no background, hats or hands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

JAW, BROWS, CHIN = slice(0, 17), slice(17, 27), 8
FOREHEAD = 0.35
"""How far the forehead reaches above the brows, in distances from brows to chin."""

SOFTNESS = 0.03
"""Blur of the edge, as a share of the picture's side."""


def landmark_mask(landmarks: npt.NDArray[np.float64], size: int, *, floor: float = 0.15) -> Tensor:
    """68 landmarks (68, 2) in pixels of an aligned picture → mask (1, 1, size, size): 1 on the face, `floor` elsewhere.

    The outline is the jaw and, above the brows, the brows again, moved up by the height of the forehead.
    """
    jaw, brows = landmarks[JAW], landmarks[BROWS]
    up = (brows.mean(axis=0) - landmarks[CHIN]) * FOREHEAD
    outline = np.concatenate((jaw, brows[::-1] + up))
    page = Image.new("L", (size, size))
    ImageDraw.Draw(page).polygon([(float(x), float(y)) for x, y in outline], fill=255)
    soft = page.filter(ImageFilter.GaussianBlur(SOFTNESS * size))
    inside = torch.from_numpy(np.asarray(soft, np.float32) / 255)
    return (floor + (1 - floor) * inside)[None, None]
