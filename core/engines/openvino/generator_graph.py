"""Our torch modules as OpenVINO graphs, written node by node, so that they suit a CPU better than the modules do.

What is changed, without changing the picture: a style's factor before an inverse Haar transform and the one after it
are one factor; the transform is a grouped transposed convolution (or sums and a pixel shuffle, which suits bfloat16),
for which the channels before it are put in order by reordering the weights that make them; the transform that ends in
the picture is folded into the last 1×1 convolution; what comes out is bytes.

Letters as in `core.modeling.generator`; every graph takes any batch B.
"""

from __future__ import annotations

from typing import cast

import openvino
import torch
from openvino import opset13 as op
from torch import Tensor

from core.engines.openvino.ops import (
    Node,
    as_channels,
    constant,
    constant_ints,
    convolution,
    convolve,
    leaky,
    linear,
    parameter,
    slice_of,
)
from core.modeling.face_preview import HALF, LEFT, SIDE, TOP, cut_block
from core.modeling.generator import (
    CHANNELS,
    STYLES,
    WIDTH,
    Block,
    FirstConvolution,
    Modulation,
    SeparableConvolution,
    SynthesisNetwork,
)
from core.modeling.preview_head import PreviewHead, StyledConvolution

TRUNK = 32
"""Size of the features with which all graphs but the first begin. Up to them everything is float32; whoever draws a
latent that was just looked at has them already. They are few: handed over at 64 px they cost more than they spare."""

TRUNK_BLOCKS = TRUNK.bit_length() - 3
"""Blocks up to these features."""

SPOILT = 2
"""Pixels by which two 3×3 convolutions see beyond an edge."""

BUTTERFLY = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) * 0.5
"""The inverse Haar transform: bands (low, vertical, horizontal, diagonal) × corners (by rows)."""

CORNERS = 12
"""Bytes of four neighbouring pixels of a picture."""


class Writer:
    """Writes the generator's parts.

    `sums`: the Haar transforms from the trunk's features on as sums, with channels in order of bands. All others are
    transposed convolutions, with the four bands of each channel side by side; the trunk's features stand in the order
    that the next block wants.
    """

    def __init__(self, net: SynthesisNetwork, *, sums: bool) -> None:
        self.net = net
        self.sums = sums

    def by_sums(self, block: int) -> bool:
        """Whether a block's transform is made of sums."""
        return self.sums and block >= TRUNK_BLOCKS

    def order(self, block: int) -> Tensor:
        """Where the channels that enter a block, to become a quarter as many (C), stand in our modules, (4C)."""
        channels = len(self.block(block).conv1.depthwise)
        low, detail = torch.arange(channels), channels + 3 * torch.arange(channels)
        bands = torch.stack((low, detail, detail + 1, detail + 2))
        return (bands if self.by_sums(block) else bands.T).flatten()

    def order_at(self, block: int) -> Tensor | None:
        """The order of the features that enter a block; None: as in our modules (the last features)."""
        if block == len(self.net.blocks):
            return None
        return self.order(block)

    def block(self, number: int) -> Block:
        """A block, typed."""
        return cast(Block, self.net.blocks[number])

    def first(self, latent: Node) -> Node:
        """W+ → features at 4 px."""
        first: FirstConvolution = self.net.first
        order = self.order_at(0)
        x: Node = op.multiply(constant(first.input), factor(latent, 0, first.modulation))
        bias = (first.bias + first.noise)[:, order]
        return leaky(op.add(convolve(x, first.weight[order], padding=1), constant(bias)))

    def grow(self, x: Node, latent: Node, number: int, block: Block | None = None, *, ordered: bool = True) -> Node:
        """Features → features of twice the size, through one block, or through another one that has its weights.

        They stand in the order that the next block wants, unless they shall not.
        """
        block, style = block or self.block(number), 1 + 3 * number
        x = self.haar(x, latent, number)
        x = op.multiply(self.separable(x, block.conv1, None), factor(latent, style + 2, block.conv2.modulation))
        return self.separable(x, block.conv2, self.order_at(number + 1) if ordered else None)

    def haar(self, x: Node, latent: Node, number: int) -> Node:
        """Modulated, transformed to twice the size, and modulated for the first convolution."""
        block, style = self.block(number), 1 + 3 * number
        channels = len(block.conv1.depthwise)
        own = torch.arange(channels)
        after = own.repeat(4) if self.by_sums(number) else own.repeat_interleave(4)
        both = op.multiply(
            factor(latent, style, block.up, self.order(number)),
            factor(latent, style + 1, block.conv1.modulation, after),
        )
        x = op.multiply(x, both)
        if not self.by_sums(number):
            kernel = BUTTERFLY.reshape(4, 2, 2)[None, :, None].repeat(channels, 1, 1, 1, 1)
            return op.group_convolution_backprop_data(x, constant(kernel), [2, 2], None, [0, 0], [0, 0], [1, 1])
        return sums_of_bands(x)

    def separable(self, x: Node, module: SeparableConvolution, order: Tensor | None) -> Node:
        """The modulated features → 3×3 depthwise, 1×1, noise, bias, leaky ReLU."""
        kernel = constant(module.depthwise[:, None])
        x = op.group_convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
        weight: Tensor = module.pointwise
        bias: Tensor = module.bias
        if order is not None:
            weight, bias = weight[order], bias[:, order]
        x = op.add(convolve(x, weight), constant(bias))
        # Without something between the two sums OpenVINO would add bias and noise in advance: to 64 MB at 512 px.
        return leaky(op.add(op.clamp(x, -1e30, 1e30), constant(module.noise)))

    def bands(self, x: Node, latent: Node, matrix: Tensor) -> Node:
        """The last features → the picture's wavelet bands (low, vertical, … of all colours) times `matrix` (4, K)."""
        order = torch.tensor([0, 1, 2, 3, 6, 9, 4, 7, 10, 5, 8, 11])
        weight = self.net.to_bands.weight[order].reshape(4, 3, -1)
        bias = cast(Tensor, self.net.to_bands.bias)[order].reshape(4, 3)
        weight = torch.einsum("bk,bci->kci", matrix, weight).flatten(0, 1)[..., None, None]
        bias = torch.einsum("bk,bc->kc", matrix, bias).flatten()
        x = op.multiply(x, factor(latent, STYLES - 1, self.net.to_bands_modulation))
        return op.add(convolve(x, weight), constant(bias[None, :, None, None]))


def trunk(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """W+ (B, L, D) → features (B, 512, 32, 32), in order."""
    writer, latent = Writer(net, sums=sums), parameter(-1, STYLES, WIDTH)
    x = writer.first(latent)
    for number in range(TRUNK_BLOCKS):
        x = writer.grow(x, latent, number)
    return openvino.Model([x], [latent], "trunk")


def whole(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ → corners (B, 512, 512, 12) as bytes, and the picture at 256 px (B, 3, 256, 256)."""
    # The low band beside the corners costs nothing: sixteen channels are computed for twelve.
    matrix = torch.cat((BUTTERFLY, torch.tensor([[0.5], [0], [0], [0]])), dim=1)
    inputs, bands = last_bands(net, matrix, sums=sums)
    corners, low = op.variadic_split(bands, 1, [CORNERS, 3]).outputs()
    return openvino.Model([as_bytes(corners), halved(low)], inputs, "whole")


def half(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ → a 512-px picture as bytes (B, 512, 512, 3), and the picture at 256 px."""
    inputs, low = last_bands(net, torch.tensor([[0.5], [0], [0], [0]]), sums=sums)
    return openvino.Model([as_bytes(low), halved(low)], inputs, "half")


def last_bands(net: SynthesisNetwork, matrix: Tensor, *, sums: bool) -> tuple[list[Node], Node]:
    """The trunk's features and W+, and what `Writer.bands` makes of them."""
    writer, features, latent = Writer(net, sums=sums), trunk_features(), parameter(-1, STYLES, WIDTH)
    x = features
    for number in range(TRUNK_BLOCKS, len(net.blocks)):
        x = writer.grow(x, latent, number)
    return [features, latent], writer.bands(x, latent, matrix)


def preview(net: SynthesisNetwork, head: PreviewHead, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ → the preview (B, 3, 256, 256)."""
    writer, features, latent = Writer(net, sums=sums), trunk_features(), parameter(-1, STYLES, WIDTH)
    x = writer.grow(features, latent, TRUNK_BLOCKS)
    x = writer.grow(x, latent, TRUNK_BLOCKS + 1, ordered=False)
    return openvino.Model([drawn_by(head, x, latent)], [features, latent], "preview")


def face(net: SynthesisNetwork, head: PreviewHead, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ → the part around the face of the preview (B, 3, 192, 192): see
    `core.modeling.face_preview`.
    """
    features, latent = trunk_features(), parameter(-1, STYLES, WIDTH)
    return openvino.Model([face_of(net, head, features, latent, sums=sums)], [features, latent], "face")


def face_of(net: SynthesisNetwork, head: PreviewHead, features: Node, latent: Node, *, sums: bool) -> Node:
    """The cut of `core.modeling.face_preview`, of which no more is computed than can be seen, from the trunk's
    features.
    """
    writer = Writer(net, sums=sums)
    left, top, right, bottom = LEFT - SPOILT, TOP - SPOILT, LEFT + SIDE + SPOILT, min(TOP + SIDE + SPOILT, HALF)
    x = slice_of(slice_of(features, 2, top // 2, bottom // 2), 3, left // 2, right // 2)
    x = writer.grow(x, latent, TRUNK_BLOCKS, cut_block(writer.block(TRUNK_BLOCKS), left, top, right - left))
    x = slice_of(slice_of(x, 2, SPOILT, SPOILT + SIDE), 3, SPOILT, SPOILT + SIDE)
    block = cut_block(writer.block(TRUNK_BLOCKS + 1), 2 * LEFT, 2 * TOP, 2 * SIDE)
    return drawn_by(head, writer.grow(x, latent, TRUNK_BLOCKS + 1, block, ordered=False), latent)


def drawn_by(head: PreviewHead, x: Node, latent: Node) -> Node:
    """128-px features (B, 256, H, W), or a part of them, → the picture (B, 3, 2H, 2W), within [-1, 1]."""
    styles = range(STYLES - 7, STYLES)
    return unfold(corners_of(styled_head(x, latent, head, [styles[0:1], styles[0:3], styles[3:6], styles[4:7]])))


def styled_head(x: Node, latent: Node, head: PreviewHead, styles: list[range]) -> Node:
    """The head, whose four convolutions read these styles, without its last transform."""
    first, *middle, last = styles
    x = leaky(styled(x, latent, head.input_proj, first, head.feature_scale))
    for module, read in zip(head.mlp, middle, strict=True):
        x = op.add(x, leaky(styled(x, latent, cast(StyledConvolution, module), read)))
    return styled(x, latent, head.output_proj, last)


def styled(x: Node, latent: Node, module: StyledConvolution, styles: range, scale: Tensor | None = None) -> Node:
    """A `StyledConvolution` that reads these styles, on features that are scaled before."""
    channels = module.scale.out_features
    factors, shifts = (linear(styles_of(latent, styles), read) for read in (module.scale, module.shift))
    if scale is not None:
        factors = op.multiply(factors, constant(scale.flatten()[None]))
    x = op.add(op.multiply(x, as_channels(factors, channels)), as_channels(shifts, channels))
    return convolution(x, module.convolution)


def trunk_features() -> Node:
    """The input that takes the trunk's output."""
    return parameter(-1, CHANNELS[TRUNK_BLOCKS], TRUNK, TRUNK)


def factor(latent: Node, style: int, module: Modulation, order: Tensor | None = None) -> Node:
    """One style → a factor per channel (B, C, 1, 1), in an order."""
    rows = torch.arange(module.linear.out_features) if order is None else order
    weight, bias = ((part * module.scale)[rows] for part in (module.linear.weight, module.linear.bias))
    product = op.matmul(styles_of(latent, range(style, style + 1)), constant(weight), False, True)
    return as_channels(op.add(product, constant(bias[None])), len(rows))


def styles_of(latent: Node, styles: range) -> Node:
    """Some of W+'s styles, side by side: (B, S·D)."""
    picked = op.gather(latent, constant_ints(*styles), constant_ints(1))
    return op.reshape(picked, constant_ints(-1, len(styles) * WIDTH), False)


def sums_of_bands(x: Node) -> Node:
    """Bands (B, 4C, H, W), band after band → (B, C, 2H, 2W)."""
    low, vertical, horizontal, diagonal = op.split(op.multiply(x, constant(torch.tensor([0.5]))), 1, 4).outputs()
    top, bottom = op.add(low, vertical), op.subtract(low, vertical)
    right, skew = op.add(horizontal, diagonal), op.subtract(horizontal, diagonal)
    corners = [op.add(top, right), op.subtract(top, right), op.add(bottom, skew), op.subtract(bottom, skew)]
    return op.depth_to_space(op.concat(corners, 1), "blocks_first", 2)


def corners_of(bands: Node) -> Node:
    """Bands of a picture (B, 12, H, W) as the head gives them → corners (B, 12, H, W)."""
    order = torch.tensor([0, 1, 2, 3, 6, 9, 4, 7, 10, 5, 8, 11])
    matrix = torch.zeros(CORNERS, CORNERS)
    for corner in range(4):
        for colour in range(3):
            matrix[3 * corner + colour, order[colour::3]] = BUTTERFLY[:, corner]
    return convolve(bands, matrix[..., None, None])


def unfold(corners: Node) -> Node:
    """Corners (B, 12, H, W) → the picture (B, 3, 2H, 2W), within [-1, 1]."""
    return op.clamp(op.depth_to_space(corners, "blocks_first", 2), -1.0, 1.0)


def halved(picture: Node) -> Node:
    """Half the size by means of four pixels, within [-1, 1]."""
    return op.clamp(op.avg_pool(picture, [2, 2], [0, 0], [0, 0], [2, 2], False), -1.0, 1.0)


def as_bytes(corners: Node) -> Node:
    """Corners in about [-1, 1] → bytes (B, H, W, 12)."""
    shifted = op.multiply(op.add(corners, constant(torch.ones(1))), constant(torch.tensor([127.5])))
    whole_numbers = op.round(op.clamp(shifted, 0.0, 255.0), "half_to_even")
    return op.transpose(op.convert(whole_numbers, "u8"), constant_ints(0, 2, 3, 1))
