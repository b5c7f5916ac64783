"""A photo that was cut off is used where the face is there, and refused where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.errors import DamagedPhoto
from core.face.detection import Face
from core.face.whole_face import require_whole_face
from core.photo.decode import Photo

SIDE = 400


def face_at(x: float, y: float) -> Face:
    """A face of 200 pixels around a point; brows to mouth take 120 of them, the jaw 100 more below."""
    points = np.zeros((68, 2))
    points[17:] = np.array([x, y]) + np.linspace(-60, 60, 51)[:, None]
    points[:17] = [x, y + 160]
    return Face((0, 0, 1, 1), points, 200.0, 1.0, 0.0)


def photo_lacking(side: str) -> Photo:
    return Photo(np.zeros((SIDE, SIDE, 3), np.uint8), "jpeg", "", 1, side)


NEAR = {"bottom": (200, 360), "top": (200, 40), "right": (360, 200), "left": (40, 200)}


@pytest.mark.parametrize("side", NEAR)
def test_a_face_through_which_the_file_ends_is_refused(side: str) -> None:
    with pytest.raises(DamagedPhoto):
        require_whole_face(photo_lacking(side), face_at(*NEAR[side]))


@pytest.mark.parametrize("lacks", ["", "detail", "top", "left", "right"])
def test_a_face_at_an_edge_that_is_the_photo_s_own_is_taken(lacks: str) -> None:
    require_whole_face(photo_lacking(lacks), face_at(*NEAR["bottom"]))


def test_a_chin_may_be_missing() -> None:
    require_whole_face(photo_lacking("bottom"), face_at(200, 300))
