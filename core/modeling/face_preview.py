"""Renders only the face with the preview generator, at half its cost: enough to recognize a person.

From 64-px features on only the part that holds the face is computed.
"""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from core.modeling.generator import Block
from core.modeling.preview_head import PREVIEW_FEATURES, PreviewGenerator

HALF = PREVIEW_FEATURES // 2
LEFT, TOP, SIDE = 8, 14, 48
"""The cut in the 64-px features: a margin around what the face recognition network sees (`identity.CHIP_SQUARE`)."""

SCALE = 256 // HALF
TRIM = 6
"""Pixels at the border of the cut that its missing neighbours spoil."""


class FacePreview(nn.Module):
    """W+ (B, L, D) → the cut around the face (B, 3, 192, 192), from the 256-px picture's (32, 56) on."""

    def __init__(self, preview: PreviewGenerator) -> None:
        super().__init__()
        self.synthesis, self.head = preview.synthesis, preview.head
        self.number = HALF.bit_length() - 3  # blocks that lead to the 64-px features
        self.block = cut_block(cast(Block, preview.synthesis.blocks[self.number]), 2 * LEFT, 2 * TOP, 2 * SIDE)

    def forward(self, latent: Tensor) -> Tensor:
        """Draw the cut."""
        x = self.synthesis.features(latent, until=HALF)[:, :, TOP : TOP + SIDE, LEFT : LEFT + SIDE]
        x = self.block(x, latent[:, 1 + 3 * self.number : 4 + 3 * self.number])
        return cast(Tensor, self.head(x, latent[:, -7:]))


def cut_block(block: Block, left: int, top: int, side: int) -> Block:
    """A copy of a block that draws one square of its features: its constant noise is cut alike."""
    cut = copy.deepcopy(block)
    for convolution in (cut.conv1, cut.conv2):
        convolution.noise = convolution.noise[:, :, top : top + side, left : left + side].clone()
    return cut


def paste(cut: Tensor, picture: Tensor) -> Tensor:
    """Pictures (B, 3, 256, 256) with the cut in its place: outside of it nothing can differ."""
    whole = picture.clone()
    top, left, side = SCALE * TOP + TRIM, SCALE * LEFT + TRIM, SCALE * SIDE - 2 * TRIM
    whole[:, :, top : top + side, left : left + side] = cut[:, :, TRIM:-TRIM, TRIM:-TRIM]
    return whole
