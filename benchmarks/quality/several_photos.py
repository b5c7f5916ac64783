"""Is a parent better known from several photos? `python -m benchmarks.quality.several_photos --data DIR [--most 30]`.

Nobody has several photos of everybody in a folder, so poor ones are made of each portrait, as phones and chats make
them (`training.data.augment`): each is encoded alone, then all of them together, and every drawing is compared with the
portrait that none of them is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from core.domain.errors import FaceError
from core.output.images import encode_picture
from core.pipeline import ChildPipeline, Parent
from core.runtime.tensors import to_pixels
from training.data.augment import spoil
from training.data.drawn_pairs import read_picture
from training.data.photos import SUFFIXES
from training.reports.identity import Judge

STRENGTH = 1.5
"""How much more often each kind of damage happens than in training."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of FFHQ-aligned portraits")
    options.add_argument("--most", type=int, default=30)
    options.add_argument("--photos", type=int, default=3, help="poor photos of each person")
    options.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = options.parse_args()
    judge = Judge(ChildPipeline.load(chosen.weights))
    rng = torch.Generator().manual_seed(0)
    alone: list[list[float]] = []
    together: list[float] = []
    files = sorted(path for path in chosen.data.iterdir() if path.suffix.lower() in SUFFIXES)[: chosen.most]
    for path in files:
        picture = read_picture(path)
        try:
            descriptor = judge.descriptor(to_pixels(picture[None]))
            poor = [spoil(picture, rng=rng, strength=STRENGTH) for _ in range(chosen.photos)]
            parents = [judge.pipeline.encode(encode_picture(to_pixels(one[None]))) for one in poor]
        except FaceError:
            continue
        each = [off(judge, one, descriptor) for one in parents]
        all_of_them = off(judge, judge.pipeline.average(parents), descriptor)
        if all_of_them is not None and None not in each:
            alone.append([one for one in each if one is not None])
            together.append(all_of_them)
    numbers = np.array(alone)
    print(f"people                       {len(together)}")
    print(f"one photo alone              median distance {np.median(numbers):.3f}")
    print(f"the best one of {chosen.photos}            median distance {np.median(numbers.min(axis=1)):.3f}")
    print(f"all {chosen.photos} together               median distance {np.median(together):.3f}")
    print(f"together better than alone   {np.mean(np.array(together)[:, None] < numbers):.0%} of photos")


def off(judge: Judge, parent: Parent, descriptor: np.ndarray) -> float | None:
    """Distance of a parent's drawing from a descriptor."""
    return judge.distance(judge.draw(parent.latent), descriptor)


if __name__ == "__main__":
    main()
