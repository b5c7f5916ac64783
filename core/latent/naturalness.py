"""A prior of natural latents: which style inputs the generator's own mapping network could have produced.

W is not Gaussian, but what enters its last leaky ReLU nearly is: undo that nonlinearity and whiten, and draws of W are
standard normal in every coordinate. That space is P_N (Zhu et al. 2020, "Improved StyleGAN Embedding: Where are the
Good Latents?"), and a latent of W+ has one point in it for every style input. Natural latents lie near the origin; a
latent that an optimisation or a correction network pushed too far lies outside, most of all along the weak directions,
where it buys likeness with burnt colours, torn backgrounds and adult features.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from core.modeling.generator import WIDTH
from core.modeling.weights_io import load_weights

NATURALNESS_FILE = "naturalness.safetensors"

NEGATIVE_SLOPE = 0.2
"""Of the mapping network's leaky ReLU, whose output is scaled by √2 (`core.modeling.generator.MappingNetwork`)."""

SMALLEST_SCALE = 1e-3
"""The weakest directions of P_N vary by less: they are whitened as if they varied by this."""

BANDS = (16, 64, 160, 320, WIDTH)
"""Where each band of whitened coordinates ends, strongest directions first."""

CHILD_LIMITS = (0.8, 0.8, 0.8, 1.2, 3.0)
"""Largest root mean square of each band for a drawn child, where 1 is that of untruncated draws of W. The first three
are the generator's own at a truncation of about 0.75, which is where it draws faces without artefacts."""


class NaturalPrior(nn.Module):
    """The whitening transform of P_N: mean (D,), orthonormal directions (D, D) as columns, scale (D,)."""

    mean: Tensor
    directions: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("directions", torch.eye(WIDTH))
        self.register_buffer("scale", torch.ones(WIDTH))

    def whiten(self, latent: Tensor) -> Tensor:
        """W or W+ (..., D) → P_N (..., D); draws of W are standard normal there."""
        before = latent / math.sqrt(2)
        before = torch.where(before >= 0, before, before / NEGATIVE_SLOPE)
        return (before - self.mean) @ self.directions / self.scale

    def colour(self, white: Tensor) -> Tensor:
        """The inverse of `whiten`."""
        before = (white * self.scale) @ self.directions.T + self.mean
        return torch.where(before >= 0, before, before * NEGATIVE_SLOPE) * math.sqrt(2)

    def band_rms(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → root mean square of each band of every style input, (B, L, 5)."""
        return torch.stack([band.square().mean(dim=-1).sqrt() for band in self._bands(self.whiten(latent))], dim=-1)

    def restrain(self, latent: Tensor, limits: tuple[float, ...] = CHILD_LIMITS) -> Tensor:
        """W+ (B, L, D) with every band of every style input scaled down to its limit; what lies within stays.

        Differentiable. A latent within all limits comes back up to rounding.
        """
        bands = []
        for band, limit in zip(self._bands(self.whiten(latent)), limits, strict=True):
            rms = (band.square().mean(dim=-1, keepdim=True) + 1e-12).sqrt()
            bands.append(band * (limit / rms).clamp(max=1.0))
        return self.colour(torch.cat(bands, dim=-1))

    def _bands(self, white: Tensor) -> tuple[Tensor, ...]:
        return white.tensor_split(BANDS[:-1], dim=-1)


def load_naturalness(weights: Path) -> NaturalPrior:
    """Read the shipped prior; MissingWeights when it is absent or damaged."""
    model = NaturalPrior()
    load_weights(model, weights / NATURALNESS_FILE)
    return model.eval().requires_grad_(False)
