"""Options that several training commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Weights = Annotated[Path, typer.Option(help="Folder of the fetched weights.")]
Threads = Annotated[int, typer.Option(help="Threads of torch; 0: as many as there are cores.")]
People = Annotated[
    Path | None,
    typer.Option(
        help="Folder with labels.csv (file, source, age, age_kind, sex, race) and FFHQ-framed faces.", exists=True
    ),
]
Redrawn = Annotated[
    Path | None,
    typer.Option(help="Folder of the same people's photos, encoded and drawn again: SOURCE/STEM.jpg.", exists=True),
]

DEFAULT_WEIGHTS = Path.home() / ".cache" / "childface"


def use_threads(count: int) -> None:
    """Limit torch's threads, unless `count` is 0."""
    import torch

    if count:
        torch.set_num_threads(count)
