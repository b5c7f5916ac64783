"""Families whose photos were not taken together, in the layout of Families in the Wild (Robinson et al. 2016).

A folder holds `triplets.csv` (columns family, father, mother, child, child_gender m or f, child_min_est_age) and the
photos as `FAMILY/MEMBER/PHOTOGRAPH_FACE.jpg`: two faces cut out of one photograph share the first part of their names.

A family belongs to one part for good (`training.data.age_faces.part_of`): what is reported was never learnt from.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from core.domain.child_spec import Sex
from training.data.age_faces import Part, part_of


@dataclass(frozen=True)
class Triplet:
    """Photos of a father, a mother and their child."""

    family: str
    father: Path
    mother: Path
    child: Path
    sex: Sex


@dataclass(frozen=True)
class Person:
    """A member of a family, with the photos of them."""

    family: str
    member: str
    photos: tuple[Path, ...]

    @property
    def part(self) -> Part:
        """The part that the whole family belongs to."""
        return part_of(self.family)


def read_people(folder: Path) -> list[Person]:
    """Everybody of whom there are photos."""
    photos: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*/*/*.jpg")):
        photos[path.parts[-3], path.parts[-2]].append(path)
    return [Person(family, member, tuple(paths)) for (family, member), paths in photos.items()]


def read_kin_triplets(folder: Path) -> list[Triplet]:
    """One triplet a couple: its youngest child of whom, as of both parents, there is a photograph of its own.

    Couples without three different photographs are left out.
    """
    people = {(person.family, person.member): person.photos for person in read_people(folder)}
    with (folder / "triplets.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["child_min_est_age"] or 99))
    found: dict[tuple[str, str, str], Triplet] = {}
    for row in rows:
        couple = (row["family"], row["father"], row["mother"])
        trio = _separate([people.get((row["family"], row[who]), ()) for who in ("father", "mother", "child")])
        if couple not in found and trio is not None:
            found[couple] = Triplet(row["family"], *trio, sex="boy" if row["child_gender"] == "m" else "girl")
    return sorted(found.values(), key=lambda triplet: triplet.family)


def _separate(photos: list[tuple[Path, ...]]) -> tuple[Path, Path, Path] | None:
    """A photo of each of father, mother and child, no two cut out of one photograph; None where there are none."""
    for father, mother, child in product(*photos):
        if len({photograph_of(path) for path in (father, mother, child)}) == 3:
            return father, mother, child
    return None


def photograph_of(path: Path) -> str:
    """The photograph, within a family, that a face was cut out of.

    >>> photograph_of(Path("F0001/MID1/P00003_face1.jpg"))
    'P00003'
    """
    return path.stem.split("_")[0]
