"""What does bfloat16 change? `python -m benchmarks.speed.rounding --faces 60` on a processor that has it.

Faces of all ages are looked at and drawn by the OpenVINO engine twice, in float32 and as it runs here. Told are
medians, 95th percentiles and maxima of: the distance of the descriptors, the difference of the ages, that of the
probabilities of the sex; and of the pictures' differences in levels of 255. For comparison: by how much the look at a
preview differs from the look at the drawing that it stands for, all in float32.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.engines.openvino.engine import OpenVinoEngine
from core.face.analyzer import FaceAnalyzer
from core.latent.age_editing import Ager, Seen
from core.modeling.registry import Models

AGES = (1, 3, 6, 9, 12, 16, 25, 40, 60)
Look = tuple[Tensor, Seen]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--faces", type=int, default=60)
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    chosen = asked.parse_args()
    models = Models(chosen.weights)
    networks = models.networks()
    exact, rounding = (
        FaceAnalyzer(OpenVinoEngine(networks, bfloat16=rounds), models.age_head) for rounds in (False, True)
    )
    people = faces(models, chosen.faces)
    looks, rounded = ([(seen.descriptor, seen) for seen in map(eye.see, people)] for eye in (exact, rounding))
    report("a look, rounded", differences(looks, rounded))
    both = [[eye.engine.draw(latent, size=1024) for eye in (exact, rounding)] for latent in people]
    seen = [[exact.look(drawn.faces) for drawn in pair] for pair in both]
    report("a drawing, rounded", differences([one for one, _ in seen], [other for _, other in seen]))
    report("a look, and the drawing it stands for", differences(looks, [one for one, _ in seen]))
    gaps = [np.abs(one.pictures.astype(np.float32) - other.pictures) for one, other in both]
    noise = [10 * np.log10(255**2 / max(float(np.square(gap).mean()), 1e-9)) for gap in gaps]
    levels = {
        "largest": np.array([gap.max() for gap in gaps]),
        "mean": np.array([gap.mean() for gap in gaps]),
        "minus dB": np.negative(noise),
    }
    report("1024-px pictures, levels of 255", levels)


def faces(models: Models, count: int) -> list[Tensor]:
    """Mixtures of two people each, girls and boys, of all ages."""
    chance, ager = torch.Generator().manual_seed(3), Ager(models.ageing)
    found = []
    for number in range(count):
        one, other = models.generator.sample(2, truncation=0.8, generator=chance).split(1)
        mixed = torch.where((torch.rand(23, generator=chance) < 0.5)[None, :, None], one, other)
        found.append(ager.solve(mixed, age=AGES[number % len(AGES)], male=bool(number % 2)))
    return found


def differences(some: Sequence[Look], others: Sequence[Look]) -> dict[str, np.ndarray]:
    pairs = [(a, b, one, other) for (a, one), (b, other) in zip(some, others, strict=True)]
    return {
        "descriptor": np.array([float((a - b).norm()) for a, b, _, _ in pairs]),
        "years": np.array([abs(one.age - other.age) for _, _, one, other in pairs]),
        "sex": np.array([abs(one.male - other.male) for _, _, one, other in pairs]),
    }


def report(what: str, found: dict[str, np.ndarray]) -> None:
    told = {
        name: [round(float(x), 4) for x in (np.median(v), np.quantile(v, 0.95), v.max())] for name, v in found.items()
    }
    print(json.dumps({"what": what, **told}), flush=True)


if __name__ == "__main__":
    main()
