"""What sets somebody apart, for a network that knows faces: the part of a descriptor that a child can share.

A descriptor (`core.face.recognition`) says who somebody is, how old, of which sex, and whether the face was drawn.
Compared with the mean descriptor of others of the same age and sex, on photos or in drawings, only the first is left.
`core.latent.correction` asks drawings for a share of it, and `core.face.similarity` tells people how much of it shows.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from core.latent.age_editing import KNOTS
from core.latent.feedback import DESCRIPTOR
from core.modeling.weights_io import load_weights

RESEMBLANCE_FILE = "resemblance.safetensors"

NUISANCE_DIRECTIONS = 6
"""Directions of descriptors that are taken for age and sex. Without them the children of old parents looked old to
everybody but to the estimator, by which ages are solved for."""


class Resemblance(nn.Module):
    """Mean descriptors of photos of women and men (2, 128), and of drawn faces by sex and age (2, K, 128)."""

    grown_ups: Tensor
    drawn: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grown_ups", torch.zeros(2, DESCRIPTOR))
        self.register_buffer("drawn", torch.zeros(2, len(KNOTS), DESCRIPTOR))

    def residual_on_a_photo(self, descriptor: Tensor, *, male: bool) -> Tensor:
        """By what an adult's photo, descriptor (128,), differs from others of the sex: (128,)."""
        return descriptor - self.grown_ups[int(male)]

    def residual_when_drawn(self, descriptor: Tensor, weights: Tensor, *, male: bool) -> Tensor:
        """By what a drawing, descriptor (128,), differs from those of other children of that age and sex: (128,).

        `weights` (K,): where its age lies between the knots (see `AgeModel.between_knots`).
        """
        return descriptor - weights @ self.drawn[int(male)]

    def identity_residual(self, descriptor: Tensor, *, male: bool) -> Tensor:
        """What sets an adult's photo, descriptor (128,), apart from others of the sex: (128,).

        Nothing of it tells age or sex: the child of old parents is not old.
        """
        return self.lasting(self.residual_on_a_photo(descriptor, male=male))

    def lasting(self, apart: Tensor) -> Tensor:
        """A difference of descriptors (128,) without what of it tells age and sex: (128,)."""
        passing = self.passing()
        return apart - passing.T @ (passing @ apart)

    def passing(self) -> Tensor:
        """The directions (PASSING, 128) along which descriptors of drawn faces change most with age and sex."""
        means = self.drawn.flatten(0, 1)
        directions: Tensor = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False)[2]
        return directions[:NUISANCE_DIRECTIONS]


def load_resemblance(weights: Path) -> Resemblance:
    """Read the shipped model; MissingWeights when it is absent or damaged."""
    model = Resemblance()
    load_weights(model, weights / RESEMBLANCE_FILE)
    return model.eval().requires_grad_(False)
