"""The networks that look at pictures as OpenVINO graphs: who is it and how old, which latent, is it decent.

Batch normalisations are folded into the convolutions. Every graph takes any batch B.
"""

from __future__ import annotations

from typing import cast

import openvino
import torch
from openvino import opset13 as op
from torch import Tensor, nn

from core.engines.openvino.generator_graph import face_of, trunk_features
from core.engines.openvino.ops import (
    Node,
    constant,
    constant_ints,
    convolution,
    convolve,
    linear,
    max_pool,
    parameter,
    pool,
    shape_of,
    slice_of,
)
from core.face.age_estimator import POOLS
from core.face.recognition import CHIP, STAGES, IdentityNetwork, ResidualBlock, ScaledConvolution, identity_chip
from core.face.skin_tone import cheek_squares
from core.modeling.encoder import ENCODER_SIZE, Encoder
from core.modeling.face_preview import LEFT, SCALE, SIDE, TOP
from core.modeling.generator import STYLES, WIDTH, SynthesisNetwork
from core.modeling.preview_head import PreviewHead
from core.photo.nsfw import Bottleneck, SafetyNetwork


def extract_features(network: IdentityNetwork) -> openvino.Model:
    """Chips (B, 3, 150, 150) → descriptors (B, 128) and what the age estimator reads (B, F)."""
    chips = parameter(-1, 3, CHIP, CHIP)
    return openvino.Model(judged(network, chips), [chips], "judge")


def look(net: SynthesisNetwork, head: PreviewHead, network: IdentityNetwork, *, sums: bool) -> openvino.Model:
    """The trunk's features, W+ (B, L, D) → what `judge` says of the faces drawn and of their mirror images, (2B, …).

    And the mean colours of their cheeks (B, 2, 3), see `core.face.skin_tone.cheeks_of`.
    """
    features, latent = trunk_features(), parameter(-1, STYLES, WIDTH)
    cut = face_of(net, head, features, latent, sums=sums)
    return openvino.Model([*judged(network, chips_of(cut)), cheeks(cut)], [features, latent], "look")


def cheeks(cut: Node) -> Node:
    """The face as `face_of` draws it (B, 3, 192, 192) → the mean colours of its cheeks (B, 2, 3)."""
    means = []
    for left, top, right, bottom in cheek_squares(256):
        rows = slice_of(cut, 2, top - SCALE * TOP, bottom - SCALE * TOP)
        square = slice_of(rows, 3, left - SCALE * LEFT, right - SCALE * LEFT)
        means.append(op.unsqueeze(op.reduce_mean(square, constant_ints(2, 3), False), constant_ints(1)))
    return op.concat(means, 1)


def judged(network: IdentityNetwork, chips: Node) -> list[Node]:
    """Descriptors and pooled features of chips."""
    stages = identity_stages(network, chips)
    last = op.reduce_mean(stages[-1], constant_ints(2, 3), False)
    descriptors = op.matmul(last, constant(network.head.weight), False, True)
    return [descriptors, op.concat([pool(stages[depth], size) for depth, size in POOLS], 1)]


def chips_of(cut: Node) -> Node:
    """The face as `face_of` draws it (B, 3, 192, 192) → its chips and their mirror images (2B, 3, 150, 150)."""
    top, left, side = SCALE * TOP, SCALE * LEFT, SCALE * SIDE
    rows, columns = resampling()
    low = op.matmul(constant(rows[:, top : top + side]), cut, False, False)
    both = [lines[:, left : left + side].T for lines in (columns, columns.flip(1))]
    return op.concat([op.matmul(low, constant(lines), False, False) for lines in both], 0)


def resampling() -> tuple[Tensor, Tensor]:
    """What `identity_chip` does to a face of 256 px as products: with its rows (150, 256), and with its columns."""
    lines = torch.eye(256)
    rows, columns = (
        identity_chip(picture.expand(1, 256, 256, 256)) for picture in (lines[None, :, :, None], lines[None, :, None])
    )
    return rows[0, :, :, 0].T, columns[0, :, 0].T


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
