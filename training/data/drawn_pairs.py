"""The folder of drawn pairs: pictures that the generator drew beside the latents that it drew them from.

00000.jpg …     256-px pictures, area-reduced from 1024
latents.npz     w (N, 2, 512) in W, already truncated; cross (N,): style inputs 0 … cross-1 take w[:, 0], the others
                w[:, 1] (23: not mixed); psi (N,): truncation; age (N,), male (N,): as an estimator saw them, -1: none
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.modeling.generator import STYLES


@dataclass(frozen=True)
class DrawnPairs:
    """Pictures on disk, latents and labels in memory. N rows."""

    folder: Path
    w: Tensor  # (N, 2, D)
    cross: Tensor  # (N,)
    age: Tensor  # (N,) years, -1 unknown
    male: Tensor  # (N,) 0 or 1

    @classmethod
    def open(cls, folder: Path) -> DrawnPairs:
        """Read `latents.npz`; the pictures are read when they are asked for."""
        with np.load(folder / "latents.npz", allow_pickle=False) as arrays:
            return cls(
                folder=folder,
                w=torch.from_numpy(arrays["w"].astype(np.float32)),
                cross=torch.from_numpy(arrays["cross"].astype(np.int64)),
                age=torch.from_numpy(arrays["age"].astype(np.float32)),
                male=torch.from_numpy(arrays["male"].astype(np.float32)),
            )

    def __len__(self) -> int:
        return len(self.w)

    def latent(self, rows: Tensor) -> Tensor:
        """W+ (B, L, D) of the rows (B,)."""
        second = torch.arange(STYLES)[None, :] >= self.cross[rows][:, None]
        w = self.w[rows]
        return torch.where(second[:, :, None], w[:, 1:2], w[:, 0:1])

    def picture(self, row: int) -> Tensor:
        """The picture (3, 256, 256) in [-1, 1]."""
        return read_picture(self.folder / f"{row:05d}.jpg")

    def split(self, held_back: int) -> tuple[Tensor, Tensor]:
        """Row numbers for training and, from the end, for validation."""
        rows = torch.arange(len(self))
        return rows[:-held_back], rows[-held_back:]


def read_picture(path: Path) -> Tensor:
    """An RGB picture file → (3, H, W) in [-1, 1]."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1


def endless(rows: Tensor, *, generator: torch.Generator) -> Iterator[int]:
    """The rows in a new random order, again and again."""
    while True:
        yield from rows[torch.randperm(len(rows), generator=generator)].tolist()
