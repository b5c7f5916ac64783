"""Distances between a rendered face and a photo: a registry of losses by their standard names.

A loss is made once for a target (its features are computed once) and then called with a drawn picture of the same size.
Pictures are (B, 3, H, H) in [-1, 1], FFHQ-aligned; `mask` is (1, 1, H, H) in [0, 1]; every loss gives (B,).

    pixel, l1, log-cosh, colour         by pixels
    face-features, identity             by the face recognition network
    latent-l1                           not by the picture: the latent's own size, see `core.latent.projection`

`training.losses.perceptual` brings vgg, vgg-l1, lpips and ms-ssim for those who compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from core.domain.errors import SettingError
from core.face.recognition import IdentityNetwork, identity_chip

Loss = Callable[[Tensor], Tensor]
LossMaker = Callable[[Tensor, Tensor], Loss]


def face_mask(size: int, *, floor: float = 0.15) -> Tensor:
    """A soft oval (1, 1, size, size) over the face of an FFHQ-aligned picture: 1 inside, `floor` in the corners."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    radius = torch.sqrt((x / 0.72).square() + ((y - 0.1) / 0.88).square())
    return (floor + (1 - floor) * torch.sigmoid((1 - radius) / 0.08))[None, None]


def _pixel(target: Tensor, mask: Tensor) -> Loss:
    return lambda drawn: _masked_mean((drawn - target).square(), mask)


def _l1(target: Tensor, mask: Tensor) -> Loss:
    return lambda drawn: _masked_mean((drawn - target).abs(), mask)


def _log_cosh(target: Tensor, mask: Tensor) -> Loss:
    def loss(drawn: Tensor) -> Tensor:
        error = (drawn - target).abs() * 10  # in tenths of the range, where the bend of the curve lies
        return _masked_mean(error + F.softplus(-2 * error) - 0.6931472, mask)

    return loss


def _colour(target: Tensor, mask: Tensor) -> Loss:
    """Squared error of the picture shrunk to 16 px: light and skin tone, without any detail."""
    small, weight = F.adaptive_avg_pool2d(target, 16), F.adaptive_avg_pool2d(mask, 16)
    return lambda drawn: _masked_mean((F.adaptive_avg_pool2d(drawn, 16) - small).square(), weight)


def _in_the_network(weights: Mapping[str, float], target: Tensor, network: IdentityNetwork) -> Loss:
    """The losses that look through the face recognition network, in one pass of it.

    face-features: distance of normalised features, stage by stage, as LPIPS does (Zhang et al. 2018).
    identity: squared distance of the 128-number descriptors.
    """
    with torch.no_grad():
        stages = network.stages(identity_chip(target))
        wanted, who = [F.normalize(x, dim=1) for x in stages[:4]], network.describe(stages)

    def loss(drawn: Tensor) -> Tensor:
        stages = network.stages(identity_chip(drawn))
        gaps = [
            (F.normalize(x, dim=1) - y).square().sum(dim=1).mean(dim=(1, 2))
            for x, y in zip(stages[:4], wanted, strict=True)
        ]
        features = torch.stack(gaps).mean(dim=0)
        identity = (network.describe(stages) - who).square().sum(dim=1)
        return weights.get("face-features", 0.0) * features + weights.get("identity", 0.0) * identity

    return loss


def _masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    return (error * mask).mean(dim=(1, 2, 3)) / mask.mean()


PIXEL_LOSSES: Mapping[str, LossMaker] = {
    "pixel": _pixel,
    "l1": _l1,
    "log-cosh": _log_cosh,
    "colour": _colour,
}
NO_MORE: Mapping[str, LossMaker] = {}
FACE_LOSSES = ("face-features", "identity")
LATENT_LOSSES = ("latent-l1",)
LOSSES = (*PIXEL_LOSSES, *FACE_LOSSES, *LATENT_LOSSES)
"""The names that weights may be given for; whoever brings further makers may use their names too."""


def weighted_loss(
    weights: Mapping[str, float],
    target: Tensor,
    mask: Tensor,
    identity: IdentityNetwork,
    more: Mapping[str, LossMaker] = NO_MORE,
) -> Loss:
    """The weighted sum of the named losses of pictures for one target. `more` brings makers of further losses.

    Raises SettingError for a name that nobody knows, and where no loss looks at the picture.
    """
    makers = {**PIXEL_LOSSES, **more}
    allowed = ", ".join((*LOSSES, *more))
    parts: list[tuple[float, Loss]] = []
    for name, weight in weights.items():
        if name in makers:
            parts.append((weight, makers[name](target, mask)))
        elif name not in FACE_LOSSES + LATENT_LOSSES:
            raise SettingError(name="loss", value=name, allowed=allowed)
    if any(weights.get(name) for name in FACE_LOSSES):
        parts.append((1.0, _in_the_network(weights, target, identity)))
    if not parts:
        raise SettingError(name="loss", value="none", allowed=allowed)
    return lambda drawn: torch.stack([weight * part(drawn) for weight, part in parts]).sum(dim=0)
