"""Families of separate photographs are read as they are laid out, and the report's figures are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.face.detection import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from training.data.kin import read_kin_triplets, read_people
from training.reports.identity_judges import ARCFACE_POINTS, ARCFACE_SIDE, NOSE_TIP, arcface_crop, similarity
from training.reports.kin import colour_of, describe, figures_of, found_by
from training.reports.tfjs_graph import GraphNetwork

HEAD = "family,father,mother,child,child_gender,n_father,n_mother,n_child,child_min_est_age\n"


@pytest.fixture
def kin(tmp_path: Path) -> Path:
    """A family with an older and a younger child, and one whose photos all come from one photograph."""
    rows = ["F1,MID1,MID2,MID3,m,2,1,1,30", "F1,MID1,MID2,MID4,f,2,1,1,8", "F2,MID1,MID2,MID3,f,1,1,1,5"]
    (tmp_path / "triplets.csv").write_text(HEAD + "\n".join(rows) + "\n")
    for name in (
        *("F1/MID1/P01_face0", "F1/MID1/P02_face1", "F1/MID2/P01_face1", "F1/MID3/P03_face0", "F1/MID4/P04_face0"),
        *("F2/MID1/P01_face0", "F2/MID2/P01_face1", "F2/MID3/P01_face2"),
    ):
        path = tmp_path / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_everybody_is_found_with_all_photos(kin: Path) -> None:
    people = {(one.family, one.member): len(one.photos) for one in read_people(kin)}
    assert people["F1", "MID1"] == 2 and len(people) == 7


def test_a_triplet_is_the_youngest_child_on_three_different_photographs(kin: Path) -> None:
    (only,) = read_kin_triplets(kin)
    names = [path.relative_to(kin).as_posix() for path in (only.father, only.mother, only.child)]
    assert names == ["F1/MID1/P02_face1.jpg", "F1/MID2/P01_face1.jpg", "F1/MID4/P04_face0.jpg"]
    assert only.sex == "girl"


def test_a_guess_finds_its_own_among_those_of_its_group() -> None:
    real = np.array([[0.0], [1.0], [2.0], [0.1]], np.float32)
    groups = np.array([False, False, False, True])
    assert found_by(real, real, groups) == 1.0  # the last has nobody to be told from
    assert found_by(real[[1, 0, 2, 3]], real, groups) == pytest.approx((0.25 + 0.5 + 1.0) / 3, abs=1e-3)
    assert found_by(np.zeros_like(real), np.zeros_like(real), groups) == 0.5
    assert found_by(real[:1], real[:1], groups[:1]) is None


def family(place: float, *, male: bool, again: bool) -> dict[str, np.ndarray]:
    """Faces of one grey each: parents around a place, a child that is drawn where they are."""

    def grey(level: float) -> np.ndarray:
        return np.full((64, 64, 3), round(level), np.uint8)

    faces = {"father": place - 4, "mother": place + 4, "child": place + 1, "drawing": place, "copy": place - 4}
    faces |= {"at_8": place, "sibling": place + 3}
    found = {name: grey(level) for name, level in faces.items()}
    found["again"] = grey(place + 2) if again else np.zeros((0, 0, 3), np.uint8)
    return {**found, "age": np.float32(8), "male": np.bool_(male)}


def test_the_report_puts_every_baseline_beside_the_drawing() -> None:
    families = [family(40 + 30 * i, male=i % 2 == 0, again=i != 2) for i in range(6)]
    figures = figures_of(describe(families, colour_of))
    found = figures["finds_the_real_child"]
    assert found["drawing"] == found["parents_mean"] == found["real_child_again"] == 1.0
    assert found["other_couples_child"] < 0.7
    assert figures["right_couple_first"]["drawing"] == figures["right_couple_first"]["real_child"] == 1.0
    assert figures["right_couple_first"]["other_couples_child"] == 0.0
    assert figures["couples_to_siblings"] > 10


def test_the_crop_brings_eyes_nose_and_mouth_to_their_places() -> None:
    a, b, x, y = 1.2, 0.3, 5.0, -2.0
    start = np.random.default_rng(1).normal(size=(5, 2))
    end = np.stack([a * start[:, 0] - b * start[:, 1] + x, b * start[:, 0] + a * start[:, 1] + y], axis=1)
    assert np.allclose(similarity(start, end), (a, b, x, y))
    landmarks = np.zeros((68, 2))
    points = ARCFACE_POINTS * 1.5 + 30
    landmarks[LEFT_EYE], landmarks[RIGHT_EYE], landmarks[NOSE_TIP] = points[:3]
    landmarks[MOUTH_CORNERS] = points[3:]
    face = np.zeros((256, 256, 3), np.uint8)
    nose_x, nose_y = np.rint(points[2]).astype(int)
    face[nose_y - 3 : nose_y + 4, nose_x - 3 : nose_x + 4] = 255
    crop = arcface_crop(face, landmarks)
    assert crop.shape == (ARCFACE_SIDE, ARCFACE_SIDE, 3)
    lit = np.argwhere(crop[..., 0] > 127)
    assert np.allclose(lit.mean(axis=0)[::-1], ARCFACE_POINTS[2], atol=1)


def graph(*operations: tuple[str, str, list[str], int]) -> list[dict[str, object]]:
    """Nodes: operation, name, inputs, stride."""
    nodes: list[dict[str, object]] = [{"op": "Placeholder", "name": "data"}]
    for operation, name, inputs, stride in operations:
        strides = {"strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}}}
        nodes.append({"op": operation, "name": name, "input": inputs, "attr": strides})
    return nodes


def test_a_graph_is_run_as_tensorflow_would_by_hand() -> None:
    """Pad, a depthwise and a plain convolution, a PReLU, flattened and multiplied; worked out with loops."""
    rng = np.random.default_rng(3)
    depthwise, kernel = rng.normal(size=(3, 3, 2, 1)), rng.normal(size=(1, 1, 2, 3))
    slopes, dense = rng.normal(size=3), rng.normal(size=(2 * 2 * 3, 4))
    constants = {"pads": np.array([[0, 0], [1, 1], [1, 1], [0, 0]]), "dw": depthwise, "kernel": kernel}
    constants |= {"slopes": slopes, "dense": dense, "zero": np.zeros(())}
    network = GraphNetwork(
        graph(
            ("Pad", "padded", ["data", "pads"], 1),
            ("DepthwiseConv2dNative", "deep", ["padded", "dw"], 2),
            ("Conv2D", "wide", ["deep", "kernel"], 1),
            ("Maximum", "above", ["zero", "wide"], 1),
            ("Minimum", "below", ["zero", "wide"], 1),
            ("Mul", "slope", ["slopes", "below"], 1),
            ("AddV2", "prelu", ["above", "slope"], 1),
            ("Reshape", "flat", ["prelu", "zero"], 1),
            ("MatMul", "answer", ["flat", "dense"], 1),
        ),
        {name: np.asarray(value, np.float32) for name, value in constants.items()},
    )
    picture = rng.normal(size=(4, 4, 2))
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    deep = np.array(
        [
            [(padded[2 * r : 2 * r + 3, 2 * c : 2 * c + 3] * depthwise[..., 0]).sum((0, 1)) for c in (0, 1)]
            for r in (0, 1)
        ]
    )
    wide = deep @ kernel[0, 0]
    expected = (np.maximum(wide, 0) + slopes * np.minimum(wide, 0)).reshape(-1) @ dense
    found = network(torch.from_numpy(picture.transpose(2, 0, 1)[None]).float())
    assert np.allclose(found.numpy()[0], expected, atol=1e-4)


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(ValueError, match="Softmax"):
        GraphNetwork(graph(("Softmax", "answer", ["data"], 1)), {})
