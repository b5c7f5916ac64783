"""Refinement: a short optimization in W+ that starts at the encoder's output and ends closer to the photo.

Gradients go through the preview generator, which is ten times cheaper than the whole one. What the preview draws wrong
is measured now and then (`full_every`) by drawing once with the whole generator, and added to its pictures as a
constant: so the losses see nearly the true picture, and no colour error of the preview ends up in the latent. The best
latent seen is kept, so the answer is never worse than the start.
After FamilyGAN's encoder (optimisation from a network's guess, early stopping, stochastic clipping) and Karras et al.
2020 (StyleGAN2, appendix D: warm-up and cosine decay of the rate).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from core.domain.errors import Cancelled
from core.face.recognition import IdentityNetwork
from core.latent.losses import NO_MORE, LossMaker, face_mask, weighted_loss
from core.modeling.preview_head import PreviewGenerator

Progress = Callable[[float], None]
Stopped = Literal["steps", "seconds", "patience"]
OptimiserName = Literal["adam", "rmsprop", "sgd"]


def _default_weights() -> Mapping[str, float]:
    return {"log-cosh": 0.4, "colour": 4.0, "face-features": 4.0, "identity": 1.0}


@dataclass(frozen=True)
class ProjectionSettings:
    """How long and by which losses to refine."""

    steps: int = 60
    seconds: float = 12.0
    full_every: int = 12  # steps between two drawings by the whole generator
    optimiser: OptimiserName = "adam"
    rate: float = 0.05  # of the optimiser, in units of W's spread
    warmup: int = 5
    patience: int = 20
    improvement: float = 0.002  # smallest gain, as a share of the best loss, that counts
    near_start: float = 0.02  # weight of the squared distance from the start, in units of W's spread
    near_w: float = 0.02  # weight of the spread between style inputs beyond the start's
    clip: float = 4.0  # numbers further than this many spreads from the mean are drawn anew
    tied: bool = False  # all style inputs move alike: the latent stays as near to W as it was
    half: bool = False  # bfloat16 for the preview: faster on processors that have it, slower on others
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
        self,
        preview: PreviewGenerator,
        identity: IdentityNetwork,
        *,
        w_mean: Tensor,
        w_scale: Tensor,
        whole: Callable[[Tensor], Tensor],
        more_losses: Mapping[str, LossMaker] = NO_MORE,
    ) -> None:
        """`whole` draws latents (1, L, D) by the whole generator, (1, 3, 256, 256) in [-1, 1]; no gradients needed."""
        self.whole = whole
        self.preview = preview
        self.identity = identity
        self.more_losses = more_losses
        self.w_mean = w_mean
        self.w_scale = w_scale

    def project(
        self,
        target: Tensor,
        start: Tensor,
        *,
        mask: Tensor | None = None,
        settings: ProjectionSettings = ProjectionSettings(),
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Projection:
        """Refine `start` (1, L, D) towards an aligned photo (1, 3, 256, 256) in [-1, 1].

        `mask` (1, 1, 256, 256) says where the face is (`core.face.mask`); without it an oval is taken.
        `progress` is told the share done, 0 to 1; `cancelled` is asked before every step and answered with Cancelled.
        Raises SettingError for a loss that is not known.
        """
        began = time.monotonic()
        origin = (start - self.w_mean) / self.w_scale
        moved = torch.zeros_like(origin[:, :1] if settings.tied else origin).requires_grad_()
        optimiser = make_optimiser(moved, settings)
        where = face_mask(target.shape[-1]) if mask is None else mask
        distance = weighted_loss(settings.weights, target, where, self.identity, self.more_losses)
        best = Best(settings)
        stopped_by: Stopped = "steps"
        missing = torch.zeros(())
        for step in range(settings.steps):
            if cancelled is not None and cancelled():
                raise Cancelled()
            x = origin + moved
            latent = self.w_mean + x * self.w_scale
            if step % settings.full_every == 0:
                missing = self._missing(latent.detach(), half=settings.half)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
                drawn = self.preview(latent)
            loss = distance(drawn.float() + missing)[0] + _prior(x, origin, settings)
            best.see(x.detach(), loss.item())
            done = share_done(step + 1, settings, seconds=time.monotonic() - began)
            if progress is not None:
                progress(done)
            if best.tired or done >= 1:
                stopped_by = "patience" if best.tired else "steps" if step + 1 == settings.steps else "seconds"
                break
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * rate_factor(step, done, settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            clip_stochastically(moved, origin, settings.clip)
        if progress is not None:
            progress(1.0)
        return Projection(
            latent=self.w_mean + best.x * self.w_scale,
            loss=best.loss,
            start_loss=best.first_loss,
            steps=best.seen,
            seconds=time.monotonic() - began,
            stopped_by=stopped_by,
        )

    @torch.no_grad()
    def _missing(self, latent: Tensor, *, half: bool) -> Tensor:
        """What the preview lacks of the true picture (1, 3, 256, 256)."""
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            drawn: Tensor = self.preview(latent)
        return self.whole(latent) - drawn.float()


class Best:
    """The best latent seen, and for how many steps none was better."""

    def __init__(self, settings: ProjectionSettings) -> None:
        self.settings = settings
        self.x = torch.empty(0)
        self.loss = self.first_loss = math.inf
        self.seen = self.idle = 0

    @property
    def tired(self) -> bool:
        """No improvement worth the name for `patience` steps."""
        return self.idle >= self.settings.patience

    def see(self, x: Tensor, loss: float) -> None:
        """Take note of one step's latent and loss."""
        self.seen += 1
        if self.seen == 1:
            self.first_loss = loss
        gained = loss < self.loss * (1 - self.settings.improvement)
        self.idle = 0 if gained else self.idle + 1
        if loss < self.loss:
            self.x, self.loss = x.clone(), loss


def share_done(steps: int, settings: ProjectionSettings, *, seconds: float) -> float:
    """The larger of the shares of the steps and of the seconds that are used up, at most 1."""
    by_time = seconds / settings.seconds if settings.seconds > 0 else 1.0
    return min(1.0, max(steps / settings.steps, by_time))


def rate_factor(step: int, done: float, settings: ProjectionSettings) -> float:
    """A linear rise over the warm-up, then half a cosine that is down when the budget is used up."""
    rise = min(1.0, (step + 1) / settings.warmup)
    return rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def make_optimiser(moved: Tensor, settings: ProjectionSettings) -> torch.optim.Optimizer:
    """The optimiser of the settings' name."""
    if settings.optimiser == "sgd":
        return torch.optim.SGD([moved], lr=settings.rate, momentum=0.9)
    if settings.optimiser == "rmsprop":
        return torch.optim.RMSprop([moved], lr=settings.rate, alpha=0.9)
    return torch.optim.Adam([moved], lr=settings.rate, betas=(0.9, 0.95))


def _prior(x: Tensor, origin: Tensor, settings: ProjectionSettings) -> Tensor:
    """Keeps the latent near its start and its style inputs near each other, where it can still be aged.

    With a weight for latent-l1 also near the mean face, as FamilyGAN's L1 penalty on latents does.
    """
    moved = x - origin
    spread = moved - moved.mean(dim=1, keepdim=True)
    prior = settings.near_start * moved.square().mean() + settings.near_w * spread.square().mean()
    return prior + settings.weights.get("latent-l1", 0.0) * x.abs().mean()


@torch.no_grad()
def clip_stochastically(moved: Tensor, origin: Tensor, limit: float) -> None:
    """Where `origin + moved` lies beyond ±limit, move it anew to a random place inside, changing `moved` in place.

    Lipton and Tripathi 2017, "Precise recovery of latent vectors from generative adversarial networks". When all style
    inputs move alike, one that is beyond the limit moves them all.
    """
    place = origin + moved
    inside = torch.where(place.abs() > limit, (torch.rand_like(place) * 2 - 1) * limit, place)
    change = inside - place
    moved += change if moved.shape == place.shape else change.mean(dim=1, keepdim=True)
