"""How many adults, youths and children would be refused, asked about, or accepted as parents?

    python -m benchmarks.quality.minimum_age --faces UTKFACE --people PEOPLE   faces whose ages are known to the year
    python -m benchmarks.quality.minimum_age --people PEOPLE --most 100        at most so many of each band
    python -m benchmarks.quality.minimum_age --adults DIR                      photos of adults only, of whatever age

Only faces that trained nothing are looked at (`training.data.age_faces`): the part that reports, or with `--part stop`
the one that only chose checkpoints. Each is judged as it is, grey, dark, and grainy. Reads pictures, writes nothing.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.domain.errors import InputError
from core.face.age_estimator import AgeEstimate, AgeEstimator
from core.face.detection import FaceFinder, align_face
from core.face.minimum_age import combine, verdict
from core.face.recognition import load_identity
from core.face.whole_head import WholeHeadEstimator
from core.modeling.weights_io import SHIPPED
from core.photo.decode import open_photo
from core.runtime.tensors import to_tensor
from training.data.age_faces import AgedFace, FaceReader, Part, gather_faces

BANDS = ((1, 8), (9, 12), (13, 15), (16, 17), (18, 19), (20, 24), (25, 34), (35, 100))
YOUNGEST = 18.0
REFUSE_BELOW = (0.0, 1.0, 2.0, 3.0, 4.0)
"""Margins in years that are compared."""

SPOILT: Mapping[str, Callable[[Tensor], Tensor]] = {
    "as it is": lambda face: face,
    "grey": lambda face: face.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1),
    "dark": lambda face: (face + 1) * 0.35 - 1,
    "grainy": lambda face: (face + 0.15 * torch.randn(face.shape, generator=torch.Generator().manual_seed(0))).clamp(
        -1, 1
    ),
}

Opinion = Callable[[Tensor], AgeEstimate]
Seen = tuple[float, str, AgeEstimate]
"""True age, kind of damage, estimate."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--faces", type=Path)
    asked.add_argument("--people", type=Path)
    asked.add_argument("--adults", type=Path)
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    asked.add_argument("--most", type=int, default=120, help="faces of each band")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--part", choices=("report", "stop"), default="report")
    told = asked.parse_args()
    opinion = both_opinions(told.weights)
    if told.adults:
        print(json.dumps(of_adults(opinion, told.weights, told.adults, told.most)))
    if told.faces is None and told.people is None:
        return
    reader = FaceReader(told.weights)
    seen: list[Seen] = []
    for face in choose(gather_faces(told.faces, told.people, None), told.most, told.seed, told.part):
        picture = to_tensor(reader.read(face))
        seen += [(face.low, kind, opinion(spoil(picture))) for kind, spoil in SPOILT.items()]
    print(json.dumps([band(ages, kind, seen) for kind in SPOILT for ages in BANDS], indent=1))


def both_opinions(weights: Path) -> Opinion:
    """The estimator and the second opinion, combined."""
    first = AgeEstimator.load(load_identity(weights), SHIPPED)
    second = WholeHeadEstimator.load(SHIPPED)
    return lambda face: combine(first.estimate(face), second.estimate(face))


def of_adults(opinion: Opinion, weights: Path, folder: Path, most: int) -> dict[str, object]:
    """What would become of the photos' faces, found as the bot finds them."""
    finder = FaceFinder.load(weights)
    youngest, verdicts = 200.0, Counter[str]()
    for path in sorted(folder.iterdir())[:most]:
        try:
            photo = open_photo(path.read_bytes())
            face = align_face(photo.rgb, finder.one_face(photo.rgb)).rgb
        except InputError:
            continue
        looks = opinion(to_tensor(face))
        verdicts[verdict(looks.age, looks.error, youngest=YOUNGEST)] += 1
        youngest = min(youngest, looks.age)
    return {"adults": verdicts.total(), **verdicts, "youngest_estimate": round(youngest, 1)}


def choose(faces: Sequence[AgedFace], most: int, seed: int, part: Part = "report") -> list[AgedFace]:
    """At most `most` faces of each band, drawn at random from one part of those that trained nothing."""
    known = [face for face in faces if face.part == part and face.is_exact and face.source != "ffhq"]
    random.Random(seed).shuffle(known)
    return [face for low, high in BANDS for face in [one for one in known if low <= one.low <= high][:most]]


def band(ages: tuple[int, int], kind: str, seen: Sequence[Seen]) -> dict[str, object]:
    """Shares of one band by verdict, and what would be refused with other margins."""
    low, high = ages
    here = [looks for true, damage, looks in seen if damage == kind and low <= true <= high]
    if not here:
        return {"ages": f"{low}-{high}", "damage": kind, "faces": 0}
    verdicts = Counter(verdict(looks.age, looks.error, youngest=YOUNGEST) for looks in here)
    return {
        "ages": f"{low}-{high}",
        "damage": kind,
        "faces": len(here),
        **{name: round(verdicts[name] / len(here), 3) for name in ("refuse", "ask", "accept")},
        "mean_estimate": round(sum(looks.age for looks in here) / len(here), 1),
        "refused_with_margin": {
            f"{margin:g}": round(sum(looks.age < YOUNGEST - margin for looks in here) / len(here), 3)
            for margin in REFUSE_BELOW
        },
    }


if __name__ == "__main__":
    main()
