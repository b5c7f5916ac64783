"""Fits the prior of natural latents (`core.latent.naturalness`) on draws of the mapping network. No photo is needed."""

from __future__ import annotations

import math

import torch

from core.latent.naturalness import NEGATIVE_SLOPE, SMALLEST_SCALE, NaturalPrior
from core.modeling.generator import MobileStyleGAN


@torch.inference_mode()
def fit_naturalness(generator: MobileStyleGAN, *, samples: int = 100_000, seed: int = 1) -> NaturalPrior:
    """Mean, principal directions and spread of what enters the mapping network's last leaky ReLU."""
    draws = torch.Generator().manual_seed(seed)
    w = generator.mapping(torch.randn(samples, generator.w_mean.shape[0], generator=draws)) / math.sqrt(2)
    before = torch.where(w >= 0, w, w / NEGATIVE_SLOPE)
    mean = before.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov((before - mean).T.double()))
    prior = NaturalPrior()
    prior.mean.copy_(mean)
    prior.directions.copy_(directions.flip(1).float())
    prior.scale.copy_(variances.flip(0).clamp(min=0).sqrt().clamp(min=SMALLEST_SCALE).float())
    return prior
