"""Do our children look like real families' children? Asked of families whose photos were not taken together.

A couple's child is drawn at the real child's estimated age and sex. Networks that nothing was trained against, and
the one that taught, then say how well the drawing finds the real child among other couples' children, and the couple
among other couples. Every figure has its baselines beside it: what the real child's own photos reach, the plain mean
of the parents' descriptors, a copy of one parent, another couple's child, husband and wife (who are no kin), and bare
colour.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.domain.child_spec import ChildSpec
from core.domain.errors import FaceError, PhotoError
from core.face.detection import align_face
from core.face.skin_tone import lab_of
from core.output.images import resize_area
from core.pipeline import ChildPipeline, InheritedFace, Pixels
from core.runtime.tensors import to_pixels
from training.data.age_faces import Part, part_of
from training.data.kin import Triplet, photograph_of, read_kin_triplets
from training.reports.family import COMPARED_AT, own_couple_first
from training.reports.identity_judges import TEACHER, Describer

Floats = npt.NDArray[np.float32]

FACES = ("father", "mother", "child", "drawing", "copy", "at_8", "sibling", "other_couple")
"""What each couple is judged by, aligned pictures (256, 256, 3). `other_couple` is the next couple's drawing."""


def kin_report(
    pipeline: ChildPipeline,
    describers: Mapping[str, Describer],
    folder: Path,
    cache: Path,
    *,
    part: Part | None = None,
    couples: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Draw what is not in `cache` yet, and every figure by network. `part`: only families of that part."""
    chosen = [one for one in read_kin_triplets(folder) if part is None or part_of(one.family) == part][:couples]
    families = []
    for number, triplet in enumerate(chosen):
        drawn = drawn_family(pipeline, triplet, cache)
        if drawn is not None:
            families.append(drawn)
        if progress is not None:
            progress((number + 1) / len(chosen))
    if len(families) < 2:
        return {"couples": len(families)}
    judges = {**describers, "colour": colour_of}
    return {
        "couples": len(families),
        "refused": len(chosen) - len(families),
        "median_age": float(np.median([family["age"] for family in families])),
        **{
            f"{name} (the teacher)" if name == TEACHER else name: figures_of(describe(families, judge))
            for name, judge in judges.items()
        },
    }


def drawn_family(pipeline: ChildPipeline, triplet: Triplet, cache: Path) -> dict[str, np.ndarray] | None:
    """All pictures of a couple, kept in the folder `cache`; None where one of its photos cannot be used."""
    kept = cache / f"{triplet.family}-{triplet.father.parent.name}-{triplet.mother.parent.name}.npz"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = draw_family(pipeline, triplet)
        except (FaceError, PhotoError):
            found = {}
        fresh = kept.with_suffix(".new.npz")
        np.savez(fresh, allow_pickle=False, **found)
        os.replace(fresh, kept)
    with np.load(kept, allow_pickle=False) as arrays:
        return dict(arrays) if len(arrays.files) else None


@torch.inference_mode()
def draw_family(pipeline: ChildPipeline, triplet: Triplet) -> dict[str, np.ndarray]:
    """The family's aligned photos, and the drawings. Raises FaceError or PhotoError."""
    mom, dad, real = (pipeline.encode(path.read_bytes()) for path in (triplet.mother, triplet.father, triplet.child))
    male = triplet.sex == "boy"
    # The same couple gets the same children, whichever others are asked about.
    seed = int.from_bytes(triplet.family.encode()[-4:], "big") % 100_000
    born, sibling = (
        pipeline.inherit(mom.latent, dad.latent, ChildSpec(sex=triplet.sex, seed=one)) for one in (seed, seed + 1)
    )
    same_sex = dad if male else mom

    def drawing(child: InheritedFace, age: float) -> Pixels:
        return to_pixels(pipeline.engine.preview(pipeline.at_age(child, age=age, male=male)))

    return {
        "father": dad.crop,
        "mother": mom.crop,
        "child": real.crop,
        "drawing": drawing(born, real.age),
        "copy": drawing(pipeline.oneself(same_sex.latent, male=same_sex.sex == "male"), real.age),
        "at_8": drawing(born, COMPARED_AT),
        "sibling": drawing(sibling, COMPARED_AT),
        "again": _another_photo(pipeline, triplet),
        "age": np.array(real.age, np.float32),
        "male": np.array(male),
    }


def _another_photo(pipeline: ChildPipeline, triplet: Triplet) -> Pixels:
    """The real child on another photograph, aligned; an empty picture where there is none."""
    taken = {photograph_of(path) for path in (triplet.father, triplet.mother, triplet.child)}
    for path in sorted(triplet.child.parent.glob("*.jpg")):
        if photograph_of(path) not in taken:
            try:
                opened = pipeline.open_photo(path.read_bytes())
                return align_face(opened.rgb, pipeline.models.finder.one_face(opened.rgb)).rgb
            except (FaceError, PhotoError):
                continue
    return np.zeros((0, 0, 3), np.uint8)


def describe(families: Sequence[Mapping[str, np.ndarray]], judge: Describer) -> dict[str, np.ndarray]:
    """Descriptors (N, D) of every kind of face by one network, with `again` (N, D), NaN where unknown, and `male`."""
    found = {name: np.stack([judge(family[name]) for family in families]) for name in FACES if name in families[0]}
    found["other_couple"] = np.roll(found["drawing"], 1, axis=0)
    unknown = np.full_like(found["child"][0], np.nan)
    found["again"] = np.stack([judge(one["again"]) if one["again"].size else unknown for one in families])
    found["male"] = np.array([bool(family["male"]) for family in families])
    return found


def figures_of(seen: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The report of one network, from what `describe` found."""
    parents = np.stack([seen["mother"], seen["father"]], axis=1)
    child, male = seen["child"], seen["male"]
    known = np.isfinite(seen["again"]).all(axis=1)
    anybody = np.zeros_like(male)
    siblings = float(np.linalg.norm(seen["at_8"] - seen["sibling"], axis=1).mean())
    return {
        "finds_the_real_child": {
            "drawing": found_by(seen["drawing"], child, male),
            "parents_mean": found_by(parents.mean(axis=1), child, male),
            "copy_of_a_parent": found_by(seen["copy"], child, male),
            "other_couples_child": found_by(seen["other_couple"], child, male),
            "real_child_again": found_by(seen["again"][known], child[known], male[known]),
            "husband_finds_wife": found_by(seen["father"], seen["mother"], anybody),
        },
        "right_couple_first": {
            "drawing": round(own_couple_first(seen["drawing"], parents), 3),
            "drawing_at_8": round(own_couple_first(seen["at_8"], parents), 3),
            "real_child": round(own_couple_first(child, parents), 3),
            "copy_of_a_parent": round(own_couple_first(seen["copy"], parents), 3),
            "other_couples_child": round(own_couple_first(seen["other_couple"], parents), 3),
        },
        "couples_to_siblings": round(_between_couples(seen["at_8"], male) / max(siblings, 1e-9), 3),
    }


def found_by(guesses: Floats, real: Floats, groups: npt.NDArray[np.bool_]) -> float | None:
    """How often a guess (N, D) is nearer to its own real face (N, D) than to another's of its group (N,).

    0.5 is chance; this is the area under the curve, averaged over guesses. None where there are no others.
    """
    apart = np.linalg.norm(guesses[:, None] - real, axis=2)
    own = np.diag(apart)
    shares = []
    for row in range(len(own)):
        others = np.delete(apart[row], row)[np.delete(groups == groups[row], row)]
        if len(others):
            shares.append(np.mean((own[row] < others) + 0.5 * (own[row] == others)))
    return round(float(np.mean(shares)), 3) if shares else None


def _between_couples(children: Floats, male: npt.NDArray[np.bool_]) -> float:
    """Mean distance between different couples' children (N, D) of one sex."""
    apart = np.linalg.norm(children[:, None] - children, axis=2)
    pairs = np.triu(male[:, None] == male, 1)
    return float(apart[pairs].mean()) if pairs.any() else float("nan")


def colour_of(face: Pixels) -> Floats:
    """Six numbers without any face: mean and spread of the colours of a picture's middle, Lab."""
    middle = lab_of(resize_area(face, 32)[6:26, 6:26].astype(np.float32)).reshape(-1, 3)
    return np.asarray(np.concatenate([middle.mean(axis=0), middle.std(axis=0)]), np.float32)
