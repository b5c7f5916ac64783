"""Trains the reader of `core.latent.feedback`: from a style to the descriptor and colour of the face that it draws."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from core.latent.feedback import SECOND_LOOK_FILE, AppearancePredictor, SecondLook
from core.modeling.generator import MobileStyleGAN
from core.modeling.weights_io import save_weights
from training.trainers.log import TrainingLog
from training.trainers.preview_head import warm_cosine

TRUNCATIONS = (0.4, 1.0)
"""Encoders answer nearer to the mean than W is wide."""


@dataclass(frozen=True)
class LookSettings:
    """What a run is made of."""

    samples: int = 10_800
    pool: int = 20_000  # styles are drawn for so many; the first `samples` of them are looked at
    epochs: int = 30
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    noise: float = 0.1  # added to the coordinates
    held_back: int = 500
    spread_samples: int = 50_000  # draws of W for its principal directions
    seed: int = 6


@torch.inference_mode()
def draw_looks(
    generator: MobileStyleGAN,
    eye: SecondLook,
    cache: Path,
    settings: LookSettings,
    *,
    progress: Callable[[float], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Styles (N, D) and what their drawings look like (N, 131), kept in `cache`; a run that was stopped goes on."""
    rng = torch.Generator().manual_seed(settings.seed)
    low, high = TRUNCATIONS
    psi = low + (high - low) * torch.rand(settings.pool, 1, generator=rng)
    z = torch.randn(settings.pool, generator.w_mean.shape[0], generator=rng)[: settings.samples]
    styles = generator.w_mean + psi[: settings.samples] * (generator.mapping(z) - generator.w_mean)
    looks = np.load(cache) if cache.is_file() else np.zeros((0, 131), np.float32)
    cache.parent.mkdir(parents=True, exist_ok=True)
    styles_count = generator.synthesis.styles
    while len(looks) < settings.samples:
        rows = range(len(looks), min(len(looks) + 200, settings.samples))
        more = [eye.drawn_looks(styles[row].expand(1, styles_count, -1)) for row in rows]
        looks = np.concatenate((looks, torch.cat(more).numpy()))
        fresh = cache.with_suffix(".new.npy")
        np.save(fresh, looks)
        os.replace(fresh, cache)
        if progress is not None:
            progress(len(looks) / settings.samples)
    return styles, torch.from_numpy(looks[: settings.samples])


def train_second_look(
    generator: MobileStyleGAN, styles: Tensor, looks: Tensor, folder: Path, settings: LookSettings = LookSettings()
) -> AppearancePredictor:
    """Fit the reader; leaves a log and `second_look.safetensors` in `folder`."""
    torch.manual_seed(settings.seed)
    reader = AppearancePredictor()
    train, check = slice(0, -settings.held_back), slice(-settings.held_back, None)
    reader.basis.copy_(principal_directions(generator, settings, rank=reader.basis.shape[1]))
    reader.w_mean.copy_(generator.w_mean)
    reader.mean.copy_(looks[train].mean(dim=0))
    at = reader.coordinates(styles)
    optimiser = torch.optim.AdamW(
        reader.layers.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    per_epoch = len(at[train]) // settings.batch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, per_epoch, settings.epochs * per_epoch)
    )
    log = TrainingLog(folder, settings=asdict(settings), every=per_epoch)
    for epoch in range(settings.epochs):
        reader.train()
        order = torch.randperm(len(at[train]))[: per_epoch * settings.batch]
        for i, rows in enumerate(order.split(settings.batch)):
            seen = at[rows] + settings.noise * torch.randn(len(rows), at.shape[1])
            loss = (reader.read(seen) - looks[rows]).square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            log.add(epoch * per_epoch + i + 1, loss=loss.item())
        if epoch % 5 == 4 or epoch == settings.epochs - 1:
            reader.eval()
            log.note((epoch + 1) * per_epoch, **measure_reader(reader, at[check], looks[check]))
    save_weights(reader, folder / SECOND_LOOK_FILE)
    return reader


@torch.inference_mode()
def measure_reader(reader: AppearancePredictor, at: Tensor, looks: Tensor) -> dict[str, float]:
    """Median distance of read and seen descriptors on held-back drawings, and the share of variance explained."""
    gap = (reader.read(at) - looks)[:, :128]
    spread = (looks - reader.mean)[:, :128]
    explained = 1 - gap.square().sum() / spread.square().sum()
    return {"distance": gap.norm(dim=1).median().item(), "explained": explained.item()}


@torch.inference_mode()
def principal_directions(generator: MobileStyleGAN, settings: LookSettings, *, rank: int) -> Tensor:
    """W's strongest principal directions (D, rank), each as long as W's spread along it."""
    rng = torch.Generator().manual_seed(settings.seed + 1)
    width = generator.w_mean.shape[0]
    styles = torch.cat(
        [generator.mapping(torch.randn(5000, width, generator=rng)) for _ in range(settings.spread_samples // 5000)]
    )
    values, vectors = torch.linalg.eigh(torch.cov(styles.T))
    strongest = values.argsort(descending=True)[:rank]
    return cast(Tensor, vectors[:, strongest] * values[strongest].sqrt())
