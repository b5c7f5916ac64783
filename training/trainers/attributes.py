"""Fits the linear maps of `core.latent.attributes` on drawn faces, which were measured, and photos, which carry labels.

A reader is a ridge regression of one quantity on the latent's principal components, group by group of style inputs; a
writer is the smallest change (Mahalanobis) of the allowed inputs that moves its quantity by one and the others by as
little as can be. Glasses and smiles are learnt from labelled photos first and then seen in the drawn faces.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.face.age_estimator import to_growth
from core.latent.attributes import DIRECTIONS_FILE, QUANTITIES, TRAIT_QUANTITIES, TRANSIENT, Directions
from core.modeling.encoder import GROUPS
from core.modeling.generator import MobileStyleGAN
from core.modeling.weights_io import save_weights
from training.data.drawn_pairs import DrawnPairs
from training.data.measures import measure
from training.data.styles import describe_w
from training.data.traits import Floats, Looks
from training.trainers.log import TrainingLog

SHAPES, COLOURS = (0, 1, 2, 3), (1, 2, 3, 4, 5, 6)
ALLOWED: Mapping[str, tuple[int, ...]] = {
    **{name: SHAPES for names in TRAIT_QUANTITIES.values() for name in names},
    **{name: COLOURS for trait in ("skin", "hair") for name in TRAIT_QUANTITIES[trait]},
    "iris_light": COLOURS,
    "brow_dark": (1, 2, 3, 4),
    "smile": (0, 1, 2),
    "mouth_open": (0, 1, 2),
    "eyes_open": (1, 2, 3),
    "glasses": (0, 1, 2),
    "yaw": (0, 1),
    "pitch": (0, 1),
    "hair_length": (0, 1, 2, 3),
    "side_light": (1, 2, 3, 4, 5),
    "background": (0, 1, 2, 3, 4, 5, 6),
    "beard": (0, 1, 2, 3, 4),
    "makeup": (2, 3, 4, 5),
    "growth": (0, 1, 2, 3, 4),
    "male": (0, 1, 2, 3, 4),
}
"""The groups of style inputs (`core.modeling.encoder.GROUPS`) that carry a quantity: heads and shapes grow in the
coarse ones, colours in the fine ones."""

FREE = {"glasses": 0.1}
"""Factors on the strictness of a writer: glasses are put on by many small things at once."""

BY_POSE = ("yaw", "pitch", "smile", "mouth_open")
"""What is taken out of the shapes by regression, with its square: a turned head has no narrower jaw."""


@dataclass(frozen=True)
class DirectionSettings:
    """What a run is made of."""

    samples: int = 50_000  # draws of W for its principal directions
    rank: int = 96  # principal directions that readers look at, per group
    ridge: float = 120.0
    strictness: float = 250.0  # how dearly a writer pays for moving another quantity
    held_back: int = 300
    seed: int = 5


@dataclass(frozen=True)
class Labelled:
    """Photos whose label.csv tells more than can be measured: looks, smile (N,) 0 … 1, glasses (N,) 0 or 1."""

    looks: Looks
    smile: Floats
    glasses: Floats


def read_labels(folder: Path) -> tuple[list[Path], Floats, Floats]:
    """From `labels.csv`: files, smile, glasses (NoGlasses or a kind of them); rows with blanks are left out."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["smile"] and row["glasses"]]
    smile = np.array([float(row["smile"]) for row in rows], np.float32)
    glasses = np.array([float(row["glasses"] != "NoGlasses") for row in rows], np.float32)
    return [folder / row["file"] for row in rows], smile, glasses


def train_directions(
    generator: MobileStyleGAN,
    pairs: DrawnPairs,
    looks: Looks,
    labelled: Labelled,
    folder: Path,
    settings: DirectionSettings = DirectionSettings(),
) -> Directions:
    """Fit readers and writers on the first `len(looks)` pairs; leaves weights and a log in `folder`."""
    log = TrainingLog(folder, settings=asdict(settings))
    model = Directions()
    basis, spread = describe_w(generator, samples=settings.samples, seed=settings.seed)
    model.basis.copy_(basis.directions)
    model.mean.copy_(generator.w_mean)
    model.spread.copy_(spread)
    rows = torch.arange(len(looks))
    values, weights = quantities_of(looks, labelled, pairs.age[rows].numpy(), pairs.male[rows].numpy())
    inputs = components(model, pairs.latent(rows), settings.rank)
    train = len(rows) - min(settings.held_back, len(rows) // 5)
    readers, scores = _fit_readers(inputs, values, weights, train, settings)
    writers = _fit_writers(readers, settings)
    unwhiten = model.basis[:, : settings.rank]
    model.readers.copy_(torch.einsum("qgr,dr->qgd", readers, unwhiten / model.spread[: settings.rank]))
    model.writers.copy_(torch.einsum("qgr,dr->qgd", writers, unwhiten * model.spread[: settings.rank]))
    log.note(0, **scores)
    model.neutral.copy_(_neutral(model, pairs, rows, values))
    save_weights(model, folder / DIRECTIONS_FILE)
    return model


def components(model: Directions, latent: Tensor, rank: int) -> Tensor:
    """W+ (N, L, D) → principal components of each group's mean style in units of their spread, (N, G, R)."""
    white = (latent - model.mean) @ model.basis[:, :rank] / model.spread[:rank]
    groups = torch.tensor(GROUPS)
    return torch.stack([white[:, groups == g].mean(dim=1) for g in range(max(GROUPS) + 1)], dim=1)


def quantities_of(looks: Looks, labelled: Labelled, age: Floats, male: Floats) -> tuple[Floats, Floats]:
    """Every quantity of every face, standardised, and how much each one counts: (N, Q) both."""
    found = measure(looks)
    found["smile"] = _seen(_mouths(labelled.looks), labelled.smile, _mouths(looks), ridge=1.0)
    found["glasses"] = _seen(_flat_eyes(labelled.looks), labelled.glasses, _flat_eyes(looks), ridge=300.0)
    found["growth"] = to_growth(torch.from_numpy(age)).numpy()
    found["male"] = male
    shapes = [name for names in TRAIT_QUANTITIES.values() for name in names if ALLOWED[name] == SHAPES]
    pose = _standardised(np.stack([found[name] for name in BY_POSE], 1))
    pose = np.concatenate([pose, pose**2 - 1], 1)
    for name in shapes:
        found[name] = _without(found[name], pose)
    known = age >= 0
    weights = {name: np.ones(len(looks), np.float32) for name in QUANTITIES}
    weights["growth"] = weights["male"] = known.astype(np.float32)
    weights["beard"] = (known & (male > 0.5) & (age >= 18)).astype(np.float32)
    weights["makeup"] = (known & (male < 0.5) & (age >= 15)).astype(np.float32)
    values = np.stack([found[name] for name in QUANTITIES], 1).astype(np.float32)
    counted = np.stack([weights[name] for name in QUANTITIES], 1)
    mean = (values * counted).sum(0) / counted.sum(0)
    spread = np.sqrt((counted * (values - mean) ** 2).sum(0) / counted.sum(0)) + 1e-6
    # A landmark that went astray must not bend a line.
    return ((values - mean) / spread).clip(-4, 4), counted


def _seen(examples: Floats, labels: Floats, faces: Floats, *, ridge: float) -> Floats:
    """A label of some faces, seen in others: ridge regression on pixels or points."""
    mean, spread = examples.mean(0), examples.std(0) + 1e-6
    x = (examples - mean) / spread
    weights = np.linalg.solve(x.T @ x + ridge * len(x) / 100 * np.eye(x.shape[1]), x.T @ (labels - labels.mean()))
    return np.asarray(((faces - mean) / spread) @ weights, np.float32)


def _mouths(looks: Looks) -> Floats:
    return looks.points[:, 48:68].reshape(len(looks), -1)


def _flat_eyes(looks: Looks) -> Floats:
    eyes = looks.eyes.astype(np.float32).reshape(len(looks), -1)
    return np.asarray((eyes - eyes.mean(1, keepdims=True)) / (eyes.std(1, keepdims=True) + 1), np.float32)


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean(0)) / (values.std(0) + 1e-6))


def _without(values: Floats, causes: Floats) -> Floats:
    """What is left of values when linear effects of their causes are taken away."""
    design = np.concatenate([causes, np.ones((len(causes), 1))], 1)
    return np.asarray(values - causes @ np.linalg.lstsq(design, values, rcond=None)[0][:-1], np.float32)


def _fit_readers(
    inputs: Tensor, values: Floats, weights: Floats, train: int, settings: DirectionSettings
) -> tuple[Tensor, dict[str, float]]:
    """Readers (Q, G, R), scaled so that what they read has spread 1; with the share of variance they explain."""
    groups, rank = inputs.shape[1:]
    readers = torch.zeros(len(QUANTITIES), groups, rank)
    scores = {}
    for q, name in enumerate(QUANTITIES):
        allowed = list(ALLOWED[name])
        x = inputs[:, allowed].flatten(1)
        y, counted = torch.from_numpy(values[:, q]), torch.from_numpy(weights[:, q])
        scale = counted[:train, None]
        normal = (x[:train] * scale).T @ x[:train] + settings.ridge * torch.eye(x.shape[1])
        solved = torch.linalg.solve(normal, (x[:train] * scale).T @ y[:train])
        read = x @ solved
        kept = counted[train:] > 0
        error = (y[train:][kept] - read[train:][kept]).square().mean()
        scores[name] = float(1 - error / y[train:][kept].var().clamp(min=1e-6))
        readers[q, allowed] = (solved / read.std()).view(len(allowed), rank)
    return readers, scores


def _fit_writers(readers: Tensor, settings: DirectionSettings) -> Tensor:
    """Writers (Q, G, R): a step of each moves its own reader by exactly 1."""
    writers = torch.zeros_like(readers)
    for q, name in enumerate(QUANTITIES):
        allowed = list(ALLOWED[name])
        b = readers[:, allowed].flatten(1)  # (Q, F)
        wish = torch.zeros(len(QUANTITIES))
        wish[q] = 1.0
        strictness = settings.strictness * FREE.get(name, 1.0)
        change = b.T @ torch.linalg.solve(b @ b.T + torch.eye(len(b)) / strictness, wish)
        writers[q, allowed] = (change / (b[q] @ change)).view(len(allowed), -1)
    return writers


def _neutral(model: Directions, pairs: DrawnPairs, rows: Tensor, values: Floats) -> Tensor:
    """Where the passing quantities are in a face that looks at us: at their mean, or where they are absent."""
    read = model.read(pairs.latent(rows), TRANSIENT)
    age, male = pairs.age[rows], pairs.male[rows]
    neutral = torch.zeros(len(TRANSIENT))
    bare = torch.from_numpy(values[:, QUANTITIES.index("glasses")]) < 0.5
    neutral[TRANSIENT.index("glasses")] = read[bare, TRANSIENT.index("glasses")].mean()
    neutral[TRANSIENT.index("mouth_open")] = read[:, TRANSIENT.index("mouth_open")].quantile(0.3)
    neutral[TRANSIENT.index("beard")] = read[(male < 0.5) & (age > 15), TRANSIENT.index("beard")].mean()
    neutral[TRANSIENT.index("makeup")] = read[(male > 0.5) & (age > 15), TRANSIENT.index("makeup")].mean()
    return neutral
