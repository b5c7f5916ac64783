"""How old does a face look, and is it a woman's or a man's? A small head on the face recognition network.

The features of four depths are pooled and read by two layers. The head was trained on faces of known age
(`childface train age-estimator`), aligned exactly as our photos and drawings are, so it judges both alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.identity import IdentityNetwork, identity_chip
from core.loading import load_weights

AGE_FILE = "age_estimate.safetensors"
_POOLS = ((1, 4), (2, 4), (3, 3), (4, 1))
FEATURES = 64 * 16 + 128 * 16 + 256 * 9 + 256
OLDEST = 100.0


@dataclass(frozen=True)
class AgeEstimate:
    """Years with their standard error, and the probability that the face is a man's or boy's."""

    age: float
    error: float
    male: float


class AgeHead(nn.Module):
    """Pooled features (B, F) → age in years (B,), standard error in years (B,), logit of male (B,)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, *, hidden: int = 192, members: int = 2) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.3),
                nn.Linear(FEATURES, hidden),
                nn.GELU(),
                nn.Dropout(0.3),
                nn.Linear(hidden, 64),
                nn.GELU(),
                nn.Linear(64, 3),
            )
            for _ in range(members)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Answer with the mean of the members."""
        x = (features - self.mean) * self.scale
        answers = torch.stack([member(x) for member in self.members])
        growth, spread, male = answers.mean(dim=0).unbind(dim=1)
        return to_years(growth), years_per_growth(growth) * F.softplus(spread), male

    def each(self, features: Tensor) -> Tensor:
        """Raw answers (members, B, 3): growth, spread before softplus, logit of male."""
        x = (features - self.mean) * self.scale
        return torch.stack([member(x) for member in self.members])


def to_growth(age: Tensor) -> Tensor:
    """Years → a scale on which a year of a child weighs more than one of an adult: ln(1 + age/12)."""
    return torch.log1p(age.clamp(min=0) / 12)


def to_years(growth: Tensor) -> Tensor:
    """The inverse of `to_growth`, kept within 0 … 100 years."""
    return (12 * torch.expm1(growth)).clamp(0, OLDEST)


def years_per_growth(growth: Tensor) -> Tensor:
    """Slope of `to_years`."""
    return 12 * torch.exp(growth)


def pooled_features(network: IdentityNetwork, aligned: Tensor) -> Tensor:
    """FFHQ-aligned faces (B, 3, H, H) in [-1, 1] → what the head reads, (B, F)."""
    stages = network.stages(identity_chip(aligned))
    return torch.cat([F.adaptive_avg_pool2d(stages[i], pool).flatten(1) for i, pool in _POOLS], dim=1)


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

    @torch.inference_mode()
    def estimate(self, aligned: Tensor) -> AgeEstimate:
        """One aligned face (1, 3, H, H) in [-1, 1], with its mirror image for a steadier answer."""
        both = torch.cat([aligned, aligned.flip(3)])
        age, error, male = self.head(pooled_features(self.network, both))
        return AgeEstimate(
            age=cast(float, age.mean().item()), error=error.mean().item(), male=torch.sigmoid(male.mean()).item()
        )
