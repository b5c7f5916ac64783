"""How much a child takes after a parent, as a percentage that means something.

Dlib distances say little to people, and they grow with the difference of ages. So the child is compared as the grown-up
it will be, and the distance is put on a scale where 50 is what strangers reach.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

STRANGER = 0.75
"""Mean distance of drawn children, grown up, to drawn adults who are not their parents (`benchmarks/likeness.py`)."""

SPREAD = 0.10
"""Standard deviation of that distance."""


def distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Euclidean distance of two descriptors (128,)."""
    return float(np.linalg.norm(one - other))


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """The share of strangers who look less alike, in percent: 50 is a stranger, 98 twice their spread nearer."""
    return round(50 * (1 + math.erf((STRANGER - distance(one, other)) / (SPREAD * math.sqrt(2)))), 1)
