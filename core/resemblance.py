"""That a child looks like its parents: how much of what sets them apart its face shows, and how to show more of it.

Genes are mixed in W+, where a mean of two people is less than either, and ageing to a child takes more of it away:
left alone, a child of eight shows a third of what its parents' descriptors (`core.identity`) have beyond those of other
grown-ups. So a reader (`core.second_look`) tells what its drawing would show, and one Gauss–Newton step on it asks for
what is missing *along the parents' direction* and for no change in all others. What makes siblings differ stays, the
age, the sex and the moment stay, and the step is too short to leave where faces are. (To draw the face first and look
at it instead made no child of fifty couples more alike, and costs a fifth of all the time.)
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from core.ageing import KNOTS, AgeModel, read_off
from core.directions import QUANTITIES, Directions
from core.encoder import GROUPS
from core.loading import load_weights
from core.second_look import COLOURS, DESCRIPTOR, LooksReader, slopes_of

RESEMBLANCE_FILE = "resemblance.safetensors"

HELD = ("smile", "mouth_open", "eyes_open", "glasses", "yaw", "pitch", "background", "hair_length", "beard", "makeup")
"""Quantities of `core.directions` that a step leaves alone, here and in `core.correction`."""

SHARES = (0.5, 0.3, 0.2, 0.0, 0.0, 0.0, 0.0)
"""How much each group of style inputs says about who somebody is: the reader reads this mean of them. With all alike it
explains a third of the descriptors' variance between drawn children, so a half."""

NOTHING_MISSING = 0.05
"""A lack of this share of what sets the parents apart is not worth a step."""

PASSING = 6
"""Directions of descriptors that are taken for age and sex. Without them the children of old parents looked old to
everybody but to the estimator, by which ages are solved for."""

CLOSENESS = 1.5
"""The share of the parents' own to ask for: a step falls short of what the reader promises by a half."""

TRUST = 0.025
LONGEST = ((12.0, 0.3), (25.0, 0.2))
"""What a step is held to, see `LooksReader.step`: its length up to the first age, and from the second on. Longer ones
bring hands, second heads and wrong ages; grown-ups show more of their parents by themselves."""


class Resemblance(nn.Module):
    """Mean descriptors of photos of women and men, and of drawn faces by sex and age, with readers of looks and years.

    What is read of years are growth (`core.age_estimate.to_growth`) and a third of the logit of male.
    """

    grown_ups: Tensor
    drawn: Tensor
    shares: Tensor

    def __init__(self, *, hidden: int = 256) -> None:
        super().__init__()
        self.register_buffer("grown_ups", torch.zeros(2, DESCRIPTOR))
        self.register_buffer("drawn", torch.zeros(2, len(KNOTS), DESCRIPTOR))
        self.register_buffer("shares", style_shares(), persistent=False)
        self.reader = LooksReader()
        self.years = nn.Sequential(
            nn.Linear(self.reader.basis.shape[1], hidden),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(hidden, hidden // 2),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden // 2, 2),
        )

    def style(self, latent: Tensor) -> Tensor:
        """W+ (1, L, D) → the style (D) that the readers read."""
        return (latent[0] * self.shares).sum(dim=0)

    def years_slopes(self, style: Tensor) -> Tensor:
        """How growth and maleness, as the age estimator sees them in the drawing, follow from a style (D): (2, D)."""
        slopes = slopes_of(self.years, self.reader.coordinates(style[None])[0])
        return slopes @ (self.reader.basis / self.reader.basis.square().sum(dim=0)).T

    def apart_on_a_photo(self, descriptor: Tensor, *, male: bool) -> Tensor:
        """By what a grown-up's photo, descriptor (128,), differs from others of the sex: (128,)."""
        return descriptor - self.grown_ups[int(male)]

    def apart_when_drawn(self, descriptor: Tensor, weights: Tensor, *, male: bool) -> Tensor:
        """By what a drawing, descriptor (128,), differs from those of other children of that age and sex: (128,).

        `weights` (K,): where its age lies between the knots (see `AgeModel.between_knots`).
        """
        return descriptor - weights @ self.drawn[int(male)]

    def own(self, descriptor: Tensor, *, male: bool) -> Tensor:
        """What sets a grown-up's photo, descriptor (128,), apart from others of the sex: (128,).

        Nothing of it tells age or sex: the child of old parents is not old.
        """
        return self.lasting(self.apart_on_a_photo(descriptor, male=male))

    def lasting(self, apart: Tensor) -> Tensor:
        """A difference of descriptors (128,) without what of it tells age and sex: (128,)."""
        passing = self.passing()
        return apart - passing.T @ (passing @ apart)

    def passing(self) -> Tensor:
        """The directions (PASSING, 128) along which descriptors of drawn faces change most with age and sex."""
        means = self.drawn.flatten(0, 1)
        directions: Tensor = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False)[2]
        return directions[:PASSING]

    def missing(self, own: Tensor, seen: Tensor, weights: Tensor, *, male: bool, closeness: float) -> Tensor:
        """What a drawing with descriptor `seen` (128,) lacks of `own` (128,): a multiple of `own`, never against it."""
        apart = self.apart_when_drawn(seen, weights, male=male)
        share = torch.dot(apart, own) / own.square().sum().clamp(min=1e-6)
        return own * (closeness - share).clamp(min=0)


def style_shares() -> Tensor:
    """SHARES of the groups as a weight for each style input (L, 1)."""
    return torch.tensor([SHARES[group] / GROUPS.count(group) for group in GROUPS])[:, None]


class TakesAfter:
    """Moves latents (1, L, D) towards whom they should take after."""

    def __init__(self, model: Resemblance, ageing: AgeModel, directions: Directions) -> None:
        self.model = model
        self.ageing = ageing
        self.held = directions.readers[[QUANTITIES.index(name) for name in HELD]].sum(dim=1)

    @torch.no_grad()
    def step(self, latent: Tensor, own: Tensor, *, age: float, male: bool) -> Tensor:
        """The step (D) by which a child's latent (1, L, D), at an age, comes to show what is `own` (128,).

        No step where (nearly) nothing is missing.
        """
        reader, weights = self.model.reader, self._at(age)
        read = reader.read(reader.coordinates(self.model.style(latent)[None]))[0, :DESCRIPTOR]
        gap = self.model.missing(own, read, weights, male=male, closeness=CLOSENESS)
        if gap.norm() < NOTHING_MISSING * own.norm():
            return torch.zeros(latent.shape[-1])
        return self.towards(latent, gap, trust=TRUST, longest=read_off(LONGEST, age))

    def apart_when_drawn(self, descriptor: Tensor, *, age: float, male: bool) -> Tensor:
        """As `Resemblance.apart_when_drawn`, at an age in years."""
        return self.model.apart_when_drawn(descriptor, self._at(age), male=male)

    def _at(self, age: float) -> Tensor:
        """Where an age lies between the knots, (K,)."""
        return self.ageing.between_knots(torch.tensor([age]))[0]

    def towards(self, latent: Tensor, gap: Tensor, *, trust: float, longest: float) -> Tensor:
        """The step (D) that should change the descriptor of a drawing by `gap` (128,); see `LooksReader.step`."""
        style = self.model.style(latent)
        held = torch.cat((self.held, self.model.years_slopes(style)))
        free = self.model.reader.free_of(held)
        return self.model.reader.step(style, torch.cat((gap, torch.zeros(COLOURS))), free, trust=trust, longest=longest)


def load_resemblance(weights: Path) -> Resemblance:
    """Read the shipped model; MissingWeights when it is absent or damaged."""
    model = Resemblance()
    load_weights(model, weights / RESEMBLANCE_FILE)
    return model.eval().requires_grad_(False)
