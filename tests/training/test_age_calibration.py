"""Calibration undoes the pull towards the middle and makes the stated errors true."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.face.age_estimator import YEARS, AgeHead
from training.trainers.age_calibration import BANDS, fit_calibration


def bells(centre: Tensor, width: float) -> Tensor:
    """Probabilities of the years (N, 101) around centres (N,)."""
    years = torch.arange(YEARS).float()
    return (-0.5 * ((years - centre[:, None]) / width).square()).softmax(dim=1)


@pytest.fixture
def told() -> tuple[AgeHead, Tensor, Tensor]:
    """Three thousand faces, taken for nearer to thirty than they are, four years wrong, and claiming two."""
    torch.manual_seed(0)
    age = 100 * torch.rand(3000) * 0.9
    seen = 30 + 0.8 * (age - 30) + 4 * torch.randn(3000)
    return AgeHead(hidden=8, members=1), bells(seen.clamp(3, 97), 2.0), age


def test_no_band_is_biased_where_every_band_was(told: tuple[AgeHead, Tensor, Tensor]) -> None:
    head, chances, age = told
    fit_calibration(head, chances, age)
    seen, _, _ = head.calibrate(*head.moments(chances), torch.zeros(len(age)))
    for low, high in BANDS[3:]:
        band = (age >= low) & (age <= high)
        assert abs((seen - age)[band].mean().item()) < 1.5
    assert (torch.diff(head.calibrated) > 0).all(), "who looks older is never told to be younger"


def test_two_thirds_of_the_errors_lie_within_the_stated_one(told: tuple[AgeHead, Tensor, Tensor]) -> None:
    head, chances, age = told
    fit_calibration(head, chances, age)
    seen, error, _ = head.calibrate(*head.moments(chances), torch.zeros(len(age)))
    assert ((seen - age).abs() <= error).float().mean().item() == pytest.approx(0.68, abs=0.05)
