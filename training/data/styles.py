"""How W is spread: what the models that read and write styles measure their steps in."""

from __future__ import annotations

import torch
from torch import Tensor

from core.latent.heredity import Basis
from core.modeling.generator import MobileStyleGAN


@torch.inference_mode()
def describe_w(generator: MobileStyleGAN, *, samples: int, seed: int) -> tuple[Basis, Tensor]:
    """W's principal directions from fresh draws, and the spread along each (D,)."""
    draws = torch.Generator().manual_seed(seed)
    w = generator.mapping(torch.randn(samples, generator.w_mean.shape[0], generator=draws))
    basis = Basis.fit(w)
    return basis, ((w - basis.mean) @ basis.directions).std(dim=0)
