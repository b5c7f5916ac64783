"""The fast CPU engine: OpenVINO graphs built by `core.engines.openvino.generator_graph`.

The graphs are written once into a folder beside the weights, and anew when a weight, the recipe or OpenVINO changes
(the folder's name says which). Everything is computed in float32, with one exception: where the processor has bfloat16,
what follows the 32-px features, and who looks at faces. Rounding in the first blocks would move whole features, by up
to 98 of 255 levels; in the others it moves single pixels by a few, and what is said of a face by a tenth of what it
differs between preview and drawing (see docs/speed.md).
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.engines.networks import Networks
from core.engines.protocol import HALF_SIZE, FaceFeatures, Pictures, PreviewAnalysis, RenderResult
from core.modeling.encoder import ENCODER_SIZE
from core.runtime.malloc import keep_little, page_out, trim_heap
from core.runtime.tensors import to_levels

if TYPE_CHECKING:
    import openvino

RECIPE = 6
"""Raise it when `core.engines.openvino.generator_graph` writes other graphs: everybody's are then made anew."""

GRAPHS = ("trunk", "whole", "half", "preview", "face", "look", "judge", "encoder", "safety")
IN_FLOAT32 = ("trunk", "encoder", "safety")
"""Graphs that never round: what comes after them follows from what they say."""

FIRST = ("safety", "encoder", "trunk", "face", "judge", "look", "whole")
"""What a first child of two photos asks for, in this order."""

UNUSED = 7 * 86400.0
"""Seconds after which graphs that no process asked for are deleted: two versions may run side by side for a while."""


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


@functools.cache
def shared_core() -> Any:
    """The one `openvino.Core` of this process, for as long as it lives.

    Its CPU plugin gives the thread that first asks for it another stack for signals, and takes that away when the last
    user is gone, in whatever thread that happens: the next signal would end the process.
    """
    return runtime().Core()


class OpenVinoEngine:
    """Runs the graphs. One call runs at a time: each of them uses all the threads there are."""

    name = "openvino"

    def __init__(self, source: Path | Networks, *, threads: int | None = None, bfloat16: bool | None = None) -> None:
        """`source`: a folder that `export` made, or what to make graphs from, in memory.

        `bfloat16`: whether to round (None: where the processor has it).
        """
        keep_little()  # torch has little to do beside this engine, and need not keep memory for it
        self._core = shared_core()
        self.bfloat16 = has_bfloat16(self._core) if bfloat16 is None else bfloat16
        self._source = source
        # All at once: a newer version that starts beside this process deletes the files of older ones.
        self._written = {} if isinstance(source, Networks) else self._read(source / _kind(self.bfloat16))
        self._threads = threads
        self._requests: dict[tuple[str, int], openvino.InferRequest] = {}
        self._compiling: dict[tuple[str, int], threading.Lock] = {}
        self._turn = threading.RLock()
        self._last: Tensor | None = None

    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        """See `Engine`."""
        with self._turn:
            request = self._after_trunk("whole" if size > HALF_SIZE else "half", latents)
            corners, faces = (request.get_output_tensor(i).data for i in range(2))
            small = torch.from_numpy(faces.copy())
            if size < HALF_SIZE:
                # Nothing is saved by drawing less than 512 px: the judges' picture is the picture.
                return RenderResult(to_levels(small), small)
            pictures = unfold(corners) if size > HALF_SIZE else corners.copy()
        return RenderResult(pictures, small)

    def preview(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        with self._turn:
            return _copy(self._after_trunk("preview", latents), 0)

    def face(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        with self._turn:
            return _copy(self._after_trunk("face", latents), 0)

    def look(self, latents: Tensor) -> PreviewAnalysis:
        """See `Engine`."""
        with self._turn:
            request = self._after_trunk("look", latents)
            return PreviewAnalysis(*(_copy(request, output) for output in range(3)))

    def encode(self, faces: Tensor) -> Tensor:
        """See `Engine`."""
        if faces.shape[-1] != ENCODER_SIZE:
            faces = F.interpolate(faces, ENCODER_SIZE, mode="bilinear", antialias=True, align_corners=False)
        with self._turn:
            return _copy(self._run("encoder", faces), 0)

    def extract_features(self, chips: Tensor) -> FaceFeatures:
        """See `Engine`."""
        with self._turn:
            # One at a time is as fast, and a second batch size would need its own copy of the weights.
            found = []
            for chip in chips:
                request = self._run("judge", chip[None])
                found.append((_copy(request, 0), _copy(request, 1)))
        return FaceFeatures(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def nsfw_logits(self, pictures: Tensor) -> Tensor:
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

    def prepare(self) -> None:
        """Compile what a first child needs, in a thread of its own: the process has other things to load meanwhile.

        Python must wait for it at the end, whoever starts it: it aborts the process when a thread dies under OpenVINO.
        """
        threading.Thread(target=self._prepare, name="graphs", daemon=False).start()

    def _prepare(self) -> None:
        for name in FIRST:
            if not threading.main_thread().is_alive():
                return  # the process ends, and would wait for this thread
            if name in self._written:
                with contextlib.suppress(Exception):  # whoever wants this graph will meet the same fault
                    self._request(name, 1)

    def _request(self, name: str, batch: int) -> openvino.InferRequest:
        """A graph, compiled for one batch size when it is first wanted."""
        wanted = name, batch
        if wanted not in self._requests:
            with self._compiling.setdefault(wanted, threading.Lock()):
                if wanted not in self._requests:
                    self._requests[wanted] = self._compiled(name, batch)
        return self._requests[wanted]

    def _compiled(self, name: str, batch: int) -> openvino.InferRequest:
        model = self._model(name)
        model.reshape({i: [batch, *_free(port)] for i, port in enumerate(model.inputs)})
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self.bfloat16 and name not in IN_FLOAT32 else "f32",
        }
        if self._threads is not None:
            options["INFERENCE_NUM_THREADS"] = str(self._threads)
        request = self._core.compile_model(model, "CPU", options).create_infer_request()
        if isinstance(self._source, Path):
            page_out(self._source)  # weights were copied into the order that the processor likes
        trim_heap()
        return request

    def _model(self, name: str) -> Any:
        if isinstance(self._source, Networks):
            return model_of(self._source, name, sums=self.bfloat16)
        return self._written[name].clone()

    def _read(self, folder: Path) -> dict[str, Any]:
        """The graphs of a folder. Their weights stay on disk until they are wanted."""
        return {path.stem: self._core.read_model(path) for path in sorted(folder.glob("*.xml"))}


def has_bfloat16(core: Any) -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def graphs_folder(cache: Path, weights_version: str) -> Path:
    """Where the graphs of these weights are, or will be."""
    return cache / "engines" / f"openvino-{version('openvino')}-{RECIPE}-{weights_version}"


def export(load: Callable[[], Networks], folder: Path) -> Path:
    """Write the graphs into `folder` unless they are there, and delete others that were long not used.

    Returns the folder. OSError when it cannot be written.
    """
    openvino = runtime()
    sums = has_bfloat16(shared_core())
    wanted = folder / _kind(sums)
    if wanted.is_dir():
        with contextlib.suppress(OSError):  # where we may only read, nobody deletes either
            os.utime(folder)
        return folder
    networks = load()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    for name in GRAPHS:
        if name != "safety" or networks.safety is not None:
            openvino.save_model(
                model_of(networks, name, sums=sums), fresh / f"{name}.xml", compress_to_fp16=name == "encoder"
            )
    fresh.chmod(0o755)
    try:
        fresh.rename(wanted)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    for other in folder.parent.glob("openvino-*"):
        if other != folder and _age(other) > UNUSED:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _age(folder: Path) -> float:
    """Seconds since somebody asked for a folder's graphs; none where another process has just deleted it."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def model_of(networks: Networks, name: str, *, sums: bool) -> Any:
    """One of `GRAPHS`."""
    from core.engines.openvino import analysis_graph, generator_graph

    synthesis, head = networks.synthesis, networks.preview.head
    match name:
        case "trunk":
            return generator_graph.trunk(synthesis, sums=sums)
        case "whole":
            return generator_graph.whole(synthesis, sums=sums)
        case "half":
            return generator_graph.half(synthesis, sums=sums)
        case "preview":
            return generator_graph.preview(synthesis, head, sums=sums)
        case "face":
            return generator_graph.face(synthesis, head, sums=sums)
        case "look":
            return analysis_graph.look(synthesis, head, networks.identity, sums=sums)
        case "judge":
            return analysis_graph.extract_features(networks.identity)
        case "encoder":
            return analysis_graph.encoder(networks.encoder)
    assert name == "safety" and networks.safety is not None
    return analysis_graph.safety(networks.safety)


def _kind(sums: bool) -> str:
    """The folder of one kind of graphs: a weights folder may be shared by machines with and without bfloat16."""
    return "with-sums" if sums else "with-deconvolutions"


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


def _array(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.detach().contiguous().numpy()
    return array


def _copy(request: openvino.InferRequest, output: int) -> Tensor:
    """An output that stays when the request runs again."""
    return torch.from_numpy(request.get_output_tensor(output).data.copy())


def _free(port: Any) -> list[int]:
    """The sizes of an input but its batch."""
    return [int(side.get_length()) for side in list(port.partial_shape)[1:]]
