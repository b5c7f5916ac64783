"""How many grown-ups, and how many children, would be refused as parents for looking under age?

    python -m benchmarks.under_age --faces DIR             DIR holds pictures and labels.csv (file, age)
    python -m benchmarks.under_age --faces DIR --most 100  at most so many of each band
    python -m benchmarks.under_age --adults DIR            DIR holds photos of grown-ups only, of whatever age

Tight crops are aligned without a detector. Reads pictures, writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.age_estimate import AgeEstimator
from core.errors import InputError, UnderAge
from core.faces import FaceFinder, align_face
from core.identity import load_identity
from core.loading import SHIPPED
from core.photo import open_photo
from core.tensors import to_tensor
from core.under_age import LEAST_ERROR, MARGIN, require_grown_up
from training.tight import TightAligner

BANDS = ((1, 8), (9, 12), (13, 15), (16, 17), (18, 19), (20, 24), (25, 39), (40, 100))
MARGINS = (0.0, 1.0, 1.5, 2.0, 3.0)
YOUNGEST = 18.0


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--faces", type=Path)
    asked.add_argument("--adults", type=Path)
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    asked.add_argument("--most", type=int, default=120, help="faces of each band")
    asked.add_argument("--seed", type=int, default=0)
    told = asked.parse_args()
    estimator = AgeEstimator.load(load_identity(told.weights), SHIPPED)
    if told.adults:
        print(json.dumps(of_adults(estimator, told.weights, told.adults, told.most)))
    if not told.faces:
        return
    aligner = TightAligner(told.weights)
    seen = []
    for path, age in choose(told.faces, told.most, told.seed):
        with Image.open(path) as picture:
            face = aligner.align(np.asarray(picture.convert("RGB")))
        looks = estimator.estimate(to_tensor(face))
        seen.append((age, looks.age, looks.error))
    print(json.dumps({"margin": MARGIN, "least_error": LEAST_ERROR, "bands": [band(b, seen) for b in BANDS]}, indent=1))


def of_adults(estimator: AgeEstimator, weights: Path, folder: Path, most: int) -> dict[str, object]:
    """How many of the photos' faces, found as the bot finds them, would be refused."""
    finder = FaceFinder.load(weights)
    youngest, refused, faces = 200.0, 0, 0
    for path in sorted(folder.iterdir())[:most]:
        try:
            photo = open_photo(path.read_bytes())
            face = align_face(photo.rgb, finder.one_face(photo.rgb)).rgb
        except InputError:
            continue
        looks = estimator.estimate(to_tensor(face))
        faces += 1
        refused += refuses(looks.age, looks.error)
        youngest = min(youngest, looks.age)
    return {"adults": faces, "refused": refused, "youngest_estimate": round(youngest, 1)}


def choose(folder: Path, most: int, seed: int) -> list[tuple[Path, float]]:
    """At most so many faces of each band, drawn by chance."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = [(folder / row["file"], float(row["age"])) for row in csv.DictReader(file)]
    random.Random(seed).shuffle(rows)
    chosen = []
    for low, high in BANDS:
        chosen += [row for row in rows if low <= row[1] <= high][:most]
    return chosen


def band(ages: tuple[int, int], seen: Sequence[tuple[float, float, float]]) -> dict[str, object]:
    """Shares refused in one band, by the rule as it is and with other margins."""
    low, high = ages
    here = [(age, error) for true, age, error in seen if low <= true <= high]
    by_margin = {
        f"{margin:g}": round(
            sum(age + margin * max(error, LEAST_ERROR) < YOUNGEST for age, error in here) / len(here), 3
        )
        for margin in MARGINS
    }
    return {
        "ages": f"{low}-{high}",
        "faces": len(here),
        "refused": round(sum(refuses(age, error) for age, error in here) / len(here), 3),
        "mean_error_told": round(sum(error for _, error in here) / len(here), 1),
        "refused_with_margin": by_margin,
    }


def refuses(age: float, error: float) -> bool:
    try:
        require_grown_up(age, error, youngest=YOUNGEST)
    except UnderAge:
        return True
    return False


if __name__ == "__main__":
    main()
