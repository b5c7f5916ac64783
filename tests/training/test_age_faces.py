"""Faces of known age: parts that never change, bands, frames by four points, and photos drawn again."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.domain.errors import SettingError
from core.face.age_estimator import YEARS
from core.face.detection import FaceFinder
from training.data.age_faces import KEPT_TO, FaceReader, gather_faces, part_of, people_faces, redrawn_faces
from training.trainers.age_estimator import age_loss

PORTRAIT = Path(__file__).parents[1] / "data" / "drawn_woman.jpg"


@pytest.fixture
def people(tmp_path: Path, weights_dir: Path) -> Path:
    """One drawn woman as four people: of an exact age, old, of a band and by points only, and of no known age."""
    folder = tmp_path / "people"
    folder.mkdir()
    with Image.open(PORTRAIT) as picture:
        portrait = picture.convert("RGB").resize((256, 256))
    for name in ("young", "old", "unknown", "band"):
        portrait.save(folder / f"{name}.jpg")
    landmarks = FaceFinder.load(weights_dir).aligned_landmarks(np.asarray(portrait))
    eyes_and_mouth = (landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[48], landmarks[54])
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "source", "age", "age_kind", "sex", "race"])
        writer.writerow(["young.jpg", "aaf", "9", "exact", "female", ""])
        writer.writerow(["old.jpg", "aaf", "66", "exact", "male", ""])
        writer.writerow(["band.jpg", "fairface", "3-9", "band", "female", "Indian"])
        writer.writerow(["unknown.jpg", "celebahq", "", "", "", ""])
    with (folder / "fairface_points.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "lex", "ley", "rex", "rey", "mlx", "mly", "mrx", "mry"])
        writer.writerow(["band.jpg", *(float(value) for point in eyes_and_mouth for value in point)])
    return folder


def test_every_name_has_one_part_and_the_parts_have_their_sizes() -> None:
    count = Counter(part_of(f"face_{number}.jpg") for number in range(4000))
    assert count["teach"] / 4000 == pytest.approx(0.60, abs=0.03)
    assert count["stop"] / 4000 == pytest.approx(0.15, abs=0.03)
    assert count["report"] / 4000 == pytest.approx(0.25, abs=0.03)
    known = [part_of(name) for name in ("a.jpg", "f.jpg", "g.jpg", "folder/h.png")]
    assert known == ["teach", "report", "teach", "report"], "the parts of a data set never change"


def test_people_without_an_age_are_left_out_and_bands_keep_both_ends(people: Path) -> None:
    faces = {face.path.stem: face for face in people_faces(people)}
    assert set(faces) == {"young", "old", "band"}
    assert (faces["band"].low, faces["band"].high) == (3.0, 9.0)
    assert faces["young"].is_exact and not faces["band"].is_exact


def test_four_points_lead_to_the_frame_that_the_landmarks_would(people: Path, weights_dir: Path) -> None:
    reader = FaceReader(weights_dir)
    faces = {face.path.stem: face for face in people_faces(people)}
    whole, by_points = (reader.read(faces[name]).astype(float) for name in ("young", "band"))
    middle = slice(70, 190)
    assert by_points.shape == (256, 256, 3)
    assert np.abs(whole[middle, middle] - by_points[middle, middle]).mean() < 12


def test_a_redrawn_face_keeps_the_part_of_its_photo_and_the_old_keep_only_a_band(people: Path, tmp_path: Path) -> None:
    redrawn = tmp_path / "redrawn" / "aaf"
    redrawn.mkdir(parents=True)
    for name in ("young", "old"):
        (redrawn / f"{name}.jpg").write_bytes((people / f"{name}.jpg").read_bytes())
    photos = people_faces(people)
    drawn = {face.path.stem: face for face in redrawn_faces(photos, tmp_path / "redrawn")}
    assert {face.source for face in drawn.values()} == {"aaf-redrawn"}
    assert (drawn["young"].low, drawn["young"].high) == (9.0, 9.0)
    assert (drawn["old"].low, drawn["old"].high) == (KEPT_TO, 66.0)
    assert drawn["old"].part == next(face.part for face in photos if face.path.stem == "old")


def test_no_folder_at_all_is_told_as_such() -> None:
    with pytest.raises(SettingError):
        gather_faces(None, None, None)


def test_any_year_within_a_band_is_as_good_as_another_and_none_outside() -> None:
    def loss(year: int) -> float:
        logits = torch.zeros(1, YEARS + 1)
        logits[0, year] = 14.0
        return age_loss(logits, torch.tensor([3.0]), torch.tensor([9.0]), torch.tensor([float("nan")])).item()

    assert loss(4) == pytest.approx(loss(8), abs=0.02)
    assert loss(12) > loss(8) + 0.5
    assert loss(30) > loss(12)
