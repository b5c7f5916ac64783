"""Faces are found wherever they are, chosen sensibly and cut out as FFHQ does."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import FaceTooSmall, FaceTurned, MissingWeights, NoFace, SettingError, SeveralFaces
from core.face.detection import (
    CLOSER_LOOKS,
    FIRST_LOOK,
    LANDMARKS_FILE,
    MAX_WINDOWS,
    MAX_YAW,
    RIVAL_SIZE,
    SMALLEST_FACE,
    Face,
    FaceFinder,
    Square,
    align_face,
    ffhq_square,
)
from tests.support.photos.drawn_faces import NAMES, FakeDetector, FakePredictor, Points, canvas, drawn, front_view

PLAIN = canvas(640, 480)


@pytest.fixture(scope="module")
def finder(weights_dir: Path) -> FaceFinder:
    return FaceFinder.load(weights_dir)


def faked(*boxes: tuple[int, int, int, int, float], points: Points | None = None, trembling: float = 0) -> FaceFinder:
    predictor = FakePredictor(front_view() if points is None else points, trembling)
    return FaceFinder(detector=FakeDetector(list(boxes)), predictor=predictor)


def moved(before: Points, after: Points) -> float:
    """Median distance of landmarks."""
    return float(np.median(np.hypot(*(before - after).T)))


# --- finding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_face_of_a_portrait_is_found(finder: FaceFinder, name: str) -> None:
    face = finder.one_face(drawn(name))
    left, top, right, bottom = face.box
    assert 0 <= left < 128 < right <= 256
    assert 0 <= top < 128 < bottom <= 256
    assert face.landmarks.shape == (68, 2)
    assert face.landmarks.dtype == np.float64
    assert 50 < face.eye_distance < 75
    assert abs(face.yaw) < 20
    assert abs(face.roll) < 5


def test_a_small_face_in_a_large_photo_is_found(finder: FaceFinder) -> None:
    photo = canvas(2000, 1500, (drawn(size=320), 900, 300))
    face = finder.one_face(photo)
    assert face.landmarks.mean(0) == pytest.approx([900 + 160, 300 + 200], abs=15)


@pytest.mark.parametrize(("turns", "expected"), [(1, -90), (2, 180), (3, 90)])
def test_a_photo_on_its_side_gives_the_same_cut(finder: FaceFinder, turns: int, expected: float) -> None:
    upright = drawn("man")
    turned = np.ascontiguousarray(np.rot90(upright, turns))
    face = finder.one_face(turned)
    assert abs((face.roll - expected + 180) % 360 - 180) < 8
    straight = align_face(upright, finder.one_face(upright)).rgb
    difference = np.abs(align_face(turned, face).rgb.astype(float) - straight)
    assert difference[40:216, 40:216].mean() < 12


def test_a_face_at_the_edge_of_the_photo_is_found(finder: FaceFinder) -> None:
    cut = np.ascontiguousarray(drawn("man")[60:215, 60:200])
    assert finder.one_face(cut).landmarks.mean(0) == pytest.approx([68, 100], abs=15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (7, 5), (240, 320)])
def test_a_photo_without_a_face_says_so(finder: FaceFinder, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert finder.find(np.full_like(noise, 255)) == []
    with pytest.raises(NoFace):
        finder.one_face(noise)


def test_the_copy_in_which_faces_are_looked_for_is_small_whatever_the_photo() -> None:
    detector = FakeDetector()
    finder = FaceFinder(detector=detector, predictor=FakePredictor())
    for shape in ((1500, 2000, 3), (3000, 2000, 3), (3200, 1601, 3)):
        finder.find(np.zeros(shape, np.uint8))
    first = detector.copies[:: 1 + len(CLOSER_LOOKS)]
    assert [max(copy.shape) for copy in first] == [FIRST_LOOK.side] * 3
    assert max(copy.size for copy in detector.copies) < 3e6
    assert all(copy.ndim == 2 for copy in detector.copies)


def test_closer_looks_are_taken_only_when_the_first_finds_nothing() -> None:
    detector = FakeDetector([(100, 100, 199, 199, 1.0)])
    FaceFinder(detector=detector, predictor=FakePredictor()).find(PLAIN)
    assert len(detector.copies) == 1
    nothing = FakeDetector()
    FaceFinder(detector=nothing, predictor=FakePredictor()).find(PLAIN)
    assert len(nothing.copies) == 1 + len(CLOSER_LOOKS)


def test_an_uncertain_detection_counts_only_when_its_landmarks_settle() -> None:
    weak = (100, 100, 199, 199, 0.1)
    assert len(faked(weak).find(PLAIN)) == 1
    assert faked(weak, trembling=1.0).find(PLAIN) == []
    assert len(faked((100, 100, 199, 199, 1.0), trembling=1.0).find(PLAIN)) == 1


def test_a_reflection_in_the_border_is_no_face() -> None:
    detector = FakeDetector([(100, 300, 179, 379, 1.0)])  # left of the photo in a copy with a border
    finder = FaceFinder(detector=detector, predictor=FakePredictor())
    assert len(finder.look(PLAIN, FIRST_LOOK)) == 1
    assert finder.look(PLAIN, CLOSER_LOOKS[0]) == []


def test_threads_may_share_a_finder(finder: FaceFinder) -> None:
    photos = [drawn(name) for name in NAMES] * 2
    alone = [finder.one_face(photo).landmarks for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda photo: finder.one_face(photo).landmarks, photos))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


# --- choosing -----------------------------------------------------------------------------------------------


def test_two_faces_are_told_from_left_to_right_and_one_is_chosen(finder: FaceFinder) -> None:
    photo = canvas(700, 300, (drawn("man"), 400, 20), (drawn("woman"), 20, 20))
    with pytest.raises(SeveralFaces) as caught:
        finder.one_face(photo)
    boxes = caught.value.boxes
    assert len(boxes) == 2
    assert boxes[0][2] < 300 < boxes[1][0]
    for choice, box in enumerate(boxes):
        assert finder.one_face(photo, choice=choice).box == box


def test_boxes_are_told_in_pixels_of_the_file_as_it_was_sent() -> None:
    finder = faked((100, 100, 199, 199, 1.0), (300, 100, 399, 199, 1.0))
    with pytest.raises(SeveralFaces) as once:
        finder.one_face(PLAIN)
    with pytest.raises(SeveralFaces) as shrunk:
        finder.one_face(PLAIN, shrunk=4)
    assert [tuple(4 * edge for edge in box) for box in once.value.boxes] == shrunk.value.boxes


@pytest.mark.parametrize("choice", [-1, 2, 99])
def test_a_choice_that_does_not_exist_is_refused(choice: int) -> None:
    finder = faked((100, 100, 199, 199, 1.0), (300, 100, 399, 199, 1.0))
    with pytest.raises(SettingError) as caught:
        finder.one_face(PLAIN, choice=choice)
    assert caught.value.facts() == {"name": "face", "value": str(choice), "allowed": "0 to 1"}


def test_the_only_face_may_be_chosen() -> None:
    assert faked((100, 100, 199, 199, 1.0)).one_face(PLAIN, choice=0).box == (100, 100, 200, 200)


def test_a_passer_by_does_not_count(finder: FaceFinder) -> None:
    photo = canvas(800, 420, (drawn("woman", 400), 10, 10), (drawn("man", 180), 600, 100))
    assert len(finder.find(photo)) == 2
    assert finder.one_face(photo).box[0] < 400


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(80, 400), min_size=1, max_size=5))
def test_only_faces_of_comparable_size_are_asked_about(widths: list[int]) -> None:
    finder = faked(*[(10, 10, 9 + width, 9 + width, 1.0) for width in widths])
    rivals = [width for width in widths if width >= RIVAL_SIZE * max(widths)]
    if len(rivals) == 1:
        assert finder.one_face(PLAIN).size == pytest.approx(max(widths))
    else:
        with pytest.raises(SeveralFaces) as caught:
            finder.one_face(PLAIN)
        assert len(caught.value.boxes) == len(rivals)


def test_a_face_of_few_pixels_is_too_small(finder: FaceFinder) -> None:
    photo = canvas(160, 120, (drawn("man", 50), 50, 30))
    with pytest.raises(FaceTooSmall) as caught:
        finder.one_face(photo)
    assert caught.value.facts()["needed"] == SMALLEST_FACE
    assert 20 < caught.value.facts()["pixels"] < SMALLEST_FACE


def test_a_head_turned_so_far_that_half_of_it_is_hidden_is_refused() -> None:
    points = front_view()
    points[30] = points[14] + [1, 0]
    with pytest.raises(FaceTurned) as caught:
        faked((100, 100, 199, 199, 1.0), points=points).one_face(PLAIN)
    assert caught.value.facts()["yaw"] > MAX_YAW


# --- pose ---------------------------------------------------------------------------------------------------


def face_of(points: Points) -> Face:
    return Face((0, 0, 1, 1), points, 1.0, 1.0, 0.0)


def test_a_face_seen_from_the_front_has_no_yaw_and_no_roll() -> None:
    face = face_of(front_view())
    assert face.yaw == pytest.approx(0)
    assert face.roll == pytest.approx(0)
    assert face.eye_distance == pytest.approx(80)


def test_yaw_changes_its_sign_in_a_mirror(finder: FaceFinder) -> None:
    photo = drawn("dark_man")
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    assert finder.one_face(photo).yaw == pytest.approx(-finder.one_face(mirrored).yaw, abs=4)


def test_yaw_is_positive_when_the_nose_points_to_the_right_and_pitch_when_it_points_up() -> None:
    right, up = front_view(), front_view()
    right[30, 0] += 20
    up[30, 1] -= 15
    assert face_of(right).yaw > 5
    assert face_of(up).pitch > face_of(front_view()).pitch + 3


@given(st.floats(-179, 179), st.floats(0.2, 30), st.floats(-5e3, 5e3))
def test_pose_does_not_depend_on_where_how_large_and_how_tilted_a_face_is(
    roll: float, scale: float, shift: float
) -> None:
    points = front_view()
    points[30] += [12, -7]
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    there = face_of(points @ turn * scale + shift)
    assert there.yaw == pytest.approx(face_of(points).yaw, abs=1e-6)
    assert there.pitch == pytest.approx(face_of(points).pitch, abs=1e-6)
    assert there.roll == pytest.approx(roll, abs=1e-6)


# --- cutting out --------------------------------------------------------------------------------------------


def test_the_square_is_ffhq_s() -> None:
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = [9, 10], [11, 10]  # eyes 2 apart, the mouth 2 below them
    points[48], points[54] = [9, 12], [11, 12]
    square = ffhq_square(points)
    assert square.centre == pytest.approx((10, 10.2))
    assert square.right == pytest.approx((4, 0))  # twice the eyes' distance is more than 1.8 times 2
    assert square.side == pytest.approx(8)


@given(
    st.tuples(st.floats(-900, 900), st.floats(-900, 900)),
    st.tuples(st.floats(1, 900), st.floats(-900, 900)),
    st.integers(1, 1024),
)
def test_points_go_into_the_cut_and_back(centre: tuple[float, float], right: tuple[float, float], size: int) -> None:
    square = Square(centre, right)
    points = np.array([[3.0, 4.0], [-50.0, 700.0]])
    assert square.to_photo(square.from_photo(points, size), size) == pytest.approx(points, abs=1e-5)
    edges = np.array([[-0.5, -0.5], [size - 0.5, -0.5], [size - 0.5, size - 0.5], [-0.5, size - 0.5]])
    assert square.to_photo(edges, size) == pytest.approx(square.corners(), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_that_is_aligned_already_stays_as_it_is(finder: FaceFinder, name: str) -> None:
    photo = drawn(name)
    face = finder.one_face(photo)
    aligned = align_face(photo, face)
    assert aligned.rgb.shape == (256, 256, 3)
    assert aligned.rgb.dtype == np.uint8
    assert aligned.rgb.flags.writeable
    assert moved(face.landmarks, ffhq_square(face.landmarks).from_photo(face.landmarks, 256)) < 4


def test_the_cut_does_not_depend_on_the_size_of_the_photo(finder: FaceFinder) -> None:
    small = align_face(drawn("woman", 512), finder.one_face(drawn("woman", 512))).rgb
    large = align_face(drawn("woman", 1536), finder.one_face(drawn("woman", 1536))).rgb
    assert np.abs(small.astype(float) - large).mean() < 4


def test_a_cut_to_scale_gives_back_the_very_pixels() -> None:
    photo = drawn("man")
    points = np.zeros((68, 2))  # such that the square is the whole photo: centre 127.5, half a side 128
    points[36:42], points[42:48] = [95.5, 121.1], [159.5, 121.1]
    points[48], points[54] = [120, 185.1], [135, 185.1]
    cut = align_face(photo, face_of(points)).rgb
    assert np.abs(cut.astype(float) - photo).mean() < 1.0


@pytest.mark.parametrize("size", [64, 256, 512])
def test_other_sizes_show_the_same(finder: FaceFinder, size: int) -> None:
    photo = drawn("woman", 512)
    face = finder.one_face(photo)
    cut = align_face(photo, face, size=size)
    assert cut.rgb.shape == (size, size, 3)
    assert cut.warnings == align_face(photo, face).warnings


def test_where_the_square_leaves_the_photo_there_is_no_black() -> None:
    bright = np.full((200, 200, 3), (200, 180, 160), np.uint8)
    for corner in ((0.0, 0.0), (199.0, 0.0), (0.0, 199.0), (190.0, 210.0), (400.0, 100.0)):
        points = front_view() - front_view().mean(0) + corner
        cut = align_face(bright, face_of(points)).rgb.astype(int)
        assert np.abs(cut - [200, 180, 160]).max() <= 2


def test_padding_begins_without_a_step_and_gets_softer_outwards(finder: FaceFinder) -> None:
    photo = drawn("woman", 512)
    face = finder.one_face(photo)
    left, top, right, bottom = face.box
    inner = np.ascontiguousarray(photo[top - 10 : bottom + 10, left - 10 : right + 10])
    shifted = Face((0, 0, 1, 1), face.landmarks - [left - 10, top - 10], face.size, 1.0, 0.0)
    whole, padded = align_face(photo, face).rgb, align_face(inner, shifted).rgb
    assert np.abs(whole[100:180, 90:160].astype(float) - padded[100:180, 90:160]).mean() < 1
    assert padded.min(axis=2)[:20].mean() > 5
    rough = np.abs(np.diff(padded[:, :, 1].astype(int), axis=1))
    assert rough[:12].mean() < rough[100:180, 90:160].mean()


# --- weights ------------------------------------------------------------------------------------------------


def test_absent_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights) as caught:
        FaceFinder.load(tmp_path)
    assert caught.value.facts()["name"] == LANDMARKS_FILE


def test_weights_that_are_not_dlib_s_are_refused(tmp_path: Path) -> None:
    (tmp_path / LANDMARKS_FILE).write_bytes(b"not a predictor" * 99)
    with pytest.raises(MissingWeights):
        FaceFinder.load(tmp_path)


def test_the_model_package_is_never_imported() -> None:
    check = (
        "import core.face.detection, sys; sys.exit('face_recognition_models' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(__file__).parents[3])


# --- panoramas, long screenshots ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(6400, 800, 500), (540, 8000, 350), (3000, 1400, 260)],
)
@pytest.mark.parametrize("where", [0.0, 0.37])
def test_a_face_in_an_elongated_photo_is_found(
    finder: FaceFinder, width: int, height: int, size: int, where: float
) -> None:
    left, top = round(where * (width - size)), round(0.5 * (height - size))
    if height > width:
        left, top = round(0.5 * (width - size)), round(where * (height - size))
    found = finder.find(canvas(width, height, (drawn("man", size), left, top)))
    assert len(found) == 1
    assert found[0].landmarks.mean(0) == pytest.approx([left + size / 2, top + 0.62 * size], abs=0.1 * size)


def test_two_faces_in_a_panorama_are_two(finder: FaceFinder) -> None:
    photo = canvas(4000, 600, (drawn("woman", 500), 700, 50), (drawn("man", 500), 2900, 50))
    assert [face.box[0] // 1000 for face in finder.find(photo)] == [0, 2]


def test_an_elongated_photo_is_looked_at_in_a_bounded_number_of_windows() -> None:
    for shape in ((100, 9000, 3), (900, 1, 3)):
        detector = FakeDetector()
        FaceFinder(detector=detector, predictor=FakePredictor()).find(np.zeros(shape, np.uint8))
        assert 0 < len(detector.copies) <= (1 + len(CLOSER_LOOKS)) * (MAX_WINDOWS + 1)
        assert max(copy.size for copy in detector.copies) < 3e6
