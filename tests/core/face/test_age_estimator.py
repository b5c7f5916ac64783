"""The head tells an age, how sure it is, and a sex; its curves only bend what the members say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.face.age_estimator import FEATURES, KNOTS, OLDEST, YEARS, AgeHead, interpolate, to_growth, to_years


@pytest.fixture
def head() -> AgeHead:
    torch.manual_seed(0)
    return AgeHead(hidden=8, members=2).eval()


def chances(*years: int) -> Tensor:
    """All the probability shared by these years."""
    shared = torch.zeros(1, YEARS)
    shared[0, list(years)] = 1 / len(years)
    return shared


@pytest.mark.parametrize("count", [1, 3])
def test_every_face_gets_an_age_an_error_and_a_sex(head: AgeHead, count: int) -> None:
    age, error, male = head(torch.randn(count, FEATURES))
    assert age.shape == error.shape == male.shape == (count,)
    assert (age >= 0).all() and (age <= OLDEST).all()
    assert (error > 0).all()


def test_the_age_is_the_mean_of_the_likely_years_and_their_width_the_error(head: AgeHead) -> None:
    mean, spread = head.moments(torch.cat([chances(6), chances(20, 30)]))
    assert mean.tolist() == pytest.approx([6.0, 25.0], abs=1e-4)
    assert spread.tolist() == pytest.approx([0.0, 5.0], abs=1e-2)


def test_an_uncalibrated_head_says_what_its_members_say(head: AgeHead) -> None:
    expected, spread = torch.tensor([0.0, 7.3, 64.0]), torch.tensor([1.0, 2.0, 3.0])
    age, error, _ = head.calibrate(expected, spread, torch.zeros(3))
    assert age.tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert error.tolist() == pytest.approx(spread.tolist(), abs=1e-4)


def test_calibration_moves_ages_and_widens_errors_but_never_leaves_the_range(head: AgeHead) -> None:
    head.calibrated.copy_(torch.tensor(KNOTS) * 1.2 - 1)
    head.widening.fill_(1.5)
    age, error, _ = head.calibrate(torch.tensor([0.2, 50.0, 99.0]), torch.ones(3), torch.zeros(3))
    assert age.tolist() == pytest.approx([0.0, 59.0, OLDEST], abs=1e-3)
    assert error.tolist() == pytest.approx([1.5] * 3)


def test_a_broken_line_is_read_between_and_beyond_its_corners() -> None:
    read = interpolate(
        torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.0, 2.0, 4.0]), torch.tensor([-1.0, 0.5, 2.0, 4.0])
    )
    assert read.tolist() == pytest.approx([-2.0, 1.0, 3.0, 5.0])


def test_growth_and_years_are_each_others_inverse() -> None:
    ages = torch.tensor([0.0, 1.0, 12.0, 90.0])
    assert to_years(to_growth(ages)).tolist() == pytest.approx(ages.tolist(), abs=1e-3)
