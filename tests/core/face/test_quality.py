"""Each blemish is told where it is, and clear faces have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from core.face.detection import FaceFinder, align_face, ffhq_square
from core.face.quality import SMALL_SIDE, TURNED_YAW, blur, find_blemishes
from tests.support.photos.drawn_faces import NAMES, Pixels, Points, drawn

Aligned = tuple[Pixels, Points]


@pytest.fixture(scope="module")
def aligned(weights_dir: Path) -> dict[str, Aligned]:
    finder = FaceFinder.load(weights_dir)
    faces = {name: finder.one_face(drawn(name)) for name in NAMES}
    return {
        name: (align_face(drawn(name), face).rgb, ffhq_square(face.landmarks).from_photo(face.landmarks, 256))
        for name, face in faces.items()
    }


def found(crop: Pixels, landmarks: Points, *, side: float = 256.0, yaw: float = 0.0) -> list[str]:
    return find_blemishes(crop, landmarks, side=side, yaw=yaw)


def with_bar(crop: Pixels, points: Points, colour: tuple[int, int, int]) -> Pixels:
    """A bar over these points, a third of its length high."""
    picture = Image.fromarray(crop)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    reach = (right - left) / 6
    area = (left - reach, (top + bottom) / 2 - 1.5 * reach, right + reach, (top + bottom) / 2 + 1.5 * reach)
    ImageDraw.Draw(picture).rectangle(area, fill=colour)
    return np.array(picture)


def with_mask(crop: Pixels, landmarks: Points, colour: tuple[int, int, int]) -> Pixels:
    """A medical mask with folds."""
    picture, area = Image.fromarray(crop), Image.new("L", (256, 256))
    outline = [(float(x), float(y)) for x, y in (*landmarks[2:15], landmarks[29])]
    ImageDraw.Draw(area).polygon(outline, fill=255)
    folds = (8 * np.sin(np.arange(256) / 5))[:, None, None]
    cloth = np.broadcast_to(np.clip(np.array(colour) + folds, 0, 255).astype(np.uint8), (256, 256, 3))
    return np.array(Image.composite(Image.fromarray(np.ascontiguousarray(cloth)), picture, area))


@pytest.mark.parametrize("name", NAMES)
def test_a_clear_face_has_no_blemish(aligned: dict[str, Aligned], name: str) -> None:
    assert found(*aligned[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_clear_face_in_black_and_white_has_none_either(aligned: dict[str, Aligned], name: str) -> None:
    crop, landmarks = aligned[name]
    grey = np.repeat(np.asarray(Image.fromarray(crop).convert("L"))[..., None], 3, 2)
    assert found(grey, landmarks) == []


@pytest.mark.parametrize("name", NAMES)
def test_blur_is_told_even_under_noise(aligned: dict[str, Aligned], name: str) -> None:
    crop, landmarks = aligned[name]
    soft = ndimage.gaussian_filter(crop.astype(float), (3, 3, 0))
    noisy = soft + np.random.default_rng(0).normal(0, 3, soft.shape)
    assert found(soft.astype(np.uint8), landmarks) == ["blurred"]
    assert found(np.clip(noisy, 0, 255).astype(np.uint8), landmarks) == ["blurred"]


@pytest.mark.parametrize("name", NAMES)
def test_darkness_is_told(aligned: dict[str, Aligned], name: str) -> None:
    crop, landmarks = aligned[name]
    assert "dark" in found((crop * 0.3).astype(np.uint8), landmarks)
    assert "dark" not in found((crop * 0.7).astype(np.uint8), landmarks)


@pytest.mark.parametrize("name", ["woman", "man", "child"])
def test_too_much_light_is_told(aligned: dict[str, Aligned], name: str) -> None:
    crop, landmarks = aligned[name]
    assert "overexposed" in found(np.clip(crop * 2.5, 0, 255).astype(np.uint8), landmarks)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (180, 120, 100)])
@pytest.mark.parametrize("name", NAMES)
def test_covered_eyes_are_told(aligned: dict[str, Aligned], name: str, colour: tuple[int, int, int]) -> None:
    crop, landmarks = aligned[name]
    assert "eyes_covered" in found(with_bar(crop, landmarks[36:48], colour), landmarks)


@pytest.mark.parametrize("colour", [(225, 228, 232), (150, 190, 215), (30, 30, 34)])
@pytest.mark.parametrize("name", NAMES)
def test_a_mask_over_the_mouth_is_told(aligned: dict[str, Aligned], name: str, colour: tuple[int, int, int]) -> None:
    crop, landmarks = aligned[name]
    assert "mouth_covered" in found(with_mask(crop, landmarks, colour), landmarks)


def test_a_crop_that_was_enlarged_twice_is_small_and_not_called_blurred(aligned: dict[str, Aligned]) -> None:
    crop, landmarks = aligned["man"]
    soft = ndimage.gaussian_filter(crop, (3, 3, 0))
    assert found(soft, landmarks, side=SMALL_SIDE - 1) == ["small"]


def test_a_turned_head_is_told_on_both_sides(aligned: dict[str, Aligned]) -> None:
    crop, landmarks = aligned["man"]
    assert found(crop, landmarks, yaw=TURNED_YAW + 1) == ["turned"]
    assert found(crop, landmarks, yaw=-TURNED_YAW - 1) == ["turned"]


def test_landmarks_outside_the_crop_do_no_harm(aligned: dict[str, Aligned]) -> None:
    crop, landmarks = aligned["man"]
    for shift in (-900.0, 300.0, 1e5):
        assert isinstance(found(crop, landmarks + shift), list)


def test_warnings_come_with_the_aligned_face(weights_dir: Path) -> None:
    photo = drawn("man", 100)
    face = FaceFinder.load(weights_dir).one_face(photo)
    assert align_face(photo, face).warnings == ["small"]


@pytest.mark.parametrize("shape", [(256, 256), (140, 110), (7, 5), (1, 1)])
@pytest.mark.parametrize("sigma", [1.0, 8.0])
def test_a_blur_is_that_of_scipy(shape: tuple[int, int], sigma: float) -> None:
    plane = np.random.default_rng(3).uniform(0, 255, shape).astype(np.float32)
    np.testing.assert_allclose(blur(plane, sigma), ndimage.gaussian_filter(plane, sigma), atol=1e-3)
