"""Folders of real photos, aligned once and kept as one array beside the run: nothing of them enters the repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.face.detection import Pixels
from training.data.tight_alignment import TightAligner

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


CELEBA_HALF = (0.2, 0.36, 0.8, 0.86)
"""Where the face is in CelebA's aligned crops at half size (89×109), as shares: left, top, right, bottom."""


@dataclass(frozen=True)
class PhotoFolder:
    """Where photos lie, and what is known of them.

    `box`: None when they are FFHQ-aligned already; otherwise about where the face is, as shares of the picture (left,
    top, right, bottom), because small crops defeat a detector. `detail`: pixels across the aligned face that they hold.
    """

    folder: Path
    box: tuple[float, float, float, float] | None = None
    detail: int = 256


class AlignedPhotos:
    """Aligned faces (N, H, H, 3) uint8, read from disk as they are needed."""

    def __init__(self, pixels: np.ndarray, *, detail: int) -> None:
        self.pixels = pixels
        self.detail = detail

    def __len__(self) -> int:
        return len(self.pixels)

    def picture(self, row: int) -> Tensor:
        """One face (3, 256, 256) in [-1, 1]."""
        face = torch.from_numpy(self.pixels[row].copy()).permute(2, 0, 1).float() / 127.5 - 1
        if face.shape[-1] == 256:
            return face
        return torch.nn.functional.interpolate(face[None], 256, mode="bicubic", align_corners=False)[0].clamp(-1, 1)

    @classmethod
    def open(cls, photos: PhotoFolder, cache: Path, *, aligner: TightAligner) -> AlignedPhotos:
        """Align every picture of the folder, by name, unless `cache` holds the answer already."""
        if not cache.is_file():
            size = 256 if photos.detail > 128 else 128
            files = sorted(path for path in photos.folder.iterdir() if path.suffix.lower() in SUFFIXES)
            cache.parent.mkdir(parents=True, exist_ok=True)
            fresh = cache.with_suffix(".new.npy")
            out = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
            for i, path in enumerate(files):
                with Image.open(path) as picture:
                    out[i] = _align(np.asarray(picture.convert("RGB")), photos, aligner, size)
            out.flush()
            fresh.replace(cache)
        return cls(np.load(cache, mmap_mode="r"), detail=photos.detail)


def _align(rgb: Pixels, photos: PhotoFolder, aligner: TightAligner, size: int) -> Pixels:
    if photos.box is not None:
        return aligner.align(rgb, box=photos.box, size=size)
    if rgb.shape[:2] == (size, size):
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS))
