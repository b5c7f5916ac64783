"""Options that several training commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Weights = Annotated[Path, typer.Option(help="Folder of the fetched weights.")]
Threads = Annotated[int, typer.Option(help="Threads of torch; 0: as many as there are cores.")]

DEFAULT_WEIGHTS = Path.home() / ".cache" / "childface"


def use_threads(count: int) -> None:
    """Limit torch's threads, unless `count` is 0."""
    import torch

    if count:
        torch.set_num_threads(count)
