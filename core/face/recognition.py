"""dlib's face recognition network, reimplemented in torch so that it is differentiable.

The network is King's ResNet with 29 convolutions (dlib_face_recognition_resnet_model_v1, public domain, 2017): a
150-px face → 128 numbers. Two pictures of one person are usually nearer than 0.6. The weights are read from the
published .dat file and were checked against dlib itself (see tests/core/face/test_recognition.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.modeling.weight_hashes import verified

IDENTITY_FILE = "dlib_face_recognition_resnet_model_v1.dat"
CHIP = 150
"""Pixels along the side of the face that the network sees."""

CHIP_SQUARE = (41 / 256, 66 / 256, 176 / 256)
"""Where dlib's own cut lies in an FFHQ-aligned face (medians of 60): left, top, side as shares of the width."""

_MEAN_RGB = (122.782, 117.001, 104.298)
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, blocks, and whether the first block halves the size."""


class ScaledConvolution(nn.Module):
    """Convolution, then dlib's `affine` layer (a frozen batch normalisation): a factor and a bias per channel."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        # dlib pads a convolution only where it keeps the size.
        padding = kernel // 2 if stride == 1 else 0
        self.convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding)
        self.scale = nn.Parameter(torch.ones(channels_out))
        self.shift = nn.Parameter(torch.zeros(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, scale, shift."""
        return cast(Tensor, self.convolution(x)) * self.scale[:, None, None] + self.shift[:, None, None]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut; the missing channels and pixels of the shorter side count as zero."""

    def __init__(self, channels_in: int, channels_out: int, *, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.first = ScaledConvolution(channels_in, channels_out, kernel=3, stride=2 if halve else 1)
        self.second = ScaledConvolution(channels_out, channels_out, kernel=3, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size where the block halves."""
        y = self.second(F.relu(self.first(x)))
        short = F.avg_pool2d(x, 2) if self.halve else x
        height, width = max(y.shape[2], short.shape[2]), max(y.shape[3], short.shape[3])
        return F.relu(_grow(y, y.shape[1], height, width) + _grow(short, y.shape[1], height, width))


def _grow(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Pad with zeros at the end of each dimension."""
    if x.shape[1:] == (channels, height, width):
        return x
    return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))


class IdentityNetwork(nn.Module):
    """Faces (B, 3, 150, 150) in [-1, 1] → descriptors (B, 128)."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = ScaledConvolution(3, 32, kernel=7, stride=2)
        blocks = []
        channels_in = 32
        for channels, count, halves in STAGES:
            for i in range(count):
                blocks.append(ResidualBlock(channels_in, channels, halve=halves and i == 0))
                channels_in = channels
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(256, 128, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN_RGB)[:, None, None], persistent=False)

    def stages(self, faces: Tensor) -> list[Tensor]:
        """The features after each group of blocks, coarse last; faces of any size from 64 px."""
        x = ((faces + 1) * 127.5 - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        found = []
        start = 0
        for _, count, _ in STAGES:
            for block in list(self.blocks)[start : start + count]:
                x = block(x)
            start += count
            found.append(x)
        return found

    def forward(self, faces: Tensor) -> Tensor:
        """Descriptors; distances below 0.6 usually mean one person."""
        return self.describe(self.stages(faces))

    def describe(self, stages: list[Tensor]) -> Tensor:
        """Descriptors from features that are known already."""
        return cast(Tensor, self.head(stages[-1].mean(dim=(2, 3))))


def identity_chip(aligned: Tensor) -> Tensor:
    """FFHQ-aligned faces (B, 3, H, H) → the part that the network looks at, (B, 3, 150, 150)."""
    left, top, side = (round(share * aligned.shape[-1]) for share in CHIP_SQUARE)
    chip = aligned[:, :, top : top + side, left : left + side]
    shrinks = side > CHIP
    return F.interpolate(chip, CHIP, mode="bilinear", antialias=shrinks, align_corners=False)


def both_chips(aligned: Tensor) -> Tensor:
    """The chips of FFHQ-aligned faces (B, 3, H, H), and after them those of their mirror images: (2B, 3, 150, 150)."""
    return torch.cat([identity_chip(aligned), identity_chip(aligned.flip(3))])


def load_identity(weights: Path) -> IdentityNetwork:
    """Read the network from dlib's own file; MissingWeights when it is absent or not the published one."""
    path = weights / IDENTITY_FILE
    data = verified(path, name=IDENTITY_FILE).read_bytes()
    network = IdentityNetwork()
    arrays = _parameters(data)
    with torch.no_grad():
        # dlib writes the layer next to the input first; convolution and affine layer each keep one array of parameters.
        for module in _in_order(network):
            _fill([module.convolution.weight, cast(Tensor, module.convolution.bias)], next(arrays))
            _fill([module.scale, module.shift], next(arrays))
        # The last layer maps 256 inputs to 128 outputs and is stored inputs first.
        network.head.weight.copy_(torch.from_numpy(next(arrays).reshape(256, 128).T.copy()))
    return network.eval().requires_grad_(False)


def _in_order(network: IdentityNetwork) -> Iterator[ScaledConvolution]:
    yield network.stem
    for block in network.blocks:
        assert isinstance(block, ResidualBlock)
        yield block.first
        yield block.second


def _fill(parameters: list[Tensor], numbers: np.ndarray) -> None:
    """Cut a flat array into the parameters, in order."""
    start = 0
    for parameter in parameters:
        part = numbers[start : start + parameter.numel()]
        parameter.copy_(torch.from_numpy(part.copy()).view_as(parameter))
        start += parameter.numel()
    assert start == len(numbers)


def _parameters(data: bytes) -> Iterator[np.ndarray]:
    """The non-empty parameter tensors of a serialised dlib network, in the order of the file.

    dlib writes a tensor as its version (2) and its four sizes, each an integer of a length byte and that many
    little-endian bytes, and then raw float32. Parameter tensors are recognised by that header: the last two sizes
    are one and the numbers that follow are small and finite.
    """
    position = 0
    header = b"\x01\x02"
    while (position := data.find(header, position)) >= 0:
        sizes, end = _integers(data, position + len(header), 4)
        count = sizes[0] * sizes[1] if sizes else 0
        if sizes[2:] == [1, 1] and sizes[1] in (1, 128) and count >= 64 and end + 4 * count <= len(data):
            numbers = np.frombuffer(data, "<f4", count, end)
            if np.isfinite(numbers).all() and np.abs(numbers).max() < 1e4 and np.abs(numbers).max() > 1e-8:
                yield numbers
                position = end + 4 * count
                continue
        position += 1


def _integers(data: bytes, position: int, count: int) -> tuple[list[int], int]:
    """`count` unsigned integers in dlib's form, and where they end; an empty list where there are none."""
    found = []
    for _ in range(count):
        length = data[position] if position < len(data) else 0
        if not 1 <= length <= 8:
            return [], position
        found.append(int.from_bytes(data[position + 1 : position + 1 + length], "little"))
        position += 1 + length
    return found, position
