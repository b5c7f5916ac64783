"""Is this face a photograph's, or that of a drawing, a render, a statue, a doll?

In:  an aligned face, uint8 256×256×3, and the pooled features that the age estimator reads of it
(`core.face.age_estimator`). Out: `PhotoCheck.score`: how likely it is no photograph, 0..1; `require` lets it pass or
raises `NotAPhoto`.

A small network reads two things. What dlib's face network sees, averaged over the face: drawn and carved faces stir
other channels than real ones. And statistics of texture and color: how even areas are, how lines fall off, whether the
three channels carry the same grain, how many colors there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.domain.errors import NotAPhoto
from core.face.age_estimator import POOLS, SIZES
from core.modeling.weights_io import load_weights

PHOTO_CHECK_FILE = "photo_check.safetensors"
PHOTO_LIMIT = 0.5
"""Score above which a face is taken for a drawing. docs/safety.md has the table of others."""

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

TEXTURES = 45
CHANNELS = sum(size // pool**2 * (2 if pool > 1 else 1) for size, (_, pool) in zip(SIZES, POOLS, strict=True))
MAX_LENGTH = 4.0
"""Standard deviations to which every feature is cut: nothing far away may decide alone."""


class PhotoCheckNetwork(nn.Module):
    """Features (B, CHANNELS + TEXTURES) → logit of "no photograph" (B,)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, *, hidden: int = 24) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS + TEXTURES))
        self.register_buffer("scale", torch.ones(CHANNELS + TEXTURES))
        self.channels = nn.Linear(CHANNELS, hidden)
        self.textures = nn.Linear(TEXTURES, hidden)
        self.mixed = nn.Sequential(nn.GELU(), nn.Dropout(0.3), nn.Linear(2 * hidden, hidden), nn.GELU())
        self.head = nn.Linear(hidden, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Look at faces."""
        known = ((features - self.mean) * self.scale).clamp(-MAX_LENGTH, MAX_LENGTH)
        channels, textures = known.split((CHANNELS, TEXTURES), dim=1)
        both = torch.cat((self.channels(channels), self.textures(textures)), dim=1)
        return cast(Tensor, self.head(self.mixed(both))[:, 0])


class PhotoCheck:
    """The network with a limit."""

    def __init__(self, network: PhotoCheckNetwork, limit: float = PHOTO_LIMIT) -> None:
        """`limit`: 0..1, the score above which `require` refuses."""
        self.network = network
        self.limit = limit

    @classmethod
    def load(cls, weights: Path, limit: float = PHOTO_LIMIT) -> PhotoCheck:
        """Read the shipped weights; MissingWeights when they are absent or damaged."""
        network = PhotoCheckNetwork()
        load_weights(network, weights / PHOTO_CHECK_FILE)
        return cls(network.eval().requires_grad_(False), limit)

    @torch.inference_mode()
    def score(self, face: Pixels, pooled: Tensor) -> float:
        """How likely an aligned face is none of a photograph, 0..1. `pooled` (B, F): of the face, its mirror image …"""
        logits = self.network(features_of(face, pooled))
        return float(torch.sigmoid(logits.mean()))

    def require(self, face: Pixels, pooled: Tensor) -> None:
        """Let a photograph pass, or raise NotAPhoto."""
        score = self.score(face, pooled)
        if score > self.limit:
            raise NotAPhoto(score=score, limit=self.limit)


def features_of(face: Pixels, pooled: Tensor) -> Tensor:
    """What the network reads of an aligned face and of its pooled features (B, F): (B, CHANNELS + TEXTURES)."""
    textures = torch.from_numpy(texture_statistics(face)).expand(len(pooled), TEXTURES)
    return torch.cat((channel_statistics(pooled), textures), dim=1)


def channel_statistics(pooled: Tensor) -> Tensor:
    """Mean and spread over the face of each channel, (B, CHANNELS), from features pooled on grids, (B, F)."""
    found = []
    for part, (_, pool) in zip(pooled.float().split(SIZES, dim=1), POOLS, strict=True):
        cells = part.unflatten(1, (-1, pool * pool))
        found.append(cells.mean(dim=2))
        if pool > 1:
            found.append(cells.std(dim=2))
    return torch.cat(found, dim=1)


# --- texture ------------------------------------------------------------------------------------------------


def texture_statistics(face: Pixels) -> Values:
    """Statistics of texture and color of an aligned face (256×256×3): (TEXTURES,)."""
    rgb = face.astype(np.float32)
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    told = [
        *_grain(luma),
        *_grain(luma[64:192, 64:192]),
        *_edges(luma),
        *_tones(luma),
        *_evenness(face),
        *_colors(rgb, luma),
    ]
    return np.array(told, np.float32)


def _grain(luma: Values) -> list[float]:
    """At three scales: how strong second differences are, how peaked, and how many are next to nothing."""
    told = []
    for step in (1, 2, 4):
        curve = np.abs(luma[:, step * 2 :] - 2 * luma[:, step:-step] + luma[:, : -2 * step])
        mean = float(curve.mean()) + 1e-3
        told += [np.log(mean), float(np.sqrt((curve**2).mean())) / mean, float((curve < 1.0).mean())]
    return told


def _edges(luma: Values) -> list[float]:
    """How slopes are distributed."""
    down, right = np.gradient(luma)
    slope = np.hypot(down, right)
    percentiles = np.percentile(slope, (10, 30, 50, 70, 90, 97, 99.5))
    return [float(np.log(value + 0.1)) for value in percentiles]


def _tones(luma: Values) -> list[float]:
    """Percentiles of light, and how much is paper white or ink black."""
    percentiles = [float(value) / 255 for value in np.percentile(luma, (2, 25, 50, 75, 98))]
    return [*percentiles, float((luma > 245).mean()), float((luma < 12).mean())]


def _evenness(face: Pixels) -> list[float]:
    """Neighbors that are exactly alike, and how few colors make up most of the picture."""
    alike = [float((face[:, step:] == face[:, :-step]).all(axis=2).mean()) for step in (1, 4)]
    coarse = (face >> 4).astype(np.int32)
    counts = np.sort(np.bincount((coarse[..., 0] << 8 | coarse[..., 1] << 4 | coarse[..., 2]).ravel()))[::-1]
    shares = counts / counts.sum()
    return [*alike, float(shares[:4].sum()), float(shares[:16].sum()), float(np.log((counts > 0).sum()))]


def _colors(rgb: Values, luma: Values) -> list[float]:
    """Saturation, and whether the three channels carry the same grain."""
    saturation = (rgb.max(axis=2) - rgb.min(axis=2)) / 255
    fine = rgb[:, 1:] - rgb[:, :-1]
    red, green, blue = (fine[..., channel].ravel() for channel in range(3))
    told = [float(saturation.mean()), float(saturation.std()), float(np.percentile(saturation, 95))]
    told += [_correlation(red, green), _correlation(green, blue)]
    chroma = np.stack([rgb[..., 0] - luma, rgb[..., 2] - luma])[:, 64:192, 64:192] / 255
    told += [float(chroma[0].mean()), float(chroma[1].mean()), float(chroma.std())]
    return told


def _correlation(one: Values, other: Values) -> float:
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread > 1e-6 else 1.0
