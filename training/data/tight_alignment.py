"""Aligns faces in images too tight or too small for a face detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.face.detection import Face, Pixels, align_face, load_landmarks

TIGHT = (0.08, 0.14, 0.92, 0.98)
"""Where the detector's box would be in a crop that the face fills."""


def box_around(points: np.ndarray) -> tuple[float, tuple[float, float, float, float]]:
    """Landmarks (68, 2) → half the face's size, and where the detector's box would be: left, top, right, bottom."""
    low, high = points.min(axis=0), points.max(axis=0)
    (x, y), half = (low + high) / 2, float((high - low).max()) / 2
    return half, (x - 1.02 * half, y - 1.1 * half, x + 1.02 * half, y + 0.94 * half)


class TightAligner:
    """Fits the 68 landmarks from a guessed box, once more from a box around what it found, and aligns."""

    def __init__(self, weights: Path) -> None:
        import dlib

        self._dlib: Any = dlib
        self._predictor = load_landmarks(weights)

    def align(self, rgb: Pixels, *, box: tuple[float, float, float, float] = TIGHT, size: int = 256) -> Pixels:
        """A crop (H, W, 3) and about where its face is, in shares of it → the aligned face (size, size, 3)."""
        height, width = rgb.shape[:2]
        margin_x, margin_y = width // 4, height // 4
        padded = np.pad(rgb, ((margin_y,) * 2, (margin_x,) * 2, (0, 0)), mode="reflect")
        left, top, right, bottom = box
        edges = (
            margin_x + left * width,
            margin_y + top * height,
            margin_x + right * width,
            margin_y + bottom * height,
        )
        for _ in range(2):
            shape = self._predictor(padded, self._dlib.rectangle(*(int(edge) for edge in edges)))
            points = np.array([[part.x, part.y] for part in shape.parts()], np.float64)
            half, edges = box_around(points)
        landmarks = points - [margin_x, margin_y]
        face = Face(box=(0, 0, width, height), landmarks=landmarks, size=2 * half, score=0.0, spread=0.0)
        return align_face(rgb, face, size=size).rgb
