"""Our torch modules as OpenVINO graphs, written node by node, so that they suit a CPU better than the modules do.

What is changed, without changing the picture: a style's factor before an inverse Haar transform and the one after it
are one factor; the transform is a grouped transposed convolution (or sums and a pixel shuffle, which suits bfloat16),
for which the channels before it are put in order by reordering the weights that make them; the transform that ends in
the picture is folded into the last 1×1 convolution; what comes out is bytes. Batch normalisations are folded.

Letters as in `core.generator`; every graph takes any batch B.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import openvino
import torch
import torch.nn.functional as F
from openvino import opset13 as op
from torch import Tensor, nn

from core.age_estimate import POOLS
from core.encoder import ENCODER_SIZE, Encoder
from core.face_preview import HALF as TRUNK
from core.face_preview import LEFT, SIDE, TOP, cut_block
from core.generator import (
    CHANNELS,
    STYLES,
    WIDTH,
    Block,
    FirstConvolution,
    Modulation,
    SeparableConvolution,
    SynthesisNetwork,
)
from core.identity import STAGES, IdentityNetwork, ResidualBlock, ScaledConvolution
from core.preview import PreviewHead, StyledConvolution
from core.safety import Bottleneck, SafetyNetwork

Node = Any
TRUNK_BLOCKS = TRUNK.bit_length() - 3
"""Blocks up to the 64-px features, with which every drawing begins."""

BUTTERFLY = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) * 0.5
"""The inverse Haar transform: bands (low, vertical, horizontal, diagonal) × corners (by rows)."""

CORNERS = 12
"""Bytes of four neighbouring pixels of a picture."""


class Writer:
    """Writes the generator's parts.

    `sums`: the last Haar transforms as sums, with channels in order of bands. All others are transposed convolutions,
    with the four bands of each channel side by side; features between two graphs stand in that order, too.
    """

    def __init__(self, net: SynthesisNetwork, *, sums: bool) -> None:
        self.net = net
        self.sums = sums

    def by_sums(self, block: int) -> bool:
        """Whether a block's transform is made of sums."""
        return self.sums and block > TRUNK_BLOCKS

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


def trunk(net: SynthesisNetwork) -> openvino.Model:
    """W+ (B, L, D) → features (B, 512, 64, 64), in order."""
    writer, latent = Writer(net, sums=False), parameter(-1, STYLES, WIDTH)
    x = writer.first(latent)
    for number in range(TRUNK_BLOCKS):
        x = writer.grow(x, latent, number)
    return openvino.Model([x], [latent], "trunk")


def middle(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ → features (B, 256, 128, 128), in the order of `sums`."""
    features, latent = trunk_features(), parameter(-1, STYLES, WIDTH)
    return openvino.Model([Writer(net, sums=sums).grow(features, latent, TRUNK_BLOCKS)], [features, latent], "middle")


def whole(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """The middle's features, W+ → corners (B, 512, 512, 12) as bytes, and the picture at 256 px (B, 3, 256, 256)."""
    writer, features, latent = Writer(net, sums=sums), middle_features(), parameter(-1, STYLES, WIDTH)
    x = features
    for number in range(TRUNK_BLOCKS + 1, len(net.blocks)):
        x = writer.grow(x, latent, number)
    # The low band beside the corners costs nothing: sixteen channels are computed for twelve.
    matrix = torch.cat((BUTTERFLY, torch.tensor([[0.5], [0], [0], [0]])), dim=1)
    corners, low = op.variadic_split(writer.bands(x, latent, matrix), 1, [CORNERS, 3]).outputs()
    return openvino.Model([as_bytes(corners), halved(low)], [features, latent], "whole")


def half(net: SynthesisNetwork, *, sums: bool) -> openvino.Model:
    """The middle's features, W+ → a 512-px picture as bytes (B, 512, 512, 3), and the picture at 256 px."""
    writer, features, latent = Writer(net, sums=sums), middle_features(), parameter(-1, STYLES, WIDTH)
    x = features
    for number in range(TRUNK_BLOCKS + 1, len(net.blocks)):
        x = writer.grow(x, latent, number)
    low = writer.bands(x, latent, torch.tensor([[0.5], [0], [0], [0]]))
    return openvino.Model([as_bytes(low), halved(low)], [features, latent], "half")


def preview(net: SynthesisNetwork, head: PreviewHead) -> openvino.Model:
    """The trunk's features, W+ → the preview (B, 3, 256, 256)."""
    features, latent = trunk_features(), parameter(-1, STYLES, WIDTH)
    x = Writer(net, sums=False).grow(features, latent, TRUNK_BLOCKS, ordered=False)
    return openvino.Model([drawn_by(head, x, latent)], [features, latent], "preview")


def face(net: SynthesisNetwork, head: PreviewHead) -> openvino.Model:
    """The trunk's features, W+ → the part around the face of the preview (B, 3, 192, 192): see `core.face_preview`."""
    features, latent = trunk_features(), parameter(-1, STYLES, WIDTH)
    writer = Writer(net, sums=False)
    cut = slice_of(slice_of(features, 2, TOP, TOP + SIDE), 3, LEFT, LEFT + SIDE)
    block = cut_block(writer.block(TRUNK_BLOCKS), 2 * LEFT, 2 * TOP, 2 * SIDE)
    x = writer.grow(cut, latent, TRUNK_BLOCKS, block, ordered=False)
    return openvino.Model([drawn_by(head, x, latent)], [features, latent], "face")


def drawn_by(head: PreviewHead, x: Node, latent: Node) -> Node:
    """128-px features (B, 256, H, W), or a part of them, → the picture (B, 3, 2H, 2W), within [-1, 1]."""
    styles = range(STYLES - 7, STYLES)
    return unfold(corners_of(styled_head(x, latent, head, [styles[0:1], styles[0:3], styles[3:6], styles[4:7]])))


def styled_head(x: Node, latent: Node, head: PreviewHead, styles: list[range]) -> Node:
    """The head, whose four convolutions read these styles, without its last transform."""
    first, *middle, last = styles
    x = leaky(styled(x, latent, head.enter, first, head.feature_scale))
    for module, read in zip(head.middle, middle, strict=True):
        x = op.add(x, leaky(styled(x, latent, cast(StyledConvolution, module), read)))
    return styled(x, latent, head.leave, last)


def styled(x: Node, latent: Node, module: StyledConvolution, styles: range, scale: Tensor | None = None) -> Node:
    """A `StyledConvolution` that reads these styles, on features that are scaled before."""
    channels = module.scale.out_features
    factors, shifts = (linear(styles_of(latent, styles), read) for read in (module.scale, module.shift))
    if scale is not None:
        factors = op.multiply(factors, constant(scale.flatten()[None]))
    x = op.add(op.multiply(x, as_channels(factors, channels)), as_channels(shifts, channels))
    return convolution(x, module.convolution)


# ---- networks that look at faces ------------------------------------------------------------------------------


def judge(network: IdentityNetwork) -> openvino.Model:
    """Chips (B, 3, 150, 150) → descriptors (B, 128) and what the age estimator reads (B, F)."""
    faces = parameter(-1, 3, 150, 150)
    stages = identity_stages(network, faces)
    last = op.reduce_mean(stages[-1], constant_ints(2, 3), False)
    descriptors = op.matmul(last, constant(network.head.weight), False, True)
    pooled = op.concat([pool(stages[depth], size) for depth, size in POOLS], 1)
    return openvino.Model([descriptors, pooled], [faces], "judge")


def encoder(network: Encoder) -> openvino.Model:
    """Faces (B, 3, 192, 192) → W+ (B, L, D)."""
    faces = parameter(-1, 3, ENCODER_SIZE, ENCODER_SIZE)
    stages = identity_stages(network.backbone, faces)[1:]
    parts = [
        pool(convolution(x, cast(nn.Conv2d, squeeze)), to)
        for squeeze, x, to in zip(network.squeeze, stages, network.pools, strict=True)
    ]
    normal = op.mvn(op.concat(parts, 1), constant_ints(1), True, network.norm.eps, "inside_sqrt")
    x = op.add(op.multiply(normal, constant(network.norm.weight[None])), constant(network.norm.bias[None]))
    x = op.gelu(linear(x, network.hidden), "erf")
    x = op.add(x, op.gelu(linear(x, network.hidden2), "erf"))
    by_group = op.gather(
        each_by_its_own(linear(x, network.group_in), network.group_out),
        constant_ints(*network.group.tolist()),
        constant_ints(1),
    )
    by_style = each_by_its_own(linear(x, network.layer_in), network.layer_out)
    whole_face = op.unsqueeze(linear(x, network.whole), constant_ints(1))
    normalised = op.add(op.add(by_group, by_style), whole_face)
    latents = op.add(op.multiply(normalised, constant(network.w_scale)), constant(network.w_mean))
    return openvino.Model([latents], [faces], "encoder")


def each_by_its_own(x: Node, matrices: Tensor) -> Node:
    """(B, N·R) and N matrices (N, R, D) → (B, N, D): each part by its own matrix."""
    parts = op.reshape(x, constant_ints(-1, *matrices.shape[:2]), False)
    swapped = op.matmul(op.transpose(parts, constant_ints(1, 0, 2)), constant(matrices), False, False)
    return op.transpose(swapped, constant_ints(1, 0, 2))


def identity_stages(network: IdentityNetwork, faces: Node) -> list[Node]:
    """The features after each group of blocks (see `IdentityNetwork.stages`)."""
    x = op.multiply(op.add(faces, constant(torch.ones(1))), constant(torch.tensor([127.5])))
    x = op.multiply(op.subtract(x, constant(network.mean[None])), constant(torch.tensor([1 / 256])))
    x = max_pool(op.relu(scaled(x, network.stem)))
    found: list[Node] = []
    every = [cast(ResidualBlock, block) for block in network.blocks]
    for number, (_, count, _) in enumerate(STAGES):
        start = sum(blocks for _, blocks, _ in STAGES[:number])
        for block in every[start : start + count]:
            x = residual(x, block)
        found.append(x)
    return found


def residual(x: Node, block: ResidualBlock) -> Node:
    """One block; what the shorter side lacks counts as zero."""
    y = scaled(op.relu(scaled(x, block.first)), block.second)
    short = op.avg_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], False) if block.halve else x
    shapes = [shape_of(y), shape_of(short)]
    target = [shapes[0][0], *(max(sides) for sides in zip(shapes[0][1:], shapes[1][1:], strict=True))]
    grown = []
    for node, shape in zip((y, short), shapes, strict=True):
        missing = [want - have for want, have in zip(target, shape, strict=True)]
        if any(missing):
            node = op.pad(node, constant_ints(0, 0, 0, 0), constant_ints(0, *missing), "constant")
        grown.append(node)
    return op.relu(op.add(*grown))


def scaled(x: Node, module: ScaledConvolution) -> Node:
    """A convolution with its factor and bias per channel folded in."""
    inner = module.convolution
    weight = inner.weight * module.scale[:, None, None, None]
    bias = cast(Tensor, inner.bias) * module.scale + module.shift
    x = convolve(x, weight, stride=inner.stride[0], padding=cast(int, inner.padding[0]))
    return op.add(x, constant(bias[None, :, None, None]))


def safety(network: SafetyNetwork) -> openvino.Model:
    """What the safety check shows its network (B, 3, 224, 224) → logits (B, 2)."""
    picture = parameter(-1, 3, 224, 224)
    x = op.relu(convolution(picture, network.stem))
    x = op.pad(x, constant_ints(0, 0, 0, 0), constant_ints(0, 0, 1, 1), "constant")
    x = max_pool(x)
    for module in network.blocks:
        block = cast(Bottleneck, module)
        inner = op.relu(convolution(op.relu(convolution(x, block.down)), block.middle))
        around = convolution(x, block.around) if isinstance(block.around, nn.Conv2d) else x
        x = op.relu(op.add(convolution(inner, block.up), around))
    mean = op.reduce_mean(x, constant_ints(2, 3), False)
    return openvino.Model([linear(mean, network.head)], [picture], "safety")


# ---- small pieces ---------------------------------------------------------------------------------------------


def parameter(*shape: int) -> Node:
    """An input of float32; -1 is free."""
    return op.parameter(list(shape), np.float32)


def trunk_features() -> Node:
    """The input that takes the trunk's output."""
    return parameter(-1, CHANNELS[TRUNK_BLOCKS], TRUNK, TRUNK)


def middle_features() -> Node:
    """The input that takes the middle's output."""
    return parameter(-1, CHANNELS[TRUNK_BLOCKS + 1], 2 * TRUNK, 2 * TRUNK)


def constant(tensor: Tensor) -> Node:
    """Numbers of ours, as float32."""
    return op.constant(np.ascontiguousarray(tensor.detach().float().numpy()))


def constant_ints(*numbers: int) -> Node:
    """Axes, sizes, places."""
    return op.constant(np.array(numbers, np.int64))


def shape_of(x: Node) -> list[int]:
    """Channels, height and width."""
    output = x if isinstance(x, openvino.Output) else x.output(0)
    return [int(side.get_length()) for side in list(output.partial_shape)[1:]]


def leaky(x: Node) -> Node:
    """Leaky ReLU as everywhere in the generator."""
    return op.prelu(x, constant(torch.tensor([0.2])))


def convolve(x: Node, weight: Tensor, *, stride: int = 1, padding: int = 0) -> Node:
    """A convolution without bias."""
    pads = [padding, padding]
    return op.convolution(x, constant(weight), [stride, stride], pads, pads, [1, 1])


def convolution(x: Node, module: nn.Conv2d) -> Node:
    """A `Conv2d`."""
    x = convolve(x, module.weight, stride=module.stride[0], padding=cast(int, module.padding[0]))
    return op.add(x, constant(cast(Tensor, module.bias)[None, :, None, None]))


def linear(x: Node, module: nn.Linear) -> Node:
    """(B, I) → (B, O)."""
    return op.add(op.matmul(x, constant(module.weight), False, True), constant(module.bias[None]))


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


def as_channels(x: Node, channels: int) -> Node:
    """(B, C) → (B, C, 1, 1)."""
    return op.reshape(x, constant_ints(-1, channels, 1, 1), False)


def slice_of(x: Node, axis: int, start: int, stop: int) -> Node:
    """A part along one axis."""
    return op.slice(x, *(constant_ints(number) for number in (start, stop, 1, axis)))


def max_pool(x: Node) -> Node:
    """3×3, every second pixel."""
    return op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3]).output(0)


def pool(x: Node, size: int) -> Node:
    """What `adaptive_avg_pool2d` and flatten give, (B, C·size²): a product with the shares of the pixels."""
    channels, height, width = shape_of(x)
    places = torch.eye(height * width).reshape(-1, 1, height, width)
    shares = F.adaptive_avg_pool2d(places, size).flatten(1)
    flat = op.reshape(x, constant_ints(-1, channels, height * width), False)
    return op.reshape(op.matmul(flat, constant(shares), False, False), constant_ints(-1, channels * size * size), False)


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
