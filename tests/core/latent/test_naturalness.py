"""Latents stay where the generator draws natural faces."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.domain.errors import MissingWeights
from core.latent.naturalness import BANDS, CHILD_LIMITS, NaturalPrior, load_naturalness
from core.modeling.generator import STYLES, WIDTH, MobileStyleGAN
from core.modeling.generator_weights import load_generator
from core.modeling.weights_io import SHIPPED


@pytest.fixture(scope="module")
def shipped() -> NaturalPrior:
    return load_naturalness(SHIPPED)


@pytest.fixture(scope="module")
def generator(weights_dir: Path) -> MobileStyleGAN:
    return load_generator(weights_dir)


@torch.no_grad()
def draws(generator: MobileStyleGAN, count: int) -> torch.Tensor:
    return generator.mapping(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(77)))


def test_draws_of_the_generator_are_standard_normal(shipped: NaturalPrior, generator: MobileStyleGAN) -> None:
    # The last few hundredths of the variance are lost to float16.
    white = shipped.whiten(draws(generator, 4000))[:, :400]
    assert white.mean(dim=0).abs().max() < 0.15
    spread = white.std(dim=0)
    assert spread.min() > 0.9 and spread.max() < 1.1
    kurtosis = white.pow(4).mean(dim=0) / white.square().mean(dim=0).square()
    assert 2.7 < kurtosis[:320].median() < 3.3, "whitened before the nonlinearity is undone, it is 4 and more"


def test_whitening_can_be_undone(shipped: NaturalPrior, generator: MobileStyleGAN) -> None:
    w = draws(generator, 50)
    assert torch.allclose(shipped.colour(shipped.whiten(w)), w, atol=5e-3)


def test_what_is_natural_stays_as_it_is(shipped: NaturalPrior) -> None:
    calm = shipped.colour(0.5 * torch.randn(1, STYLES, WIDTH, generator=torch.Generator().manual_seed(3)))
    assert torch.allclose(shipped.restrain(calm), calm, atol=5e-3)


def test_what_was_pushed_too_far_comes_back_to_the_limit_and_keeps_its_direction(shipped: NaturalPrior) -> None:
    far = shipped.colour(4 * torch.randn(2, STYLES, WIDTH, generator=torch.Generator().manual_seed(4)))
    held = shipped.restrain(far)
    rms = shipped.band_rms(held)[..., :4]  # rounding alone makes up much of the weakest band
    assert torch.allclose(rms, torch.tensor(CHILD_LIMITS[:4]).expand_as(rms), rtol=0.02)
    before, after = (shipped.whiten(latent)[..., : BANDS[0]].flatten(0, 1) for latent in (far, held))
    assert torch.cosine_similarity(before, after, dim=1).min() > 0.99


def test_gradients_pass_through_the_prior(shipped: NaturalPrior) -> None:
    latent = shipped.colour(2 * torch.randn(1, STYLES, WIDTH)).requires_grad_()
    shipped.restrain(latent).square().sum().backward()
    assert latent.grad is not None and latent.grad.isfinite().all() and latent.grad.any()


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_naturalness(tmp_path)
