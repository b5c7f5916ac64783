"""Named attributes of a latent, and the smallest edit that changes one of them.

`childface train directions` measures drawn faces (landmarks, colours, labels) and fits two linear maps for every
quantity: one reads it from a latent, the other writes it while all other quantities stay what they are, so a smile does
not disturb who smiles. Each quantity may be written only into the style inputs that sensibly carry it. Units are
standard deviations among drawn faces, 0 their mean. After Shen et al. 2020, "Interpreting the Latent Space of GANs for
Semantic Face Editing" (InterFaceGAN), whose conditional directions this solves for all attributes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from core.modeling.encoder import GROUPS
from core.modeling.generator import WIDTH
from core.modeling.weights_io import load_weights

DIRECTIONS_FILE = "directions.safetensors"

TRAIT_QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "face": ("cheek_width", "temple_width", "eye_distance"),
    "eyes": ("eye_width", "eye_gap", "eye_slant", "eye_height", "iris_light"),
    "brows": ("brow_height", "brow_dark", "brow_arch", "brow_width"),
    "nose": ("nose_width", "nose_length", "nose_tip"),
    "mouth": ("mouth_width", "upper_lip", "lower_lip", "mouth_height"),
    "jaw": ("chin_length", "jaw_width", "chin_width"),
    "skin": ("skin_light", "skin_red", "skin_yellow"),
    "hair": ("hair_light", "hair_red", "hair_yellow"),
}
"""What is inherited, trait by trait (`core.domain.genes.TRAITS`)."""

TRANSIENT = (
    "smile",
    "mouth_open",
    "eyes_open",
    "glasses",
    "yaw",
    "pitch",
    "side_light",
    "background",
    "beard",
    "makeup",
)
"""What is not inherited: it says something about the photo or the moment."""

ONE_SIDED = ("mouth_open", "glasses", "beard", "makeup")
"""Of these there can only be too much."""

GLASSES_FACTOR = 1.5
"""A line reads dark glasses for half of what they are: what is seen of them is taken away one and a half times."""

HELD = ("hair_length", "growth", "male")
"""Neither: held where they are when something else is written. `growth` is age on a scale that suits children."""

QUANTITIES = (*(name for names in TRAIT_QUANTITIES.values() for name in names), *TRANSIENT, *HELD)

LOOK_STEPS: Mapping[str, tuple[str, float]] = {
    "smile": ("smile", 2.0),
    "mouth": ("mouth_open", 2.5),
    "eyes": ("eyes_open", 2.0),
    "glasses": ("glasses", 4.0),
    "yaw": ("yaw", 2.0),
    "pitch": ("pitch", 2.5),
    "hair": ("hair_light", -3.0),
    "hair_length": ("hair_length", 3.0),
    "light": ("side_light", 3.0),
    "background": ("background", 3.0),
    "beard": ("beard", 4.0),
    "makeup": ("makeup", 2.5),
}
"""For each look of a wish: the quantity that it moves, and how far a look of 1 moves it."""

MAX_DEVIATION = 3.5
"""Standard deviations beyond which a reading is a mistake of the encoder's rather than a face."""


class Directions(nn.Module):
    """Q quantities of latents in W+ (B, L, D)."""

    mean: Tensor
    readers: Tensor
    writers: Tensor
    neutral: Tensor
    basis: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        count, groups = len(QUANTITIES), max(GROUPS) + 1
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("readers", torch.zeros(count, groups, WIDTH))
        self.register_buffer("writers", torch.zeros(count, groups, WIDTH))
        self.register_buffer("neutral", torch.zeros(len(TRANSIENT)))
        self.register_buffer("basis", torch.eye(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))
        self.register_buffer("groups", torch.tensor(GROUPS), persistent=False)

    def read(self, latent: Tensor, names: Sequence[str] = QUANTITIES, *, limit: float | None = MAX_DEVIATION) -> Tensor:
        """W+ (B, L, D) → the named quantities (B, N), each kept within ±`limit`."""
        rows = [QUANTITIES.index(name) for name in names]
        centred = latent - self.mean
        groups = cast(Tensor, self.groups)
        means = torch.cat([centred[:, groups == g].mean(dim=1) for g in range(self.readers.shape[1])], dim=1)
        told = means @ self.readers[rows].flatten(1).T
        return told if limit is None else told.clamp(-limit, limit)

    def move(self, latent: Tensor, names: Sequence[str], steps: Tensor) -> Tensor:
        """W+ (B, L, D) and steps (B, N) of the named quantities → W+ with them changed by so much."""
        rows = [QUANTITIES.index(name) for name in names]
        change = torch.einsum("bn,ngd->bgd", steps, self.writers[rows])
        return latent + change[:, cast(Tensor, self.groups)]

    def remove_transient_attributes(self, latent: Tensor) -> Tensor:
        """The same person looking at us in even light, grave, without glasses, beard and make-up. W+ (B, L, D)."""
        steps = self.neutral - self.read(latent, TRANSIENT)
        for name in ONE_SIDED:
            steps[:, TRANSIENT.index(name)].clamp_(max=0)
        steps[:, TRANSIENT.index("glasses")] *= GLASSES_FACTOR
        return self.move(latent, TRANSIENT, steps)

    def look(self, latent: Tensor, looks: Mapping[str, float]) -> Tensor:
        """W+ (B, L, D) with the looks of a wish, each -1 … 1."""
        if not looks:
            return latent
        names = [LOOK_STEPS[look][0] for look in looks]
        steps = torch.tensor([[value * LOOK_STEPS[look][1] for look, value in looks.items()]])
        return self.move(latent, names, steps.expand(len(latent), -1))


def load_directions(weights: Path) -> Directions:
    """Read the shipped directions; MissingWeights when they are absent or damaged."""
    directions = Directions()
    load_weights(directions, weights / DIRECTIONS_FILE)
    return directions.eval().requires_grad_(False)
