"""Converts between images and the tensors of the networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.output.images import Pixels


def to_tensor(rgb: Pixels) -> Tensor:
    """uint8 (H, W, 3) → (1, 3, H, W) in [-1, 1]."""
    # Pillow and other processes hand out pictures that may only be read; torch warns of sharing their memory.
    ours = np.require(rgb, requirements=("C", "W"))
    return torch.from_numpy(ours).permute(2, 0, 1)[None].float() / 127.5 - 1


def to_pixels(picture: Tensor) -> Pixels:
    """(1, 3, H, W) in about [-1, 1] → uint8 (H, W, 3)."""
    pixels: Pixels = to_levels(picture)[0]
    return pixels


def to_levels(pictures: Tensor) -> npt.NDArray[np.uint8]:
    """(B, 3, H, W) in about [-1, 1] → uint8 (B, H, W, 3)."""
    levels = pictures.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1)
    return np.ascontiguousarray(levels.cpu().numpy())


def shrink(picture: Tensor) -> Tensor:
    """A drawn picture (1, 3, H, H) → 256 px in [-1, 1], as the networks that judge faces know them."""
    return torch.nn.functional.adaptive_avg_pool2d(picture, 256).clamp(-1, 1)
