"""Every training command runs from data that it drew itself, leaves weights that load, and goes on where it stopped."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from core.face.age_estimator import YEARS, AgeEstimator, pooled_features
from core.face.recognition import IdentityNetwork, load_identity
from core.latent.attributes import load_directions
from core.latent.feedback import AppearancePredictor, SecondLook
from core.modeling.encoder import load_encoder
from core.modeling.generator import MobileStyleGAN
from core.modeling.generator_weights import load_generator
from core.modeling.preview_head import load_preview
from core.modeling.weights_io import SHIPPED
from training.data.age_faces import FaceReader, tight_faces
from training.data.augment import spoil
from training.data.draw import draw_pairs
from training.data.drawn_pairs import DrawnPairs
from training.data.photos import AlignedPhotos, PhotoFolder
from training.data.tight_alignment import TightAligner
from training.losses.photo_gradients import PhotoGradients
from training.trainers.age_editing import AgeingSettings, check_moves, label_pairs, train_ageing
from training.trainers.age_estimator import AgeSettings, age_loss, balance, read_faces, train_age_head
from training.trainers.encoder import LatentStage, PictureStage, train_on_latents, train_on_pictures
from training.trainers.feedback import LookSettings, draw_looks, train_second_look
from training.trainers.preview_head import PreviewSettings, picture_loss, train_preview, warm_cosine

COUNT = 6


@pytest.fixture(scope="module")
def generator(weights_dir: Path) -> MobileStyleGAN:
    return load_generator(weights_dir)


@pytest.fixture(scope="module")
def identity(weights_dir: Path) -> IdentityNetwork:
    return load_identity(weights_dir)


@pytest.fixture(scope="module")
def drawn(generator: MobileStyleGAN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_pairs(generator, folder, count=COUNT, seed=1)
    return folder


@pytest.fixture(scope="module")
def pairs(drawn: Path) -> DrawnPairs:
    return DrawnPairs.open(drawn)


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_drawn_picture_belongs_to_its_latent(generator: MobileStyleGAN, pairs: DrawnPairs) -> None:
    assert len(pairs) == COUNT
    with torch.inference_mode():
        again = generator.synthesis(pairs.latent(torch.tensor([2])), size=256).clamp(-1, 1)
    assert (again - pairs.picture(2)[None]).abs().mean() < 0.03  # JPEG


def test_drawing_again_with_the_same_seed_gives_the_same_latents(
    generator: MobileStyleGAN, pairs: DrawnPairs, tmp_path: Path
) -> None:
    draw_pairs(generator, tmp_path, count=1, seed=1)
    other = tmp_path / "other"
    draw_pairs(generator, other, count=1, seed=1)
    assert torch.equal(DrawnPairs.open(tmp_path).w, DrawnPairs.open(other).w)


@pytest.mark.slow
def test_the_preview_head_learns_and_goes_on_where_it_stopped(
    generator: MobileStyleGAN, pairs: DrawnPairs, tmp_path: Path
) -> None:
    train_preview(generator, pairs, tmp_path, PreviewSettings(steps=2, crop=32, crops=1, held_back=1))
    train_preview(generator, pairs, tmp_path, PreviewSettings(steps=3, crop=32, crops=1, held_back=1))
    assert [line["step"] for line in log_of(tmp_path) if "psnr" in line] == [2, 3]
    latent = pairs.latent(torch.tensor([0]))
    assert load_preview(generator.synthesis, tmp_path)(latent).shape == (1, 3, 256, 256)


@pytest.mark.slow
def test_the_encoder_learns_from_latents_and_then_from_pictures(
    generator: MobileStyleGAN,
    identity: IdentityNetwork,
    pairs: DrawnPairs,
    drawn: Path,
    weights_dir: Path,
    tmp_path: Path,
) -> None:
    stage_one = LatentStage(steps=2, batch=2, held_back=2)
    encoder = train_on_latents(identity, generator.w_mean, pairs, tmp_path, stage_one)
    photos = AlignedPhotos.open(PhotoFolder(drawn), tmp_path / "photos.npy", aligner=TightAligner(weights_dir))
    preview = load_preview(generator.synthesis, SHIPPED)
    stage_two = PictureStage(steps=1, photos=1, drawn=2, held_back=2, held_back_photos=1)
    train_on_pictures(encoder, preview, identity, pairs, [photos], tmp_path, stage_two)
    scores = log_of(tmp_path)[-1]
    assert scores["step"] == 1
    assert scores["photo_identity"] > 0
    assert load_encoder(tmp_path)(pairs.picture(0)[None]).shape == (1, 23, 512)


def test_the_second_look_is_learnt_from_what_it_draws_and_goes_on(
    generator: MobileStyleGAN, identity: IdentityNetwork, tmp_path: Path
) -> None:
    preview = load_preview(generator.synthesis, SHIPPED)
    eye = SecondLook(AppearancePredictor(), preview, identity)
    settings = LookSettings(samples=4, pool=6, epochs=5, batch=1, held_back=1, spread_samples=5000)
    cache = tmp_path / "looks.npy"
    draw_looks(generator, eye, cache, replace(settings, samples=2))
    half = np.load(cache)
    styles, looks = draw_looks(generator, eye, cache, settings)
    assert styles.shape == (4, 512)
    assert np.array_equal(looks[:2].numpy(), half), "what was drawn is not drawn again"
    train_second_look(generator, styles, looks, tmp_path, settings)
    assert log_of(tmp_path)[-1]["distance"] > 0
    reader = SecondLook.load(preview, identity, load_directions(SHIPPED), tmp_path).reader
    at = reader.coordinates(styles)
    assert (reader.read(at[:3]) - looks[:3]).norm(dim=1).mean() < (looks[:3] - reader.mean).norm(dim=1).mean() * 1.5


def test_gradients_of_two_photos_at_once_are_those_of_each_alone(generator: MobileStyleGAN) -> None:
    preview = load_preview(generator.synthesis, SHIPPED)
    latents = generator.sample(2, truncation=0.5, generator=torch.Generator().manual_seed(1))
    gradients = PhotoGradients(preview, workers=2, half=False)
    losses, both = gradients(latents, [lambda cut: cut.square().mean()] * 2)
    assert both.shape == latents.shape
    for i in range(2):
        (loss,), alone = gradients(latents[i : i + 1], [lambda cut: cut.square().mean()])
        assert loss == pytest.approx(losses[i], rel=1e-4)
        torch.testing.assert_close(alone[0], both[i], rtol=1e-2, atol=1e-6)


@pytest.fixture
def faces(drawn: Path, tmp_path: Path) -> Path:
    """Drawn portraits, cut tightly, with made-up ages."""
    folder = tmp_path / "faces"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "age", "sex"])
        writer.writeheader()
        for row in range(COUNT):
            with Image.open(drawn / f"{row:05d}.jpg") as picture:
                picture.crop((40, 60, 216, 236)).save(folder / f"{row}.jpg")
            writer.writerow({"file": f"{row}.jpg", "age": 5 * row, "sex": "male" if row % 2 else "female"})
    return folder


def test_the_age_head_learns_and_the_ageing_model_is_fitted_on_what_it_says(
    generator: MobileStyleGAN,
    identity: IdentityNetwork,
    pairs: DrawnPairs,
    faces: Path,
    weights_dir: Path,
    tmp_path: Path,
) -> None:
    known = tight_faces(faces)
    describe = partial(pooled_features, identity)
    labelled = read_faces(known, FaceReader(weights_dir), describe, tmp_path / "features.npz")
    assert labelled.labels.age.tolist() == [5.0 * row for row in range(COUNT)]
    train_age_head(labelled, tmp_path, AgeSettings(epochs=1, batch=4))
    estimator = AgeEstimator.load(identity, tmp_path)
    labels = label_pairs(pairs, estimator, tmp_path / "labels.npz")
    model = train_ageing(
        generator, pairs, labels, tmp_path, AgeingSettings(samples=2000, epochs=1, batch=2, held_back=2)
    )
    assert model.curve.isfinite().all()
    age, _ = model.read(pairs.latent(torch.tensor([0])))
    assert 0 <= age.item() <= 100
    few = AgeingSettings(held_back=2)
    scores = check_moves(model, generator, estimator, pairs, tmp_path, count=1, ages=(6, 12), settings=few)
    assert 0 <= scores["distance_6_12"] < 1.2  # a model that learnt nothing may draw one face for both
    assert scores["mae_1_12"] == pytest.approx((scores["mae_5_8"] + scores["mae_9_12"]) / 2, abs=1e-4)
    assert log_of(tmp_path)[-1]["mae_1_12"] == pytest.approx(scores["mae_1_12"], abs=1e-4)


def test_a_tight_crop_is_aligned_like_the_whole_portrait(drawn: Path, faces: Path, weights_dir: Path) -> None:
    aligner = TightAligner(weights_dir)
    aligned = np.asarray(aligner.align(np.asarray(Image.open(faces / "0.jpg")))).astype(float)
    whole = np.asarray(Image.open(drawn / "00000.jpg")).astype(float)
    middle = slice(80, 200)
    assert np.abs(aligned[middle, middle] - whole[middle, middle]).mean() < 40


@pytest.mark.parametrize("seed", range(5))
def test_spoiling_keeps_the_size_and_the_range(pairs: DrawnPairs, seed: int) -> None:
    spoilt = spoil(pairs.picture(0), rng=torch.Generator().manual_seed(seed), strength=3.0)
    assert spoilt.shape == (3, 256, 256)
    assert spoilt.abs().max() <= 1
    assert not torch.equal(spoilt, pairs.picture(0))


def test_the_rate_rises_and_falls() -> None:
    rates = [warm_cosine(step, 10, 100) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 1.0


def test_a_pixel_rightly_beyond_white_costs_nothing() -> None:
    white = torch.ones(1, 3, 2, 2)
    assert picture_loss(white * 1.5, white) == 0
    assert picture_loss(white * 0.5, white) > 0


def test_rare_ages_are_drawn_more_often() -> None:
    weight = balance(torch.tensor([5.0, 30.0, 30.0, 30.0]), power=0.7)
    assert weight[0] > weight[1]


def test_being_sure_of_a_wrong_year_costs_more_than_being_unsure() -> None:
    def answer(height: float) -> Tensor:
        logits = torch.zeros(1, YEARS + 1)
        logits[0, 60] = height
        return logits

    age, male = torch.tensor([6.0]), torch.tensor([1.0])
    sure, unsure = (age_loss(answer(height), age, age, male) for height in (12.0, 1.0))
    assert sure > unsure


def test_the_sex_of_a_baby_teaches_nothing() -> None:
    one = torch.tensor([1.0])
    girl, boy = (age_loss(torch.zeros(1, YEARS + 1) + 3, one, one, torch.tensor([sex])) for sex in (0.0, 1.0))
    assert girl == boy
