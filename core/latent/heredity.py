"""Heredity: two parents' latents → a child's latent, drawn from a seed.

A child is not an average. Each trait (`core.domain.genes`: face, eyes, nose …) is a gene: mostly mom's or dad's,
sometimes between, the darker hair and eyes winning more often. What no trait tells is cut into loci: each group of
style inputs times each block of W's principal directions takes a share of dad of its own. And siblings differ by more
than their parents do, because parents carry what they do not show: the Mendelian term of quantitative genetics, a
normal draw that does not depend on how alike the parents are (Falconer and Mackay 1996, "Introduction to Quantitative
Genetics"). At mix 0 or 100 all of this is the one parent's alone.
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

from core.domain.genes import TRAITS, TraitSource, share_of, source_of
from core.latent.attributes import HELD, TRAIT_QUANTITIES, TRANSIENT, Directions
from core.modeling.encoder import GROUPS

BLOCKS = 12
"""Blocks of principal directions; the first blocks hold few strong directions, the later ones many weak ones."""

CONCENTRATION = 0.8
"""Of the Beta law of the traits' shares: below 2 its mass lies at the ends."""

LOCI_CONCENTRATION = 2.0
"""Of the loci's: many genes of small effect add up to something between the parents."""

DOMINANCE = 0.25
"""How far the darker of two clearly different parents is preferred: at an even mix in three of four children."""

MENDELIAN = 0.45
"""Spread of what parents carry and do not show, in spreads of W along each principal direction."""

CARRIED = 64
"""Principal directions along which it is drawn; the weaker ones hold little that can be seen."""

CLEAR_DIFFERENCE = 1.5
"""Spreads between the parents' hair or irises from which on the darker prevails as far as DOMINANCE says."""

COLOURS = (*TRAIT_QUANTITIES["skin"], *TRAIT_QUANTITIES["hair"], "iris_light")
"""A child's colours stay between its parents'."""

IRIS = "iris"
"""The colour of the eyes is a gene of its own, told on the card as part of the eyes."""


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
    """Dad's share of every trait (and of the iris) and of every locus (groups, blocks), each in [0, 1].

    `mendelian_sampling` (CARRIED,) is the Mendelian draw, in spreads of W.
    """

    traits: dict[str, float]
    loci: Tensor
    mendelian_sampling: Tensor

    def card(self) -> dict[str, TraitSource]:
        """Whose each trait is: mom's, dad's or both's."""
        return {trait: source_of(self.traits[trait]) for trait in TRAITS}


def draw_genes(
    mix: float,
    seed: int,
    *,
    fixed: Mapping[str, TraitSource] | None = None,
    dominant: Mapping[str, float] | None = None,
    blocks: int = BLOCKS,
) -> Genes:
    """Draw every gene. `fixed` traits are not left to chance, and do not change what the others draw.

    `dominant`: for a trait or the iris how far dad's (up to 1) or mom's (down to -1) prevails.
    """
    wanted = mix / 100
    names = (*TRAITS, IRIS)
    uniform = seeded(seed, "traits").random(len(names))
    shares = dict(zip(names, _shares(uniform, wanted, CONCENTRATION).tolist(), strict=True))
    for name, leaning in (dominant or {}).items():
        preferred = wanted + DOMINANCE * leaning * 4 * wanted * (1 - wanted)
        shares[name] = float(_quantiles(uniform[names.index(name)], preferred, CONCENTRATION))
    shares |= {trait: share_of(source) for trait, source in (fixed or {}).items()}
    if fixed and "eyes" in fixed:
        shares[IRIS] = shares["eyes"]
    loci = _shares(seeded(seed, "genes").random((max(GROUPS) + 1, blocks)), wanted, LOCI_CONCENTRATION)
    # A child that is half of each parent draws most; one that is all mom draws nothing.
    carried = seeded(seed, "carried").standard_normal(CARRIED) * MENDELIAN * 2 * math.sqrt(wanted * (1 - wanted))
    return Genes(
        traits=shares, loci=torch.from_numpy(loci).float(), mendelian_sampling=torch.from_numpy(carried).float()
    )


def _shares(uniform: np.ndarray, wanted: float, concentration: float) -> np.ndarray:
    """Dad's shares with the mean `wanted`. One uniform number a gene: moving `mix` moves every share smoothly."""
    shares = _quantiles(uniform, wanted, concentration)
    return _to_mean(shares, wanted) if 0 < wanted < 1 else shares


def _quantiles(uniform: np.ndarray, wanted: float, concentration: float) -> np.ndarray:
    """Exactly 0 or 1 at the ends."""
    if wanted <= 0 or wanted >= 1:
        return np.full(np.shape(uniform), float(wanted >= 1))
    return _beta_quantile(uniform, wanted, concentration)


def _beta_quantile(uniform: np.ndarray, mean: float, concentration: float) -> np.ndarray:
    """Quantiles of a Beta law with this mean and concentration, read off its numerically summed density."""
    a, b = mean * concentration, (1 - mean) * concentration
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


def dominance(mom: Tensor, dad: Tensor, directions: Directions) -> dict[str, float]:
    """Whose hair and irises prevail (see `draw_genes`): the darker parent's, the more the clearer the difference."""
    told = {}
    for name, quantity in (("hair", "hair_light"), (IRIS, "iris_light")):
        lighter = (directions.read(mom, [quantity]) - directions.read(dad, [quantity])).item()
        told[name] = max(-1.0, min(1.0, lighter / CLEAR_DIFFERENCE))
    return told


def mix_parents(mom: Tensor, dad: Tensor, *, directions: Directions, genes: Genes) -> Tensor:
    """Latents of mom and dad (1, L, D), the moment taken out of them → the child's (1, L, D)."""
    mixed = _mix_loci(mom, dad, directions.basis, genes.loci)
    names = [name for quantities in TRAIT_QUANTITIES.values() for name in quantities]
    shares = torch.tensor([[_share(genes, name) for name in names]])
    of_mom, of_dad = (directions.read(parent, names, limit=None) for parent in (mom, dad))
    steps = torch.lerp(of_mom, of_dad, shares) - directions.read(mixed, names, limit=None)
    return directions.move(mixed, names, steps) + _unseen(genes.mendelian_sampling, directions)


def _mix_loci(mom: Tensor, dad: Tensor, basis: Tensor, loci: Tensor) -> Tensor:
    widths = torch.tensor([b - a for a, b in pairwise(block_edges(mom.shape[-1], loci.shape[1]))])
    per_direction = loci.repeat_interleave(widths, dim=1)[torch.tensor(GROUPS)]  # (L, D)
    # Written from the nearer parent, so that a share of 0 gives mom's latent to the last bit, and of 1 dad's.
    if loci.mean() >= 0.5:
        return dad + ((mom - dad) @ basis * (1 - per_direction)) @ basis.T
    return mom + ((dad - mom) @ basis * per_direction) @ basis.T


def _share(genes: Genes, quantity: str) -> float:
    if quantity == "iris_light":
        return genes.traits[IRIS]
    return next(genes.traits[trait] for trait, names in TRAIT_QUANTITIES.items() if quantity in names)


def _unseen(carried: Tensor, directions: Directions) -> Tensor:
    """The Mendelian draw as a change of W+ (1, 1, D) … (1, L, D): features, but no moment, sex, age or colours."""
    strongest = len(carried)
    change = (carried * directions.spread[:strongest]) @ directions.basis[:, :strongest].T
    latent = directions.mean + change.expand(1, len(GROUPS), -1)
    kept_out = (*TRANSIENT, *HELD, *COLOURS)
    return directions.move(latent, kept_out, -directions.read(latent, kept_out, limit=None)) - directions.mean


def draw_sex(seed: int) -> str:
    """Girl or boy by the seed's own coin."""
    return "girl" if seeded(seed, "sex").random() < 0.5 else "boy"
