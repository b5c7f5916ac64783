"""Photographs pass, drawings of the same faces do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.domain.errors import MissingWeights, NotAPhoto
from core.face.age_estimator import FEATURES, pooled_features
from core.face.photo_check import CHANNELS, TEXTURES, PhotoCheck, channel_statistics, texture_statistics
from core.face.recognition import IdentityNetwork, load_identity
from core.modeling.weights_io import SHIPPED
from core.runtime.tensors import to_tensor
from tests.support.photos.drawn_faces import NAMES, Pixels, drawn
from training.data.drawings import STYLES, drawing_of, made_up_face


@pytest.fixture(scope="module")
def identity(weights_dir: Path) -> IdentityNetwork:
    return load_identity(weights_dir)


@pytest.fixture(scope="module")
def check() -> PhotoCheck:
    return PhotoCheck.load(SHIPPED)


def score(check: PhotoCheck, identity: IdentityNetwork, face: Pixels) -> float:
    with torch.inference_mode():
        return check.score(face, pooled_features(identity, to_tensor(face)))


@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_passes(check: PhotoCheck, identity: IdentityNetwork, name: str) -> None:
    assert score(check, identity, drawn(name)) < check.limit


def test_nearly_all_drawings_are_refused(check: PhotoCheck, identity: IdentityNetwork) -> None:
    chance = np.random.default_rng(5)
    faces = [drawing_of(drawn(NAMES[n % len(NAMES)]), style, chance) for n, style in enumerate(STYLES)]
    faces += [made_up_face(chance) for _ in range(4)]
    assert sum(score(check, identity, face) > check.limit for face in faces) >= len(faces) - 2


def test_a_refusal_tells_score_and_limit(check: PhotoCheck) -> None:
    never = PhotoCheck(check.network, limit=-1.0)
    with pytest.raises(NotAPhoto) as caught:
        never.require(drawn(), torch.zeros(2, FEATURES))
    assert caught.value.facts()["limit"] == -1.0
    assert caught.value.facts()["anyway"] is False


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_has_finite_statistics(level: int) -> None:
    told = texture_statistics(np.full((256, 256, 3), level, np.uint8))
    assert told.shape == (TEXTURES,)
    assert np.isfinite(told).all()


def test_channels_are_averaged_over_the_face() -> None:
    told = channel_statistics(torch.full((2, FEATURES), 3.0))
    assert told.shape == (2, CHANNELS)
    assert set(told.unique().tolist()) == {0.0, 3.0}


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        PhotoCheck.load(tmp_path)
