"""The fast engine for processors: our own graphs (`core.engines.graphs`) in OpenVINO.

The graphs are written once into a folder beside the weights, and anew when a weight, the recipe or OpenVINO changes
(the folder's name says which). Everything is computed in float32, with one exception: where the processor has bfloat16,
the blocks from 128 px on. Rounding in the first blocks would move whole features (up to 65 of 255 levels); in the last
ones it moves single pixels by a few levels (see docs/speed.md).
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.encoder import ENCODER_SIZE, Encoder
from core.engines.engine import Drawn, Judged, Pictures
from core.engines.networks import Networks
from core.half_size import HALF_SIZE

if TYPE_CHECKING:
    import openvino

RECIPE = 1
"""Raise it when `core.engines.graphs` writes other graphs: everybody's are then made anew."""

GRAPHS = ("trunk", "whole", "half", "preview", "face", "judge", "encoder", "safety")
IN_BFLOAT16 = ("whole", "half")
"""Graphs that may round: they end in a picture, and nothing is decided by what they draw."""


def is_installed() -> bool:
    """Whether the `openvino` distribution is there, without importing it."""
    try:
        return bool(version("openvino"))
    except PackageNotFoundError:
        return False


def runtime() -> Any:
    """The `openvino` module. Its telemetry, which would tell Google Analytics about every import, is never loaded."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoEngine:
    """Runs the graphs. One call runs at a time: each of them uses all the threads there are."""

    name = "openvino"

    def __init__(
        self, folder: Path, encoder: Encoder, *, threads: int | None = None, bfloat16: bool | None = None
    ) -> None:
        """`folder` as `export` made it; `bfloat16`: whether to round (None: where the processor has it)."""
        self._core = runtime().Core()
        able = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.bfloat16 = able if bfloat16 is None else bfloat16
        self._folder = folder / ("sums" if self.bfloat16 else "deconvolutions")
        self._encoder = encoder
        self._threads = threads
        self._requests: dict[tuple[str, int], openvino.InferRequest] = {}
        self._turn = threading.RLock()
        self._last: Tensor | None = None

    def draw(self, latents: Tensor, *, size: int) -> Drawn:
        """See `Engine`."""
        with self._turn:
            request = self._after_trunk("whole" if size > HALF_SIZE else "half", latents)
            corners, faces = (request.get_output_tensor(i).data for i in range(2))
            small = torch.from_numpy(faces.copy())
            pictures = unfold(corners) if size >= HALF_SIZE else _levels(small)
        return Drawn(pictures, small)

    def preview(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        with self._turn:
            return _copy(self._after_trunk("preview", latents), 1)

    def face(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        with self._turn:
            return _copy(self._after_trunk("face", latents), 0)

    def encode(self, faces: Tensor) -> Tensor:
        """See `Engine`."""
        if faces.shape[-1] != ENCODER_SIZE:
            faces = F.interpolate(faces, ENCODER_SIZE, mode="bilinear", antialias=True, align_corners=False)
        with self._turn:
            flat = _copy(self._run("encoder", faces), 0)
        with torch.inference_mode():
            return self._encoder.denormalise(self._encoder.from_pooled(flat))

    def judge(self, chips: Tensor) -> Judged:
        """See `Engine`."""
        with self._turn:
            # One at a time is as fast, and a second batch size would need its own copy of the weights.
            found = []
            for chip in chips:
                request = self._run("judge", chip[None])
                found.append((_copy(request, 0), _copy(request, 1)))
        return Judged(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def indecency(self, pictures: Tensor) -> Tensor:
        """See `Engine`."""
        with self._turn:
            return _copy(self._run("safety", pictures), 0)

    def _after_trunk(self, name: str, latents: Tensor) -> openvino.InferRequest:
        """Run a graph that goes on from the trunk's features; those of the latents before are still there."""
        trunk = self._request("trunk", len(latents))
        if self._last is None or not torch.equal(self._last, latents):
            self._last = None
            trunk.infer([_array(latents)], share_inputs=True)
            self._last = latents.clone()
        request = self._request(name, len(latents))
        request.set_input_tensor(0, trunk.get_output_tensor(0))
        request.set_input_tensor(1, runtime().Tensor(_array(latents), shared_memory=True))
        request.infer()
        return request

    def _run(self, name: str, inputs: Tensor) -> openvino.InferRequest:
        request = self._request(name, len(inputs))
        request.infer([_array(inputs)], share_inputs=True)
        return request

    def _request(self, name: str, batch: int) -> openvino.InferRequest:
        """A graph, compiled for one batch size when it is first wanted."""
        if (name, batch) not in self._requests:
            model = self._core.read_model(self._folder / f"{name}.xml")
            model.reshape({i: [batch, *_free(port)] for i, port in enumerate(model.inputs)})
            options = {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "bf16" if self.bfloat16 and name in IN_BFLOAT16 else "f32",
            }
            if self._threads is not None:
                options["INFERENCE_NUM_THREADS"] = str(self._threads)
            self._requests[name, batch] = self._core.compile_model(model, "CPU", options).create_infer_request()
        return self._requests[name, batch]


def graphs_folder(cache: Path, weights_version: str) -> Path:
    """Where the graphs of these weights are, or will be."""
    return cache / "engines" / f"openvino-{version('openvino')}-{RECIPE}-{weights_version}"


def export(load: Callable[[], Networks], folder: Path) -> Path:
    """Write the graphs into `folder` unless they are there; others beside it are deleted. Returns the folder."""
    if (folder / "complete").is_file():
        return folder
    openvino = runtime()
    networks = load()
    fresh = folder.with_name(f"{folder.name}.{threading.get_native_id()}.new")
    for sums in (True, False):
        target = fresh / ("sums" if sums else "deconvolutions")
        target.mkdir(parents=True, exist_ok=True)
        for name, model in _models(networks, sums=sums).items():
            openvino.save_model(model, target / f"{name}.xml", compress_to_fp16=False)
    (fresh / "complete").touch()
    try:
        fresh.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    for other in folder.parent.glob("openvino-*"):
        if other != folder and not other.name.endswith(".new"):
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _models(networks: Networks, *, sums: bool) -> dict[str, Any]:
    from core.engines import graphs

    synthesis, head = networks.synthesis, networks.preview.head
    models = {
        "trunk": graphs.trunk(synthesis, sums=sums),
        "whole": graphs.whole(synthesis, sums=sums),
        "half": graphs.half(synthesis, networks.half_size, sums=sums),
        "preview": graphs.preview(synthesis, head, sums=sums),
        "face": graphs.face(synthesis, head, sums=sums),
        "judge": graphs.judge(networks.identity),
        "encoder": graphs.encoder(networks.encoder, ENCODER_SIZE),
    }
    if networks.safety is not None:
        models["safety"] = graphs.safety(networks.safety)
    return models


def unfold(corners: Pictures) -> Pictures:
    """Bytes of four neighbours (B, H, W, 12) → pictures (B, 2H, 2W, 3)."""
    batch, height, width, _ = corners.shape
    pictures = np.empty((batch, 2 * height, 2 * width, 3), np.uint8)
    # Rows of six bytes move as one: twice as fast as byte by byte.
    two = np.dtype("V6")
    pictures.view().reshape(batch, height, 2, width, 6).view(two)[...] = (
        corners.reshape(batch, height, width, 2, 6).view(two).transpose(0, 1, 3, 2, 4)
    )
    return pictures


def _levels(faces: Tensor) -> Pictures:
    levels: npt.NDArray[np.uint8] = faces.add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return levels


def _array(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.detach().contiguous().numpy()
    return array


def _copy(request: openvino.InferRequest, output: int) -> Tensor:
    """An output that stays when the request runs again."""
    return torch.from_numpy(request.get_output_tensor(output).data.copy())


def _free(port: Any) -> list[int]:
    """The sizes of an input but its batch."""
    return [int(side.get_length()) for side in list(port.partial_shape)[1:]]
