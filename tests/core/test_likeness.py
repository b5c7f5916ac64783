"""Likeness is a percentage that means something."""

from __future__ import annotations

import numpy as np
import pytest

from core.likeness import STRANGERS, distance, likeness


def apart(far: float) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(128, np.float32), np.array([far, *[0.0] * 127], np.float32)


@pytest.mark.parametrize("pair", STRANGERS)
def test_a_stranger_of_the_parent_s_sex_is_half_alike(pair: tuple[bool, bool]) -> None:
    child, stranger = apart(STRANGERS[pair].mean)
    assert likeness(child, stranger, child_male=pair[0], parent_male=pair[1]) == 50.0


def test_two_spreads_nearer_than_strangers_is_98_percent() -> None:
    usual = STRANGERS[False, False]
    child, parent = apart(usual.mean - 2 * usual.spread)
    assert likeness(child, parent, child_male=False, parent_male=False) == pytest.approx(97.7, abs=0.1)


def test_the_other_sex_is_judged_by_strangers_of_the_other_sex() -> None:
    child, parent = apart(0.75)
    to_mother = likeness(child, parent, child_male=True, parent_male=False)
    assert to_mother > likeness(child, parent, child_male=True, parent_male=True)


def test_distance_is_euclidean() -> None:
    assert distance(*apart(0.6)) == pytest.approx(0.6)
