"""The second look sees whom the encoder's answer shows, and moves the latent towards the photo."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from core.domain.errors import MissingWeights
from core.face.recognition import load_identity
from core.latent.attributes import QUANTITIES, load_directions
from core.latent.feedback import DESCRIPTOR, HELD_BACK, MAX_STEP, AppearancePredictor, SecondLook, slopes_of
from core.modeling.face_preview import SCALE, SIDE, FacePreview, paste
from core.modeling.generator import STYLES, MobileStyleGAN
from core.modeling.generator_weights import load_generator
from core.modeling.preview_head import PreviewGenerator, load_preview
from core.modeling.weights_io import SHIPPED


@pytest.fixture(scope="module")
def generator(weights_dir: Path) -> MobileStyleGAN:
    return load_generator(weights_dir)


@pytest.fixture(scope="module")
def preview(generator: MobileStyleGAN) -> PreviewGenerator:
    return load_preview(generator.synthesis, SHIPPED)


@pytest.fixture(scope="module")
def eye(preview: PreviewGenerator, weights_dir: Path) -> SecondLook:
    return SecondLook.load(preview, load_identity(weights_dir), load_directions(SHIPPED), SHIPPED)


@torch.inference_mode()
def test_the_cut_around_the_face_is_what_the_whole_preview_shows_there(
    generator: MobileStyleGAN, preview: PreviewGenerator
) -> None:
    latent = generator.sample(1, truncation=0.7, generator=torch.Generator().manual_seed(5))
    whole, cut = preview(latent), FacePreview(preview)(latent)
    assert cut.shape == (1, 3, SCALE * SIDE, SCALE * SIDE)
    pasted = paste(cut, whole)
    # Only the cut's border, which is not pasted, is missing its neighbours.
    assert (pasted - whole).abs().max() < 0.25
    assert (pasted - whole).abs().mean() < 0.002


def test_pasting_changes_nothing_around_the_cut() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    pasted = paste(torch.ones(1, 3, SCALE * SIDE, SCALE * SIDE), picture)
    assert pasted[..., :56, :].abs().max() == 0
    assert pasted[..., 128, 128].min() == 1
    assert picture.abs().max() == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_look_brings_the_drawing_nearer(generator: MobileStyleGAN, eye: SecondLook, seed: int) -> None:
    """Two strangers drawn by the generator: one is where the encoder is thought to be, the other is wanted."""
    rng = torch.Generator().manual_seed(seed)
    latents = generator.sample(2, truncation=0.6, generator=rng)
    wanted = eye.drawn_looks(latents[1:])
    before = (eye.drawn_looks(latents[:1]) - wanted)[:, :DESCRIPTOR].norm()
    after = (eye.drawn_looks(eye.correct(latents[:1], wanted)) - wanted)[:, :DESCRIPTOR].norm()
    assert after < 0.93 * before


def test_who_is_right_already_is_not_moved(generator: MobileStyleGAN, eye: SecondLook) -> None:
    latent = generator.sample(1, truncation=0.6, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(eye.correct(latent, eye.drawn_looks(latent)), latent, rtol=0, atol=1e-4)


def test_every_style_input_moves_alike_and_never_far(generator: MobileStyleGAN, eye: SecondLook) -> None:
    latent = generator.sample(1, truncation=0.6, generator=torch.Generator().manual_seed(4))
    moved = eye.correct(latent, 3 + eye.drawn_looks(latent), looks=1) - latent
    assert moved.shape == (1, STYLES, 512)
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), rtol=0, atol=1e-5)
    along = torch.linalg.pinv(eye.reader.basis) @ moved[0, 0]
    assert along.square().mean().sqrt() <= MAX_STEP * 1.01


def test_pose_smile_and_glasses_stay_what_the_encoder_saw(generator: MobileStyleGAN, eye: SecondLook) -> None:
    directions = load_directions(SHIPPED)
    latents = generator.sample(2, truncation=0.6, generator=torch.Generator().manual_seed(3))
    moved = eye.correct(latents[:1], eye.drawn_looks(latents[1:]))
    before, after = (directions.read(latent, limit=None)[0] for latent in (latents[:1], moved))
    held = [QUANTITIES.index(name) for name in HELD_BACK]
    torch.testing.assert_close(after[held], before[held], rtol=0, atol=0.02)
    assert (after - before).abs().max() > 0.2


def test_the_reader_that_is_not_there_is_named(preview: PreviewGenerator, eye: SecondLook, tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="second_look"):
        SecondLook.load(preview, eye.identity, load_directions(SHIPPED), tmp_path)


def test_slopes_are_those_of_automatic_differentiation() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Dropout(0.5), nn.Linear(7, 6), nn.GELU(), nn.Linear(6, 3))
    layers.eval().requires_grad_(False)
    at = torch.randn(5)
    exact = torch.stack([torch.autograd.functional.jacobian(lambda x, n=n: layers(x)[n], at) for n in range(3)])
    torch.testing.assert_close(slopes_of(layers, at), exact)


def test_coordinates_are_the_inverse_of_the_basis() -> None:
    torch.manual_seed(0)
    reader = AppearancePredictor(rank=6, hidden=8)
    reader.basis.copy_(torch.linalg.qr(torch.randn(512, 6)).Q * torch.arange(1, 7))
    reader.w_mean.copy_(torch.randn(512))
    along = torch.randn(3, 6)
    torch.testing.assert_close(reader.coordinates(reader.w_mean + along @ reader.basis.T), along, rtol=1e-3, atol=1e-4)
