"""VGG16 and LPIPS: nothing between equal pictures, more the worse a picture gets; and the losses that use them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.domain.errors import MissingWeights
from core.face.recognition import IdentityNetwork
from core.latent.losses import face_mask, weighted_loss
from tests.support.photos.drawn_faces import drawn
from training.losses.perceptual import PerceptualNetwork, research_losses, similarity


@pytest.fixture(scope="module")
def network(research_weights: Path) -> PerceptualNetwork:
    return PerceptualNetwork.load(research_weights)


@pytest.fixture(scope="module")
def portrait() -> Tensor:
    return torch.from_numpy(drawn("woman")).permute(2, 0, 1)[None].float() / 127.5 - 1


def blurred(picture: Tensor, size: int) -> Tensor:
    return F.interpolate(F.adaptive_avg_pool2d(picture, size), 256, mode="bilinear")


@torch.inference_mode()
def test_lpips_grows_with_blur_and_with_noise(network: PerceptualNetwork, portrait: Tensor) -> None:
    by_blur = [network.distance(portrait, blurred(portrait, size)).item() for size in (256, 64, 32, 16)]
    noise = torch.randn(portrait.shape, generator=torch.Generator().manual_seed(0))
    by_noise = [network.distance(portrait, portrait + strength * noise).item() for strength in (0, 0.1, 0.3, 0.6)]
    for distances in (by_blur, by_noise):
        assert distances[0] == pytest.approx(0, abs=1e-3)
        assert distances == sorted(distances)
        assert distances[-1] > 0.2


@pytest.mark.parametrize("name", ["vgg", "vgg-l1", "lpips"])
def test_a_loss_by_vgg_is_nothing_for_the_target_and_grows_with_the_error(
    name: str, network: PerceptualNetwork, portrait: Tensor
) -> None:
    loss = weighted_loss({name: 1.0}, portrait, face_mask(256), IdentityNetwork(), research_losses(network))
    near = blurred(portrait, 64).requires_grad_()
    near_loss = loss(near)[0]
    assert loss(portrait)[0] == pytest.approx(0, abs=1e-4)
    assert 0 < near_loss < loss(blurred(portrait, 16))[0]
    (gradient,) = torch.autograd.grad(near_loss, near)
    assert gradient.abs().max() > 0


def test_what_the_mask_hides_costs_nothing(network: PerceptualNetwork, portrait: Tensor) -> None:
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 64:192, 64:192] = 1
    other = portrait.clone()
    other[..., :40, :] = 1.0
    for name in ("ms-ssim", "lpips"):
        loss = weighted_loss({name: 1.0}, portrait, mask, IdentityNetwork(), research_losses(network))
        assert loss(other)[0] == pytest.approx(0, abs=1e-4)


def test_ms_ssim_grows_with_blur(portrait: Tensor) -> None:
    loss = weighted_loss({"ms-ssim": 1.0}, portrait, face_mask(256), IdentityNetwork(), research_losses(None))
    values = [loss(blurred(portrait, size))[0].item() for size in (256, 64, 16)]
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values == sorted(values)


def test_a_picture_is_most_similar_to_itself(portrait: Tensor) -> None:
    assert similarity(portrait, portrait) == pytest.approx(1, abs=1e-4)
    assert similarity(portrait, portrait.flip(2)) < 0.5


def test_the_trunk_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="vgg16"):
        PerceptualNetwork.load(tmp_path)
