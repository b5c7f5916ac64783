"""Photos of people whose true age is known become latents once, and are remembered."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.modeling.generator_weights import load_generator
from core.pipeline import ChildPipeline
from training.data.encoded import encode_photos
from training.trainers.naturalness import fit_naturalness

ROWS = (
    {"file": "a.jpg", "age": "7", "sex": "female", "align": "ffhq", "age_kind": "exact"},
    {"file": "b.jpg", "age": "31", "sex": "male", "align": "ffhq", "age_kind": "exact"},
    {"file": "c.jpg", "age": "3-9", "sex": "male", "align": "tight", "age_kind": "band"},
    {"file": "d.jpg", "age": "", "sex": "male", "align": "ffhq", "age_kind": "exact"},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(4).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    for row in ROWS:
        Image.fromarray(pixels).save(tmp_path / row["file"])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return tmp_path


def test_only_photos_of_exact_age_in_the_right_frame_are_encoded_and_only_once(folder: Path, weights_dir: Path) -> None:
    pipeline = ChildPipeline.load(weights_dir)
    cache = folder / "runs" / "people.npz"
    found = encode_photos(pipeline, folder, cache)
    assert len(found) == 2 and found.age.tolist() == [7.0, 31.0] and found.male.tolist() == [0.0, 1.0]
    assert found.latent.shape[0] == found.measures.shape[0] == 2 and found.latent.isfinite().all()
    (folder / "a.jpg").unlink()
    assert torch.equal(encode_photos(pipeline, folder, cache).latent, found.latent)


def test_the_prior_is_fitted_to_draws_of_the_mapping_network(weights_dir: Path) -> None:
    generator = load_generator(weights_dir)
    prior = fit_naturalness(generator, samples=3000, seed=2)
    with torch.no_grad():
        w = generator.mapping(torch.randn(500, prior.mean.shape[0], generator=torch.Generator().manual_seed(9)))
    white = prior.whiten(w)[:, :64]
    assert white.std(dim=0).mean().item() == pytest.approx(1.0, abs=0.1)
    assert torch.equal(prior.scale, prior.scale.sort(descending=True).values)
