"""Groups of difficult photos: the rows of the identity report.

Some are measured (age, pose, skin), some are read from `labels.csv` beside the photos (glasses), some from a file of
one's own (`file,group`: hats, beards, whatever the eye sees), and two are made from every photo: a black-and-white
scan and a small picture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import rgb2lab

from core.face.detection import Face, Pixels
from core.pipeline import Parent

TURNED = 20.0
"""Degrees of yaw."""

DARK = 45.0
"""CIE lightness of the cheeks below which the skin is dark."""

CHILD, OLD = 13.0, 60.0
SMALL_FACE = 100
"""Pixels across the aligned face of the small copy."""


@dataclass(frozen=True)
class PhotoSource:
    """A photo to measure: its name, the bytes that are encoded, and the photo that the drawing is compared with."""

    name: str
    data: bytes
    original: bytes
    groups: tuple[str, ...] = ()

    @property
    def groups_are_made(self) -> bool:
        """Whether this is a copy that was made hard on purpose: it counts in its group only."""
        return self.data is not self.original


def read_groups(folder: Path, more: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Groups by file name: from the column `glasses` of `labels.csv`, where it is, and from a file of one's own."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows(folder / "labels.csv"):
        if row.get("glasses", "NoGlasses") not in ("NoGlasses", "", "0"):
            found[row["file"]] = ("glasses",)
    for row in _rows(more) if more is not None else ():
        found[row["file"]] = (*found.get(row["file"], ()), row["group"])
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def measured_groups(parent: Parent, face: Face) -> Iterator[str]:
    """What the photo itself tells."""
    if parent.age < CHILD:
        yield "children"
    if parent.age >= OLD:
        yield "old people"
    if abs(face.yaw) >= TURNED:
        yield "turned heads"
    if cheek_lightness(parent.crop) < DARK:
        yield "dark skin"


def cheek_lightness(crop: Pixels) -> float:
    """Median CIE lightness of both cheeks of an aligned face (256×256×3)."""
    cheeks = np.concatenate((crop[140:170, 75:105], crop[140:170, 151:181]), axis=1)
    return float(np.median(rgb2lab(cheeks)[..., 0]))


def hard_copies(name: str, data: bytes) -> Iterator[PhotoSource]:
    """A black-and-white scan of the photo, and a small copy of it."""
    with Image.open(io.BytesIO(data)) as photo:
        rgb = photo.convert("RGB")
    yield PhotoSource(f"{name} (black and white)", _jpeg(rgb.convert("L").convert("RGB")), data, ("black and white",))
    share = SMALL_FACE / max(rgb.size)
    small = rgb.resize((round(rgb.width * share), round(rgb.height * share)), Image.Resampling.LANCZOS)
    yield PhotoSource(f"{name} (small)", _jpeg(small), data, ("100-px faces",))


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()
