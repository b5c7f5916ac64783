"""Building blocks of OpenVINO graphs, named as in torch. B batch, C channels, H, W pixels."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import openvino
import torch
import torch.nn.functional as F
from openvino import opset13 as op
from torch import Tensor, nn

Node = Any


def parameter(*shape: int) -> Node:
    """An input of float32; -1 is free."""
    return op.parameter(list(shape), np.float32)


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
