"""Heredity: two parents' latents → a child's latent, drawn from a seed.

A child is not an average. The latent is cut into loci: each group of style inputs (coarse shape to fine colour) times
each block of W's principal directions. For every locus the child takes a share of dad's latent; the shares scatter
around the wish (`mix`), most of them near one parent or the other, as genes do. So siblings differ, a mean face does
not come out, and at mix 0 or 100 every share is the one parent's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core.encoder import GROUPS
from core.genes import TRAITS, Source, share_of, source_of

BLOCKS = 12
"""Blocks of principal directions; the first blocks hold few strong directions, the later ones many weak ones."""

TRAITS_OF_GROUP = (
    ("face", "jaw", "hair"), ("eyes", "nose", "brows", "mouth"), ("mouth", "eyes", "brows", "nose"),
    ("eyes", "jaw", "skin"), ("skin", "hair"), ("hair", "skin"), ("skin", "hair"),
)  # fmt: skip
"""Which traits the blocks of each group of style inputs carry, in turn."""

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


@dataclass(frozen=True, eq=False)
class Genes:
    """Dad's share of every trait and of every locus (groups, blocks), each in [0, 1]."""

    traits: dict[str, float]
    loci: Tensor

    def card(self) -> dict[str, Source]:
        """Whose each trait is: mom's, dad's or both's."""
        return {trait: source_of(share) for trait, share in self.traits.items()}


def draw_genes(mix: float, seed: int, *, fixed: Mapping[str, Source] | None = None, blocks: int) -> Genes:
    """Draw every gene. `fixed` traits are not left to chance, and do not change what the others draw."""
    wanted = mix / 100
    traits = dict(zip(TRAITS, _shares(wanted, seed, "traits", (len(TRAITS),)).tolist(), strict=True))
    traits |= {trait: share_of(source) for trait, source in (fixed or {}).items()}
    groups = max(GROUPS) + 1
    return Genes(traits=traits, loci=torch.from_numpy(_shares(wanted, seed, "genes", (groups, blocks))).float())


def _shares(wanted: float, seed: int, purpose: str, shape: tuple[int, ...]) -> np.ndarray:
    """Dad's shares with the mean `wanted`, exactly 0 or 1 at its ends."""
    if wanted <= 0 or wanted >= 1:
        return np.full(shape, float(wanted >= 1))
    # One uniform number a gene, pushed through the Beta law's quantiles: moving `mix` moves every share smoothly.
    uniform = seeded(seed, purpose).random(shape)
    return _to_mean(_beta_quantile(uniform, wanted), wanted)


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


def mix_parents(mom: Tensor, dad: Tensor, *, basis: Basis, genes: Genes) -> Tensor:
    """Latents of mom and dad (1, L, D) → the child's (1, L, D)."""
    edges = block_edges(mom.shape[-1])
    shares = genes.loci.clone()
    for group, traits in enumerate(TRAITS_OF_GROUP):
        for block in range(shares.shape[1]):
            shares[group, block] = genes.traits[traits[block % len(traits)]]
    widths = torch.tensor([b - a for a, b in pairwise(edges)])
    per_direction = shares.repeat_interleave(widths, dim=1)[torch.tensor(GROUPS)]  # (L, D)
    # Written from the nearer parent, so that a share of 0 gives mom's latent to the last bit, and of 1 dad's.
    if shares.mean() >= 0.5:
        return dad + ((mom - dad) @ basis.directions * (1 - per_direction)) @ basis.directions.T
    return mom + ((dad - mom) @ basis.directions * per_direction) @ basis.directions.T


def draw_sex(seed: int) -> str:
    """Girl or boy by the seed's own coin."""
    return "girl" if seeded(seed, "sex").random() < 0.5 else "boy"
