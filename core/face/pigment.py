"""What colour skin is, whatever the light: an estimate of pigment from one photo, with its standard error.

The colour of the cheeks on a photo is pigment times light, and one photo cannot tell the two apart by that colour.
What helps is what else is in the picture: the whites of the eyes, lips, the range of lights and darks, the picture's
own tint, how far the two cheeks differ, and the rest of the face, as the face recognition network describes it. A
small network reads these. It learnt from people photographed several times (`childface train skin`): from one photo
it foretells the mean colour on the others, and how far it expects to miss it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from core.face.mask import BROWS, landmark_mask
from core.face.skin_tone import CHEEKS, Colour, Pigment, Points, lab_of
from core.modeling.weights_io import load_weights
from core.output.images import Pixels

PIGMENT_FILE = "pigment.safetensors"
DESCRIPTOR = 128
"""Numbers of a face descriptor (`core.face.recognition`)."""

CLUES = 41
"""Numbers that `light_clues` returns."""

SIDE = 128
"""Pixels to which a picture is shrunk before its colours are measured."""

NOSE_TIP, NOSE_BRIDGE, LOWER_LIP, CHIN = 30, slice(27, 31), (57, 66), 8
EYES = (slice(36, 42), slice(42, 48))

PATCH = 3
"""Half the side, in pixels of SIDE, of the squares whose mean colour is taken."""

PIGMENTS = np.array([[30, 82], [6, 24], [5, 30]], np.float32)
"""Lightness, red and yellow between which the mean colours of people over several photos lie."""

ERRORS = (2.0, 20.0)
"""Bounds of a standard error in Lab."""


class PigmentEstimator(nn.Module):
    """Clues (B, 41) and descriptors (B, 128) → colours (B, 3) and logarithms of their standard errors (B, 3), Lab."""

    mean: Tensor
    scale: Tensor

    def __init__(self, *, hidden: int = 32) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CLUES + DESCRIPTOR))
        self.register_buffer("scale", torch.ones(CLUES + DESCRIPTOR))
        self.linear = nn.Linear(CLUES + DESCRIPTOR, 6)
        self.layers = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(CLUES + DESCRIPTOR, hidden),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(hidden, 6),
        )

    def forward(self, clues: Tensor, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """Colours, and logarithms of standard errors."""
        # A picture in light that nobody has seen is taken for the strangest that somebody has.
        inputs = ((torch.cat((clues, descriptors), dim=1) - self.mean) / self.scale).clamp(-4, 4)
        colour, log_error = (self.linear(inputs) + self.layers(inputs)).split(3, dim=1)
        typical = torch.tensor([60.0, 13.0, 15.0])
        return typical + 10 * colour, (1.5 + log_error).clamp(*np.log(ERRORS).tolist())

    @torch.no_grad()
    def estimate(self, aligned: Pixels, landmarks: Points, descriptor: Tensor) -> Pigment:
        """An aligned face (H, H, 3), its landmarks (68, 2) in its pixels and its descriptor (1, 128) → its pigment."""
        clues = torch.from_numpy(light_clues(aligned, landmarks))[None]
        colour, log_error = self(clues, descriptor)
        return Pigment(
            np.asarray(colour[0].numpy().clip(PIGMENTS[:, 0], PIGMENTS[:, 1]), np.float32),
            np.asarray(log_error[0].exp().numpy(), np.float32),
        )


def light_clues(aligned: Pixels, landmarks: Points) -> npt.NDArray[np.float32]:
    """What a picture says of skin and light, (41,), from an aligned face (H, H, 3) and its landmarks (68, 2).

    In Lab: parts of the face, how far the cheeks differ, the whites of the eyes, the spread of the face's and of the
    whole picture's lights, and tints.
    """
    points = landmarks * SIDE / aligned.shape[0]
    picture = Image.fromarray(aligned)
    lab = lab_of(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)))
    left, right = (_patch(lab, points[list(around)].mean(axis=0)) for around in CHEEKS)
    brows = points[BROWS].mean(axis=0)
    places = (
        brows + 0.5 * (brows - points[NOSE_TIP]),
        points[NOSE_BRIDGE].mean(axis=0),
        (points[LOWER_LIP[0]] + points[CHIN]) / 2,
        points[list(LOWER_LIP)].mean(axis=0),
    )
    inside = landmark_mask(points, SIDE, floor=0.0)[0, 0].numpy() > 0.5
    face = lab[inside] if inside.any() else lab.reshape(-1, 3)
    return np.concatenate(
        [
            (left + right) / 2,
            np.abs(left - right),
            *(_patch(lab, place) for place in places),
            _whites(aligned, landmarks),
            _spread(face),
            _spread(lab.reshape(-1, 3)),
        ]
    ).astype(np.float32)


def _patch(lab: Colour, place: Points) -> Colour:
    """The mean colour (3,) of a square around a place (x, y)."""
    x, y = np.rint(place).astype(int).clip(PATCH, SIDE - PATCH)
    return np.asarray(lab[y - PATCH : y + PATCH, x - PATCH : x + PATCH].mean(axis=(0, 1)))


def _whites(aligned: Pixels, landmarks: Points) -> Colour:
    """The mean colour (3,) of the lightest fifth of the pixels around the eyes: mostly their whites."""
    found = []
    for eye in EYES:
        (left, top), (right, bottom) = landmarks[eye].min(axis=0), landmarks[eye].max(axis=0)
        rows = slice(max(0, int(top)), max(1, int(bottom)) + 1)
        found.append(aligned[rows, max(0, int(left)) : max(1, int(right)) + 1].reshape(-1, 3))
    return _lightest(lab_of(np.concatenate(found)), 0.2)


def _spread(pixels: Colour) -> Colour:
    """Of pixels (N, 3): five percentiles of lightness, mean tint, spread of tint, and the tint of the lightest (10,).

    And the 90th percentile of their colourfulness: near nothing in black and white.
    """
    tints = pixels[:, 1:]
    return np.concatenate(
        [
            np.percentile(pixels[:, 0], (5, 25, 50, 75, 95)),
            tints.mean(axis=0),
            [np.percentile(np.hypot(*tints.T), 90)],
            _lightest(pixels, 0.05)[1:],
        ]
    )


def _lightest(pixels: Colour, share: float) -> Colour:
    """The mean colour (3,) of the lightest share of pixels (N, 3)."""
    limit = np.quantile(pixels[:, 0], 1 - share)
    return np.asarray(pixels[pixels[:, 0] >= limit].mean(axis=0))


def load_pigment(weights: Path) -> PigmentEstimator:
    """Read the shipped estimator; MissingWeights when it is absent or damaged."""
    model = PigmentEstimator()
    load_weights(model, weights / PIGMENT_FILE)
    return model.eval().requires_grad_(False)
