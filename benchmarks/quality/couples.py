"""Are children found among other couples? `python -m benchmarks.quality.couples PHOTOS --skip 500`.

Couples are put together from portraits: by chance, and of one people (those who lie furthest to one side of what
descriptors differ in most). Two siblings of each are drawn at eight years, the first at other ages, too. Printed are
how often dlib finds a child's own couple first, the distance between siblings and how many of them are 0.25 apart,
between couples over between siblings, and by how many years ages are missed (mean absolute error, bias).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.domain.child_spec import ChildSpec
from core.latent.latent import Latent
from core.pipeline import ChildPipeline
from training.data.adults import find_adults
from training.reports.family import COMPARED_AT, GROWN_AGES, own_couple_first

YOUNG = (3.0, 8.0, 12.0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("photos", type=Path, help="folder of portraits, JPEG")
    options.add_argument("--skip", type=int, default=0, help="so many of the portraits: trainings saw them")
    options.add_argument("--couples", type=int, default=50)
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    pipeline = ChildPipeline.load(chosen.weights)
    women, men = find_adults(pipeline, sorted(chosen.photos.glob("*.jpg"))[chosen.skip :]).values()
    chance = np.random.default_rng(3)
    by_chance = [chance.permutation(len(some)) for some in (women, men)]
    for name, numbers in (("by chance", by_chance), ("of one people", of_one_people(women, men))):
        some_women, some_men = (chance.permutation(some[: chosen.couples]) for some in numbers)
        couples = [(women[a], men[b]) for a, b in zip(some_women, some_men, strict=False)]
        print(f"{len(couples)} couples {name}: {report(pipeline, couples)}")


def of_one_people(women: list[Latent], men: list[Latent]) -> list[np.ndarray]:
    """Their numbers, in the order of the first principal direction of descriptors."""
    looks = [np.stack([one.descriptor for one in some]) for some in (women, men)]
    centred = [some - some.mean(axis=0) for some in looks]
    first = np.linalg.svd(np.concatenate(centred), full_matrices=False)[2][0]
    return [np.argsort(some @ first) for some in centred]


@torch.inference_mode()
def report(pipeline: ChildPipeline, couples: list[tuple[Latent, Latent]]) -> str:
    """A line of figures. Every other child is a boy."""
    siblings: list[list[Tensor]] = [[], []]
    missed: dict[str, list[float]] = {"3 to 12": [], **{f"{age:g}": [] for age in GROWN_AGES}}
    for number, (mom, dad) in enumerate(couples):
        male = number % 2 == 1
        for which, descriptors in enumerate(siblings):
            born = pipeline.inherit(mom, dad, ChildSpec(seed=2 * number + which))
            for age in (*YOUNG, GROWN_AGES[number % len(GROWN_AGES)]) if which == 0 else (COMPARED_AT,):
                sight = pipeline.estimator.see(pipeline.at_age(born, age=age, male=male))
                if age == COMPARED_AT:
                    descriptors.append(sight.descriptor)
                if which == 0:
                    missed["3 to 12" if age in YOUNG else f"{age:g}"].append(sight.age - age)
    parents = np.stack([[one.descriptor for one in couple] for couple in couples])
    one, other = (torch.stack(some) for some in siblings)
    first = np.mean([own_couple_first(some.numpy(), parents) for some in (one, other)])
    apart = (one - other).norm(dim=1)
    of_one_sex = torch.arange(len(one)) % 2
    strangers = torch.cdist(one, one)[(of_one_sex[:, None] == of_one_sex) & ~torch.eye(len(one), dtype=torch.bool)]
    ages = ", ".join(f"{at}: {np.abs(off).mean():.1f} ({np.mean(off):+.1f})" for at, off in missed.items())
    return (
        f"own couple first {first:.2f}, siblings {apart.mean():.2f} apart, {(apart >= 0.25).float().mean():.0%} at "
        f"least 0.25, couples over siblings {strangers.mean() / apart.mean():.2f}; years off at {ages}"
    )


if __name__ == "__main__":
    main()
