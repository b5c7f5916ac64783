"""Teach `core.face.photo_check` to tell photographs from drawings: photos as they are, and the same drawn, carved,
rendered.

In:  folders of aligned faces (FFHQ's frame), of photographs and of the generator's own pictures.
Out: `photo_check.safetensors`, and what it gets wrong on faces held back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.face.age_estimator import pooled_features
from core.face.photo_check import CHANNELS, TEXTURES, PhotoCheckNetwork, features_of
from core.face.recognition import IdentityNetwork
from core.runtime.tensors import to_tensor
from training.data.drawings import SIZE, STYLES, as_sent, drawing_of, made_up_face

Pixels = npt.NDArray[np.uint8]

HELD_BACK = 6
"""One face in so many is held back."""

STEPS, RATE, DECAY = 600, 3e-3, 0.05
SMOOTHING = 0.03
"""No label is quite sure: a few photos are smoothed like drawings, a few drawings are fine as photos."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Features (N, F), whether each is drawn (N,), its kind ("photo" or a style), and whether it is held back (N,)."""

    features: Tensor
    drawn: Tensor
    kinds: list[str]
    held_back: Tensor


@dataclass(frozen=True)
class Score:
    """Shares of held-back drawings refused and of held-back photos refused at a limit."""

    drawings_refused: float
    photos_refused: float


def photo_files(folders: Sequence[Path], *, most: int, seed: int) -> list[Path]:
    """At most `most` pictures of each folder, in an order of chance that is always the same."""
    chance = np.random.default_rng(seed)
    found: list[Path] = []
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
        found += [files[number] for number in chance.permutation(len(files))[:most]]
    return found


def pictures(photos: Sequence[Path], *, seed: int) -> Iterator[tuple[Pixels, str, int]]:
    """Each photo, a drawing of it, and now and then one of nobody, half of them spoilt on their way; kind, number."""
    styles = list(STYLES)
    for number, path in enumerate(photos):
        chance = np.random.default_rng((seed, number))
        with Image.open(path) as opened:
            photo = np.asarray(opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS))
        style = styles[number % len(styles)]
        made = [(photo, "photo"), (drawing_of(photo, style, chance), style)]
        if number % 5 == 0:
            made.append((made_up_face(chance), "made_up"))
        for picture, kind in made:
            yield (as_sent(picture, chance) if chance.random() < 0.5 else picture), kind, number


@torch.inference_mode()
def examples(network: IdentityNetwork, photos: Sequence[Path], *, seed: int) -> Examples:
    """Look at all pictures made of `photos`; about a tenth of a second each."""
    features, kinds, held_back = [], [], []
    for picture, kind, number in pictures(photos, seed=seed):
        features.append(features_of(picture, pooled_features(network, to_tensor(picture))))
        kinds.append(kind)
        held_back.append(number % HELD_BACK == 0)
    drawn = torch.tensor([float(kind != "photo") for kind in kinds])
    return Examples(torch.cat(features), drawn, kinds, torch.tensor(held_back))


def train(known: Examples, *, steps: int = STEPS, seed: int) -> PhotoCheckNetwork:
    """Fit the network on what is not held back."""
    torch.manual_seed(seed)
    features, drawn = known.features[~known.held_back], known.drawn[~known.held_back]
    network = PhotoCheckNetwork()
    network.mean.copy_(features.mean(dim=0))
    network.scale.copy_(1.0 / features.std(dim=0).clamp(min=1e-3))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    weights = torch.where(drawn > 0, 0.5 / drawn.mean(), 0.5 / (1 - drawn.mean()))
    for _ in range(steps):
        picked = torch.randint(len(features), (256,))
        noisy = features[picked] + 0.1 * torch.randn(256, CHANNELS + TEXTURES) / network.scale
        wanted = drawn[picked] * (1 - 2 * SMOOTHING) + SMOOTHING
        loss = F.binary_cross_entropy_with_logits(network(noisy), wanted, weight=weights[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def score(network: PhotoCheckNetwork, known: Examples, *, limit: float) -> Score:
    """What a limit would do to the examples held back."""
    refused = torch.sigmoid(network(known.features[known.held_back])) > limit
    drawn = known.drawn[known.held_back] > 0
    return Score(float(refused[drawn].float().mean()), float(refused[~drawn].float().mean()))
