"""Calibrates ages and their uncertainties on faces that the networks reading them had not learnt from.

A network that is right on average of what it says is wrong by band of true age: it takes the old for younger. The curve
from expected to calibrated years is fitted so that no band of true ages is biased, at the least cost in mean error.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.age_estimator import CalibratedYears, interpolate

BANDS = ((0, 2), (3, 5), (6, 8), (9, 11), (12, 14), (15, 17), (18, 24), (25, 39), (40, 60), (61, 120))
"""Years of true age, both ends included."""

AGAINST_BIAS = 3.0
"""What a squared year of bias weighs against a year of mean error."""


def fit_calibration(head: CalibratedYears, chances: Tensor, age: Tensor, *, steps: int = 1500) -> None:
    """Set the head's curves from probabilities of years (N, 101) of faces left out, and their true ages (N,)."""
    with torch.no_grad():
        expected, spread = head.moments(chances)
    head.calibrated.copy_(_unbiased(head.knots, expected, age, steps))
    with torch.no_grad():
        off = (interpolate(head.knots, head.calibrated, expected) - age).abs()
    head.widening.copy_(_widening(head.knots, expected, spread, off))


def _unbiased(knots: Tensor, expected: Tensor, age: Tensor, steps: int) -> Tensor:
    """Calibrated years at the knots (K,): rising, little bias in any band, small errors, no kinks."""
    gaps = torch.diff(knots)
    rise = torch.log(torch.expm1(gaps)).requires_grad_()
    start = torch.zeros(1, requires_grad=True)
    bands = [band for low, high in BANDS if (band := (age >= low) & (age <= high)).any()]
    optimiser = torch.optim.Adam([rise, start], lr=0.03)
    for _ in range(steps):
        steepness = F.softplus(rise)
        off = interpolate(knots, torch.cat([start, start + steepness.cumsum(0)]), expected) - age
        bias = torch.stack([off[band].mean() for band in bands]).square().mean() if bands else off.mean().square()
        kinks = torch.diff(steepness / gaps).square().sum()
        loss = off.abs().mean() + AGAINST_BIAS * bias + 0.02 * kinks
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return torch.cat([start, start + F.softplus(rise).cumsum(0)])


def _widening(knots: Tensor, expected: Tensor, spread: Tensor, off: Tensor) -> Tensor:
    """Factors at the knots (K,) by which a spread grows to hold 68 of 100 errors, from the faces near each knot."""
    ratios = off / spread.clamp(min=0.05)
    nearness = torch.exp(-0.5 * ((expected[None] - knots[:, None]) / (1 + 0.15 * knots[:, None])).square())
    order = ratios.argsort()
    weight = (nearness[:, order] + 1e-6).cumsum(dim=1)
    place = torch.searchsorted(weight, 0.683 * weight[:, -1:]).clamp(max=len(order) - 1)
    return ratios[order[place[:, 0]]]
