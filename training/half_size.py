"""Trains the half-size head (`core.half_size`) to draw what the whole generator draws, at 512 px.

Features and pictures come from the frozen generator, cut alike, so that neither is ever computed whole. A share of the
latents leaves W (a different style per input), because children's latents do.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from core.device import has_bfloat16
from core.face_preview import cut_block
from core.generator import Block, MobileStyleGAN, SynthesisNetwork
from core.half_size import HALF_SIZE, HALF_SIZE_FEATURES, HALF_SIZE_FILE, HALF_SIZE_STYLES, HalfSizeHead
from core.loading import save_weights
from training.log import TrainingLog, load_checkpoint, save_checkpoint
from training.preview import picture_loss, warm_cosine

START = HALF_SIZE_FEATURES // 2
"""Size of the features that are computed whole."""


@dataclass(frozen=True)
class HalfSizeSettings:
    """What a run is made of; all that is needed to repeat it."""

    steps: int = 4000
    learning_rate: float = 2e-3  # Adam, of the convolutions
    style_rate: float = 0.05  # of the layers that read styles, as a share of it
    warmup: int = 100
    crop: int = 48  # features at START; the picture is eight times as wide
    crops: int = 4
    held_back: int = 12  # latents of the score, never trained on
    seed: int = 11


def train_half_size(
    generator: MobileStyleGAN, folder: Path, settings: HalfSizeSettings = HalfSizeSettings()
) -> HalfSizeHead:
    """Train a head and leave checkpoints, a log and the weights in `folder`; a run found there goes on."""
    torch.manual_seed(settings.seed)
    check = list(latents(generator, settings.held_back, seed=settings.seed + 1))
    head = HalfSizeHead()
    with torch.no_grad():
        some = torch.cat([generator.synthesis.features(w, until=HALF_SIZE_FEATURES) for w in check[:4]])
        head.feature_scale.copy_(1 / some.std(dim=(0, 2, 3))[:, None, None])
    # A style has 512 inputs that move together: its layers need a smaller rate than the convolutions.
    of_styles = [p for name, p in head.named_parameters() if "scale" in name or "shift" in name]
    of_pixels = [p for name, p in head.named_parameters() if "convolution" in name]
    optimiser = torch.optim.Adam(
        [
            {"params": of_pixels, "lr": settings.learning_rate},
            {"params": of_styles, "lr": settings.learning_rate * settings.style_rate},
        ],
        betas=(0.9, 0.99),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, settings.warmup, settings.steps)
    )
    log = TrainingLog(folder, settings=asdict(settings))
    checkpoint = folder / "checkpoint.pt"
    parts = {"head": head, "optimiser": optimiser, "schedule": schedule}
    start = load_checkpoint(checkpoint, **parts) if checkpoint.is_file() else 0
    rng = torch.Generator().manual_seed(settings.seed + 2 + start)
    for step in range(start + 1, settings.steps + 1):
        (latent,) = latents(generator, 1, seed=1000 * settings.seed + step)
        losses = []
        for features, picture in crops(generator.synthesis, latent, settings, rng):
            losses.append(picture_loss(head(features, latent[:, -HALF_SIZE_STYLES:]), picture))
        loss = torch.stack(losses).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        log.add(step, loss=loss.item())
        if step % 1000 == 0 or step == settings.steps:
            psnr, cast_ = measure_half_size(generator.synthesis, head, check)
            log.note(step, psnr=psnr, colour_cast=cast_)
            save_checkpoint(checkpoint, step=step, settings=asdict(settings), **parts)
            save_weights(head, folder / HALF_SIZE_FILE)
    return head


def latents(generator: MobileStyleGAN, count: int, *, seed: int) -> list[Tensor]:
    """Latents (1, L, D): half of them of two people's styles, a third moved off W in every input."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        truncation = 0.6 + 0.4 * torch.rand((), generator=rng).item()
        two = generator.sample(2, truncation=truncation, generator=rng)
        styles = two.shape[1]
        cross = int(torch.randint(1, 2 * styles, (), generator=rng))
        latent = torch.where((torch.arange(styles) < cross)[:, None], two[0], two[1])[None]
        if torch.rand((), generator=rng) < 1 / 3:
            other = generator.sample(styles, truncation=0.7, generator=rng)[:, 0]
            latent = latent + 0.5 * torch.rand((), generator=rng) * (other - generator.w_mean)[None]
        found.append(latent)
    return found


@torch.no_grad()
def crops(
    synthesis: SynthesisNetwork, latent: Tensor, settings: HalfSizeSettings, rng: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Pieces of the 256-px features (1, C, 2S, 2S) and of the picture (1, 3, 4S, 4S).

    What the generator would see beyond the edge of a piece counts as zero for both, as it does at the picture's edge.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        whole = synthesis.features(latent, until=START)
    whole = whole.float()
    *_, before, last = (cast(Block, block) for block in synthesis.blocks)
    side = settings.crop
    found = []
    for _ in range(settings.crops):
        x, y = torch.randint(0, START - side + 1, (2,), generator=rng).tolist()
        piece = whole[:, :, y : y + side, x : x + side]
        features = cut_block(before, 2 * x, 2 * y, 2 * side)(piece, latent[:, -7:-4])
        fine = cut_block(last, 4 * x, 4 * y, 4 * side)(features, latent[:, -4:-1])
        bands = synthesis.to_bands(fine * synthesis.to_bands_modulation(latent[:, -1]))
        found.append((features, bands[:, :3] / 2))
    return found


@torch.inference_mode()
def measure_half_size(synthesis: SynthesisNetwork, head: HalfSizeHead, check: list[Tensor]) -> tuple[float, float]:
    """Mean PSNR in dB against the exact picture of half the size, and the mean over pictures of the largest mean error
    of a colour channel, as a share of the range."""
    psnrs, casts = [], []
    for latent in check:
        features = synthesis.features(latent, until=HALF_SIZE_FEATURES)
        drawn = head(features, latent[:, -HALF_SIZE_STYLES:]).clamp(-1, 1)
        error = drawn - synthesis(latent, size=HALF_SIZE).clamp(-1, 1)
        psnrs.append(-10 * math.log10(error.square().mean().item() / 4))
        casts.append(error.mean(dim=(0, 2, 3)).abs().max().item() / 2)
    return sum(psnrs) / len(psnrs), sum(casts) / len(casts)
