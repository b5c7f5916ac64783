"""Estimates age and sex: a small head on the face recognition network.

The features of four depths are pooled, reduced to their principal directions, and read by a few small networks. Each
tells how likely every year from 0 to 100 is (deep label distribution learning, Gao and others 2017): their mean is the
age, its width the uncertainty. Balanced training pulls the very young and the very old towards the middle; a monotone
curve, fitted on faces that the network reading them had not learnt from, pulls them back. The head was trained on faces
of known age (`childface train age-estimator`), aligned exactly as our photos and drawings are, so it judges both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.face.recognition import IdentityNetwork, identity_chip
from core.modeling.weights_io import load_weights

AGE_FILE = "age_estimate.safetensors"
POOLS = ((1, 4), (2, 4), (3, 3), (4, 1))
SIZES = (64 * 16, 128 * 16, 256 * 9, 256)
"""Pooled features of each depth."""

FEATURES = sum(SIZES)
RANKS = (160, 256, 256, 96)
"""Principal directions kept of each depth."""

OLDEST = 100.0
YEARS = 101
"""Years 0 … 100, each with a probability of its own."""

KNOTS = (0.0, 2.0, 4.0, 7.0, 10.0, 14.0, 18.0, 24.0, 32.0, 42.0, 52.0, 62.0, 72.0, 84.0, 100.0)
"""Expected years between which the calibration is straight."""


@dataclass(frozen=True)
class AgeEstimate:
    """Years with their standard error, and the probability that the face is a man's or boy's."""

    age: float
    error: float
    male: float


class CalibratedYears(nn.Module):
    """What estimators of age have in common: from probabilities of the years 0 … 100 to calibrated years."""

    knots: Tensor
    calibrated: Tensor
    widening: Tensor
    years: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("knots", torch.tensor(KNOTS), persistent=False)
        self.register_buffer("calibrated", torch.tensor(KNOTS))
        self.register_buffer("widening", torch.ones(len(KNOTS)))
        self.register_buffer("years", torch.arange(YEARS).float(), persistent=False)

    def moments(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of the years (B, 101) → their mean (B,) and standard deviation (B,)."""
        mean = chances @ self.years
        variance = (chances * (self.years - mean[:, None]).square()).sum(dim=1)
        return mean, variance.sqrt()

    def calibrate(self, expected: Tensor, spread: Tensor, male: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Expected years and their spread → age and standard error as they were on faces not learnt from."""
        age = interpolate(self.knots, self.calibrated, expected).clamp(0, OLDEST)
        return age, spread * interpolate(self.knots, self.widening, expected), male


class AgeHead(CalibratedYears):
    """Pooled features (B, F) → age in years (B,), standard error in years (B,), logit of male (B,)."""

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        *,
        hidden: int = 192,
        members: int = 5,
        sizes: Sequence[int] = SIZES,
        ranks: Sequence[int] = RANKS,
    ) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.register_buffer("mean", torch.zeros(sum(sizes)))
        self.register_buffer("scale", torch.ones(sum(sizes)))
        self.reduce = nn.ModuleList(nn.Linear(size, rank, bias=False) for size, rank in zip(sizes, ranks, strict=True))
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.4),
                nn.Linear(sum(ranks), hidden),
                nn.GELU(),
                nn.Dropout(0.4),
                nn.Linear(hidden, 64),
                nn.GELU(),
                nn.Linear(64, YEARS + 1),
            )
            for _ in range(members)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Answer with the mean of the members, calibrated."""
        reduced = self.reduced(features)
        answers = torch.stack([member(reduced) for member in self.members])
        return self.calibrate(*self.moments(answers[..., :YEARS].softmax(dim=2).mean(dim=0)), answers[..., -1].mean(0))

    def reduced(self, features: Tensor) -> Tensor:
        """Pooled features (B, F) → what the members read, (B, R)."""
        parts = ((features - self.mean) * self.scale).split(self.sizes, dim=1)
        return torch.cat([reduce(part) for reduce, part in zip(self.reduce, parts, strict=True)], dim=1)


def interpolate(at: Tensor, values: Tensor, where: Tensor) -> Tensor:
    """The broken line through (at, values), both (K,), read at `where` (B,); straight on beyond its ends."""
    right = torch.searchsorted(at, where.contiguous()).clamp(1, len(at) - 1)
    share = (where - at[right - 1]) / (at[right] - at[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])


def to_growth(age: Tensor) -> Tensor:
    """Years → a scale on which a year of a child weighs more than one of an adult: ln(1 + age/12)."""
    return torch.log1p(age.clamp(min=0) / 12)


def to_years(growth: Tensor) -> Tensor:
    """The inverse of `to_growth`, kept within 0 … 100 years."""
    return (12 * torch.expm1(growth)).clamp(0, OLDEST)


def pooled_features(network: IdentityNetwork, aligned: Tensor) -> Tensor:
    """FFHQ-aligned faces (B, 3, H, H) in [-1, 1] → what the head reads, (B, F)."""
    return pooled_stages(network.stages(identity_chip(aligned)))


def pooled_stages(stages: Sequence[Tensor]) -> Tensor:
    """Features of the face recognition network (see `IdentityNetwork.stages`) → what the head reads, (B, F)."""
    return torch.cat([F.adaptive_avg_pool2d(stages[i], pool).flatten(1) for i, pool in POOLS], dim=1)


class AgeEstimator:
    """The network and the head together."""

    def __init__(self, network: IdentityNetwork, head: AgeHead) -> None:
        self.network = network
        self.head = head

    @classmethod
    def load(cls, network: IdentityNetwork, weights: Path) -> AgeEstimator:
        """Read the shipped head; MissingWeights when it is absent or damaged."""
        head = AgeHead()
        load_weights(head, weights / AGE_FILE)
        return cls(network, head.eval().requires_grad_(False))

    def estimate(self, aligned: Tensor) -> AgeEstimate:
        """One aligned face (1, 3, H, H) in [-1, 1], with its mirror image for a steadier answer."""
        with torch.inference_mode():
            return read_age(self.head, pooled_features(self.network, torch.cat([aligned, aligned.flip(3)])))


@torch.inference_mode()
def read_age(head: AgeHead, pooled: Tensor) -> AgeEstimate:
    """Pooled features (B, F) of a face and its mirror image → what they say together."""
    age, error, male = head(pooled)
    return AgeEstimate(
        age=cast(float, age.mean().item()), error=error.mean().item(), male=torch.sigmoid(male.mean()).item()
    )
