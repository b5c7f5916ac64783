"""The protocol of rendering and analysis engines.

Letters as in `core.modeling.generator`: B batch, L = 23 style inputs, D = 512 style width; faces are RGB in [-1, 1],
float32. All engines draw the same faces: `tests/core/engines/test_engines.py` holds them to a few levels of 255 from
torch in float32. Calls of several threads may overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

Pictures = npt.NDArray[np.uint8]

HALF_SIZE = 512
"""Up to this size pictures come from the low band of the last Haar transform, which is then left out."""


@dataclass(frozen=True, eq=False)
class RenderResult:
    """Pictures as bytes (B, size, size, 3), and the same at 256 px (B, 3, 256, 256), for those who judge faces."""

    pictures: Pictures
    faces: Tensor


@dataclass(frozen=True, eq=False)
class FaceFeatures:
    """Descriptors (B, 128), and the pooled features (B, F) that `core.face.age_estimator` reads."""

    descriptors: Tensor
    pooled: Tensor


@dataclass(frozen=True, eq=False)
class PreviewAnalysis(FaceFeatures):
    """The same of faces drawn and of their mirror images (2B, …), with the mean colours of their cheeks (B, 2, 3)."""

    cheeks: Tensor


class Engine(Protocol):
    """Draws latents and looks at faces."""

    @property
    def name(self) -> str:
        """As it is written in the settings."""
        ...

    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        """Draw W+ (B, L, D) at 256, 512 or 1024 px."""
        ...

    def preview(self, latents: Tensor) -> Tensor:
        """Draw W+ (B, L, D) by the preview head: (B, 3, 256, 256)."""
        ...

    def face(self, latents: Tensor) -> Tensor:
        """The part of the preview around the face (see `core.modeling.face_preview`): (B, 3, 192, 192).

        Who draws the same latents next, at whatever size, has the first blocks done.
        """
        ...

    def look(self, latents: Tensor) -> PreviewAnalysis:
        """How the faces look that W+ (B, L, D) draw as previews, and after them their mirror images: (2B, …).

        Like `face` it leaves the first blocks to who draws the same latents next.
        """
        ...

    def encode(self, faces: Tensor) -> Tensor:
        """Aligned faces (B, 3, 256, 256) → W+ (B, L, D), in one pass."""
        ...

    def extract_features(self, chips: Tensor) -> FaceFeatures:
        """What `core.face.recognition.identity_chip` cut out of faces (B, 3, 150, 150) → how they look."""
        ...

    def nsfw_logits(self, pictures: Tensor) -> Tensor:
        """What `core.photo.nsfw.network_input` made of photos (B, 3, 224, 224) → logits of harmless and NSFW (B,
        2).
        """
        ...
