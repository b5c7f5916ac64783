"""The family report counts what it says: worked out by hand on families of known faces, and run once on drawn ones."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import MissingWeights
from core.face.detection import FaceFinder, align_face
from core.latent.latent import Latent
from core.photo.decode import open_photo
from core.pipeline import ChildPipeline, Parent
from training.data.traits import Landmarker
from training.reports.family import (
    Family,
    MeasuredChild,
    Studio,
    family_report,
    figures_of,
    read_triplets,
    right_couple_first,
    save_families,
)
from training.reports.second_judge import SecondJudge

EXAMPLES = Path(__file__).parents[2] / "examples"
GREY = np.full((256, 256, 3), 128, np.uint8)


def at(*place: float) -> np.ndarray:
    """A descriptor in the first dimensions of 128."""
    return np.array([*place, *[0.0] * (128 - len(place))], np.float32)


def person(*place: float) -> Parent:
    latent = Latent(np.zeros((23, 512), np.float32), at(*place), "g", "e")
    return Parent(latent, "female", 1.0, 30.0, GREY, [], {})


def shown(age: float, male: float, *place: float) -> MeasuredChild:
    return MeasuredChild(GREY, age, male, at(*place), (age + 2.0, 1 - male))


def family(place: float, *, age_error: float = 1.0, male: float = 0.9, tone: float = 50.0) -> Family:
    """A son who lies at `place` like his parents; his sibling is 0.3 away."""
    ages = (2.0, 6.0, 8.0, 12.0, 35.0)
    return Family(
        sex="boy",
        parents=(person(place), person(place, 0.2)),
        real=person(place + 0.1),
        at={age: shown(age + age_error, male, place) for age in ages},
        sibling=shown(8, male, place, 0.3),
        guesses={way: shown(8, male, place) for way in ("child", "copy_of_a_parent", "average")},
        tones={name: np.array([[40.0], [50.0], [tone]], np.float32) for name in ("skin", "hair", "eyes")},
        face_found=True,
        seconds=0.5,
    )


def test_figures_are_those_that_can_be_worked_out_by_hand() -> None:
    found = figures_of([family(0.0), family(1.0, age_error=-3.0, male=0.2, tone=58.0), family(2.0)])
    young = found["age"]["1-12"]
    assert (young["mean_absolute"], young["bias"], young["boy"], young["faces"]) == (1.6667, -0.3333, 1.6667, 12)
    assert young["girl"] is None
    assert found["age"]["26-90"]["faces"] == 3
    assert found["sex_right_from_4"] == pytest.approx(8 / 12, abs=1e-3)
    assert found["same_child_6_and_12"] == 0.0
    assert found["right_couple_first"] == found["right_couple_first_by_the_real_child"] == 1.0
    second = found["second_judge"]
    assert second["age"]["1-12"]["mean_absolute"] == 2.3333, "2 above ours: 3, -1 and 3 years off"
    assert second["sex_right_from_4"] == pytest.approx(4 / 12, abs=1e-3), "its opinion, not ours"
    assert found["between_siblings"] == pytest.approx(0.3)
    assert found["siblings_0.25_apart"] == 1.0
    assert found["between_couples"] == pytest.approx(4 / 3, abs=1e-3)
    assert found["couples_to_siblings"] == pytest.approx(4.444, abs=1e-2)
    assert found["to_own_parents"] < found["to_other_parents"]
    assert found["colours"]["skin"] == {"within_tolerance": 0.6667, "outside_median": 0.0}
    assert found["nearer_to_the_real_child"] == {"child": 1.0, "copy_of_a_parent": 1.0, "average": 1.0}


def test_a_drawing_nearer_to_a_stranger_s_child_counts_against() -> None:
    families = [family(0.0), family(1.0)]
    swapped = {"child": shown(8, 0.9, 1.1)}
    families[0].guesses.update(swapped)
    assert figures_of(families)["nearer_to_the_real_child"]["child"] == 0.5


def test_a_child_that_looks_like_another_couple_is_found_there() -> None:
    families = [family(0.0), family(1.0), family(2.0)]
    strangers = [at(1.0), at(1.0), at(2.0)]
    assert right_couple_first(families, strangers) == pytest.approx(2 / 3, abs=1e-3)


def test_without_a_second_judge_its_figures_are_empty() -> None:
    alone = family(0.0)
    silent = replace(alone, at={age: replace(seen, second=None) for age, seen in alone.at.items()})
    assert figures_of([silent])["second_judge"] is None


@pytest.mark.slow
def test_the_second_judge_sees_the_example_parents_as_they_are(weights_dir: Path) -> None:
    try:
        judge = SecondJudge.load(weights_dir)
    except MissingWeights:
        pytest.skip("the second judge's weights were not fetched (childface weights fetch --research)")
    finder = FaceFinder.load(weights_dir)
    for name, male in (("mom", False), ("dad", True)):
        photo = open_photo((EXAMPLES / f"{name}.jpg").read_bytes()).rgb
        years, manly = judge.judge(align_face(photo, finder.one_face(photo)).rgb)
        assert 18 < years < 60 and (manly > 0.5) is male


@pytest.mark.slow
def test_a_folder_of_drawn_families_is_reported(weights_dir: Path, tmp_path: Path) -> None:
    for name in ("mom", "dad"):
        (tmp_path / f"{name}.jpg").write_bytes((EXAMPLES / f"{name}.jpg").read_bytes())
    (tmp_path / "tree.jpg").write_bytes(b"no picture")
    with (tmp_path / "triplets.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["family", "father", "mother", "child", "child_role"])
        rows.writerow(["a", "dad.jpg", "mom.jpg", "mom.jpg", "D"])
        rows.writerow(["b", "dad.jpg", "mom.jpg", "tree.jpg", "S"])
    assert [triplet.sex for triplet in read_triplets(tmp_path)] == ["girl", "boy"]
    studio = Studio(ChildPipeline.load(weights_dir), Landmarker(weights_dir))
    found = family_report(studio, tmp_path, sheet=tmp_path / "sheet.png")
    assert (found["couples"], found["refused"], found["face_found"]) == (1, 1, 1.0)
    assert found["age"]["1-12"]["mean_absolute"] < 4
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_families_are_shown_in_rows(tmp_path: Path) -> None:
    save_families([family(0.0), family(1.0)], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
