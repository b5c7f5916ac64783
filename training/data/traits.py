"""What can be measured in an aligned face without asking anybody: where its 68 landmarks are, and its colours.

Directions and genes are fitted on these numbers (`training.trainers.attributes`), and reports compare families by
them. Letters as in `core.modeling.generator`; a face is FFHQ-aligned, 256 px, so that everything lies where it lies in
all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.face.detection import Pixels, load_landmarks
from training.data.tight_alignment import box_around

THUMB = 64
"""Side of the small copy in which colours are measured."""

ALIGNED_BOX = (0.2, 0.3, 0.8, 0.9)
"""About where dlib's box lies in an aligned face, as shares: left, top, right, bottom."""

EYES_BOX = (0.25, 0.38, 0.75, 0.57)
"""Where glasses would be."""

Floats = npt.NDArray[np.float32]


class Landmarker:
    """68 landmarks of a face that is aligned already: no detector is needed."""

    def __init__(self, weights: Path) -> None:
        import dlib

        self._dlib: Any = dlib
        self._predictor = load_landmarks(weights)

    def points(self, face: Pixels) -> Floats:
        """uint8 (H, H, 3) → float32 (68, 2) as shares of the side: x to the right, y down."""
        side = face.shape[0]
        edges: tuple[float, ...] = tuple(share * side for share in ALIGNED_BOX)
        for _ in range(2):
            shape = self._predictor(face, self._dlib.rectangle(*(round(edge) for edge in edges)))
            points = np.array([(part.x, part.y) for part in shape.parts()], np.float32)
            _, edges = box_around(points)
        return np.asarray(points / side, np.float32)


@dataclass(frozen=True)
class Looks:
    """N faces: landmarks (N, 68, 2), small copies (N, 64, 64, 3) uint8, the eyes in grey (N, 24, 64) uint8."""

    points: Floats
    thumbs: npt.NDArray[np.uint8]
    eyes: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, pick: Any) -> Looks:
        """Some of the faces."""
        return Looks(self.points[pick], self.thumbs[pick], self.eyes[pick])


def look_at(
    faces: Callable[[int], Pixels],
    count: int,
    landmarker: Landmarker,
    cache: Path,
    *,
    progress: Callable[[float], object] | None = None,
) -> Looks:
    """Measure `count` faces, each given by its number; `cache` remembers them beside the run."""
    if not cache.is_file():
        found: list[tuple[Floats, Any, Any]] = []
        for row in range(count):
            found.append(look(faces(row), landmarker))
            if progress is not None:
                progress((row + 1) / count)
        points, thumbs, eyes = (np.array(part) for part in zip(*found, strict=True))
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_suffix(".new.npz")
        np.savez(fresh, points=points, thumbs=thumbs, eyes=eyes)
        fresh.replace(cache)
    with np.load(cache, allow_pickle=False) as arrays:
        return Looks(arrays["points"], arrays["thumbs"], arrays["eyes"])


def look(face: Pixels, landmarker: Landmarker) -> tuple[Floats, Any, Any]:
    """One face (256, 256, 3): landmarks, small copy, eyes."""
    picture = Image.fromarray(face)
    box = tuple(edge * face.shape[0] for edge in EYES_BOX)
    return (
        landmarker.points(face),
        np.asarray(picture.resize((THUMB, THUMB), Image.Resampling.BOX)),
        np.asarray(picture.convert("L").resize((64, 24), Image.Resampling.BOX, box)),
    )


def read_face(path: Path) -> Pixels:
    """An aligned face from a file."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))
