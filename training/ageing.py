"""Fits the age model (`core.ageing`) on drawn pairs whose age and sex our own estimator tells.

The curve is a ridge regression of styles on knots of age, per sex, with a penalty on kinks; the reader is a small
network on latents. Pictures are looked at once; the labels are kept beside the run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.age_estimate import AgeEstimator, pooled_features, to_growth
from core.ageing import AGEING_FILE, KNOTS, AgeModel
from core.generator import MobileStyleGAN
from core.heredity import Basis
from core.loading import save_weights
from training.drawn import DrawnPairs
from training.log import TrainingLog

PROFILE = (1.0,) * 13 + (0.6,) * 3 + (0.35,) * 7
"""How much of the curve's step each style input takes: features up to 64 px carry shape and skin; the finest inputs
carry colours, which should stay the person's own apart from hair that greys."""

CURVE_INPUT = 8
"""The style input whose styles the curve is fitted on where a drawing mixes two."""


@dataclass(frozen=True)
class AgeingSettings:
    """What a run is made of."""

    samples: int = 50_000  # draws of W for its principal directions
    ridge: float = 3.0
    smoothness: float = 10.0
    epochs: int = 60
    batch: int = 128
    learning_rate: float = 1e-3
    noise: float = 0.25  # added to the reader's inputs: latents of photos lie off W
    held_back: int = 300
    seed: int = 5


@torch.inference_mode()
def label_pairs(pairs: DrawnPairs, estimator: AgeEstimator, cache: Path) -> tuple[Tensor, Tensor]:
    """Age in years (N,) and probability of male (N,) of every drawn picture."""
    if not cache.is_file():
        ages, males = [], []
        for row in range(len(pairs)):
            age, _, male = estimator.head(pooled_features(estimator.network, pairs.picture(row)[None]))
            ages.append(age.item())
            males.append(torch.sigmoid(male).item())
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, age=np.array(ages, np.float32), male=np.array(males, np.float32))
    with np.load(cache, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["age"]), torch.from_numpy(arrays["male"])


def train_ageing(
    generator: MobileStyleGAN,
    pairs: DrawnPairs,
    labels: tuple[Tensor, Tensor],
    folder: Path,
    settings: AgeingSettings = AgeingSettings(),
) -> AgeModel:
    """Fit curve and reader; leaves `ageing.safetensors` and a log in `folder`."""
    torch.manual_seed(settings.seed)
    log = TrainingLog(folder, settings=asdict(settings), every=1000)
    age, male = labels
    model = AgeModel()
    _describe_w(model, generator, settings)
    model.profile.copy_(torch.tensor(PROFILE))
    train, check = pairs.split(settings.held_back)
    _fit_curve(model, pairs.latent(train)[:, CURVE_INPUT], age[train], (male[train] > 0.5).float(), settings)
    _train_reader(model, pairs, age, male, train, settings, log)
    log.note(settings.epochs, **score_reader(model, pairs, age, male, check))
    save_weights(model, folder / AGEING_FILE)
    return model


def _describe_w(model: AgeModel, generator: MobileStyleGAN, settings: AgeingSettings) -> None:
    """W's mean, principal directions and spread along them, from fresh draws."""
    draws = torch.Generator().manual_seed(settings.seed)
    with torch.inference_mode():
        w = generator.mapping(torch.randn(settings.samples, generator.w_mean.shape[0], generator=draws))
    basis = Basis.fit(w)
    model.directions.copy_(basis.directions)
    model.w_mean.copy_(generator.w_mean)
    model.w_scale.copy_(((w - basis.mean) @ basis.directions).std(dim=0))


def _fit_curve(model: AgeModel, styles: Tensor, age: Tensor, male: Tensor, settings: AgeingSettings) -> None:
    """Ridge regression: styles (N, D) on the knots' weights, once per sex; neighbouring slopes are held together."""
    knots = len(KNOTS)
    weights = model._between_knots(age)
    design = torch.cat([weights * (1 - male[:, None]), weights * male[:, None]], dim=1)
    bend = torch.zeros(knots - 2, knots)
    for i in range(knots - 2):
        bend[i, i : i + 3] = torch.tensor([1.0, -2.0, 1.0])
    kinks = torch.block_diag(bend, bend)
    # The sexes differ less the younger the face: their difference is held small at the first knots.
    apart = torch.cat([torch.eye(knots), -torch.eye(knots)], dim=1) * torch.exp(-torch.arange(knots) / 1.5)[:, None]
    normal = (
        design.T @ design
        + settings.ridge * torch.eye(2 * knots)
        + settings.smoothness * (kinks.T @ kinks)
        + 30 * (apart.T @ apart)
    )
    curve = torch.linalg.solve(normal, design.T @ (styles - model.w_mean))
    model.curve.copy_((curve + model.w_mean).unflatten(0, (2, knots)))
    away = (styles - model.mean_style(age, male)).square().mean(dim=1).sqrt()
    level = torch.linalg.solve(weights.T @ weights + 5 * torch.eye(knots), weights.T @ away + 5 * away.mean())
    model.residual.copy_(level / away.mean())


def _train_reader(
    model: AgeModel,
    pairs: DrawnPairs,
    age: Tensor,
    male: Tensor,
    train: Tensor,
    settings: AgeingSettings,
    log: TrainingLog,
) -> None:
    inputs = model.reader_inputs(pairs.latent(train))
    growth, sex = to_growth(age[train]), male[train]
    optimiser = torch.optim.AdamW(model.reader.parameters(), lr=settings.learning_rate, weight_decay=0.1)
    steps = settings.epochs * (len(train) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    for step in range(1, steps + 1):
        pick = torch.randint(0, len(train), (settings.batch,))
        noisy = inputs[pick] + settings.noise * torch.randn_like(inputs[pick])
        read_growth, read_male = model.reader(noisy).unbind(dim=1)
        loss = F.smooth_l1_loss(read_growth, growth[pick], beta=0.1) + 0.2 * F.binary_cross_entropy_with_logits(
            read_male, sex[pick]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        log.add(step, reader=loss.item())


@torch.inference_mode()
def score_reader(model: AgeModel, pairs: DrawnPairs, age: Tensor, male: Tensor, rows: Tensor) -> dict[str, float]:
    """Mean absolute error of the reader in years, and its share of right sexes from four years on."""
    read_age, read_male = model.read(pairs.latent(rows))
    error = (read_age - age[rows]).abs()
    young = age[rows] <= 12
    right = (read_male > 0) == (male[rows] > 0.5)
    return {
        "mae_to_12": error[young].mean().item(),
        "mae_above": error[~young].mean().item(),
        "sex": right[age[rows] >= 4].float().mean().item(),
    }
