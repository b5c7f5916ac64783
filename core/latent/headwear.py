"""Removes headwear from drawn children: nobody inherits a hat.

A hat is no quantity that landmarks or colours could measure, so drawn children were looked at, and a line through W was
fitted that tells those with hats, hoods, scarfs and bands from the others (`childface train headwear`). Where it sees
one, the latent is moved by the smallest likely change that takes it off (Mahalanobis), within the coarse style inputs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from core.modeling.encoder import GROUPS
from core.modeling.generator import WIDTH
from core.modeling.weights_io import load_weights

HEADWEAR_FILE = "headwear.safetensors"

SEEN_IN = 2
"""Groups of style inputs, from the coarsest on, whose mean is read."""

MOVED_IN = 3
"""Groups that are moved."""

SURELY_BARE = 0.7
"""Up to here nothing is worn: a quarter of bare heads lie beyond, and are moved a little."""

THOROUGHLY = 1.5
"""How far to go, times what lies beyond: the line explains part of a hat only."""


class Headwear(nn.Module):
    """The line. Unfitted it sees nothing."""

    mean: Tensor
    reader: Tensor
    writer: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("reader", torch.zeros(WIDTH))
        self.register_buffer("writer", torch.zeros(WIDTH))
        moved = torch.tensor([float(group < MOVED_IN) for group in GROUPS])
        self.register_buffer("moved", moved[:, None], persistent=False)

    def read(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → how much looks worn (B,): 0 for the mean of bare heads, 1 for their standard deviation."""
        return (coarse_style(latent) - self.mean) @ self.reader

    def taking_off(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → the change (B, L, D) after which the same people have nothing on their heads."""
        off = THOROUGHLY * (self.read(latent) - SURELY_BARE).clamp(min=0)
        change: Tensor = -off[:, None, None] * self.get_buffer("moved") * self.writer
        return change


def coarse_style(latent: Tensor) -> Tensor:
    """W+ (B, L, D) → the mean (B, D) of the style inputs in which headwear is seen."""
    return latent[:, torch.tensor(GROUPS) < SEEN_IN].mean(dim=1)


def load_headwear(weights: Path) -> Headwear:
    """Read the shipped line; MissingWeights when it is absent or damaged."""
    model = Headwear()
    load_weights(model, weights / HEADWEAR_FILE)
    return model.eval().requires_grad_(False)
