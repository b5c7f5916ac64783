"""The generator draws what the published network draws, at every size, and keeps shapes, dtypes and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.domain.errors import MissingWeights
from core.modeling.generator import STYLES, WIDTH, MappingNetwork, MobileStyleGAN, SynthesisNetwork, inverse_haar
from core.modeling.generator_weights import GENERATOR_FILE, load_generator


@pytest.fixture(scope="module")
def tiny() -> SynthesisNetwork:
    torch.manual_seed(0)
    return SynthesisNetwork(channels=(16, 16, 8), width=12)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_network_with_two_blocks_draws_32_pixels_from_8_styles(tiny: SynthesisNetwork, batch: int) -> None:
    latent = torch.randn(batch, tiny.styles, 12)
    assert tiny.styles == 8
    assert tiny(latent).shape == (batch, 3, 32, 32)
    assert tiny(latent).dtype == torch.float32


def test_the_quick_way_without_gradients_draws_the_same_picture(tiny: SynthesisNetwork) -> None:
    latent = torch.randn(1, tiny.styles, 12)
    with torch.no_grad():
        quick = tiny(latent)
    torch.testing.assert_close(quick, tiny(latent).detach(), rtol=1e-4, atol=1e-5)


def test_a_batch_is_drawn_as_its_members_are(tiny: SynthesisNetwork) -> None:
    latents = torch.randn(3, tiny.styles, 12)
    one_by_one = torch.cat([tiny(latent[None]) for latent in latents])
    torch.testing.assert_close(tiny(latents), one_by_one, rtol=1e-4, atol=1e-5)


def test_half_the_size_is_the_mean_of_four_pixels(tiny: SynthesisNetwork) -> None:
    latent = torch.randn(1, tiny.styles, 12)
    whole = tiny(latent)
    torch.testing.assert_close(tiny(latent, size=16), torch.nn.functional.avg_pool2d(whole, 2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(tiny(latent, size=8), torch.nn.functional.avg_pool2d(whole, 4), rtol=1e-4, atol=1e-5)


def test_every_style_input_gets_a_gradient(tiny: SynthesisNetwork) -> None:
    latent = torch.randn(1, tiny.styles, 12, requires_grad=True)
    tiny(latent).square().mean().backward()
    assert latent.grad is not None
    assert (latent.grad.abs().amax(dim=2) > 0).all()


def test_inverse_haar_puts_the_bands_where_wavelets_say() -> None:
    # One channel, one place: low 2, vertical detail 1, horizontal 0.5, diagonal 0.25, each halved by the transform.
    bands = torch.tensor([2.0, 1.0, 0.5, 0.25]).reshape(1, 4, 1, 1)
    expected = torch.tensor([[1.875, 1.125], [0.625, 0.375]])
    torch.testing.assert_close(inverse_haar(bands)[0, 0], expected)


def test_the_mapping_does_not_care_how_long_z_is() -> None:
    torch.manual_seed(0)
    mapping, z = MappingNetwork(width=8, depth=2), torch.randn(2, 8)
    torch.testing.assert_close(mapping(z), mapping(5 * z))


def test_truncation_zero_draws_the_mean_and_one_seed_draws_one_sample() -> None:
    torch.manual_seed(0)
    model = MobileStyleGAN(channels=(8, 8), width=8)
    model.w_mean.fill_(0.5)
    mean = model.sample(2, truncation=0.0, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mean, torch.full((2, 5, 8), 0.5))
    again = [model.sample(1, truncation=0.7, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*again)


@pytest.mark.slow
def test_three_latents_look_as_openvino_draws_them(weights_dir: Path, generator_source: Path) -> None:
    from core.engines.openvino.engine import shared_core

    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    core = shared_core()
    mapping = core.compile_model(generator_source / "MappingNetwork.xml", "CPU", exact)
    synthesis = core.compile_model(generator_source / "SynthesisNetwork.xml", "CPU", exact)
    ours = load_generator(weights_dir)
    for z in torch.randn(3, 1, WIDTH, generator=torch.Generator().manual_seed(7)):
        style = mapping([z.numpy()])[0]
        with torch.inference_mode():
            w = ours.mapping(z)
            drawn = ours.synthesis(w[:, None].expand(-1, STYLES, -1))
        assert np.abs(style - w.numpy()).max() < 1e-4
        assert np.abs(synthesis([style])[0] - drawn.numpy()).max() < 1e-3


def test_a_missing_or_cut_weight_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights) as caught:
        load_generator(tmp_path)
    assert caught.value.facts()["path"].endswith(GENERATOR_FILE)
    (tmp_path / GENERATOR_FILE).write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(MissingWeights):
        load_generator(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state: dict[str, Tensor] = dict(MobileStyleGAN(channels=(8, 8), width=8).state_dict())
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / GENERATOR_FILE)
    with pytest.raises(MissingWeights):
        load_generator(tmp_path)
