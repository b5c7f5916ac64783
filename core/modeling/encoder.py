"""The encoder: an aligned face → its latent in W+, in one pass.

The backbone is the face recognition network of `core.face.recognition`: its convolutions are dense (fast on a CPU) and
already know faces. Features of four depths are flattened, because a latent also says where things are. The head
answers with one style for the whole face and with deltas from it per group of inputs and per input, the deltas kept
small, so that the latent stays near W and can still be aged (e4e: Tov et al. 2021, "Designing an Encoder for StyleGAN
Image Manipulation").
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.face.recognition import IdentityNetwork
from core.modeling.generator import STYLES, WIDTH
from core.modeling.weights_io import load_weights

ENCODER_FILE = "encoder.safetensors"
ENCODER_SIZE = 192
"""Pixels that the encoder looks at: at this size the eyes are as far apart as the backbone is used to."""

GROUPS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 6)
"""The group of each style input: one group per size of the generator's features, 8 px and below together."""


class Encoder(nn.Module):
    """Aligned faces (B, 3, H, W) in [-1, 1] → latents in W+ (B, L, D)."""

    w_mean: Tensor
    w_scale: Tensor
    group: Tensor

    def __init__(self, *, hidden: int = 768, group_rank: int = 192, layer_rank: int = 64) -> None:
        super().__init__()
        self.backbone = IdentityNetwork()
        self.squeeze = nn.ModuleList(nn.Conv2d(c, k, 1) for c, k in ((64, 16), (128, 40), (256, 128), (256, 256)))
        self.pools = (10, 8, 4, 1)
        features = 16 * 100 + 40 * 64 + 128 * 16 + 256
        self.norm = nn.LayerNorm(features)
        self.hidden = nn.Linear(features, hidden)
        self.hidden2 = nn.Linear(hidden, hidden)
        self.whole = nn.Linear(hidden, WIDTH)
        groups = max(GROUPS) + 1
        self.group_in = nn.Linear(hidden, groups * group_rank)
        self.group_out = nn.Parameter(torch.randn(groups, group_rank, WIDTH) * 0.02)
        self.layer_in = nn.Linear(hidden, STYLES * layer_rank)
        self.layer_out = nn.Parameter(torch.randn(STYLES, layer_rank, WIDTH) * 0.02)
        self.register_buffer("w_mean", torch.zeros(WIDTH))
        self.register_buffer("w_scale", torch.ones(WIDTH))
        self.register_buffer("group", torch.tensor(GROUPS), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Faces of any square size are brought to ENCODER_SIZE."""
        return self.denormalise(self.normalised(faces))

    def normalise(self, latents: Tensor) -> Tensor:
        """Latents in W+ → in units of W's spread around its mean."""
        return (latents - self.w_mean) / self.w_scale

    def denormalise(self, normalised: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return self.w_mean + normalised * self.w_scale

    def normalised(self, faces: Tensor) -> Tensor:
        """The latents (B, L, D) in units of W's spread around its mean."""
        if faces.shape[-1] != ENCODER_SIZE:
            faces = F.interpolate(faces, ENCODER_SIZE, mode="bilinear", antialias=True, align_corners=False)
        stages = self.backbone.stages(faces)[1:]
        flat = torch.cat(
            [
                F.adaptive_avg_pool2d(squeeze(x), pool).flatten(1)
                for squeeze, x, pool in zip(self.squeeze, stages, self.pools, strict=True)
            ],
            dim=1,
        )
        h = F.gelu(self.hidden(self.norm(flat)))
        h = h + F.gelu(self.hidden2(h))
        by_group = self.group_in(h).unflatten(1, self.group_out.shape[:2])
        by_layer = self.layer_in(h).unflatten(1, self.layer_out.shape[:2])
        delta = torch.einsum("bgr,grd->bgd", by_group, self.group_out)[:, self.group]
        delta = delta + torch.einsum("blr,lrd->bld", by_layer, self.layer_out)
        return cast(Tensor, self.whole(h))[:, None] + delta


def load_encoder(weights: Path) -> Encoder:
    """Read the shipped encoder; MissingWeights when it is absent or damaged."""
    encoder = Encoder()
    load_weights(encoder, weights / ENCODER_FILE)
    return encoder.eval().requires_grad_(False)
