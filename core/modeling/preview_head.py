"""The preview head: a cheap way from the generator's 128-px features to a 256-px image.

The generator's last two blocks cost nine tenths of a drawing and of its gradient. Optimising or training through
them is not needed to see who a picture shows: this small network takes their place wherever gradients are wanted.
Legend of letters: see `core.modeling.generator`.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.modeling.generator import WIDTH, SynthesisNetwork, inverse_haar
from core.modeling.weights_io import load_weights, rename_stored_layers

PREVIEW_FEATURES = 128
"""Size of the features that the head starts from."""

PREVIEW_FILE = "preview.safetensors"


class StyledConvolution(nn.Module):
    """x (B, C_in, H, W), styles (B, S, D) → (B, C_out, H, W): scale and shift by the styles, then convolve."""

    def __init__(self, *, channels_in: int, channels_out: int, kernel: int, styles: int, width: int = WIDTH) -> None:
        super().__init__()
        self.scale = nn.Linear(styles * width, channels_in)
        self.shift = nn.Linear(styles * width, channels_in)
        self.convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        nn.init.normal_(self.scale.weight, std=0.2 / (styles * width) ** 0.5)
        nn.init.ones_(self.scale.bias)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """Scale, shift, convolve."""
        flat = styles.flatten(1)
        x = x * self.scale(flat)[:, :, None, None] + self.shift(flat)[:, :, None, None]
        return cast(Tensor, self.convolution(x))


class PreviewHead(nn.Module):
    """Features (B, 256, 128, 128) and the last styles (B, 7, D) → pictures (B, 3, 256, 256) in about [-1, 1]."""

    feature_scale: Tensor

    def __init__(self, *, channels_in: int = 256, channels: int = 64, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("feature_scale", torch.ones(channels_in, 1, 1))
        self.input_proj = StyledConvolution(
            channels_in=channels_in, channels_out=channels, kernel=1, styles=1, width=width
        )
        self.mlp = nn.ModuleList(
            StyledConvolution(channels_in=channels, channels_out=channels, kernel=3, styles=3, width=width)
            for _ in range(2)
        )
        self.output_proj = StyledConvolution(channels_in=channels, channels_out=12, kernel=1, styles=3, width=width)
        self.register_load_state_dict_pre_hook(rename_stored_layers)  # type: ignore[no-untyped-call]

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """`features` may be any crop of the 128-px features: the picture is then the same crop at twice the size."""
        x = F.leaky_relu(self.input_proj(features * self.feature_scale, styles[:, 0:1]), 0.2)
        x = x + F.leaky_relu(self.mlp[0](x, styles[:, 0:3]), 0.2)
        x = x + F.leaky_relu(self.mlp[1](x, styles[:, 3:6]), 0.2)
        return inverse_haar(self.output_proj(x, styles[:, 4:7]))


class PreviewGenerator(nn.Module):
    """The generator's first blocks with the preview head: W+ (B, L, D) → pictures (B, 3, 256, 256)."""

    def __init__(self, synthesis: SynthesisNetwork, head: PreviewHead) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.head = head

    def forward(self, latent: Tensor) -> Tensor:
        """Draw by way of the head."""
        features = self.synthesis.features(latent, until=PREVIEW_FEATURES)
        return cast(Tensor, self.head(features, latent[:, -7:]))


def load_preview(synthesis: SynthesisNetwork, weights: Path) -> PreviewGenerator:
    """Put the shipped head on a loaded generator; MissingWeights when it is absent or damaged."""
    head = PreviewHead()
    load_weights(head, weights / PREVIEW_FILE)
    return PreviewGenerator(synthesis, head.eval().requires_grad_(False))
