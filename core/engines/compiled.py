"""The torch engine compiled by torch's inductor: faster, but needs a C++ compiler and a minute to start."""

from __future__ import annotations

import shutil

import torch
from torch import nn

from core.engines.eager import TorchEngine
from core.engines.networks import Networks


class CompiledEngine(TorchEngine):
    """Compiles on the first call of each kind; what was compiled is kept in torch's own cache on disk."""

    name = "compiled"

    def __init__(self, networks: Networks, *, device: str = "cpu") -> None:
        super().__init__(networks, device=device)
        self.synthesis, self.previews, self.face_preview = (
            _compiled(module) for module in (self.synthesis, self.previews, self.face_preview)
        )


def can_compile() -> bool:
    """Whether there is a C++ compiler."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


def _compiled(module: nn.Module) -> nn.Module:
    found = torch.compile(module, dynamic=False)
    assert isinstance(found, nn.Module)
    return found
