"""The check for photographs can be taught, and what it is taught with looks as it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.face.photo_check import CHANNELS, TEXTURES
from tests.support.photos.drawn_faces import DATA, drawn
from training.data.drawings import SIZE, STYLES, as_sent, drawing_of, made_up_face
from training.trainers.photo_check import Examples, photo_files, pictures, score, train


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_the_photo_and_depends_on_chance_alone(style: str) -> None:
    photo = drawn()
    one, same = (drawing_of(photo, style, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (SIZE, SIZE, 3)
    assert np.array_equal(one, same)
    assert np.abs(one.astype(int) - photo).mean() > 4


def test_a_made_up_face_is_another_one_each_time() -> None:
    chance = np.random.default_rng(0)
    assert not np.array_equal(made_up_face(chance), made_up_face(chance))


def test_a_picture_that_was_sent_still_shows_the_same() -> None:
    for seed in range(5):
        sent = as_sent(drawn(), np.random.default_rng(seed))
        assert sent.shape == (SIZE, SIZE, 3)
        assert np.corrcoef(sent.ravel(), drawn().ravel())[0, 1] > 0.6


def test_every_photo_is_there_as_it_is_and_drawn() -> None:
    kinds = [kind for _, kind, _ in pictures(photo_files([DATA], most=3, seed=0), seed=0)]
    assert kinds.count("photo") == 3
    assert len(set(kinds) & STYLES.keys()) == 3


def test_photos_are_chosen_by_chance_but_always_the_same(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.jpg").touch()
    (tmp_path / "labels.csv").touch()
    assert len(photo_files([tmp_path], most=5, seed=1)) == 5
    assert photo_files([tmp_path], most=5, seed=1) == photo_files([tmp_path], most=5, seed=1)


def test_what_differs_is_learnt() -> None:
    torch.manual_seed(0)
    features, is_drawn = torch.randn(300, CHANNELS + TEXTURES), (torch.arange(300) % 2).float()
    features[:, CHANNELS:] += 2 * is_drawn[:, None]
    known = Examples(features, is_drawn, ["photo"] * 300, torch.arange(300) >= 240)
    found = score(train(known, steps=80, seed=0), known, limit=0.5)
    assert found.drawings_refused > 0.9
    assert found.photos_refused < 0.2
