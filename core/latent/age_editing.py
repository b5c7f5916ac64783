"""Moves a latent to the requested age and sex while preserving identity.

Two things are learnt from labelled latents (`childface train ageing`): the mean style of every age, sex and skin tone,
as a curve through W from which colours of skin, hair and background are taken out, and a reader that tells age, sex and
skin tone from a latent. A latent moves by the difference of two points of the curve of its own skin tone, so everything
by which it differs from its own age's mean goes with it. How far along the curve is solved for: the reader, not a fixed
step, decides when the asked age is reached; looks at a drawn preview correct it (`core.latent.correction`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from core.face.age_estimator import interpolate, to_growth, to_years
from core.modeling.encoder import GROUPS
from core.modeling.generator import STYLES, WIDTH
from core.modeling.weights_io import load_weights

AGEING_FILE = "ageing.safetensors"

KNOTS = (0.0, 1.5, 4.0, 8.0, 13.0, 19.0, 30.0, 45.0, 60.0, 80.0)
"""Ages between which the curve is straight (in growth, see `to_growth`)."""

OLDEST = 90.0
CURVE_ENDS = (0.0, 90.0)
"""Years of the curve that may be tried: straight on beyond its last knot for a face which hardly grows old. Below the
first, faces fall apart."""

SEX_LOGIT_THRESHOLD = 2.2
"""Logit of 0.9: the sex is shown clearly."""

AIMS = {
    False: (
        (0, 0),
        (1, 1.0),
        (3, 6.1),
        (6, 11.9),
        (8, 14.5),
        (12, 18.5),
        (16, 23.3),
        (25, 31.0),
        (40, 38.0),
        (60, 48.4),
        (90, 75),
    ),
    True: (
        (0, 0),
        (1, 1.0),
        (3, 6.1),
        (6, 9.3),
        (8, 12.0),
        (12, 17.1),
        (16, 20.2),
        (25, 22.0),
        (40, 31.6),
        (60, 50.5),
        (90, 85),
    ),
}
"""By whether the face is to be male: an age, and the age at which the reader must aim so that half of the children who
look older in their drawing to the mean of two estimators of age, and half younger. Of 22 couples of several peoples
(`python -m benchmarks.quality.age_targets PHOTOS`); straight in between."""


class AgeModel(nn.Module):
    """The curve, the reader and W's principal directions. `male` is 0 for female, 1 for male, or between."""

    knots: Tensor
    curve: Tensor
    tilt: Tensor
    profile: Tensor
    residual: Tensor
    directions: Tensor
    w_mean: Tensor
    w_scale: Tensor

    def __init__(self, *, rank: int = 160, hidden: int = 192) -> None:
        super().__init__()
        self.register_buffer("knots", to_growth(torch.tensor(KNOTS)))
        self.register_buffer("curve", torch.zeros(2, len(KNOTS), WIDTH))
        self.register_buffer("tilt", torch.zeros(len(KNOTS), WIDTH))
        self.register_buffer("profile", torch.ones(STYLES))
        self.register_buffer("residual", torch.ones(len(KNOTS)))
        self.register_buffer("directions", torch.eye(WIDTH))
        self.register_buffer("w_mean", torch.zeros(WIDTH))
        self.register_buffer("w_scale", torch.ones(WIDTH))
        self.register_buffer("groups", torch.tensor(GROUPS), persistent=False)
        self.rank = rank
        self.reader = nn.Sequential(
            nn.Linear((max(GROUPS) + 1) * rank, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 3),
        )

    def reader_inputs(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → the mean of each group of styles along the strongest directions, scaled, (B, G·rank)."""
        centred = (latent - self.w_mean) @ self.directions[:, : self.rank] / self.w_scale[: self.rank]
        groups = cast(Tensor, self.groups)
        means = [centred[:, groups == g].mean(dim=1) for g in range(max(GROUPS) + 1)]
        return torch.cat(means, dim=1)

    def read(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """W+ (B, L, D) → age in years (B,) and the logit of male (B,)."""
        growth, male = self.read_growth(latent)
        return to_years(growth), male

    def read_growth(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """W+ (B, L, D) → growth (B,), below that of a newborn too, and the logit of male (B,)."""
        return self._read_inputs(self.reader_inputs(latent))

    def read_moved(
        self, latent: Tensor, *, age_from: Tensor, male_from: Tensor, age_to: Tensor, male_to: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What `read_growth` says of what `move` gives, (B,) and (B,), without making it: a twentieth of the work.

        All that is done to a latent before it is read is linear, so its parts are projected once.
        """
        skin = self.read_skin(latent).expand(len(age_to))
        before = self.mean_style(age_from[:1], male_from[:1], skin[:1])
        after = self.mean_style(age_to, male_to, skin)
        keep = self._kept(age_from, age_to)
        own = self._own(latent, before)
        still, scaled = (
            self.reader_inputs(self.w_mean + part).unflatten(1, (-1, self.rank))
            for part in (own, own * self.profile[:, None])
        )
        step = (after - self.w_mean) @ self.directions[:, : self.rank] / self.w_scale[: self.rank]
        groups = cast(Tensor, self.groups)
        share = torch.stack([self.profile[groups == g].mean() for g in range(max(GROUPS) + 1)])
        inputs = step[:, None] * share[:, None] + still + (keep[:, None, None] - 1) * scaled
        return self._read_inputs(inputs.flatten(1))

    def _read_inputs(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        growth, male, _ = self.reader(inputs).unbind(dim=1)
        return growth, male

    def read_skin(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → lightness of the skin (B,), 0 for the usual one, in standard deviations."""
        skin: Tensor = self.reader(self.reader_inputs(latent))[:, 2]
        return skin.clamp(-3, 3)

    def mean_style(self, age: Tensor, male: Tensor, skin: Tensor | None = None) -> Tensor:
        """The curve at ages (B,), sexes (B,) and skin tones (B,), (B, D)."""
        weights = self.between_knots(age)
        female_style, male_style = weights @ self.curve[0], weights @ self.curve[1]
        style = female_style + male[:, None] * (male_style - female_style)
        return style if skin is None else style + skin[:, None] * (weights @ self.tilt)

    def spread(self, age: Tensor) -> Tensor:
        """How far faces of an age (B,) lie from their mean, as a factor of the usual distance, (B,)."""
        return self.between_knots(age) @ self.residual

    def between_knots(self, age: Tensor) -> Tensor:
        """Weights (B, K) of the knots at ages (B,): two neighbours share 1; straight on beyond both ends."""
        at = torch.log1p(age.clamp(*CURVE_ENDS) / 12)
        right = torch.searchsorted(self.knots, at.contiguous()).clamp(1, len(self.knots) - 1)
        share = (at - self.knots[right - 1]) / (self.knots[right] - self.knots[right - 1])
        weights = torch.zeros(len(age), len(self.knots))
        rows = torch.arange(len(age))
        weights[rows, right - 1] = 1 - share
        weights[rows, right] = share
        return weights

    def move(self, latent: Tensor, *, age_from: Tensor, male_from: Tensor, age_to: Tensor, male_to: Tensor) -> Tensor:
        """W+ (1, L, D) and ages, sexes (B,) → W+ (B, L, D)."""
        skin = self.read_skin(latent).expand(len(age_to))
        before = self.mean_style(age_from, male_from, skin)
        after = self.mean_style(age_to, male_to, skin)
        keep = self._kept(age_from, age_to)
        own = self._own(latent, before)
        step = after[:, None] * self.profile[:, None] + self.w_mean * (1 - self.profile[:, None])
        scaled = own * (1 + (keep[:, None, None] - 1) * self.profile[:, None])
        return step + scaled

    def _own(self, latent: Tensor, before: Tensor) -> Tensor:
        """By what W+ (1, L, D) differs from points of the curve (B, D): (B, L, D)."""
        profile = self.profile[:, None]
        return latent - before[:, None] * profile - self.w_mean * (1 - profile)

    def _kept(self, age_from: Tensor, age_to: Tensor) -> Tensor:
        """The factor (B,) of that difference at the other age."""
        return (self.spread(age_to) / self.spread(age_from)).clamp(0.8, 1.1)


class Ager:
    """Solves for the age and sex asked."""

    def __init__(self, model: AgeModel) -> None:
        self.model = model

    @torch.no_grad()
    def solve(self, latent: Tensor, *, age: float, male: bool, aim: float | None = None) -> Tensor:
        """Move W+ (1, L, D) until the reader sees the age (years, 0 … 90) and, from three years on, clearly the sex.

        `aim`: the age that the reader is to see, where it is not that of `AIMS`.
        """
        read_age, read_male = self.model.read(latent)
        start_male = torch.sigmoid(read_male)
        youngest, oldest = (math.log1p(end / 12) for end in CURVE_ENDS)
        ages = 12 * torch.expm1(torch.linspace(youngest, oldest, 81))
        wanted = growth_of(aim_at(age, male=male) if aim is None else aim)
        for curve_male in self._sexes(male):
            seen_growth, seen_male = self.model.read_moved(
                latent,
                age_from=read_age.expand(len(ages)),
                male_from=start_male.expand(len(ages)),
                age_to=ages,
                male_to=torch.full((len(ages),), curve_male),
            )
            curve_age = crossing(ages, seen_growth, wanted)
            sure = torch.where(seen_male > 0, 1.0, -1.0) if age < 3 else seen_male / sure_at(age)
            shown = interpolate(ages, sure, torch.tensor([curve_age])).item() * (1 if male else -1)
            if shown >= 1:
                break
        return self.model.move(
            latent,
            age_from=read_age,
            male_from=start_male,
            age_to=torch.tensor([curve_age]),
            male_to=torch.tensor([curve_male]),
        )

    @staticmethod
    def _sexes(male: bool) -> list[float]:
        """Points across the curve to try: as far as the mean of the sex, then beyond it."""
        return [1.0, 1.3, 1.6, 2.0] if male else [0.0, -0.3, -0.6, -1.0]


def sure_at(age: float) -> float:
    """The logit at which the sex is shown clearly enough: a child's sex shows less than an adult's."""
    return SEX_LOGIT_THRESHOLD * min(1.0, max(0.35, age / 18))


def aim_at(age: float, *, male: bool) -> float:
    """The age to ask the reader for (see `AIMS`)."""
    return read_off(AIMS[male], age)


def read_off(line: Sequence[tuple[float, float]], age: float) -> float:
    """A broken line through (age, value) at an age."""
    ages, values = zip(*line, strict=True)
    return float(np.interp(age, ages, values))


def growth_of(age: float) -> float:
    """`to_growth` of one number."""
    return float(to_growth(torch.tensor(age)))


def crossing(at: Tensor, values: Tensor, wanted: float) -> float:
    """Where a sampled curve first reaches `wanted` from below; its nearest sample where it never does."""
    above = (values >= wanted).nonzero()
    if len(above) == 0:
        return float(at[(values - wanted).abs().argmin()])
    if int(above[0]) == 0:
        return float(at[0])  # a curve that comes down again at its far end would lead astray
    right = int(above[0])
    low, high = float(values[right - 1]), float(values[right])
    share = (wanted - low) / max(high - low, 1e-6)
    return float(at[right - 1] + share * (at[right] - at[right - 1]))


def load_ageing(weights: Path) -> AgeModel:
    """Read the shipped model; MissingWeights when it is absent or damaged."""
    model = AgeModel()
    load_weights(model, weights / AGEING_FILE)
    return model.eval().requires_grad_(False)
