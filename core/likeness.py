"""How much a child takes after a parent, as a percentage that means something: 50 is a stranger of that age and sex.

Dlib distances say little to people, grow with the difference of ages, and are larger between the sexes. So the child is
compared as the grown-up it will be, and the distance is put on the scale of strangers: of how many grown-ups of the
parent's sex, who are not the parent, the child would be farther than it is from the parent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Strangers:
    """Distances of drawn children, grown up, to photos of unrelated people: mean and standard deviation."""

    mean: float
    spread: float


STRANGERS: Mapping[tuple[bool, bool], Strangers] = {
    (False, False): Strangers(0.772, 0.083),
    (False, True): Strangers(0.867, 0.077),
    (True, False): Strangers(0.871, 0.084),
    (True, True): Strangers(0.798, 0.080),
}
"""By whether the child, and whether the stranger, is male. Measured by `benchmarks/likeness.py`
with 8 couples and 537 photos."""


def distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Euclidean distance of two descriptors (128,)."""
    return float(np.linalg.norm(one - other))


def likeness(
    child: npt.NDArray[np.float32], parent: npt.NDArray[np.float32], *, child_male: bool, parent_male: bool
) -> float:
    """Percent of strangers of the parent's sex who look less like the child, for descriptors (128,)."""
    strangers = STRANGERS[child_male, parent_male]
    nearer = (strangers.mean - distance(child, parent)) / strangers.spread
    return round(50 * (1 + math.erf(nearer / math.sqrt(2))), 1)
