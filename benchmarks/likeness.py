"""Where the scale of `core/likeness.py` comes from: `python benchmarks/likeness.py --drawn DIR [--couples 24]`.

Couples are made of drawn grown-ups, one child of each is looked at as a grown-up, and its distance to its own parents
is set beside its distance to everybody else's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from core.identity import identity_chip
from core.latents import Latent
from core.likeness import distance
from core.pipeline import ChildPipeline, sex_of
from core.wish import Wish
from training.drawn import DrawnPairs


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drawn", type=Path, required=True, help="folder made by `childface train draw`")
    options.add_argument("--couples", type=int, default=24)
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    pipeline = ChildPipeline.load(chosen.weights)
    women, men = grown_ups(pipeline, DrawnPairs.open(chosen.drawn), chosen.couples)
    own, strangers = [], []
    for i, (mom, dad) in enumerate(zip(women, men, strict=True)):
        wish = Wish(seed=i)
        child = pipeline.grown_up(pipeline.inherit(mom, dad, wish).latent, male=sex_of(wish) == "boy")
        own += [distance(child, mom.descriptor), distance(child, dad.descriptor)]
        others = [*women[:i], *women[i + 1 :], *men[:i], *men[i + 1 :]]
        strangers += [distance(child, other.descriptor) for other in others]
    for name, values in (("own parents", own), ("strangers", strangers)):
        print(f"{name:12} mean {np.mean(values):.3f}  standard deviation {np.std(values):.3f}  of {len(values)}")


def grown_ups(pipeline: ChildPipeline, pairs: DrawnPairs, count: int) -> tuple[list[Latent], list[Latent]]:
    """The first so many women and men from 20 to 50 among the drawn faces."""
    women: list[Latent] = []
    men: list[Latent] = []
    for row in range(len(pairs)):
        face = pairs.picture(row)[None]
        looks = pipeline.estimator.estimate(face)
        found = men if looks.male > 0.9 else women if looks.male < 0.1 else None
        if found is not None and 20 <= looks.age <= 50 and len(found) < count:
            with torch.inference_mode():
                who = pipeline.models.identity(identity_chip(face))[0].numpy()
            found.append(
                Latent(
                    w=pairs.latent(torch.tensor([row]))[0].numpy(),
                    descriptor=who,
                    generator=pipeline.generator_version,
                    encoder=pipeline.encoder_version,
                )
            )
        if min(len(women), len(men)) == count:
            break
    return women, men


if __name__ == "__main__":
    main()
