"""Fits the line of `core.latent.headwear` to drawn children of whom somebody has said who wears something on the head.

`training/trainers/headwear.safetensors` holds the children that we looked at: their coarse styles, and whether
something is worn. Others are drawn onto numbered sheets: children of made-up parents as the program draws them,
headwear left on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score
from torch import Tensor

from core.domain.child_spec import ChildSpec
from core.latent.feedback import AppearancePredictor
from core.latent.headwear import Headwear, coarse_style
from core.modeling.generator import MobileStyleGAN
from core.output.images import encode_picture, resize_area
from core.pipeline import ChildPipeline
from core.runtime.tensors import to_pixels
from training.trainers.kinship import MadeUpParents, ResemblanceSettings

LABELLED = Path(__file__).parent / "headwear.safetensors"
AGES = (1.5, 30.0)
ACROSS, DOWN, SIDE = 15, 12, 80
"""Faces on a sheet, and their size in pixels."""

RANK = 60
"""Principal directions of W along which is read: with more, the few faces are learnt by heart."""

RIDGE = 1.0
"""Pull of the covariance towards the same spread everywhere, times its mean."""

FOLDS = 10


@torch.inference_mode()
def draw_sheets(
    pipeline: ChildPipeline, generator: MobileStyleGAN, count: int, folder: Path, *, seed: int = 77
) -> Tensor:
    """Coarse styles (N, D) of children from 1.5 to 30 years; leaves numbered sheets in `folder`, the first face 0."""
    pipeline.models.headwear = Headwear()  # leave on what they wear
    parents = MadeUpParents(generator, pipeline.models.ageing.w_scale.mean().item(), ResemblanceSettings(seed=seed))
    chance = np.random.default_rng(seed)
    styles, faces = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        age, male = float(np.exp(chance.uniform(*np.log(AGES)))), bool(chance.random() < 0.5)
        couple = []
        for _ in range(2):
            parent = parents.next(pipeline.generator_version)
            descriptor = pipeline.estimator.descriptor_of_latent(parent.tensor())[0].numpy()
            couple.append(replace(parent, descriptor=descriptor))
        latent = pipeline.at_age(pipeline.inherit(couple[0], couple[1], ChildSpec(seed=number)), age=age, male=male)
        styles.append(coarse_style(latent)[0])
        faces.append(resize_area(to_pixels(pipeline.models.preview(latent).clamp(-1, 1)), SIDE))
    per_sheet = ACROSS * DOWN
    for first in range(0, count, per_sheet):
        some = faces[first : first + per_sheet]
        some += [np.zeros_like(faces[0])] * (-len(some) % ACROSS)
        rows = [np.concatenate(some[at : at + ACROSS], axis=1) for at in range(0, len(some), ACROSS)]
        (folder / f"faces-{first}.png").write_bytes(encode_picture(np.concatenate(rows, axis=0)))
    return torch.stack(styles)


def save_labelled(styles: Tensor, worn: Collection[int], path: Path) -> None:
    """Styles (N, D) with the numbers of those who wear something."""
    labels = torch.tensor([number in worn for number in range(len(styles))])
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"styles": styles.half().contiguous(), "worn": labels}, path)


def read_labelled(path: Path = LABELLED) -> tuple[Tensor, Tensor]:
    """Styles (N, D) and whether something is worn (N,)."""
    found = load_file(path)
    return found["styles"].float(), found["worn"]


def fit_headwear(styles: Tensor, worn: Tensor, reader: AppearancePredictor) -> Headwear:
    """The line between the means of both, by Fisher's linear discriminant, and the likeliest change along it."""
    at = reader.coordinates(styles)[:, :RANK]
    along = discriminant(at, worn)
    bare = at[~worn]
    along = along / (bare @ along).std()
    covariance = torch.cov(at.T)
    change = covariance @ along / (along @ covariance @ along)
    basis = reader.basis[:, :RANK]
    model = Headwear()
    model.mean.copy_(reader.w_mean + basis @ bare.mean(dim=0))
    model.reader.copy_(basis / basis.square().sum(dim=0) @ along)
    model.writer.copy_(basis @ change)
    return model


def discriminant(at: Tensor, worn: Tensor) -> Tensor:
    """Coordinates (N, R) and labels (N,) → the direction (R) along which both are farthest apart for their spread."""
    means = [at[worn].mean(dim=0), at[~worn].mean(dim=0)]
    within = torch.cat((at[worn] - means[0], at[~worn] - means[1]))
    covariance = within.T @ within / len(within)
    pull = RIDGE * covariance.diagonal().mean() * torch.eye(at.shape[1])
    found: Tensor = torch.linalg.solve(covariance + pull, means[0] - means[1])
    return found


def told_apart(styles: Tensor, worn: Tensor, reader: AppearancePredictor) -> float:
    """Area under the curve, of faces that the line which reads them was not fitted to."""
    at = reader.coordinates(styles)[:, :RANK]
    read = torch.zeros(len(at))
    for fold in range(FOLDS):
        held = torch.arange(len(at)) % FOLDS == fold
        read[held] = (at[held] - at[~held & ~worn].mean(dim=0)) @ discriminant(at[~held], worn[~held])
    return float(roc_auc_score(worn.numpy(), read.numpy()))
