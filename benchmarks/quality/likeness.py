"""Where the scale of `core/face/similarity.py` comes from: `python benchmarks/quality/likeness.py --drawn DIR --photos
DIR`.

Couples are made of drawn adults. A daughter and a son of each are drawn at several ages and set beside photos of
strangers from 20 to 50 (`labels.csv` with columns file, est_age, est_sex), women and men, and beside their own parents.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from core.domain.child_spec import ChildSpec
from core.face.recognition import identity_chip
from core.face.similarity import cosine
from core.latent.latent import Latent
from core.pipeline import ChildPipeline, InheritedFace, Pixels
from core.runtime.tensors import to_tensor
from training.data.drawn_pairs import DrawnPairs
from training.data.traits import read_face

AGES = (2.0, 6.0, 12.0, 25.0, 60.0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drawn", type=Path, required=True, help="folder made by `childface train draw`")
    options.add_argument("--photos", type=Path, required=True, help="folder of aligned photos with labels.csv")
    options.add_argument("--couples", type=int, default=24)
    options.add_argument("--most", type=int, default=400, help="photos of strangers")
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    pipeline = ChildPipeline.load(chosen.weights)
    strangers = {
        male: [apart_of_photo(pipeline, descriptor, male=male) for descriptor in descriptors]
        for male, descriptors in photographed(pipeline, chosen.photos, chosen.most).items()
    }
    women, men = grown_ups(pipeline, DrawnPairs.open(chosen.drawn), chosen.couples)
    for male in (False, True):
        own, others = {False: [], True: []}, {False: [], True: []}
        for i, (mom, dad) in enumerate(zip(women, men, strict=True)):
            born = pipeline.inherit(mom, dad, ChildSpec(seed=i))
            for age in AGES:
                child = apart_of_child(pipeline, born, age=age, male=male)
                for of_men, parent in ((False, mom), (True, dad)):
                    own[of_men].append(cosine(child, apart_of_photo(pipeline, parent.descriptor, male=of_men)))
                    others[of_men] += [cosine(child, other) for other in strangers[of_men]]
        for of_men in (False, True):
            for who, values in (("own parent", own[of_men]), ("strangers", others[of_men])):
                pair = f"{'sons' if male else 'daughters'} and {'men' if of_men else 'women'}"
                print(f"{pair:20} {who:10} mean {np.mean(values):.3f}  spread {np.std(values):.3f}  of {len(values)}")


@torch.inference_mode()
def apart_of_child(pipeline: ChildPipeline, born: InheritedFace, *, age: float, male: bool) -> np.ndarray:
    """By what a drawn child differs from others of its age and sex."""
    seen = pipeline.estimator.see(pipeline.at_age(born, age=age, male=male))
    between = pipeline.models.ageing.between_knots(torch.tensor([age]))[0]
    return np.asarray(pipeline.models.resemblance.residual_when_drawn(seen.descriptor, between, male=male))


def apart_of_photo(pipeline: ChildPipeline, descriptor: np.ndarray, *, male: bool) -> np.ndarray:
    """By what somebody on a photo differs from others of the sex."""
    model = pipeline.models.resemblance
    return np.asarray(model.residual_on_a_photo(torch.from_numpy(descriptor), male=male))


def photographed(pipeline: ChildPipeline, folder: Path, most: int) -> dict[bool, list[np.ndarray]]:
    """Descriptors of adult women (False) and men (True) on photos."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["est_age"] and 20 <= float(row["est_age"]) <= 50]
    found: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for row in rows[:most]:
        found[row["est_sex"] == "male"].append(descriptor_of(pipeline, read_face(folder / row["file"])))
    return found


def descriptor_of(pipeline: ChildPipeline, face: Pixels) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(pipeline.models.identity(identity_chip(to_tensor(face)))[0])


def grown_ups(pipeline: ChildPipeline, pairs: DrawnPairs, count: int) -> tuple[list[Latent], list[Latent]]:
    """The first so many women and men from 20 to 50 among the drawn faces, as an estimator labelled them."""
    found: dict[bool, list[Latent]] = {False: [], True: []}
    for row in range(len(pairs)):
        male = bool(pairs.male[row] > 0.5)
        if not 20 <= pairs.age[row] <= 50 or len(found[male]) == count:
            continue
        found[male].append(
            Latent(
                w=pairs.latent(torch.tensor([row]))[0].numpy(),
                descriptor=descriptor_of(pipeline, read_face(pairs.folder / f"{row:05d}.jpg")),
                generator=pipeline.generator_version,
                encoder=pipeline.encoder_version,
            )
        )
    return found[False], found[True]


if __name__ == "__main__":
    main()
