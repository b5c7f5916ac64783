"""Similarity of a child and a parent as a calibrated percentage: 50 is an unrelated person.

Dlib distances say little to people, grow with the difference of ages, and are larger between the sexes. So what counts
is by what the child's drawing differs from those of other children of its age and sex, and by what the parent's photo
differs from those of other adults (`core.latent.kinship`): how far these two point the same way, on the scale of
strangers. The percentage is that of the strangers to whom the child is less alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ImpostorStats:
    """Cosines between what sets drawn children apart and what sets unrelated people apart: mean, standard deviation."""

    mean: float
    spread: float


IMPOSTOR_STATS: Mapping[tuple[bool, bool], ImpostorStats] = {
    (False, False): ImpostorStats(-0.001, 0.177),
    (False, True): ImpostorStats(-0.001, 0.164),
    (True, False): ImpostorStats(-0.006, 0.166),
    (True, True): ImpostorStats(0.001, 0.169),
}
"""By whether the child, and whether the stranger, is male. Measured by `benchmarks/quality/likeness.py` from two years
to sixty: they hardly change with the age."""


def distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Euclidean distance of two descriptors (128,)."""
    return float(np.linalg.norm(one - other))


def cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """How far two differences of descriptors (128,) point the same way, -1 … 1; 0 where there is no difference."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


def likeness(
    child: npt.NDArray[np.float32], parent: npt.NDArray[np.float32], *, child_male: bool, parent_male: bool
) -> float:
    """Percent of strangers of the parent's sex to whom the child is less alike.

    `child`, `parent` (128,): by what they differ from others of their age and sex.
    """
    strangers = IMPOSTOR_STATS[child_male, parent_male]
    nearer = (cosine(child, parent) - strangers.mean) / strangers.spread
    return round(50 * (1 + math.erf(nearer / math.sqrt(2))), 1)
