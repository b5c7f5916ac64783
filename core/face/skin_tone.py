"""Skin tone: measured on the cheeks of drawings, estimated for photos, and applied to a child.

CIE Lab (D65): lightness 0 to 100, red and yellow about -128 to 127. A latent takes shade for skin and light for
paint, so a parent's drawing is off by some levels; the pigment estimated from the photo (`core.face.pigment`)
is kept beside the latent, and a child's skin is kept between mom's and dad's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.domain.genes import TraitSource
from core.latent.attributes import TRAIT_QUANTITIES, Directions

Colour = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

UNKNOWN: Colour = np.full(3, np.nan, np.float32)
"""The colour of skin that nobody has measured."""

CHEEKS = ((2, 31, 36), (14, 35, 45))
"""Landmarks around the middle of each cheek: the edge of the jaw, the nostril, the outer corner of the eye."""

DRAWN_CHEEKS = ((0.333, 0.575), (0.668, 0.575))
"""Where the middles are in a drawn face that looks at us, as shares of the side: medians of fifty children, ±0.005."""

REACH = 6
"""Pixels of 256 from the middle of a cheek that count."""

PALEST = 4.0
"""Least colour of a photo that is not black and white."""

PER_STEP = np.array([[3.7, 0.2, 0.2], [-0.5, 3.0, -0.2], [0.6, 0.2, 4.45]], np.float32)
"""What one step of skin_light, skin_red and skin_yellow (`core.latent.attributes`) does to Lab, one row each: the
means over ten children; between them it differs by less than a sixth."""

SLACK = 1.0
"""How far, in Lab, a child's skin may lie outside its parents': to move it further would cost the picture more."""

MAX_SHIFT = 3.0
"""Steps that a child's skin may be moved by: a photo in the dark does not make a dark child."""


@dataclass(frozen=True, eq=False)
class Pigment:
    """A skin colour, Lab (3,), and the standard error of each of its numbers (3,)."""

    colour: Colour
    error: Colour


PHOTO_ERROR: Colour = np.array([10, 5.5, 7], np.float32)
"""By how much, in Lab, a photo's own cheeks miss the mean of the person's other photos (docs/families.md)."""


def lab_of(rgb: npt.NDArray[np.floating]) -> Colour:
    """sRGB (..., 3) in 0 … 255 → CIE Lab (..., 3)."""
    share = np.asarray(rgb, np.float64) / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    to_xyz = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1).astype(np.float32)


def skin_of_drawing(face: Tensor) -> Colour:
    """A drawn face (1, 3, H, H) in [-1, 1] that looks at us → Lab (3,)."""
    return skin_of_cheeks(cheeks_of(face)[0])


def cheeks_of(faces: Tensor) -> Tensor:
    """Drawn faces (B, 3, H, H) in [-1, 1] → the mean colour of each cheek (B, 2, 3)."""
    squares = cheek_squares(faces.shape[-1])
    means = [faces[:, :, top:bottom, left:right].mean(dim=(2, 3)) for left, top, right, bottom in squares]
    return torch.stack(means, dim=1)


def skin_of_cheeks(cheeks: Tensor) -> Colour:
    """Mean colours of two cheeks (2, 3) in [-1, 1] → Lab (3,)."""
    return np.asarray(lab_of((cheeks.numpy() + 1) * 127.5).mean(axis=0), np.float32)


def cheek_squares(side: int) -> list[tuple[int, int, int, int]]:
    """What of a drawing counts as cheeks: left, top, right, bottom of two squares in pixels."""
    reach = round(REACH * side / 256)
    around = np.rint(np.array(DRAWN_CHEEKS) * side).astype(int).clip(reach, side - reach)
    return [(int(x) - reach, int(y) - reach, int(x) + reach, int(y) + reach) for x, y in around]


def mean_pigment(pigments: Sequence[Pigment]) -> Pigment:
    """What several photos of one person say: the surest count most; UNKNOWN where none says anything.

    Photos of one person err alike, so several are no surer than the sure among them.
    """
    known = [pigment for pigment in pigments if np.isfinite(pigment.colour).all()]
    if not known:
        return Pigment(UNKNOWN, np.zeros(3, np.float32))
    colours, errors = (np.stack(part) for part in zip(*((one.colour, one.error) for one in known), strict=True))
    weights = 1 / np.maximum(errors, SLACK) ** 2
    weights /= weights.sum(axis=0)
    return Pigment(
        np.asarray((weights * colours).sum(axis=0), np.float32), np.asarray((weights * errors).sum(axis=0), np.float32)
    )


@dataclass(frozen=True, eq=False)
class SkinRange:
    """The colours that a child's skin may have: from `low` to `high`, Lab (3,) each; UNKNOWN leaves it alone."""

    low: Colour
    high: Colour

    @classmethod
    def of_child(cls, mom: Pigment, dad: Pigment, *, mix: float, gene: TraitSource | None = None) -> SkinRange:
        """Between the parents' colours; that of one where the `mix` (0 … 100) or a fixed gene says so.

        Each counts with its standard error: of a parent of whom little is known little is asked.
        """
        if mix == 0 or gene == "mom":
            dad = mom
        elif mix == 100 or gene == "dad":
            mom = dad
        slack = [np.maximum(parent.error, SLACK) for parent in (mom, dad)]
        low = np.minimum(mom.colour - slack[0], dad.colour - slack[1])
        high = np.maximum(mom.colour + slack[0], dad.colour + slack[1])
        return cls(np.asarray(low, np.float32), np.asarray(high, np.float32))

    def nearest(self, seen: Colour) -> Colour:
        """The colour of the range that is nearest to one that was seen."""
        return np.asarray(seen.clip(self.low, self.high)) if self.known else seen

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return bool(np.isfinite(self.low).all())


def recolour(latent: Tensor, seen: Colour, wanted: SkinRange, directions: Directions) -> Tensor:
    """Move W+ (1, L, D), whose drawing shows the skin `seen`, as far as it must to show one of the range."""
    missing = wanted.nearest(seen) - seen
    if not missing.any():
        return latent
    steps = np.linalg.solve(PER_STEP.T, missing).clip(-MAX_SHIFT, MAX_SHIFT)
    return directions.move(latent, TRAIT_QUANTITIES["skin"], torch.from_numpy(steps[None].astype(np.float32)))
