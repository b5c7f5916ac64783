"""How far a drawn face is from a photo: a registry of losses by their standard names.

A loss is made once for a target (its features are computed once) and then called with a drawn picture of the same size.
Pictures are (B, 3, H, H) in [-1, 1], FFHQ-aligned; `mask` is (1, 1, H, H) in [0, 1]; every loss gives (B,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from core.identity import IdentityNetwork, identity_chip

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


PIXEL_LOSSES: Mapping[str, LossMaker] = {"pixel": _pixel, "l1": _l1, "log-cosh": _log_cosh, "colour": _colour}
NETWORK_LOSSES = ("face-features", "identity")
LOSSES = (*PIXEL_LOSSES, *NETWORK_LOSSES)
"""The names that `weighted_loss` knows."""


def weighted_loss(weights: Mapping[str, float], target: Tensor, mask: Tensor, network: IdentityNetwork) -> Loss:
    """The weighted sum of the named losses for one target. KeyError for a name that is not in LOSSES."""
    parts = []
    for name, weight in weights.items():
        if name not in NETWORK_LOSSES:
            parts.append((weight, PIXEL_LOSSES[name](target, mask)))
    if any(weights.get(name) for name in NETWORK_LOSSES):
        parts.append((1.0, _in_the_network(weights, target, network)))
    return lambda drawn: torch.stack([weight * part(drawn) for weight, part in parts]).sum(dim=0)
