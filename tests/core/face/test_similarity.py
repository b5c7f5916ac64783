"""Likeness is a percentage that means something."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core.domain.errors import MissingWeights
from core.face.similarity import LEAST, MOST, PEOPLE, LikenessScale, cosine, distance, load_likeness
from core.modeling.weights_io import SHIPPED


def at_an_angle(cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Two differences of other lengths that point the same way so far, in dimensions that tell no people."""
    across = math.sqrt(1 - cosine**2)
    one, other = np.zeros(128, np.float32), np.zeros(128, np.float32)
    one[10], other[10], other[11] = 0.4, 0.3 * cosine, 0.3 * across
    return one, other


@pytest.fixture
def scale() -> LikenessScale:
    """Leaves out the first dimensions; strangers at 0.1 and, of sons and fathers, 0.0; oneself at 0.6."""
    found = LikenessScale()
    found.strangers.copy_(torch.tensor([[0.1, 0.1], [0.1, 0.0]]))
    found.oneself.copy_(torch.tensor(0.6))
    return found


@pytest.mark.parametrize(
    ("angle", "percent"), [(0.1, 50.0), (0.6, MOST), (0.35, 75.0), (-0.15, 25.0), (-0.9, LEAST), (0.95, MOST)]
)
def test_a_stranger_is_half_alike_and_oneself_wholly(scale: LikenessScale, angle: float, percent: float) -> None:
    assert scale.percent(*at_an_angle(angle), child_male=False, parent_male=True) == pytest.approx(percent, abs=0.1)


def test_each_pair_of_sexes_has_strangers_of_its_own(scale: LikenessScale) -> None:
    pair = at_an_angle(0.3)
    to_father = scale.percent(*pair, child_male=True, parent_male=True)
    assert to_father > scale.percent(*pair, child_male=True, parent_male=False)


def test_what_tells_a_people_does_not_count(scale: LikenessScale) -> None:
    one, other = at_an_angle(0.2)
    of_one_people = np.zeros(128, np.float32)
    of_one_people[PEOPLE - 1] = 0.5
    assert cosine(one + of_one_people, other + of_one_people) > 0.6
    assert scale.cosine(one + of_one_people, other + of_one_people) == pytest.approx(0.2, abs=1e-6)


def test_how_far_somebody_is_from_the_mean_does_not_matter() -> None:
    child, parent = at_an_angle(0.5)
    assert cosine(child, parent) == pytest.approx(0.5)
    assert cosine(3 * child, parent) == pytest.approx(0.5)


def test_who_differs_from_nobody_is_like_nobody() -> None:
    assert cosine(np.zeros(128, np.float32), at_an_angle(1.0)[1]) == 0.0


def test_distance_is_euclidean() -> None:
    assert distance(np.zeros(128, np.float32), np.array([0.6, *[0.0] * 127], np.float32)) == pytest.approx(0.6)


def test_the_shipped_scale_leaves_out_orthonormal_directions_and_lets_values_spread(tmp_path: Path) -> None:
    shipped = load_likeness(SHIPPED)
    assert torch.allclose(shipped.people @ shipped.people.T, torch.eye(PEOPLE), atol=2e-3)
    assert shipped.strangers.abs().max() < 0.15 and 0.4 < shipped.oneself < 0.9
    with pytest.raises(MissingWeights):
        load_likeness(tmp_path)
