"""Runs small TensorFlow.js graphs in torch: convolutions, and what stands between and behind them.

For networks whose authors published nothing else and whose activations torch does not have as layers. In and out are
torch's (B, C, H, W); the constants of the graph keep TensorFlow's order and are turned when they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.reports.faceres import read_constants

Node = Mapping[str, Any]
Operation = Callable[[Node, list[Tensor]], Tensor]


class GraphNetwork(nn.Module):
    """The nodes of a graph in their order; the last one's value is the answer. ValueError on an unknown operation."""

    def __init__(self, nodes: list[Node], constants: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.inputs = [node["name"] for node in nodes if node["op"] == "Placeholder"]
        self.nodes = [node for node in nodes if node["op"] not in ("Placeholder", "Const")]
        self.constants = {name: torch.from_numpy(array.copy()) for name, array in constants.items()}
        if unknown := sorted({node["op"] for node in self.nodes} - set(OPERATIONS)):
            raise ValueError(f"operations that are not known: {', '.join(unknown)}")

    def forward(self, pictures: Tensor) -> Tensor:
        """Run."""
        values: dict[str, Tensor] = dict.fromkeys(self.inputs, pictures)
        found = pictures
        for node in self.nodes:
            given = [values[name] if name in values else self.constants[name] for name in node.get("input", ())]
            found = values[node["name"]] = OPERATIONS[node["op"]](node, given)
        return found


def load_graph(graph: Path, numbers: Path) -> GraphNetwork:
    """Read a graph model: its `.json` and its `.bin`."""
    nodes = json.loads(graph.read_text())["modelTopology"]["node"]
    return GraphNetwork(nodes, read_constants(graph, numbers)).eval()


def _convolve(node: Node, given: list[Tensor]) -> Tensor:
    """Convolution without padding. A depthwise kernel is (h, w, channels, 1), another (h, w, in, out)."""
    picture, kernel = given
    depthwise = "Depthwise" in node["op"]
    kernel = kernel.permute(2, 3, 0, 1) if depthwise else kernel.permute(3, 2, 0, 1)
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    return F.conv2d(picture, kernel, stride=stride, groups=picture.shape[1] if depthwise else 1)


def _pad(_: Node, given: list[Tensor]) -> Tensor:
    """Zeros around a picture; the sizes stand as (dimension, before and after) in TensorFlow's order."""
    picture, sizes = given
    (top, bottom), (left, right) = sizes[1:3].int().tolist()
    return F.pad(picture, (left, right, top, bottom))


def _per_channel(given: list[Tensor]) -> list[Tensor]:
    """Factors of each channel, which stand last in TensorFlow, in torch's place."""
    is_picture = any(tensor.ndim == 4 for tensor in given)
    return [tensor[:, None, None] if is_picture and tensor.ndim == 1 else tensor for tensor in given]


def _with(operation: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    """An operation on two values, either of which may be factors of the channels."""

    def run(_: Node, given: list[Tensor]) -> Tensor:
        one, other = _per_channel(given)
        return operation(one, other)

    return run


def _flatten(_: Node, given: list[Tensor]) -> Tensor:
    """TensorFlow's order: the channels of the first pixel, then of the next."""
    return given[0].permute(0, 2, 3, 1).flatten(1)


OPERATIONS: Mapping[str, Operation] = {
    "Conv2D": _convolve,
    "DepthwiseConv2dNative": _convolve,
    "Pad": _pad,
    "AddV2": _with(torch.add),
    "Sub": _with(torch.sub),
    "Mul": _with(torch.mul),
    "Maximum": _with(torch.maximum),
    "Minimum": _with(torch.minimum),
    "Reshape": _flatten,
    "MatMul": lambda _, given: given[0] @ given[1],
}
