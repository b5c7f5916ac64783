"""Likeness is a percentage that means something."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.face.similarity import IMPOSTOR_STATS, cosine, distance, likeness


def at_an_angle(cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Two differences of other lengths that point the same way so far."""
    across = math.sqrt(1 - cosine**2)
    return np.array([0.4, *[0.0] * 127], np.float32), 0.3 * np.array([cosine, across, *[0.0] * 126], np.float32)


@pytest.mark.parametrize("pair", IMPOSTOR_STATS)
def test_a_stranger_of_the_parent_s_sex_is_half_alike(pair: tuple[bool, bool]) -> None:
    assert likeness(*at_an_angle(IMPOSTOR_STATS[pair].mean), child_male=pair[0], parent_male=pair[1]) == 50.0


def test_two_spreads_more_alike_than_strangers_is_98_percent() -> None:
    usual = IMPOSTOR_STATS[False, False]
    alike = likeness(*at_an_angle(usual.mean + 2 * usual.spread), child_male=False, parent_male=False)
    assert alike == pytest.approx(97.7, abs=0.1)


def test_each_pair_of_sexes_has_strangers_of_its_own() -> None:
    pair = at_an_angle(0.3)
    to_mother = likeness(*pair, child_male=True, parent_male=False)
    assert to_mother > likeness(*pair, child_male=False, parent_male=False)


def test_how_far_somebody_is_from_the_mean_does_not_matter() -> None:
    child, parent = at_an_angle(0.5)
    assert cosine(child, parent) == pytest.approx(0.5)
    assert cosine(3 * child, parent) == pytest.approx(0.5)


def test_who_differs_from_nobody_is_like_nobody() -> None:
    assert cosine(np.zeros(128, np.float32), at_an_angle(1.0)[1]) == 0.0


def test_distance_is_euclidean() -> None:
    assert distance(np.zeros(128, np.float32), np.array([0.6, *[0.0] * 127], np.float32)) == pytest.approx(0.6)
