"""Drawn faces for tests: portraits by the generator, of nobody; and stand-ins for dlib's two objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.face.detection import LANDMARK_BOX, LANDMARK_CUT

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

DATA = Path(__file__).parents[2] / "data"
NAMES = ("woman", "man", "smiling_woman", "dark_man", "child", "glasses")


def drawn(name: str = "woman", size: int = 256) -> Pixels:
    """A drawn portrait, FFHQ-aligned."""
    with Image.open(DATA / f"drawn_{name}.jpg") as picture:
        return np.array(picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))


def canvas(width: int, height: int, *placed: tuple[Pixels, int, int]) -> Pixels:
    """A plain photo with portraits pasted at left, top."""
    photo = np.full((height, width, 3), (150, 160, 150), np.uint8)
    for picture, left, top in placed:
        photo[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return photo


def front_view() -> Points:
    """68 landmarks of a symmetrical face in the predictor's cut: only what core looks at lies where it should."""
    middle, unit = LANDMARK_CUT / 2, LANDMARK_BOX / 5
    points = np.full((68, 2), middle)
    points[36:42] = [middle - unit, middle - unit]
    points[42:48] = [middle + unit, middle - unit]
    points[48] = [middle - unit / 2, middle + unit]
    points[54] = [middle + unit / 2, middle + unit]
    for n in range(17):
        points[n] = [middle + (n - 8) * unit / 4, middle + unit - abs(n - 8) * unit / 4]
    points[30] = [middle, middle]
    return points


@dataclass
class FakeDetector:
    """Answers with the same boxes (left, top, right, bottom, score) in every copy, and remembers the copies."""

    boxes: list[tuple[int, int, int, int, float]] = field(default_factory=list)
    copies: list[Pixels] = field(default_factory=list)

    def run(self, copy: Pixels, _upsample: int, threshold: float) -> tuple[list[Any], list[float], list[int]]:
        self.copies.append(copy)
        found = [box for box in self.boxes if box[4] >= threshold]
        return [dlib.rectangle(*box[:4]) for box in found], [box[4] for box in found], [0] * len(found)


@dataclass
class FakePredictor:
    """Answers with the same landmarks in every cut; `trembling` moves them with the box as a non-face does."""

    points: Points = field(default_factory=front_view)
    trembling: float = 0.0

    def __call__(self, _cut: Pixels, frame: Any) -> Any:
        shift = self.trembling * (frame.left() - (LANDMARK_CUT - LANDMARK_BOX) / 2)
        return SimpleNamespace(parts=lambda: [SimpleNamespace(x=x + shift, y=y) for x, y in self.points])
