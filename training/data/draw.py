"""Draws a folder of pairs (see `training.data.drawn_pairs`): the training data that anybody can make, free of any
person.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.modeling.generator import STYLES, MobileStyleGAN
from core.runtime.tensors import to_pixels

MIXED_SHARE = 0.42
TRUNCATIONS = (0.6, 1.0)
QUALITY = 93


@torch.inference_mode()
def draw_pairs(
    generator: MobileStyleGAN, folder: Path, *, count: int, seed: int, progress: Callable[[float], None] | None = None
) -> None:
    """Write `count` pictures of 256 px and `latents.npz`; ages are left unknown, the trainer estimates them itself."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = torch.Generator().manual_seed(seed)
    width = generator.w_mean.shape[0]
    low, high = TRUNCATIONS
    psi = low + (high - low) * torch.rand(count, generator=rng)
    w = generator.mapping(torch.randn(2 * count, width, generator=rng)).unflatten(0, (count, 2))
    w = generator.w_mean + psi[:, None, None] * (w - generator.w_mean)
    mixed = torch.rand(count, generator=rng) < MIXED_SHARE
    cross = torch.where(mixed, torch.randint(1, STYLES, (count,), generator=rng), STYLES)
    w = w.half().float()  # as they will be read back
    for row in range(count):
        picture = generator.synthesis(style_mix(w[row], int(cross[row])), size=256)
        Image.fromarray(to_pixels(picture)).save(folder / f"{row:05d}.jpg", quality=QUALITY, subsampling=0)
        if progress is not None:
            progress((row + 1) / count)
    np.savez(
        folder / "latents.npz",
        w=w.half().numpy(),
        cross=cross.numpy().astype(np.int8),
        psi=psi.half().numpy(),
        age=np.full(count, -1, np.int8),
        male=np.full(count, -1, np.int8),
        w_mean=generator.w_mean[None].numpy(),
    )


def style_mix(w: Tensor, cross: int) -> Tensor:
    """Two styles (2, D) → W+ (1, L, D): inputs 0 … cross-1 take the first, the others the second."""
    first = (torch.arange(STYLES) < cross)[:, None]
    return torch.where(first, w[0], w[1])[None]
