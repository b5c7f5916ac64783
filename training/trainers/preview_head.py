"""Trains the preview head (`core.modeling.preview_head`) to draw what the whole generator draws, at 256 px.

The features come from the frozen generator; the head is local, so it learns from random crops of them. A share of the
latents leaves W (a different style per input), because the encoder and the refinement will ask for such latents.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.modeling.generator import MobileStyleGAN
from core.modeling.preview_head import PREVIEW_FEATURES, PREVIEW_FILE, PreviewGenerator, PreviewHead
from core.modeling.weights_io import load_weights, save_weights
from training.data.drawn_pairs import DrawnPairs, endless
from training.trainers.log import TrainingLog, load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class PreviewSettings:
    """What a run is made of; all that is needed to repeat it."""

    steps: int = 6000
    learning_rate: float = 2e-3  # Adam, of the convolutions
    style_rate: float = 0.05  # of the layers that read styles, as a share of it
    warmup: int = 100
    crop: int = 80  # features; a bigger crop costs time, a smaller one hides seams
    crops: int = 2
    off_w_share: float = 0.08  # these need the whole network for their target: six times the time
    held_back: int = 300
    seed: int = 1


def train_preview(
    generator: MobileStyleGAN,
    pairs: DrawnPairs,
    folder: Path,
    settings: PreviewSettings = PreviewSettings(),
    *,
    begin: Path | None = None,
) -> PreviewHead:
    """Train a head and leave checkpoints, a log and `preview.safetensors` in `folder`.

    `begin` is the folder of a head to go on from; MissingWeights when there is none in it.
    """
    rng = torch.Generator().manual_seed(settings.seed)
    torch.manual_seed(settings.seed)
    synthesis = generator.synthesis
    head = PreviewHead()
    with torch.no_grad():
        some = synthesis.features(pairs.latent(torch.arange(min(16, len(pairs)))), until=PREVIEW_FEATURES)
        head.feature_scale.copy_(1 / some.std(dim=(0, 2, 3))[:, None, None])
    if begin is not None:
        load_weights(head, begin / PREVIEW_FILE)
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
    train, check = pairs.split(settings.held_back)
    rows = endless(train, generator=rng)
    log = TrainingLog(folder, settings=asdict(settings))
    checkpoint = folder / "checkpoint.pt"
    parts = {"head": head, "optimiser": optimiser, "schedule": schedule}
    start = load_checkpoint(checkpoint, **parts) if checkpoint.is_file() else 0
    for step in range(start + 1, settings.steps + 1):
        with torch.no_grad():
            latent, picture = _sample(synthesis_of=generator, pairs=pairs, row=next(rows), settings=settings, rng=rng)
            features = synthesis.features(latent, until=PREVIEW_FEATURES)
        losses = []
        for _ in range(settings.crops):
            x, y = torch.randint(0, PREVIEW_FEATURES - settings.crop + 1, (2,), generator=rng).tolist()
            drawn = head(features[:, :, y : y + settings.crop, x : x + settings.crop], latent[:, -7:])
            target = picture[:, :, 2 * y : 2 * (y + settings.crop), 2 * x : 2 * (x + settings.crop)]
            losses.append(picture_loss(drawn, target))
        loss = torch.stack(losses).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        log.add(step, loss=loss.item())
        if step % 500 == 0 or step == settings.steps:
            psnr, cast = measure_preview(PreviewGenerator(synthesis, head), pairs, check[:24])
            log.note(step, psnr=psnr, colour_cast=cast)
            save_checkpoint(checkpoint, step=step, settings=asdict(settings), **parts)
            save_weights(head, folder / PREVIEW_FILE)
    return head


def _sample(
    *, synthesis_of: MobileStyleGAN, pairs: DrawnPairs, row: int, settings: PreviewSettings, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One latent (1, L, D) and its picture (1, 3, 256, 256)."""
    latent = pairs.latent(torch.tensor([row]))
    if torch.rand((), generator=rng) >= settings.off_w_share:
        return latent, pairs.picture(row)[None]
    other = synthesis_of.sample(latent.shape[1], truncation=0.7, generator=rng)[:, 0]
    strength = 0.5 * torch.rand((), generator=rng)
    latent = latent + strength * (other - synthesis_of.w_mean)[None]
    return latent, synthesis_of.synthesis(latent, size=256).clamp(-1, 1)


def picture_loss(drawn: Tensor, target: Tensor) -> Tensor:
    """Mean absolute and squared error, and the colour cast; a pixel rightly beyond white or black costs nothing."""
    beyond = (target.abs() > 0.98) & (drawn * target.sign() > target.abs())
    error = torch.where(beyond, torch.zeros_like(drawn), drawn - target)
    return error.abs().mean() + 2 * error.square().mean() + 0.5 * error.mean(dim=(2, 3)).abs().mean()


def warm_cosine(step: int, warmup: int, steps: int) -> float:
    """Factor of the learning rate: a linear rise, then half a cosine down to a fiftieth."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.inference_mode()
def measure_preview(preview: PreviewGenerator, pairs: DrawnPairs, rows: Tensor) -> tuple[float, float]:
    """Mean PSNR in dB, and the largest mean error of a colour channel as a share of the range, on held-back rows."""
    psnrs, casts = [], []
    for row in rows.tolist():
        error = preview(pairs.latent(torch.tensor([row]))).clamp(-1, 1) - pairs.picture(row)[None]
        psnrs.append(-10 * math.log10(error.square().mean().item() / 4))
        casts.append(error.mean(dim=(0, 2, 3)).abs().max().item() / 2)
    return sum(psnrs) / len(psnrs), sum(casts) / len(casts)
