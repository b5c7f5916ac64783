"""Selects the engine for this machine: by setting, by benchmark, or by default."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import torch

from core.domain.errors import SettingError
from core.engines.batching import BatchingEngine
from core.engines.benchmark_cache import recall
from core.engines.compiled import CompiledEngine, can_compile
from core.engines.eager import TorchEngine
from core.engines.openvino import engine as openvino_engine
from core.engines.openvino.engine import OpenVinoEngine
from core.engines.protocol import Engine
from core.modeling.encoder import ENCODER_FILE
from core.modeling.generator_weights import GENERATOR_FILE
from core.modeling.preview_head import PREVIEW_FILE
from core.modeling.registry import Models
from core.modeling.weight_hashes import file_sha256
from core.photo.nsfw import SAFETY_FILE
from core.runtime.malloc import page_out

EngineName = Literal["auto", "torch", "compiled", "openvino"]
ENGINES: tuple[EngineName, ...] = ("auto", "torch", "compiled", "openvino")


def load_engine(models: Models, name: str = "auto", *, threads: int | None = None) -> Engine:
    """The engine of that name. SettingError when it cannot run here; MissingWeights."""
    chosen = choose(models.weights) if name == "auto" else name
    if chosen not in available():
        raise SettingError(name="engine", value=name, allowed=", ".join(("auto", *available())))
    if not torch.cuda.is_available():
        page_out(
            Path(torch.__file__).parents[1] / "nvidia"
        )  # CUDA's libraries, a hundred megabytes, were only looked at
    if chosen == "openvino":
        folder = openvino_engine.graphs_folder(models.weights, weights_version(models))
        passing = Models(models.weights, models.shipped)  # its networks go when the graphs are written
        try:
            engine = OpenVinoEngine(openvino_engine.export(passing.networks, folder), threads=threads)
            engine.prepare()
            return engine
        except OSError:  # a folder that may only be read, a full disk
            return OpenVinoEngine(models.networks(), threads=threads)
    kind = CompiledEngine if chosen == "compiled" else TorchEngine
    if torch.cuda.is_available():
        return BatchingEngine(kind(models.networks(), device="cuda"))
    return kind(models.networks())


def choose(cache: Path) -> str:
    """The engine that was measured to be the best here; without a measurement OpenVINO if installed, unless there is
    a GPU."""
    remembered = recall(cache)
    if remembered is not None and remembered in available():
        return remembered
    return "openvino" if openvino_engine.is_installed() and not torch.cuda.is_available() else "torch"


def available() -> list[str]:
    """The engines that can run here."""
    found = ["torch"]
    if can_compile():
        found.append("compiled")
    if openvino_engine.is_installed():
        found.append("openvino")
    return found


def weights_version(models: Models) -> str:
    """Hex digits that change with any weight that graphs are made of."""
    files = [models.shipped / name for name in (PREVIEW_FILE, ENCODER_FILE)]
    files += [models.weights / name for name in (GENERATOR_FILE, SAFETY_FILE)]
    hashes = [file_sha256(path) if path.is_file() else "none" for path in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]
