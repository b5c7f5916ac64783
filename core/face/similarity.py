"""Similarity of a child and a parent as a calibrated percentage.

50 is an unrelated person of the parent's sex and people, 100 is another photo of the parent. What counts is by what the
child differs from others of its age and sex, and the parent's photo from other adults (`core.latent.kinship`), and
how far these two point the same way. What husband and wife have in common, who are no kin, is left out first: it
tells a people, not a family. The scale is measured on real families (`benchmarks/quality/likeness.py`); where their
own children lie is in docs/families.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.modeling.weights_io import load_weights

LIKENESS_FILE = "likeness.safetensors"

PEOPLE = 3
"""Directions of descriptors along which couples are alike."""

LEAST, MOST = 1.0, 99.0
"""Nobody is quite unlike anybody, nor the same as their parent."""

Vector = npt.NDArray[np.float32]


class LikenessScale(nn.Module):
    """What strangers and other photos of one person reach, as cosines.

    `people` (3, 128): orthonormal directions that are left out; `strangers` (2, 2): by whether the child, and whether
    the stranger, is male; `oneself` (): two photos of one person.
    """

    people: Tensor
    strangers: Tensor
    oneself: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("people", torch.eye(PEOPLE, 128))
        self.register_buffer("strangers", torch.zeros(2, 2))
        self.register_buffer("oneself", torch.ones(()))

    def cosine(self, one: Vector, other: Vector) -> float:
        """How far two differences of descriptors (128,) point the same way, beside what tells a people; -1 to 1."""
        people = np.asarray(self.people.numpy(), np.float32)
        return cosine(*(np.asarray(each - people.T @ (people @ each), np.float32) for each in (one, other)))

    def percent(self, child: Vector, parent: Vector, *, child_male: bool, parent_male: bool) -> float:
        """1 to 99, of by what child and parent (128,) each differ from others of their age and sex."""
        stranger = self.strangers[int(child_male), int(parent_male)].item()
        share = (self.cosine(child, parent) - stranger) / (self.oneself.item() - stranger)
        return round(min(max(50 + 50 * share, LEAST), MOST), 1)


def load_likeness(weights: Path) -> LikenessScale:
    """Read the shipped scale; MissingWeights when it is absent or damaged."""
    scale = LikenessScale()
    load_weights(scale, weights / LIKENESS_FILE)
    return scale.eval()


def distance(one: Vector, other: Vector) -> float:
    """Euclidean distance of two descriptors (128,)."""
    return float(np.linalg.norm(one - other))


def cosine(one: Vector, other: Vector) -> float:
    """How far two differences of descriptors (128,) point the same way, -1 … 1; 0 where there is no difference."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
