"""A latent in W+ with the versions of the models that made it; other models' latents are rejected."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.domain.errors import LatentMismatch
from core.face.skin_tone import PHOTO_ERROR, UNKNOWN, Pigment
from core.modeling.generator import STYLES, WIDTH

LARGEST = 2**20
"""Bytes of a latent in npz form when it is unpacked; ours have 48,000. A small file can hold gigabytes."""


@dataclass(frozen=True, eq=False)
class Latent:
    """`w` float32 (L, D) in W+; `descriptor` float32 (128): who the photo showed (see `core.face.recognition`).

    `generator` and `encoder` are names with the first digits of the weights' hash. `skin` float32 (3): the
    skin's colour (see `core.face.pigment`), NaN where it is not known; `skin_error` float32 (3): its standard error.
    """

    w: npt.NDArray[np.float32]
    descriptor: npt.NDArray[np.float32]
    generator: str
    encoder: str
    skin: npt.NDArray[np.float32] = field(default_factory=lambda: UNKNOWN)
    skin_error: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(3, np.float32))

    def __post_init__(self) -> None:
        for name, shape in (("w", (STYLES, WIDTH)), ("descriptor", (128,)), ("skin", (3,)), ("skin_error", (3,))):
            numbers = getattr(self, name)
            known = numbers[~np.isnan(numbers)] if name == "skin" else numbers
            if numbers.shape != shape or not np.isfinite(known).all():
                raise LatentMismatch(
                    expected=f"{name}: finite numbers {shape}", found=f"{numbers.dtype} {numbers.shape}"
                )
            object.__setattr__(self, name, np.ascontiguousarray(numbers, np.float32))

    def tensor(self) -> Tensor:
        """W+ as a batch of one, (1, L, D)."""
        return torch.from_numpy(self.w)[None]

    @property
    def pigment(self) -> Pigment:
        """The skin's colour with its standard error."""
        return Pigment(self.skin, self.skin_error)

    def require(self, generator: str) -> Latent:
        """This latent, or LatentMismatch when another generator is to draw it."""
        if self.generator != generator:
            raise LatentMismatch(expected=generator, found=self.generator)
        return self

    def to_bytes(self) -> bytes:
        """The npz form: arrays `w`, `descriptor`, `generator`, `encoder`, `skin`, `skin_error`."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            w=self.w,
            descriptor=self.descriptor,
            generator=np.array(self.generator),
            encoder=np.array(self.encoder),
            skin=self.skin,
            skin_error=self.skin_error,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Latent:
        """Read the npz form; LatentMismatch when the bytes are anything else."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as members:
                if sum(member.file_size for member in members.infolist()) > LARGEST:
                    raise ValueError("too large when unpacked")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(
                    w=np.asarray(arrays["w"], np.float32),
                    descriptor=np.asarray(arrays["descriptor"], np.float32),
                    generator=str(arrays["generator"]),
                    encoder=str(arrays["encoder"]),
                    # Older latents have no colour, or that of the cheeks on the photo, light included.
                    skin=np.asarray(arrays["skin"], np.float32) if "skin" in arrays else UNKNOWN,
                    skin_error=np.asarray(arrays["skin_error"], np.float32) if "skin_error" in arrays else PHOTO_ERROR,
                )
        except Exception as cause:  # numpy, zipfile and zlib raise a dozen kinds on damaged input: this is the border
            raise LatentMismatch(
                expected="a latent in npz form", found=f"{len(data)} bytes of something else"
            ) from cause

    def save(self, path: Path) -> None:
        """Write the npz form."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Latent:
        """Read a file written by `save`."""
        return cls.from_bytes(path.read_bytes())
