"""The half-size head: from the generator's 256-px features to a 512-px picture, without its last block.

The last block computes 64 channels at 512 px, whatever size is wanted, and costs nearly half of a drawing. Where
512 px are enough this small network takes its place: dense convolutions at 256 px, and one inverse Haar transform.
Legend of letters: see `core.generator`.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.generator import WIDTH, inverse_haar
from core.loading import load_weights
from core.preview import StyledConvolution

HALF_SIZE = 512
HALF_SIZE_FEATURES = 256
"""Size of the features that the head starts from."""

HALF_SIZE_STYLES = 4
"""The generator's last styles, which the head reads: those of the block that it replaces and of the picture."""

HALF_SIZE_FILE = "half_size.safetensors"


class HalfSizeHead(nn.Module):
    """Features (B, 128, 256, 256) and the last styles (B, 4, D) → pictures (B, 3, 512, 512) in about [-1, 1]."""

    feature_scale: Tensor

    def __init__(self, *, channels_in: int = 128, channels: int = 48, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("feature_scale", torch.ones(channels_in, 1, 1))
        self.enter = StyledConvolution(channels_in=channels_in, channels_out=channels, kernel=1, styles=1, width=width)
        self.middle = nn.ModuleList(
            StyledConvolution(channels_in=channels, channels_out=channels, kernel=3, styles=2, width=width)
            for _ in range(2)
        )
        self.leave = StyledConvolution(channels_in=channels, channels_out=12, kernel=1, styles=2, width=width)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """`features` may be any crop of the 256-px features: the picture is then the same crop at twice the size."""
        x = F.leaky_relu(self.enter(features * self.feature_scale, styles[:, 0:1]), 0.2)
        x = x + F.leaky_relu(self.middle[0](x, styles[:, 0:2]), 0.2)
        x = x + F.leaky_relu(self.middle[1](x, styles[:, 1:3]), 0.2)
        return inverse_haar(self.leave(x, styles[:, 2:4]))


def load_half_size(weights: Path) -> HalfSizeHead:
    """The shipped head; MissingWeights when it is absent or damaged."""
    head = HalfSizeHead()
    load_weights(head, weights / HALF_SIZE_FILE)
    return head.eval().requires_grad_(False)
