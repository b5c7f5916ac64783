"""A second opinion on age and sex, by the whole head: hair, neck and jaw line beside the face.

It shares nothing with `core.face.age_estimator`: neither the network (EfficientNet-Lite0, Tan and Le 2019, from
ImageNet) nor the crop (the whole FFHQ frame, where the other sees the face only) nor all of the data. What both say is
worth more than what either says, and a drawing that only one of them takes for a child is not one. Trained by
`childface train whole-head`; differentiable, so a training may ask it for its gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.face.age_estimator import YEARS, AgeEstimate, CalibratedYears
from core.modeling.weights_io import load_weights

WHOLE_HEAD_FILE = "whole_head.safetensors"
HEAD_SIZE = 128
"""Pixels along the side of the FFHQ frame that the network sees."""

STEM = 32
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
"""EfficientNet-Lite0 up to its last but one stage: blocks, kernel, stride of the first, widening, channels."""

READ_AT = ((10, 3), (14, 2))
"""Blocks that are read, and the side of the grid that each is averaged to."""


class FoldedConvolution(nn.Module):
    """A convolution with bias, its batch normalisation folded in; padded as TensorFlow does ("same")."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, groups=groups)
        before = (kernel - stride) // 2 if kernel > 1 else 0
        after = kernel - stride - before if kernel > 1 else 0
        self.convolution.padding = (kernel // 2, kernel // 2) if stride == 1 else (0, 0)
        self.border = (before, after, before, after) if stride > 1 else ()

    def forward(self, x: Tensor) -> Tensor:
        """Pad, convolve."""
        return cast(Tensor, self.convolution(F.pad(x, self.border) if self.border else x))


class InvertedResidual(nn.Module):
    """1×1 to many channels, depthwise, 1×1 back to few; a shortcut where size and channels stay (Sandler 2018)."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int, widening: int) -> None:
        super().__init__()
        wide = channels_in * widening
        self.expand = FoldedConvolution(channels_in, wide, kernel=1) if widening > 1 else nn.Identity()
        self.depthwise = FoldedConvolution(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = FoldedConvolution(wide, channels_out, kernel=1)
        self.widens = widening > 1
        self.short = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W)."""
        y = F.relu6(self.expand(x)) if self.widens else x
        y = self.project(F.relu6(self.depthwise(y)))
        return cast(Tensor, x + y if self.short else y)


class WholeHeadNetwork(CalibratedYears):
    """Faces in the FFHQ frame (B, 3, H, H) in [-1, 1] → age in years (B,), standard error (B,), logit of male (B,)."""

    def __init__(self, *, hidden: int = 256) -> None:
        super().__init__()
        self.stem = FoldedConvolution(3, STEM, kernel=3, stride=2)
        self.blocks = nn.ModuleList(_blocks())
        channels = [width for count, _, _, _, width in STAGES for _ in range(count)]
        self.norm = nn.LayerNorm(sum(channels[block] * grid**2 for block, grid in READ_AT))
        self.read = nn.Sequential(
            nn.Dropout(0.4),
            nn.Linear(self.norm.normalized_shape[0], hidden),
            nn.GELU(),
            nn.Dropout(0.4),
            nn.Linear(hidden, YEARS + 1),
        )

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Calibrated answers."""
        answers = self.answers(faces)
        return self.calibrate(*self.moments(answers[:, :YEARS].softmax(dim=1)), answers[:, -1])

    def answers(self, faces: Tensor) -> Tensor:
        """Logits of the years and of male (B, 102)."""
        return self.answers_above(self.lower(head_chip(faces), 0), 0)

    def lower(self, chips: Tensor, blocks: int) -> Tensor:
        """The stem and the first `blocks` blocks, of chips (B, 3, HEAD_SIZE, HEAD_SIZE)."""
        x = F.relu6(self.stem(chips))
        for block in list(self.blocks)[:blocks]:
            x = block(x)
        return x

    def answers_above(self, x: Tensor, blocks: int) -> Tensor:
        """The rest of the network, from what `lower` gave."""
        found = []
        grids = dict(READ_AT)
        for index, block in enumerate(self.blocks):
            if index >= blocks:
                x = block(x)
            if index in grids:
                found.append(F.adaptive_avg_pool2d(x, grids[index]).flatten(1))
        return cast(Tensor, self.read(self.norm(torch.cat(found, dim=1))))


def head_chip(faces: Tensor) -> Tensor:
    """Faces in the FFHQ frame (B, 3, H, H) → (B, 3, HEAD_SIZE, HEAD_SIZE)."""
    size = faces.shape[-1]
    if size == HEAD_SIZE:
        return faces
    return F.interpolate(faces, HEAD_SIZE, mode="bilinear", antialias=size > HEAD_SIZE, align_corners=False)


def _blocks() -> Iterator[InvertedResidual]:
    channels_in = STEM
    for count, kernel, stride, widening, channels in STAGES:
        for index in range(count):
            yield InvertedResidual(
                channels_in, channels, kernel=kernel, stride=stride if index == 0 else 1, widening=widening
            )
            channels_in = channels


class WholeHeadEstimator:
    """The network, ready to be asked."""

    def __init__(self, network: WholeHeadNetwork) -> None:
        self.network = network

    @classmethod
    def load(cls, weights: Path) -> WholeHeadEstimator:
        """Read the shipped network; MissingWeights when it is absent or damaged."""
        network = WholeHeadNetwork()
        load_weights(network, weights / WHOLE_HEAD_FILE)
        return cls(network.eval().requires_grad_(False))

    @torch.inference_mode()
    def estimate(self, aligned: Tensor) -> AgeEstimate:
        """One face in the FFHQ frame (1, 3, H, H) in [-1, 1], with its mirror image for a steadier answer."""
        age, error, male = self.network(torch.cat([aligned, aligned.flip(3)]))
        return AgeEstimate(age=age.mean().item(), error=error.mean().item(), male=torch.sigmoid(male.mean()).item())
