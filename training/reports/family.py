"""The family report: draws the children of many couples and measures resemblance, age and sex.

A folder holds `triplets.csv` (columns family, father, mother, child, child_role: S son, D daughter) and the photos it
names. Children are drawn by the preview head at 256 px, from latents of one pass: figures of many couples in minutes.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.domain.child_spec import ChildSpec, Sex
from core.domain.errors import FaceError, PhotoError
from core.face.detection import Pixels
from core.face.recognition import identity_chip
from core.face.similarity import distance
from core.output.images import encode_picture, resize_area
from core.pipeline import ChildPipeline, InheritedFace, Parent
from core.runtime.tensors import to_pixels
from training.data.kin import Triplet
from training.data.measures import measure
from training.data.traits import Landmarker, Looks, look
from training.reports.second_judge import SecondJudge

Descriptor = npt.NDArray[np.float32]

AGES = (2.0, 6.0, 8.0, 12.0)
GROWN_AGES = (18.0, 35.0, 60.0)
"""Every couple's child is drawn at all AGES and, in turn, at one of these."""

COMPARED_AT = 8.0
BANDS = ((1, 12), (13, 25), (26, 90))
TOLERANCE = 5.0
"""Of CIE Lab: so far the child's skin may lie outside its parents'."""

TONES = {
    "skin": ("skin_light", "skin_red", "skin_yellow"),
    "hair": ("hair_light", "hair_red", "hair_yellow"),
    "eyes": ("iris_light",),
}


@dataclass(frozen=True, eq=False)
class MeasuredChild:
    """One drawn face and what the judges say of it."""

    picture: Pixels
    age: float
    male: float
    descriptor: Descriptor
    second: tuple[float, float] | None = None
    """Years and probability of male as the second judge sees them, where there is one."""


@dataclass(frozen=True, eq=False)
class Family:
    """Everything that was drawn of one couple. `guesses` are drawings at the real child's age, by way of drawing."""

    sex: Sex
    parents: tuple[Parent, Parent]
    real: Parent
    at: dict[float, MeasuredChild]
    sibling: MeasuredChild
    guesses: dict[str, MeasuredChild]
    tones: dict[str, npt.NDArray[np.float32]]
    face_found: bool
    seconds: float


def read_triplets(folder: Path) -> list[Triplet]:
    """The rows of `triplets.csv`."""
    with (folder / "triplets.csv").open(newline="") as file:
        return [
            Triplet(
                family=row["family"],
                father=folder / row["father"],
                mother=folder / row["mother"],
                child=folder / row["child"],
                sex="boy" if row["child_role"] == "S" else "girl",
            )
            for row in csv.DictReader(file)
        ]


class Studio:
    """Draws and measures the children of one couple after another."""

    def __init__(
        self, pipeline: ChildPipeline, landmarker: Landmarker, second_judge: SecondJudge | None = None
    ) -> None:
        self.pipeline = pipeline
        self.landmarker = landmarker
        self.second_judge = second_judge

    def family(self, triplet: Triplet, number: int) -> Family:
        """Draw everything of one family. Raises PhotoError or FaceError when one of the photos cannot be used."""
        mom, dad, real = (
            self.pipeline.encode(path.read_bytes()) for path in (triplet.mother, triplet.father, triplet.child)
        )
        couple = (mom.latent, dad.latent)
        spec = ChildSpec(sex=triplet.sex, seed=2 * number)
        born = self.pipeline.inherit(*couple, spec)
        brother = self.pipeline.inherit(*couple, replace(spec, seed=2 * number + 1))
        began = time.perf_counter()
        ages = (*AGES, GROWN_AGES[number % len(GROWN_AGES)])
        at = {age: self.show(born, age, triplet.sex) for age in ages}
        seconds = (time.perf_counter() - began) / len(ages)
        same_sex = mom if triplet.sex == "girl" else dad
        starts = {
            "child": born,
            "copy_of_a_parent": self.pipeline.oneself(same_sex.latent, male=same_sex.sex == "male"),
            "average": replace(born, latent=(mom.latent.tensor() + dad.latent.tensor()) / 2),
        }
        return Family(
            sex=triplet.sex,
            parents=(mom, dad),
            real=real,
            at=at,
            sibling=self.show(brother, COMPARED_AT, triplet.sex),
            guesses={way: self.show(start, real.age, triplet.sex) for way, start in starts.items()},
            tones=self._tones([mom.crop, dad.crop, at[COMPARED_AT].picture]),
            face_found=bool(self.pipeline.models.finder.find(at[COMPARED_AT].picture)),
            seconds=seconds,
        )

    @torch.inference_mode()
    def show(self, born: InheritedFace, age: float, sex: Sex) -> MeasuredChild:
        """A child at an age and sex, drawn by the preview head."""
        aged = self.pipeline.at_age(born, age=age, male=sex == "boy")
        picture = self.pipeline.models.preview(aged).clamp(-1, 1)
        looks = self.pipeline.estimator.estimate(picture)
        descriptor = self.pipeline.models.identity(identity_chip(picture))[0].numpy()
        pixels = to_pixels(picture)
        second = self.second_judge.judge(pixels) if self.second_judge else None
        return MeasuredChild(pixels, looks.age, looks.male, descriptor, second)

    def _tones(self, faces: Sequence[Pixels]) -> dict[str, npt.NDArray[np.float32]]:
        """Colours of mom, dad and child, one row each."""
        points, thumbs, eyes = (
            np.array(part) for part in zip(*(look(face, self.landmarker) for face in faces), strict=True)
        )
        found = measure(Looks(points, thumbs, eyes))
        return {tone: np.stack([found[name] for name in names], axis=1) for tone, names in TONES.items()}


def family_report(
    studio: Studio,
    folder: Path,
    *,
    couples: int | None = None,
    sheet: Path | None = None,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Any]:
    """Every figure of so many couples, evenly out of the folder's order.

    `sheet` shows each couple, its child growing up and a sibling.
    """
    families: list[Family] = []
    refused = 0
    every = read_triplets(folder)
    picked = np.linspace(0, len(every), min(couples or len(every), len(every)), endpoint=False).astype(int)
    triplets = [every[number] for number in picked]
    for number, triplet in enumerate(triplets):
        try:
            families.append(studio.family(triplet, number))
        except (FaceError, PhotoError):
            refused += 1
        if progress is not None:
            progress((number + 1) / len(triplets))
    if sheet is not None:
        save_families(families, sheet)
    return {"couples": len(families), "refused": refused, **figures_of(families)} if families else {"couples": 0}


def figures_of(families: Sequence[Family]) -> dict[str, Any]:
    """The report without its head."""
    return {
        **(_judged(families, lambda shown: (shown.age, shown.male)) or {}),
        "second_judge": _judged(families, lambda shown: shown.second),
        "same_child_6_and_12": _median([distance(f.at[6.0].descriptor, f.at[12.0].descriptor) for f in families]),
        "right_couple_first": right_couple_first(families, [f.at[COMPARED_AT].descriptor for f in families]),
        "right_couple_first_by_the_real_child": right_couple_first(
            families, [f.real.latent.descriptor for f in families]
        ),
        **_between_children(families),
        "to_own_parents": _mean(
            [distance(f.at[8.0].descriptor, p.latent.descriptor) for f in families for p in f.parents]
        ),
        "to_other_parents": _mean(
            [
                distance(f.at[8.0].descriptor, p.latent.descriptor)
                for f in families
                for other in families
                if other is not f
                for p in other.parents
            ]
        ),
        "colours": {tone: _drift([f.tones[tone] for f in families]) for tone in TONES},
        "nearer_to_the_real_child": {way: nearer_to_the_real(families, way) for way in families[0].guesses},
        "face_found": _mean([f.face_found for f in families]),
        "seconds_a_face": _median([f.seconds for f in families]),
    }


def _judged(
    families: Sequence[Family], opinion: Callable[[MeasuredChild], tuple[float, float] | None]
) -> dict[str, Any] | None:
    """Age errors by band, and how often the sex was seen as asked. None where the judge was not there."""
    seen = [(f.sex, age, told) for f in families for age, shown in f.at.items() if (told := opinion(shown))]
    if not seen:
        return None
    return {
        "age": {
            f"{low}-{high}": _age_errors([(sex, told[0] - age) for sex, age, told in seen if low <= age <= high])
            for low, high in BANDS
        },
        "sex_right_from_4": _mean([(told[1] > 0.5) == (sex == "boy") for sex, age, told in seen if age >= 4]),
    }


def _age_errors(errors: Sequence[tuple[Sex, float]]) -> dict[str, float | None]:
    """Of errors in years, each with the sex asked."""
    every = [error for _, error in errors]
    by_sex = {sex: _mean(np.abs([error for of, error in errors if of == sex])) for sex in ("girl", "boy")}
    return {"mean_absolute": _mean(np.abs(every)), "bias": _mean(every), **by_sex, "faces": len(every)}


def right_couple_first(families: Sequence[Family], children: Sequence[Descriptor]) -> float:
    """How often the nearest couple (mean of both distances) to a family's child is its own.

    Asked of the real children's photos it tells what this question is worth: how well people are found by it.
    """
    parents = np.stack([[parent.latent.descriptor for parent in family.parents] for family in families])
    return round(own_couple_first(np.stack(children), parents), 4)


def own_couple_first(children: npt.NDArray[np.float32], parents: npt.NDArray[np.float32]) -> float:
    """How often, of children (N, 128), the couple of (N, 2, 128) whose two are nearest in the mean is their own."""
    apart = np.linalg.norm(children[:, None, None] - parents, axis=3).mean(axis=2)
    return float(np.mean(apart.argmin(axis=1) == np.arange(len(children))))


def _between_children(families: Sequence[Family]) -> dict[str, float | None]:
    siblings = [distance(f.at[COMPARED_AT].descriptor, f.sibling.descriptor) for f in families]
    others = [
        distance(one.at[COMPARED_AT].descriptor, other.at[COMPARED_AT].descriptor)
        for i, one in enumerate(families)
        for other in families[:i]
        if one.sex == other.sex
    ]
    return {
        "between_siblings": _mean(siblings),
        "siblings_0.25_apart": _mean(np.array(siblings) >= 0.25),
        "between_couples": _mean(others),
        "couples_to_siblings": _mean([np.mean(others) / np.mean(siblings)]) if others else None,
    }


def _drift(tones: Sequence[npt.NDArray[np.float32]]) -> dict[str, float | None]:
    """How far the child's colour lies outside its parents' (rows mom, dad, child), and how often within TOLERANCE."""
    outside = [float(np.maximum(np.maximum(t[:2].min(0) - t[2], t[2] - t[:2].max(0)), 0).max()) for t in tones]
    return {"within_tolerance": _mean(np.array(outside) <= TOLERANCE), "outside_median": _median(outside)}


def nearer_to_the_real(families: Sequence[Family], way: str) -> float | None:
    """How often a drawing is nearer to its family's real child than to another's of that sex; 0.5 is chance."""
    nearer = []
    for family in families:
        drawn = family.guesses[way].descriptor
        own = distance(drawn, family.real.latent.descriptor)
        others = [f.real.latent.descriptor for f in families if f is not family and f.sex == family.sex]
        nearer += [own < distance(drawn, other) for other in others]
    return _mean(nearer)


def save_families(families: Sequence[Family], path: Path) -> None:
    """One row a family: mom, dad, the child at its ages, the sibling, and the real child."""
    rows = []
    for f in families:
        faces = [f.parents[0].crop, f.parents[1].crop, *(shown.picture for shown in f.at.values())]
        faces += [f.sibling.picture, f.guesses["child"].picture, f.real.crop]
        rows.append(np.concatenate([resize_area(face, 128) for face in faces], axis=1))
    path.write_bytes(encode_picture(np.concatenate(rows, axis=0)))


def _mean(values: Any) -> float | None:
    """None of nothing, as JSON can say it."""
    return round(float(np.mean(values)), 4) if len(values) else None


def _median(values: Any) -> float | None:
    return round(float(np.median(values)), 4) if len(values) else None
