"""Refinement: a short optimisation in W+ that starts at the encoder's answer and ends nearer to the photo.

The steps run through the preview generator (ten times cheaper); a few last ones through the whole generator take away
the colour error that the preview leaves. The best latent seen is kept, so the answer is never worse than the start.
After FamilyGAN's encoder (optimisation from a network's guess, early stopping) and Karras et al. 2020 (StyleGAN2,
appendix D: warm-up and cosine decay of the rate).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import Cancelled
from core.identity import IdentityNetwork
from core.losses import Loss, face_mask, weighted_loss
from core.preview import PreviewGenerator

Progress = Callable[[float], None]
Stopped = Literal["steps", "seconds", "patience"]


def _default_weights() -> Mapping[str, float]:
    return {"log-cosh": 0.4, "colour": 4.0, "face-features": 4.0, "identity": 1.0}


@dataclass(frozen=True)
class ProjectionSettings:
    """How long and by which losses to refine."""

    steps: int = 60
    full_steps: int = 3
    seconds: float = 25.0
    rate: float = 0.05  # of Adam, in units of W's spread
    warmup: int = 5
    patience: int = 15
    improvement: float = 0.002  # smallest gain, as a share of the best loss, that counts
    near_start: float = 0.02  # weight of the squared distance from the start, in units of W's spread
    near_w: float = 0.02  # weight of the spread between style inputs beyond the start's
    clip: float = 4.0  # a style further than this many spreads from the mean is pulled back
    weights: Mapping[str, float] = field(default_factory=_default_weights)


@dataclass(frozen=True)
class Projection:
    """The best latent (1, L, D), its loss and the start's, and why the search ended."""

    latent: Tensor
    loss: float
    start_loss: float
    steps: int
    seconds: float
    stopped_by: Stopped


class Projector:
    """Holds the networks; `project` may be called again and again."""

    def __init__(
        self, preview: PreviewGenerator, identity: IdentityNetwork, *, w_mean: Tensor, w_scale: Tensor
    ) -> None:
        self.preview = preview
        self.identity = identity
        self.w_mean = w_mean
        self.w_scale = w_scale

    def project(
        self,
        target: Tensor,
        start: Tensor,
        *,
        settings: ProjectionSettings = ProjectionSettings(),
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Projection:
        """Refine `start` (1, L, D) towards an aligned photo (1, 3, 256, 256) in [-1, 1].

        `progress` is told the share done, 0 to 1; `cancelled` is asked before every step and answered with Cancelled.
        """
        began = time.monotonic()
        origin = (start - self.w_mean) / self.w_scale
        x = origin.clone().requires_grad_()
        optimiser = torch.optim.Adam([x], lr=settings.rate, betas=(0.9, 0.95))
        distance = weighted_loss(settings.weights, target, face_mask(target.shape[-1]), self.identity)
        best = Best(settings)
        planned = settings.steps + settings.full_steps
        stopped_by: Stopped = "steps"
        full_cost = 0.0
        for step in range(planned):
            if cancelled is not None and cancelled():
                raise Cancelled()
            spent = time.monotonic() - began
            full = step >= settings.steps or best.tired or spent + full_cost * settings.full_steps > settings.seconds
            if spent > settings.seconds or (full and best.full_seen >= settings.full_steps):
                stopped_by = "seconds" if spent > settings.seconds else "patience" if best.tired else "steps"
                break
            _set_rate(optimiser, settings, step, full=full)
            latent = self.w_mean + x * self.w_scale
            drawn = self._full(latent) if full else self.preview(latent)
            loss = distance(drawn)[0] + _prior(x, origin, settings)
            best.see(x.detach(), loss.item(), full=full)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            clip_stochastically(x, settings.clip)
            if progress is not None:
                progress((step + 1) / planned)
            full_cost = max(full_cost, 8 * (time.monotonic() - began) / (step + 1)) if step < 3 else full_cost
        latent = self.w_mean + best.x * self.w_scale
        return Projection(latent, best.loss, best.first_loss, best.seen, time.monotonic() - began, stopped_by)

    def _full(self, latent: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(self.preview.synthesis(latent, size=512), 256)


class Best:
    """The best latent seen by preview steps, overtaken by the last full step (their losses do not compare)."""

    def __init__(self, settings: ProjectionSettings) -> None:
        self.settings = settings
        self.x = torch.empty(0)
        self.loss = self.first_loss = math.inf
        self.seen = self.full_seen = self.idle = 0

    @property
    def tired(self) -> bool:
        """No improvement worth the name for `patience` steps."""
        return self.idle >= self.settings.patience

    def see(self, x: Tensor, loss: float, *, full: bool) -> None:
        """Take note of one step's latent and loss."""
        self.seen += 1
        if self.seen == 1:
            self.first_loss = loss
        if full and not self.full_seen:
            self.loss = math.inf
        self.full_seen += full
        gained = loss < self.loss * (1 - self.settings.improvement)
        self.idle = 0 if gained else self.idle + 1
        if loss < self.loss:
            self.x, self.loss = x.clone(), loss


def _set_rate(optimiser: torch.optim.Optimizer, settings: ProjectionSettings, step: int, *, full: bool) -> None:
    rise = min(1.0, (step + 1) / settings.warmup)
    fall = 0.15 if full else 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
    for group in optimiser.param_groups:
        group["lr"] = settings.rate * rise * fall


def _prior(x: Tensor, origin: Tensor, settings: ProjectionSettings) -> Tensor:
    """Keeps the latent near its start and its style inputs near each other, where it can still be aged."""
    moved = x - origin
    spread = moved - moved.mean(dim=1, keepdim=True)
    return settings.near_start * moved.square().mean() + settings.near_w * spread.square().mean()


@torch.no_grad()
def clip_stochastically(x: Tensor, limit: float) -> None:
    """Draw numbers beyond ±limit anew from inside it (Lipton and Tripathi 2017, "stochastic clipping"), in place."""
    beyond = x.abs() > limit
    if beyond.any():
        x[beyond] = (torch.rand_like(x[beyond]) * 2 - 1) * limit
