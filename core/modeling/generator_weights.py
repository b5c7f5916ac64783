"""Reads the generator's weights: once from the OpenVINO files in the `random-face` wheel, afterwards from safetensors.

The wheel holds two networks in OpenVINO IR v10: an XML graph whose `Const` layers name a shape and an offset into a
file of raw little-endian numbers. Many constants have generated names, so they are found by their place in the
graph: each convolution's kernel, then the noise and the bias that are added to its answer.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # nosec B405 # a file whose SHA-256 we know
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.domain.errors import MissingWeights
from core.modeling.generator import STYLES, MobileStyleGAN
from core.modeling.weight_hashes import file_sha256, verified
from core.modeling.weights_io import load_state

GENERATOR_NAME = "mobilestylegan-ffhq-1024"
GENERATOR_FILE = f"{GENERATOR_NAME}.safetensors"
SOURCE_SHA256 = {
    "MappingNetwork.xml": "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
    "MappingNetwork.bin": "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
    "SynthesisNetwork.xml": "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
    "SynthesisNetwork.bin": "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
}
"""The four files of `random-face` 2021.7.21.1, folder `random_face/data`."""


@dataclass(frozen=True)
class Graph:
    """One OpenVINO graph: its layers in order, where each input comes from, and the bytes of its constants."""

    layers: Mapping[str, ET.Element]
    inputs: Mapping[str, list[str]]
    data: bytes

    @classmethod
    def read(cls, xml: Path, binary: Path) -> Graph:
        """Read and check both files; MissingWeights when one is absent or not the expected one."""
        for path in (xml, binary):
            if not path.is_file() or file_sha256(path) != SOURCE_SHA256[path.name]:
                raise MissingWeights(name=path.name, path=str(path))
        root = ET.parse(xml).getroot()  # nosec B314 # a file whose SHA-256 we know
        inputs: dict[str, list[tuple[int, str]]] = {}
        for edge in root.iter("edge"):
            inputs.setdefault(edge.attrib["to-layer"], []).append(
                (int(edge.attrib["to-port"]), edge.attrib["from-layer"])
            )
        return cls(
            layers={layer.attrib["id"]: layer for layer in root.iter("layer")},
            inputs={to: [source for _, source in sorted(ports)] for to, ports in inputs.items()},
            data=binary.read_bytes(),
        )

    def of_type(self, kind: str) -> list[str]:
        """The ids of all layers of one type, in the order of the graph."""
        return [key for key, layer in self.layers.items() if layer.attrib["type"] == kind]

    def constant(self, key: str) -> Tensor:
        """The number behind a `Const` layer as a float32 tensor of its shape."""
        data = self.layers[key].find("data")
        assert data is not None and data.attrib["element_type"] == "f32"
        shape = [int(n) for n in data.attrib["shape"].split(",")] if data.attrib["shape"] else []
        offset, size = int(data.attrib["offset"]), int(data.attrib["size"])
        return torch.from_numpy(np.frombuffer(self.data, "<f4", size // 4, offset).reshape(shape).copy())

    def constant_inputs(self, key: str) -> list[Tensor]:
        """The float constants that feed a layer, directly or through a reshape."""
        sources = [
            self.inputs[source][0] if self.layers[source].attrib["type"] == "Reshape" else source
            for source in self.inputs[key]
        ]
        return [self.constant(source) for source in sources if self.is_float_constant(source)]

    def is_float_constant(self, key: str) -> bool:
        """Whether a layer is a `Const` of float32."""
        data = self.layers[key].find("data")
        return self.layers[key].attrib["type"] == "Const" and data is not None and data.attrib["element_type"] == "f32"

    def readers(self, key: str) -> list[str]:
        """The layers that take this layer's output."""
        return [reader for reader, sources in self.inputs.items() if key in sources]

    def reader(self, key: str, kind: str) -> str | None:
        """The layer of one type that takes this layer's output, if there is exactly one."""
        found = [reader for reader in self.readers(key) if self.layers[reader].attrib["type"] == kind]
        return found[0] if len(found) == 1 else None


def convert_generator(source: Path) -> dict[str, Tensor]:
    """The wheel's folder `random_face/data` → the state of a `MobileStyleGAN`, every shape checked."""
    state = {
        **_mapping_state(Graph.read(source / "MappingNetwork.xml", source / "MappingNetwork.bin")),
        **_synthesis_state(Graph.read(source / "SynthesisNetwork.xml", source / "SynthesisNetwork.bin")),
    }
    model = MobileStyleGAN()
    state["w_mean"] = torch.zeros_like(model.w_mean)
    model.load_state_dict(state, strict=True)  # checks every name and shape
    # The wheel does not hold the mean style; a hundred thousand draws give it to three decimals.
    z = torch.randn(100_000, state["w_mean"].shape[0], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        state["w_mean"] = torch.cat([model.mapping(part) for part in z.split(5_000)]).double().mean(0).float()
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _mapping_state(graph: Graph) -> dict[str, Tensor]:
    state = {}
    for i, matmul in enumerate(graph.of_type("MatMul")):
        add = graph.reader(matmul, "Add")
        assert add is not None
        state[f"mapping.layers.{i}.weight"] = graph.constant_inputs(matmul)[0]
        state[f"mapping.layers.{i}.bias"] = graph.constant_inputs(add)[0]
    return state


def _synthesis_state(graph: Graph) -> dict[str, Tensor]:
    named = {
        layer.attrib["name"]: graph.constant(key)
        for key, layer in graph.layers.items()
        if layer.attrib["name"].startswith("m.") and graph.is_float_constant(key)
    }
    kernels = [graph.constant_inputs(key)[0] for key in graph.of_type("Convolution")]
    noises = [_noise_after(graph, key) for key in graph.of_type("Convolution")[:-1]]
    scales = _modulation_scales(graph)
    state = {
        "synthesis.first.input": named["m.input.input"],
        "synthesis.first.weight": kernels[0],
        "synthesis.first.noise": noises[0],
        "synthesis.first.bias": named["m.conv1.bias"],
        "synthesis.to_bands.weight": named["m.layers.6.to_img.conv.weight"],
        "synthesis.to_bands.bias": named["m.layers.6.to_img.bias"].flatten(),
    }
    modulations = {
        "m.conv1.conv": "synthesis.first.modulation",
        "m.layers.6.to_img.conv": "synthesis.to_bands_modulation",
    }
    for k in range(7):
        modulations[f"m.layers.{k}.up"] = f"synthesis.blocks.{k}.up"
        for c in (1, 2):
            theirs, ours = f"m.layers.{k}.conv{c}", f"synthesis.blocks.{k}.conv{c}"
            modulations[f"{theirs}.conv"] = f"{ours}.modulation"
            state[f"{ours}.depthwise"] = named[f"{theirs}.conv.weight_dw"].squeeze(1)
            state[f"{ours}.pointwise"] = kernels[2 * k + c]
            state[f"{ours}.noise"] = noises[2 * k + c]
            state[f"{ours}.bias"] = named[f"{theirs}.bias"]
    assert len(modulations) == STYLES
    for theirs, ours in modulations.items():
        state[f"{ours}.linear.weight"] = named[f"{theirs}.modulation.weight"]
        state[f"{ours}.linear.bias"] = named[f"{theirs}.modulation.bias"].flatten()
        state[f"{ours}.scale"] = scales.get(theirs, torch.ones(()))
    return state


def _noise_after(graph: Graph, convolution: str) -> Tensor:
    """The constant (1, 1, H, W) added to a convolution's answer."""
    add = graph.reader(convolution, "Add")
    assert add is not None
    return graph.constant_inputs(add)[0]


def _modulation_scales(graph: Graph) -> dict[str, Tensor]:
    """The constant factor after each modulation that has one, by the modulation's name in the graph."""
    scales: dict[str, Tensor] = {}
    for matmul in graph.of_type("MatMul"):
        weight = next(key for key in graph.inputs[matmul] if graph.is_float_constant(key))
        name = graph.layers[weight].attrib["name"].removesuffix(".modulation.weight")
        add = graph.reader(matmul, "Add")
        reshape = graph.reader(add, "Reshape") if add else None
        multiply = graph.reader(reshape, "Multiply") if reshape else None
        constants = graph.constant_inputs(multiply) if multiply else []
        if constants:
            scales[name] = constants[0].reshape(())
    return scales


def load_generator(weights: Path) -> MobileStyleGAN:
    """Read the converted generator from a folder; MissingWeights when absent, damaged or of another shape."""
    path = weights / GENERATOR_FILE
    try:
        state = load_state(path, name=GENERATOR_NAME)
        with torch.device("meta"):  # the file's own pages take the place of every tensor
            model = MobileStyleGAN()
        model.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as cause:
        raise MissingWeights(name=GENERATOR_NAME, path=str(path)) from cause
    return model.eval().requires_grad_(False)


def load_w_mean(weights: Path) -> Tensor:
    """The generator's `w_mean` (D) alone; MissingWeights when it is absent or damaged."""
    path = weights / GENERATOR_FILE
    try:
        with safe_open(verified(path, name=GENERATOR_NAME), "pt") as tensors:
            return cast(Tensor, tensors.get_tensor("w_mean")).clone()
    except (OSError, SafetensorError) as cause:
        raise MissingWeights(name=GENERATOR_NAME, path=str(path)) from cause
