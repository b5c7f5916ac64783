"""Directions are fitted from drawn faces and labelled photos; the map of the latent space is laid out and written."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.latent.attributes import QUANTITIES, Directions, load_directions
from core.modeling.generator import MobileStyleGAN
from core.modeling.weights_io import SHIPPED
from tests.support.photos.drawn_faces import NAMES, drawn
from training.data.drawn_pairs import DrawnPairs
from training.data.measures import measure
from training.data.traits import Landmarker, Looks, look, look_at
from training.reports.latent_map import draw_png, lay_out, write_html
from training.trainers.attributes import DirectionSettings, Labelled, read_labels, train_directions

COUNT = 60


@pytest.fixture(scope="module")
def looks(weights_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Looks:
    cache = tmp_path_factory.mktemp("looks") / "looks.npz"
    return look_at(lambda row: drawn(NAMES[row]), len(NAMES), Landmarker(weights_dir), cache)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> DrawnPairs:
    """Random latents; every picture is one of the drawn portraits."""
    folder = tmp_path_factory.mktemp("drawn")
    draw = torch.Generator().manual_seed(0)
    for row in range(COUNT):
        Image.fromarray(drawn(NAMES[row % len(NAMES)])).save(folder / f"{row:05d}.jpg")
    return DrawnPairs(
        folder=folder,
        w=torch.randn(COUNT, 2, 512, generator=draw),
        cross=torch.full((COUNT,), 23),
        age=torch.rand(COUNT, generator=draw) * 60,
        male=torch.randint(0, 2, (COUNT,), generator=draw).float(),
    )


def test_measures_tell_drawn_people_apart(looks: Looks) -> None:
    found = measure(looks)
    by_name = {name: {quantity: values[i] for quantity, values in found.items()} for i, name in enumerate(NAMES)}
    assert by_name["dark_man"]["skin_light"] == min(found["skin_light"])
    assert by_name["smiling_woman"]["smile"] > by_name["man"]["smile"]
    assert by_name["smiling_woman"]["mouth_width"] > by_name["child"]["mouth_width"]


def test_a_mirrored_face_is_turned_the_other_way(weights_dir: Path) -> None:
    landmarker = Landmarker(weights_dir)
    both = [look(face, landmarker) for face in (drawn("man"), drawn("man")[:, ::-1].copy())]
    found = measure(Looks(*(np.array(part) for part in zip(*both, strict=True))))
    assert found["yaw"][0] == pytest.approx(-found["yaw"][1], abs=0.08)
    assert found["side_light"][0] == pytest.approx(-found["side_light"][1], abs=4.0)


def test_what_was_measured_is_not_measured_again(weights_dir: Path, tmp_path: Path) -> None:
    first = look_at(lambda row: drawn(NAMES[row]), 2, Landmarker(weights_dir), tmp_path / "looks.npz")
    again = look_at(lambda row: pytest.fail("looked"), 2, Landmarker(weights_dir), tmp_path / "looks.npz")
    assert np.array_equal(first.points, again.points)


def test_directions_are_fitted_and_load_again(pairs: DrawnPairs, looks: Looks, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = MobileStyleGAN(channels=(16, 16))
    rows = np.arange(COUNT) % len(NAMES)
    smile = np.array([0, 0, 1, 0, 0, 1], np.float32)
    labelled = Labelled(looks, smile, np.array([0, 0, 0, 0, 0, 1], np.float32))
    settings = DirectionSettings(samples=600, rank=20)
    model = train_directions(generator, pairs, looks.rows(rows), labelled, tmp_path, settings)
    again = load_directions(tmp_path)
    assert torch.allclose(again.writers, model.writers, atol=2e-2)
    moved = model.read(model.move(pairs.latent(torch.arange(5)), ["smile"], torch.ones(5, 1)), ["smile"], limit=None)
    before = model.read(pairs.latent(torch.arange(5)), ["smile"], limit=None)
    assert torch.allclose(moved - before, torch.ones(5, 1), atol=1e-2)
    assert len(model.readers) == len(QUANTITIES)


def test_photos_without_a_label_are_left_out(tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["file", "smile", "glasses"], ["a.jpg", "0.5", "Sunglasses"], ["b.jpg", "", ""]])
    files, smile, glasses = read_labels(tmp_path)
    assert (files, smile.tolist(), glasses.tolist()) == ([tmp_path / "a.jpg"], [0.5], [1.0])


def test_the_map_is_one_picture_and_one_page_that_needs_nothing_else(pairs: DrawnPairs, tmp_path: Path) -> None:
    directions: Directions = load_directions(SHIPPED)
    found = lay_out(pairs, directions, count=50)
    assert set(found.places) == {"t-SNE", "LLE"}
    assert all(places.shape == (50, 2) and np.isfinite(places).all() for places in found.places.values())
    draw_png(found, tmp_path / "map.png")
    write_html(found, pairs, tmp_path / "map.html")
    with Image.open(tmp_path / "map.png") as picture:
        assert len(picture.getcolors(10**7) or []) > 40
    page = (tmp_path / "map.html").read_text()
    assert page.count('"/9j/') == 50
    assert "http" not in page
