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
LossMaker = Callable[[Tensor, Tensor, IdentityNetwork], Loss]


def face_mask(size: int, *, floor: float = 0.15) -> Tensor:
    """A soft oval (1, 1, size, size) over the face of an FFHQ-aligned picture: 1 inside, `floor` in the corners."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    radius = torch.sqrt((x / 0.72).square() + ((y - 0.1) / 0.88).square())
    return (floor + (1 - floor) * torch.sigmoid((1 - radius) / 0.08))[None, None]


def _pixel(target: Tensor, mask: Tensor, _: IdentityNetwork) -> Loss:
    return lambda drawn: _masked_mean((drawn - target).square(), mask)


def _l1(target: Tensor, mask: Tensor, _: IdentityNetwork) -> Loss:
    return lambda drawn: _masked_mean((drawn - target).abs(), mask)


def _log_cosh(target: Tensor, mask: Tensor, _: IdentityNetwork) -> Loss:
    def loss(drawn: Tensor) -> Tensor:
        error = (drawn - target).abs() * 10  # in tenths of the range, where the bend of the curve lies
        return _masked_mean(error + F.softplus(-2 * error) - 0.6931472, mask)

    return loss


def _colour(target: Tensor, mask: Tensor, _: IdentityNetwork) -> Loss:
    """Squared error of the picture shrunk to 16 px: light and skin tone, without any detail."""
    small, weight = F.adaptive_avg_pool2d(target, 16), F.adaptive_avg_pool2d(mask, 16)
    return lambda drawn: _masked_mean((F.adaptive_avg_pool2d(drawn, 16) - small).square(), weight)


def _face_features(target: Tensor, mask: Tensor, network: IdentityNetwork) -> Loss:
    """Distance of normalised features, stage by stage, as LPIPS does, in the face recognition network."""
    with torch.no_grad():
        wanted = [F.normalize(x, dim=1) for x in network.stages(target)[:4]]

    def loss(drawn: Tensor) -> Tensor:
        found = [F.normalize(x, dim=1) for x in network.stages(drawn)[:4]]
        parts = [
            _masked_mean(
                (a - b).square().sum(dim=1, keepdim=True), F.adaptive_avg_pool2d(mask, (a.shape[2], a.shape[3]))
            )
            for a, b in zip(found, wanted, strict=True)
        ]
        return torch.stack(parts).mean(dim=0)

    return loss


def _identity(target: Tensor, _: Tensor, network: IdentityNetwork) -> Loss:
    """Squared distance of the 128-number descriptors."""
    with torch.no_grad():
        wanted = network(identity_chip(target))
    return lambda drawn: (network(identity_chip(drawn)) - wanted).square().sum(dim=1)


def _masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    return (error * mask).mean(dim=(1, 2, 3)) / mask.mean()


LOSSES: Mapping[str, LossMaker] = {
    "pixel": _pixel,
    "l1": _l1,
    "log-cosh": _log_cosh,
    "colour": _colour,
    "face-features": _face_features,
    "identity": _identity,
}


def weighted_loss(weights: Mapping[str, float], target: Tensor, mask: Tensor, network: IdentityNetwork) -> Loss:
    """The weighted sum of the named losses for one target."""
    parts = [(weight, LOSSES[name](target, mask, network)) for name, weight in weights.items() if weight]
    return lambda drawn: torch.stack([weight * part(drawn) for weight, part in parts]).sum(dim=0)
