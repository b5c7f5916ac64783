"""Where `AIMS` of `core/latent/age_editing.py` comes from: `python -m benchmarks.quality.age_targets PHOTOS`.

Children of couples put together from portraits are moved to an age and drawn, and the age that the reader of latents is
to aim at is changed until half of them look older than asked, and half younger.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from core.domain.child_spec import ChildSpec
from core.latent.age_editing import OLDEST, aim_at, growth_of
from core.pipeline import ChildPipeline, InheritedFace
from training.data.adults import find_adults

AGES = (1.0, 3.0, 6.0, 8.0, 12.0, 16.0, 25.0, 40.0, 60.0)
TURNS = 6


def main() -> None:
    pipeline, children = children_of_portraits(__doc__, couples=20)
    for male in (False, True):
        for age in AGES:
            aim = aim_at(age, male=male)
            for _ in range(TURNS):
                seen = np.median([seen_growth(pipeline, child, age, male=male, aim=aim) for child in children])
                aim = 12 * math.expm1(growth_of(aim) + 0.6 * (growth_of(age) - float(seen)))
                aim = min(max(aim, 0.0), OLDEST)
            print(
                f"{'boys' if male else 'girls'} {age:4.0f} years: aim at {aim:.1f} (seen {12 * math.expm1(seen):.1f})"
            )


def children_of_portraits(description: str | None, *, couples: int) -> tuple[ChildPipeline, list[InheritedFace]]:
    """The pipeline, and a child of each couple that can be put together from the portraits of the command line."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("photos", type=Path, help="folder of portraits, JPEG")
    options.add_argument("--skip", type=int, default=0, help="so many of the portraits")
    options.add_argument("--couples", type=int, default=couples)
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    pipeline = ChildPipeline.load(chosen.weights)
    photos = sorted(chosen.photos.glob("*.jpg"))[chosen.skip :]
    parents = enumerate(zip(*find_adults(pipeline, photos, most=chosen.couples).values(), strict=True))
    return pipeline, [pipeline.inherit(mom, dad, ChildSpec(seed=seed)) for seed, (mom, dad) in parents]


@torch.inference_mode()
def seen_growth(pipeline: ChildPipeline, child: InheritedFace, age: float, *, male: bool, aim: float) -> float:
    """How old a child looks at first."""
    aged = pipeline.aged(child.latent, age=age, male=male, aim=aim)
    return growth_of(pipeline.estimator.see(aged).age)


if __name__ == "__main__":
    main()
