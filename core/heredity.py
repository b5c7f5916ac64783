"""Heredity: two parents' latents → a child's latent, drawn from a seed.

A child is not an average. The latent is cut into loci: each group of style inputs (coarse shape to fine colour) times
each block of W's principal directions. For every locus the child takes a share of dad's latent; the shares scatter
around the wish (`mix`), most of them near one parent or the other, as genes do. So siblings differ, a mean face does
not come out, and at mix 0 or 100 every share is the one parent's.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core.encoder import GROUPS

BLOCKS = 12
"""Blocks of principal directions; the first blocks hold few strong directions, the later ones many weak ones."""

CONCENTRATION = 0.8
"""Of the Beta law of the shares: below 2 its mass lies at the ends."""


@dataclass(frozen=True)
class Basis:
    """Orthonormal principal directions of W as columns (D, D), strongest first, and W's mean (D,)."""

    directions: Tensor
    mean: Tensor

    @classmethod
    def fit(cls, w: Tensor) -> Basis:
        """From samples of W (N, D)."""
        mean = w.mean(dim=0)
        _, vectors = torch.linalg.eigh(torch.cov((w - mean).T))
        vectors = vectors.flip(dims=(1,))
        # An eigenvector's sign is arbitrary; fix it, so that every machine has the same basis.
        signs = torch.sign(vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)))
        return cls(directions=vectors * signs, mean=mean)


def block_edges(width: int, blocks: int = BLOCKS) -> list[int]:
    """Where the blocks begin and end: geometric steps, so that each block carries a comparable part of a face."""
    edges = {0, width}
    edges |= {round(4 * (width / 4) ** (i / (blocks - 1))) for i in range(blocks - 1)}
    return sorted(edges)


def seeded(seed: int, purpose: str) -> np.random.Generator:
    """A random stream of its own for each seed and purpose, the same on every machine and in every release of torch."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def gene_shares(mix: float, seed: int, blocks: int) -> Tensor:
    """Dad's share of every locus, (groups, blocks) in [0, 1]; their mean is `mix` / 100, exactly 0 or 1 at the ends."""
    wanted = mix / 100
    groups = max(GROUPS) + 1
    if wanted <= 0 or wanted >= 1:
        return torch.full((groups, blocks), float(wanted >= 1))
    # One uniform number a locus, pushed through the Beta law's quantiles: moving `mix` moves every share smoothly.
    uniform = seeded(seed, "genes").random((groups, blocks))
    shares = _beta_quantile(uniform, wanted)
    return torch.from_numpy(_to_mean(shares, wanted)).float()


def _beta_quantile(uniform: np.ndarray, mean: float) -> np.ndarray:
    """Quantiles of a Beta law with this mean and CONCENTRATION, read off its numerically summed density."""
    a, b = mean * CONCENTRATION, (1 - mean) * CONCENTRATION
    # On a logit grid the density is bounded at both ends.
    t = np.linspace(-30, 30, 6001)
    x = 1 / (1 + np.exp(-t))
    density = np.exp(a * np.log(x) + b * np.log1p(-x.clip(max=1 - 1e-16)))
    total = np.cumsum(density)
    return np.asarray(np.interp(uniform, total / total[-1], x))


def _to_mean(shares: np.ndarray, wanted: float) -> np.ndarray:
    """Bend the shares by one power so that their mean is what was asked, keeping 0 … 1 and their order."""
    low, high = math.log(1e-3), math.log(1e3)
    for _ in range(60):
        middle = (low + high) / 2
        if np.mean(shares ** math.exp(middle)) > wanted:
            low = middle
        else:
            high = middle
    return np.asarray(shares ** math.exp((low + high) / 2))


def mix_parents(mom: Tensor, dad: Tensor, *, basis: Basis, mix: float, seed: int) -> Tensor:
    """Latents of mom and dad (1, L, D) → the child's (1, L, D). `mix`: 0 all mom … 100 all dad."""
    edges = block_edges(mom.shape[-1])
    shares = gene_shares(mix, seed, len(edges) - 1)
    widths = torch.tensor([b - a for a, b in pairwise(edges)])
    per_direction = shares.repeat_interleave(widths, dim=1)[torch.tensor(GROUPS)]  # (L, D)
    # Written from mom so that a share of 0 gives her latent to the last bit; likewise from dad for 1.
    if mix >= 50:
        return dad + ((mom - dad) @ basis.directions * (1 - per_direction)) @ basis.directions.T
    return mom + ((dad - mom) @ basis.directions * per_direction) @ basis.directions.T


def draw_sex(seed: int) -> str:
    """Girl or boy by the seed's own coin."""
    return "girl" if seeded(seed, "sex").random() < 0.5 else "boy"
