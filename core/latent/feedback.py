"""Feedback: render the encoder's output, identify it, and move the latent towards the photo.

A small network, the reader, knows how a face's descriptor and colours follow from its style. The drawing tells how far
they are from the photo's; one Gauss–Newton step on the reader then asks for the smallest likely move that closes the
gap: likely as the styles of W are spread, and no further than the reader can be trusted. Every style input moves alike,
so the latent stays as near to W as it was. It costs one cheap drawing instead of a search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from core.face.recognition import identity_chip
from core.latent.attributes import QUANTITIES, Directions
from core.latent.losses import face_mask
from core.modeling.face_preview import FacePreview, paste
from core.modeling.generator import WIDTH
from core.modeling.preview_head import PreviewGenerator
from core.modeling.weights_io import load_weights
from core.runtime.cpu import has_bfloat16

Network = Callable[[Tensor], Tensor]

SECOND_LOOK_FILE = "second_look.safetensors"
DESCRIPTOR = 128
COLOURS = 3
COLOUR_WEIGHT = 0.5
"""A mean colour that is wrong by the whole range counts as much as this distance of descriptors."""

DESCRIPTOR_TRUST, COLOUR_TRUST = 0.05, 0.02
"""Standard deviation of what the reader gets wrong in each number: the larger, the smaller the step."""

COLOUR_SHARE = 0.6
"""How much of a gap of colours to ask for: part of it closes with the descriptor's, and asking for all overshoots."""

FEEDBACK_ROUNDS = 1
"""How often to look and move. A second move brings the descriptor nearer still, but the face no more: heads turn, and
glasses appear, because the descriptor cares little for either."""

HELD_BACK = ("smile", "mouth_open", "eyes_open", "glasses", "yaw", "pitch", "background")
"""Quantities of `core.latent.attributes` that a move leaves alone: the encoder saw them, the descriptor hardly does."""

MAX_STEP = 0.7
"""The longest step, as its root mean square along W's principal directions, in units of W's spread."""


class AppearancePredictor(nn.Module):
    """Styles (B, D) → what a drawing of them looks like (B, 131): descriptor and weighted mean colour."""

    basis: Tensor
    mean: Tensor
    w_mean: Tensor

    def __init__(self, *, rank: int = 192, hidden: int = 768) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(WIDTH, rank))
        self.register_buffer("w_mean", torch.zeros(WIDTH))
        self.register_buffer("mean", torch.zeros(DESCRIPTOR + COLOURS))
        self.layers = nn.Sequential(
            nn.Linear(rank, hidden),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, hidden // 2),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden // 2, DESCRIPTOR + COLOURS),
        )

    def coordinates(self, styles: Tensor) -> Tensor:
        """Styles (B, D) → their coordinates (B, R) along W's principal directions, each of spread 1."""
        return (styles - self.w_mean) @ self.basis / self.basis.square().sum(dim=0)

    def read(self, coordinates: Tensor) -> Tensor:
        """Coordinates (B, R) → looks (B, 131)."""
        return cast(Tensor, self.layers(coordinates)) + self.mean

    def jacobian(self, at: Tensor) -> Tensor:
        """How each look (131) changes along each coordinate (R) at some coordinates (R): (131, R)."""
        return slopes_of(self.layers, at)

    def free_of(self, held: Tensor) -> Tensor:
        """The projection (R, R) of moves onto those that leave alone what the rows of `held` (N, D) read of a style."""
        along = held @ self.basis
        return cast(Tensor, torch.eye(along.shape[1]) - torch.linalg.pinv(along) @ along)

    def step(
        self,
        style: Tensor,
        gap: Tensor,
        free: Tensor | None = None,
        *,
        trust: float = DESCRIPTOR_TRUST,
        longest: float = MAX_STEP,
    ) -> Tensor:
        """The move (D) of a style (D) that should close a gap (131) of looks, by Gauss and Newton.

        The most likely move when moves are spread as W is and the reader errs as far as it is trusted (Bishop 2006,
        section 3.3). `free` (R, R) projects it onto what may move (see `free_of`); `longest` is its root mean square
        along W's principal directions.
        """
        at = self.coordinates(style[None])[0]
        slope = self.jacobian(at)
        if free is not None:
            slope = slope @ free
        errors = torch.tensor([trust] * DESCRIPTOR + [COLOUR_TRUST] * COLOURS)
        move = slope.T @ torch.linalg.solve(slope @ slope.T + errors.square().diag(), gap)
        return cast(Tensor, self.basis @ (move * (longest / move.square().mean().sqrt()).clamp(max=1.0)))


def slopes_of(layers: nn.Sequential, at: Tensor) -> Tensor:
    """How what layers (linear, GELU, dropout) tell of coordinates (R) changes along each of these: (N, R).

    By the chain rule: automatic differentiation takes four times as long, and `torch.func` would load torch's compiler.
    """
    slopes: Tensor | None = None
    for layer in layers:
        if isinstance(layer, nn.Linear):
            slopes = layer.weight if slopes is None else layer.weight @ slopes
        elif isinstance(layer, nn.GELU) and slopes is not None:
            density = torch.exp(-at.square() / 2) / math.sqrt(2 * math.pi)
            slopes = (torch.special.ndtr(at) + at * density)[:, None] * slopes
        at = layer(at)
    assert slopes is not None
    return slopes


class SecondLook:
    """The reader with what draws and describes for it."""

    def __init__(
        self,
        reader: AppearancePredictor,
        preview: PreviewGenerator | Network,
        identity: Network,
        *,
        free: Tensor | None = None,
        half: bool | None = None,
    ) -> None:
        """Instead of a preview generator, anything that draws the cut around the face from W+ (see `FacePreview`)."""
        self.reader = reader
        self.free = free
        self.half = has_bfloat16() if half is None else half
        self.face = FacePreview(preview).eval() if isinstance(preview, PreviewGenerator) else preview
        self.identity = identity
        self.mask = face_mask(256, floor=0.0)

    @classmethod
    def load(
        cls,
        preview: PreviewGenerator | Network,
        identity: Network,
        directions: Directions,
        weights: Path,
        *,
        half: bool | None = None,
    ) -> SecondLook:
        """Read the shipped reader; MissingWeights when it is absent or damaged."""
        reader = load_looks_reader(weights)
        rows = [QUANTITIES.index(name) for name in HELD_BACK]
        free = reader.free_of(directions.readers[rows].sum(dim=1))
        return cls(reader, preview, identity, free=free, half=half)

    @torch.no_grad()
    def looks(self, picture: Tensor) -> Tensor:
        """An aligned face (B, 3, 256, 256) → descriptor and weighted mean colour of the face (B, 131)."""
        colour = (picture * self.mask).mean(dim=(2, 3)) / self.mask.mean()
        return torch.cat((self.identity(identity_chip(picture)), COLOUR_WEIGHT * colour), dim=1)

    @torch.no_grad()
    def drawn_looks(self, latent: Tensor) -> Tensor:
        """What the drawing of a latent (1, L, D) looks like (1, 131); of the picture only the face is drawn."""
        nothing = torch.zeros(len(latent), 3, 256, 256)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return self.looks(paste(self.face(latent).float().clamp(-1, 1), nothing)).float()

    @torch.no_grad()
    def correct(self, latent: Tensor, wanted: Tensor, *, looks: int = FEEDBACK_ROUNDS) -> Tensor:
        """Move a latent (1, L, D) to where its drawing should look as `wanted` (1, 131), in so many looks."""
        for _ in range(looks):
            gap = (wanted - self.drawn_looks(latent))[0]
            gap[DESCRIPTOR:] *= COLOUR_SHARE
            latent = latent + self.reader.step(latent[0].mean(dim=0), gap, self.free)
        return latent


def load_looks_reader(weights: Path) -> AppearancePredictor:
    """Read the shipped reader; MissingWeights when it is absent or damaged."""
    reader = AppearancePredictor()
    load_weights(reader, weights / SECOND_LOOK_FILE)
    return reader.eval().requires_grad_(False)
