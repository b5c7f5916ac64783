"""Augmentations of training images: what phones, chats and crops do to a portrait, on (3, H, W)."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def spoil(picture: Tensor, *, rng: torch.Generator, strength: float = 1.0) -> Tensor:
    """Each kind of damage with its own chance; the picture keeps its size. `strength` scales the chances."""

    def happens(chance: float) -> bool:
        return float(torch.rand((), generator=rng)) < chance * strength

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=rng))

    if happens(0.5):
        picture = shift(
            picture,
            scale=between(0.96, 1.04),
            angle=between(-0.04, 0.04),
            x=between(-0.03, 0.03),
            y=between(-0.03, 0.03),
        )
    if happens(0.15):
        picture = lighten(
            picture, gain=between(0.8, 1.15), gamma=between(0.85, 1.2), tint=[between(0.94, 1.06) for _ in range(3)]
        )
    if happens(0.4):
        picture = shrink_and_grow(picture, size=int(between(48, 200)))
    if happens(0.3):
        picture = picture + between(0.01, 0.1) * torch.randn(picture.shape, generator=rng)
    if happens(0.06):
        picture = picture.mean(dim=0, keepdim=True).expand(3, -1, -1)
    if happens(0.2):
        picture = cover(picture, x=between(0, 1), y=between(0, 1), size=between(0.1, 0.35), grey=between(-1, 1))
    if happens(0.3):
        picture = as_jpeg(picture, quality=int(between(20, 90)))
    return picture.clamp(-1, 1)


def shift(picture: Tensor, *, scale: float, angle: float, x: float, y: float) -> Tensor:
    """Turn by `angle` radians, scale, and move by a share of the width; the border is mirrored."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    theta = torch.tensor([[cos, -sin, 2 * x], [sin, cos, 2 * y]], dtype=torch.float32)
    grid = F.affine_grid(theta[None], [1, *picture.shape], align_corners=False)
    return F.grid_sample(picture[None], grid, padding_mode="reflection", align_corners=False)[0]


def lighten(picture: Tensor, *, gain: float, gamma: float, tint: list[float]) -> Tensor:
    """Exposure, gamma and white balance."""
    light = ((picture + 1) / 2).clamp(0, 1) ** gamma * gain * torch.tensor(tint)[:, None, None]
    return light.clamp(0, 1) * 2 - 1


def shrink_and_grow(picture: Tensor, *, size: int) -> Tensor:
    """Lose the detail that a small picture does not hold."""
    small = F.interpolate(picture[None], size, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, picture.shape[-1], mode="bicubic", align_corners=False)[0]


def cover(picture: Tensor, *, x: float, y: float, size: float, grey: float) -> Tensor:
    """Hide a rectangle (a hand, a cup, another head)."""
    _, height, width = picture.shape
    left, top = int(x * width), int(y * height)
    picture = picture.clone()
    picture[:, top : top + int(size * height), left : left + int(size * width)] = grey
    return picture


def as_jpeg(picture: Tensor, *, quality: int) -> Tensor:
    """Through a JPEG and back."""
    pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1).float() / 127.5 - 1
