"""The face's place in an aligned picture: inside the outline, not the background above the forehead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.face.detection import LEFT_EYE, RIGHT_EYE, FaceFinder
from core.face.mask import landmark_mask
from tests.support.photos.drawn_faces import NAMES, drawn


@pytest.fixture(scope="module")
def finder(weights_dir: Path) -> FaceFinder:
    return FaceFinder.load(weights_dir)


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_of_an_aligned_face_need_no_detector(finder: FaceFinder, name: str) -> None:
    picture = drawn(name)
    expected = finder.one_face(picture).landmarks
    found = finder.aligned_landmarks(picture)
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert np.hypot(*(found[eye].mean(axis=0) - expected[eye].mean(axis=0))) < 4


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_holds_the_face_and_leaves_the_corners(finder: FaceFinder, name: str) -> None:
    landmarks = finder.aligned_landmarks(drawn(name))
    mask = landmark_mask(landmarks, 256, floor=0.2)
    assert mask.shape == (1, 1, 256, 256)
    for point in landmarks[27:]:  # nose, eyes and mouth
        x, y = (round(float(n)) for n in point)
        assert mask[0, 0, y, x] > 0.8
    corners = mask[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == pytest.approx([0.2] * 4)
    assert 0.15 < float((mask > 0.6).float().mean()) < 0.5
