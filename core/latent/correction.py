"""Compares a drawing with its target (parents, age, sex, skin tone) and corrects the latent.

A network is told what a drawing shows and what it shall show, with the latent, and answers with the step to take. It
was not shown right steps: it learnt from what its own steps did to the drawing, by gradients through the preview
generator and the face recognition network (`childface train correction`), as the encoder of Alaluf et al. 2021
(ReStyle) learns to correct itself. A search by these gradients, face for face, finds children as like their parents
and as near to their age; it takes seconds, this takes a look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from core.face.age_estimator import to_growth, to_years
from core.face.analyzer import FaceAnalysis
from core.face.skin_tone import SkinRange, recolour
from core.latent.age_editing import AgeModel, growth_of
from core.latent.attributes import QUANTITIES, Directions
from core.latent.feedback import DESCRIPTOR
from core.latent.kinship import Resemblance
from core.latent.naturalness import NaturalPrior
from core.modeling.encoder import GROUPS
from core.modeling.weights_io import load_weights, rename_stored_layers

CORRECTION_FILE = "correction.safetensors"

MAX_STEP = 0.45
"""The longest step, as its root mean square along W's principal directions, in units of W's spread."""

SEX_FROM = 3.0
"""Years from which on a face shall show its sex."""

HELD = ("smile", "mouth_open", "eyes_open", "glasses", "yaw", "pitch", "background", "hair_length", "beard", "makeup")
"""Quantities of `core.latent.attributes` that a step leaves alone."""

ANALYSIS_ROUNDS = 2
"""How often to look and to step. A third step shows a little more of the parents, and misses the age as much."""

OUTPUT_SCALE = 0.1
"""Scale of the network's answers: with it a step of training cannot change them by much."""

NUMBERS = 8
"""What is said of growth, sex and skin, beside latent and descriptors."""


@dataclass(frozen=True, eq=False)
class Target:
    """What drawings shall show: what sets them apart (B, 128), growth (B,), male 0 or 1 (B,), and the range of the
    skin's colours in Lab, lowest and highest (B, 2, 3); a colour that nobody knows is not a number."""

    identity_residual: Tensor
    growth: Tensor
    male: Tensor
    skin: Tensor

    @classmethod
    def of_one(cls, own: Tensor, *, age: float, male: bool, skin: SkinRange) -> Target:
        """That of one face: `own` (128,), years, sex, and the colours that its skin may have."""
        colours = np.stack((skin.low, skin.high)).astype(np.float32)
        return cls(
            identity_residual=own[None],
            growth=to_growth(torch.tensor([age])),
            male=torch.tensor([float(male)]),
            skin=torch.from_numpy(colours)[None],
        )

    @property
    def shows_sex(self) -> Tensor:
        """Whether the sex is to be seen, (B,)."""
        return self.growth >= growth_of(SEX_FROM) - 1e-6


@dataclass(frozen=True, eq=False)
class Observation:
    """What drawings show: descriptors (B, 128), growth (B,), the logit of male (B,) and the skin in Lab (B, 3)."""

    descriptor: Tensor
    growth: Tensor
    male: Tensor
    skin: Tensor

    @classmethod
    def in_sight(cls, sight: FaceAnalysis) -> Observation:
        """What one face shows."""
        return cls(
            descriptor=sight.descriptor[None],
            growth=to_growth(torch.tensor([sight.age])),
            male=torch.logit(torch.tensor([sight.male]).clamp(1e-4, 1 - 1e-4)),
            skin=torch.from_numpy(sight.skin)[None],
        )


class Correction(nn.Module):
    """The network: facts (B, F) → steps (B, G, R) along W's principal directions, in units of W's spread."""

    def __init__(self, *, rank: int = 160, hidden: int = 640) -> None:
        super().__init__()
        self.groups = max(GROUPS) + 1
        self.input_proj = nn.Linear(self.groups * rank + 2 * DESCRIPTOR + NUMBERS, hidden)
        self.mlp = nn.Sequential(nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, hidden), nn.GELU())
        self.output_proj = nn.Linear(hidden, self.groups * rank)
        self.register_load_state_dict_pre_hook(rename_stored_layers)  # type: ignore[no-untyped-call]
        nn.init.zeros_(self.output_proj.weight)
        nn.init.zeros_(self.output_proj.bias)

    def forward(self, facts: Tensor) -> Tensor:
        """Answer."""
        x = self.input_proj(facts)
        return OUTPUT_SCALE * cast(Tensor, self.output_proj(x + self.mlp(x)).unflatten(1, (self.groups, -1)))


class Corrector:
    """The network with what its facts are made of."""

    def __init__(
        self,
        model: Correction,
        resemblance: Resemblance,
        ageing: AgeModel,
        directions: Directions,
        naturalness: NaturalPrior,
    ) -> None:
        self.model = model
        self.naturalness = naturalness
        self.resemblance = resemblance
        self.ageing = ageing
        self.directions = directions
        self.basis = ageing.directions[:, : ageing.rank] * ageing.w_scale[: ageing.rank]
        rows = directions.readers[[QUANTITIES.index(name) for name in HELD]]
        held = (rows @ self.basis).flatten(1)
        self.held = torch.linalg.qr(held.T).Q.T
        self.groups = torch.tensor(GROUPS)

    @torch.no_grad()
    def correct(
        self,
        latent: Tensor,
        *,
        own: Tensor,
        age: float,
        male: bool,
        skin: SkinRange,
        see: Callable[[Tensor], FaceAnalysis],
    ) -> Tensor:
        """Look at the face that W+ (1, L, D) draws, paint its skin and take a step, LOOKS times.

        Towards what is `own` (128,), an age in years, a sex and the colours of a skin. `see` looks at a drawing.
        """
        goal = Target.of_one(own, age=age, male=male, skin=skin)
        for _ in range(ANALYSIS_ROUNDS):
            latent, shown = self.painted(latent, Observation.in_sight(see(latent)), goal)
            latent = self.moved(latent, self.along(latent, shown, goal))
        return latent

    def moved(self, latent: Tensor, along: Tensor) -> Tensor:
        """W+ (B, L, D) after a step (B, G, R) along W's principal directions, still natural."""
        return self.naturalness.restrain(latent + self.spread(along))

    def painted(self, latent: Tensor, shown: Observation, target: Target) -> tuple[Tensor, Observation]:
        """W+ (B, L, D), whose drawings are `shown`, with the skin of the goal, and what is to be seen then."""
        latents, colours = [], []
        for row, seen in enumerate(shown.skin.numpy()):
            skin = SkinRange(*target.skin[row].numpy())
            latents.append(recolour(latent[row : row + 1], seen, skin, self.directions))
            colours.append(torch.from_numpy(skin.nearest(seen)))
        return torch.cat(latents), replace(shown, skin=torch.stack(colours))

    def along(self, latent: Tensor, shown: Observation, target: Target) -> Tensor:
        """The same along W's principal directions, (B, G, R): nothing that is held changes, and it is not too long."""
        flat: Tensor = self.model(self.facts(latent, shown, target)).flatten(1)
        free = flat - (flat @ self.held.T) @ self.held
        length = (free.square().mean(dim=1, keepdim=True) + 1e-12).sqrt()
        short = free * (MAX_STEP / length).clamp(max=1.0)
        return cast(Tensor, short.unflatten(1, (self.model.groups, -1)))

    def spread(self, along: Tensor) -> Tensor:
        """Steps (B, G, R) along W's principal directions → changes (B, L, D) of the style inputs."""
        by_group: Tensor = along @ self.basis.T
        return by_group[:, self.groups]

    def facts(self, latent: Tensor, shown: Observation, target: Target) -> Tensor:
        """What the network is told (B, F)."""
        apart = self.apart(shown.descriptor, target)
        older = 4 * (target.growth - shown.growth)
        numbers = torch.stack(
            (target.growth - 0.7, older, 2 * target.male - 1, shown.male / 3, target.shows_sex.float()), dim=1
        )
        coordinates = self.ageing.reader_inputs(latent).clamp(-5, 5)
        return torch.cat(
            (coordinates, 4 * target.identity_residual, 4 * apart, numbers, off_colour(shown.skin, target.skin) / 5),
            dim=1,
        )

    def apart(self, descriptor: Tensor, target: Target) -> Tensor:
        """By what drawings, descriptors (B, 128), differ from those of other people of their age and sex, (B, 128)."""
        weights = self.ageing.between_knots(to_years(target.growth))
        girls, boys = (weights @ means for means in self.resemblance.drawn)
        return descriptor - torch.where(target.male[:, None] > 0.5, boys, girls)


def off_colour(skin: Tensor, skins: Tensor) -> Tensor:
    """What colours (B, 3) lack to lie within ranges (B, 2, 3), Lab; nothing where a range is not known."""
    low, high = skins[:, 0].nan_to_num(-1e3), skins[:, 1].nan_to_num(1e3)
    return torch.minimum(torch.maximum(skin, low), high) - skin


def load_correction(weights: Path) -> Correction:
    """Read the shipped network; MissingWeights when it is absent or damaged."""
    model = Correction()
    load_weights(model, weights / CORRECTION_FILE)
    return model.eval().requires_grad_(False)
