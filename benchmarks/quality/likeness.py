"""Measures the scale of `core/face/similarity.py` on real families.

    python -m benchmarks.quality.likeness KIN --out core/weights

KIN is laid out as `training/data/kin.py` says. Its couples' children are drawn at the real children's ages
(kept in `--cache`; delete it when what draws them has changed). The families that teach give the scale; for the
families held out, it then prints where drawn children, real children and strangers lie on it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.domain.errors import FaceError, PhotoError
from core.face.detection import align_face
from core.face.recognition import identity_chip
from core.face.similarity import LIKENESS_FILE, PEOPLE, LikenessScale, Vector, cosine
from core.modeling.weights_io import save_weights
from core.pipeline import ChildPipeline, Pixels
from core.runtime.tensors import to_tensor
from training.data.age_faces import Part, part_of
from training.data.kin import photograph_of, read_kin_triplets
from training.reports.kin import drawn_family


@dataclass(frozen=True, eq=False)
class KinVectors:
    """By what each of a family differs from others of their age and sex, (128,): parents as (mom, dad).

    `again`: the parents on other photographs, None where there are none.
    """

    parents: tuple[Vector, Vector]
    again: tuple[Vector | None, Vector | None]
    real: Vector
    drawn: Vector
    male: bool


def main() -> None:
    """Fit, print, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kin", type=Path, help="folder of families (training/data/kin.py)")
    options.add_argument("--cache", type=Path, default=Path("runs/likeness"), help="folder of drawn families")
    options.add_argument("--couples", type=int, default=60, help="of each part")
    options.add_argument("--out", type=Path, help="folder that the scale is written into")
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    pipeline = ChildPipeline.load(chosen.weights)
    teach, held = (list(read_vectors(pipeline, chosen.kin, chosen.cache, part, chosen.couples)) for part in PARTS)
    scale = fit_scale(teach)
    if chosen.out is not None:
        save_weights(scale, chosen.out / LIKENESS_FILE)
    print(json.dumps({"taught_by": len(teach), **report(scale, held)}, indent=1))


PARTS: tuple[Part, Part] = ("teach", "report")


def read_vectors(pipeline: ChildPipeline, kin: Path, cache: Path, part: Part, couples: int) -> Iterator[KinVectors]:
    """Every family of a part whose photos can be used."""
    resemblance = pipeline.models.resemblance
    for triplet in [one for one in read_kin_triplets(kin) if part_of(one.family) == part][:couples]:
        seen = drawn_family(pipeline, triplet, cache)
        if seen is None:
            continue
        male, age = bool(seen["male"]), float(seen["age"])
        on_photos = [
            None if face is None else apart_on_a_photo(pipeline, face, male=of_men)
            for of_men, face in (
                (False, seen["mother"]),
                (True, seen["father"]),
                (False, _on_another_photo(pipeline, triplet.mother)),
                (True, _on_another_photo(pipeline, triplet.father)),
            )
        ]
        between = pipeline.models.ageing.between_knots(torch.tensor([age]))[0]
        real, drawn = (
            resemblance.residual_when_drawn(descriptor_of(pipeline, seen[name]), between, male=male).numpy()
            for name in ("child", "drawing")
        )
        yield KinVectors((on_photos[0], on_photos[1]), (on_photos[2], on_photos[3]), real, drawn, male)


def apart_on_a_photo(pipeline: ChildPipeline, face: Pixels, *, male: bool) -> Vector:
    """By what an aligned face on a photo differs from others of the sex, (128,)."""
    descriptor = descriptor_of(pipeline, face)
    return np.asarray(pipeline.models.resemblance.residual_on_a_photo(descriptor, male=male).numpy(), np.float32)


@torch.inference_mode()
def descriptor_of(pipeline: ChildPipeline, face: Pixels) -> torch.Tensor:
    """The descriptor (128,) of an aligned face."""
    return pipeline.engine.extract_features(identity_chip(to_tensor(face))).descriptors[0]


def _on_another_photo(pipeline: ChildPipeline, path: Path) -> Pixels | None:
    for other in sorted(path.parent.glob("*.jpg")):
        if photograph_of(other) != photograph_of(path):
            try:
                rgb = pipeline.open_photo(other.read_bytes()).rgb
                return align_face(rgb, pipeline.models.finder.one_face(rgb)).rgb
            except (FaceError, PhotoError):
                continue
    return None


def fit_scale(families: Sequence[KinVectors]) -> LikenessScale:
    """What couples share, what strangers reach beside it, and what two photos of one person reach."""
    scale = LikenessScale()
    moms, dads = (np.stack([family.parents[of_men] for family in families]) for of_men in (0, 1))
    moms, dads = moms - moms.mean(axis=0), dads - dads.mean(axis=0)
    shared = (moms.T @ dads + dads.T @ moms) / (2 * len(families))
    directions = np.linalg.eigh(shared)[1][:, ::-1][:, :PEOPLE].T
    scale.people.copy_(torch.from_numpy(np.ascontiguousarray(directions)))
    for of_men in (0, 1):
        for male in (0, 1):
            scale.strangers[male, of_men] = float(np.mean(to_strangers(scale, families, "drawn", of_men, bool(male))))
    same = [
        scale.cosine(family.parents[of_men], again)
        for family in families
        for of_men in (0, 1)
        if (again := family.again[of_men]) is not None
    ]
    scale.oneself.copy_(torch.tensor(float(np.median(same))))
    return scale


def to_strangers(
    scale: LikenessScale, families: Sequence[KinVectors], whose: str, of_men: int, male: bool
) -> list[float]:
    """Cosines of the drawn or real sons or daughters with the other families' mothers or fathers."""
    return [
        scale.cosine(getattr(family, whose), other.parents[of_men])
        for family in families
        if family.male == male
        for other in families
        if other is not family
    ]


def report(scale: LikenessScale, families: Sequence[KinVectors]) -> dict[str, object]:
    """Where everybody lies: 10th, 50th and 90th percentile; and how far apart the two parents' figures are."""

    def percent(child: Vector, parent: Vector, family: KinVectors, of_men: int) -> float:
        return scale.percent(child, parent, child_male=family.male, parent_male=bool(of_men))

    def figures(values: Sequence[float]) -> list[float]:
        return np.percentile(values, (10, 50, 90)).round(1).tolist() if len(values) else []

    both = (0, 1)
    own = {
        whose: [[percent(getattr(family, whose), family.parents[i], family, i) for i in both] for family in families]
        for whose in ("drawn", "real")
    }
    strangers = {
        whose: [
            percent(getattr(family, whose), other.parents[i], family, i)
            for family in families
            for other in families
            if other is not family
            for i in both
        ]
        for whose in ("drawn", "real")
    }
    return {
        "families": len(families),
        "drawn_children": figures(np.ravel(own["drawn"]).tolist()),
        "drawn_at_least_95": round(float(np.mean(np.ravel(own["drawn"]) >= 95)), 3),
        "real_children": figures(np.ravel(own["real"]).tolist()),
        "drawn_and_strangers": figures(strangers["drawn"]),
        "real_and_strangers": figures(strangers["real"]),
        "mom_and_dad_apart": figures([abs(mom - dad) for mom, dad in own["drawn"]]),
        "husband_and_wife_cosine": round(float(np.mean([scale.cosine(*family.parents) for family in families])), 3),
        "husband_and_wife_before": round(float(np.mean([cosine(*family.parents) for family in families])), 3),
        "oneself_cosine": round(scale.oneself.item(), 3),
    }


if __name__ == "__main__":
    main()
