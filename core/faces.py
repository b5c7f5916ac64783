"""Find the one face in a photo and cut it out the way the generator knows faces.

In:  an upright photo, uint8 H×W×3 RGB (see `core.photo`).
Out: a `Face` (box, 68 landmarks, pose) and from it an `AlignedFace` (uint8 size×size×3, warnings).
Wrong: `NoFace`, `SeveralFaces` (with boxes), `FaceTooSmall`, `FaceTurned`; `MissingWeights` when loading.

Coordinates are pixels of the photo, x to the right and y down; (0, 0) is the *centre* of the first pixel, as in dlib.

Detection: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, as trained in dlib.
Landmarks: Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014.
Crop: Karras, Laine and Aila, "A Style-Based Generator Architecture for GANs", CVPR 2019, appendix A (FFHQ).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from core.errors import Box, FaceTooSmall, MissingWeights, NoFace, SettingError, SeveralFaces

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

LANDMARKS_FILE = "shape_predictor_68_face_landmarks.dat"

LEFT_EYE = slice(36, 42)  # of the picture's left side: the person's right eye
RIGHT_EYE = slice(42, 48)
MOUTH_CORNERS = [48, 54]

SMALLEST_FACE = 36
"""Width of a face in pixels below which it cannot be told who it is."""

RIVAL_SIZE = 0.5
"""A second face counts when it is at least this much as wide as the largest one."""


@dataclass(frozen=True)
class Pass:
    """One way of looking for faces: on a copy with this longest side, turned by this angle, above this score."""

    side: int
    enlarge: float = 1.0
    angle: float = 0.0
    threshold: float = 0.0
    border: float = 0.0


FIRST_PASS = Pass(side=640)
SENSITIVE_PASSES = (
    Pass(side=1280, enlarge=3.0, threshold=-0.1, border=0.15),
    Pass(side=800, enlarge=2.0, angle=30.0, border=0.15),
    Pass(side=800, enlarge=2.0, angle=-30.0, border=0.15),
    Pass(side=640, enlarge=1.5, angle=90.0),
    Pass(side=640, enlarge=1.5, angle=-90.0),
)


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a photo; angles in degrees."""

    box: Box
    landmarks: Points  # (68, 2)
    score: float
    yaw: float
    pitch: float
    roll: float

    @property
    def eye_distance(self) -> float:
        """Pixels between the centres of the eyes."""
        left, right = self.landmarks[LEFT_EYE].mean(0), self.landmarks[RIGHT_EYE].mean(0)
        return float(np.hypot(*(right - left)))

    @property
    def width(self) -> int:
        """Width of the box in pixels."""
        return self.box[2] - self.box[0]


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """The face, upright and centred, uint8 size×size×3, and what might spoil the likeness."""

    rgb: Pixels
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Square:
    """An oriented square in a photo: its centre and the vector from the centre to the middle of the right side."""

    centre: tuple[float, float]
    right: tuple[float, float]

    @property
    def side(self) -> float:
        """Length of a side in pixels."""
        return 2.0 * math.hypot(*self.right)

    def corners(self) -> Points:
        """Four corners (4, 2), clockwise from the top left."""
        centre, x = np.array(self.centre), np.array(self.right)
        y = np.array([-x[1], x[0]])
        return np.stack([centre - x - y, centre + x - y, centre + x + y, centre - x + y])

    def to_photo(self, points: Points, size: int) -> Points:
        """Points of a size×size cut back into the photo."""
        unit = (np.asarray(points, np.float64) + 0.5) * 2.0 / size - 1.0
        x = np.array(self.right)
        y = np.array([-x[1], x[0]])
        return np.array(self.centre) + unit[:, :1] * x + unit[:, 1:] * y


class FaceFinder:
    """Finds faces and their landmarks. Safe to share between threads: dlib's objects are not, so calls take turns."""

    def __init__(self, *, detector: Any, predictor: Any) -> None:
        self._detector = detector
        self._predictor = predictor
        self._turn = threading.Lock()

    @classmethod
    def load(cls, weights_dir: Path) -> FaceFinder:
        """Build from `weights_dir`; raises MissingWeights when the landmark file is absent or unreadable."""
        import dlib

        path = Path(weights_dir) / LANDMARKS_FILE
        try:
            predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise MissingWeights(name=LANDMARKS_FILE, path=str(path)) from error
        return cls(detector=dlib.get_frontal_face_detector(), predictor=predictor)

    def find(self, rgb: Pixels) -> list[Face]:
        """All faces, left to right; an empty list when there is none. Cost is bounded whatever the photo's size."""
        for look in (FIRST_PASS, *SENSITIVE_PASSES):
            if faces := self._look(rgb, look):
                return sorted(faces, key=lambda face: face.box[0])
        return []

    def one_face(self, rgb: Pixels, *, choice: int | None = None) -> Face:
        """The face the photo is about; `choice` is an index into the boxes of an earlier SeveralFaces.

        A face less than half as wide as the largest one is taken for a passer-by and left out of the question.
        """
        faces = self.find(rgb)
        if not faces:
            raise NoFace()
        largest = max(face.width for face in faces)
        rivals = [face for face in faces if face.width >= RIVAL_SIZE * largest]
        if choice is None and len(rivals) > 1:
            raise SeveralFaces(boxes=[face.box for face in rivals])
        if choice is not None and not 0 <= choice < len(rivals):
            raise SettingError(name="face", value=choice, allowed=f"0 to {len(rivals) - 1}")
        face = rivals[choice or 0]
        if face.width < SMALLEST_FACE:
            raise FaceTooSmall(pixels=face.width, needed=SMALLEST_FACE)
        return face

    def _look(self, rgb: Pixels, look: Pass) -> list[Face]:
        height, width = rgb.shape[:2]
        longest = max(height, width) * (1.0 + 2.0 * look.border)
        turn = math.radians(look.angle)
        whole = Square(
            ((width - 1) / 2, (height - 1) / 2),
            (math.cos(turn) * longest / 2, math.sin(turn) * longest / 2),
        )
        size = int(min(look.side, longest * look.enlarge))
        if look.angle == 0.0 and look.border == 0.0:
            copy, place = _shrink(rgb, look.side)
        else:
            copy, place = np.asarray(_cut(rgb, whole, size).convert("L")), None
        with self._turn:
            rectangles, scores, _ = self._detector.run(copy, 0, look.threshold)
        faces = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            corners = np.array(
                [[rectangle.left(), rectangle.top()], [rectangle.right(), rectangle.bottom()]], np.float64
            )
            side = corners[1, 0] - corners[0, 0]
            middle = corners.mean(0, keepdims=True)
            if place is not None:
                centre, scale = (middle[0] + 0.5) * place - 0.5, float(place.mean())
            else:
                centre, scale = whole.to_photo(middle, size)[0], whole.side / size
            faces.append(self._describe(rgb, centre, side * scale, turn, float(score)))
        return faces

    def _describe(self, rgb: Pixels, centre: Points, side: float, turn: float, score: float) -> Face:
        """Landmarks on a cut of fixed size: bounded cost, no aliasing, and dlib's whole numbers become fractions."""
        import dlib

        size, box = 480, 300
        reach = side * size / box / 2
        square = Square(
            (float(centre[0]), float(centre[1])), (math.cos(turn) * reach, math.sin(turn) * reach)
        )
        cut = np.asarray(_cut(rgb, square, size))
        low = (size - box) // 2
        with self._turn:
            shape = self._predictor(cut, dlib.rectangle(low, low, low + box - 1, low + box - 1))
        points = np.array([[part.x, part.y] for part in shape.parts()], np.float64)
        landmarks = square.to_photo(points, size)
        half = side / 2
        box_in_photo = (
            round(centre[0] - half),
            round(centre[1] - half),
            round(centre[0] + half),
            round(centre[1] + half),
        )
        roll = math.degrees(math.atan2(*(landmarks[RIGHT_EYE].mean(0) - landmarks[LEFT_EYE].mean(0))[::-1]))
        return Face(box_in_photo, landmarks, score, yaw=0.0, pitch=0.0, roll=roll)


def ffhq_square(landmarks: Points) -> Square:
    """The square around a face that FFHQ uses, from 68 landmarks (68, 2)."""
    left, right = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    eyes, across = (left + right) / 2, right - left
    down = landmarks[MOUTH_CORNERS].mean(0) - eyes
    x = across + np.array([down[1], -down[0]])
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8) / np.hypot(*x)
    centre = eyes + down * 0.1
    return Square((float(centre[0]), float(centre[1])), (float(x[0]), float(x[1])))


def align_face(rgb: Pixels, face: Face, *, size: int = 256) -> AlignedFace:
    """Cut `face` out of `rgb` as FFHQ does; where the square leaves the photo, blurred reflection fills it."""
    return AlignedFace(np.asarray(_cut(rgb, ffhq_square(face.landmarks), size)))


def _shrink(rgb: Pixels, side: int) -> tuple[Pixels, Points]:
    """Grey copy with at most this longest side, and how many photo pixels one of its pixels is, (x, y)."""
    height, width = rgb.shape[:2]
    ratio = min(1.0, side / max(height, width))
    new = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = Image.fromarray(rgb).resize(new, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("L")
    return np.asarray(small), np.array([width / new[0], height / new[1]])


def _cut(rgb: Pixels, square: Square, size: int) -> Image.Image:
    """`square` of the photo as a size×size picture, antialiased.

    The part of the photo under the square is first shrunk so that the square is about twice `size`, then turned at
    that resolution and halved: the turning cannot alias, and the cost does not grow with the photo.
    """
    height, width = rgb.shape[:2]
    fine = 2 * size
    corners = square.corners() + 0.5  # pixel edges from here on
    margin = 4.0 * max(1.0, square.side / fine)
    low = np.floor(corners.min(0) - margin).astype(int)
    high = np.ceil(corners.max(0) + margin).astype(int)
    left, top = np.clip(low, 0, [width - 1, height - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height])

    part = Image.fromarray(np.ascontiguousarray(rgb[top:bottom, left:right]))
    ratio = min(1.0, fine / square.side)
    shrunk = (max(1, round(part.width * ratio)), max(1, round(part.height * ratio)))
    scale = np.array([shrunk[0] / part.width, shrunk[1] / part.height])
    if shrunk != part.size:
        part = part.resize(shrunk, Image.Resampling.BICUBIC, reducing_gap=2.0)

    outside = np.ceil(
        np.array([left - low[0], top - low[1], high[0] - right, high[1] - bottom]).clip(0) * ratio
    )
    if outside.any():
        part = _pad(part, outside.astype(int), blur=0.02 * square.side * ratio)
    origin = np.array([left, top]) - outside[:2] / scale

    x = np.array(square.right) * 2 / fine
    y = np.array([-x[1], x[0]])
    start = corners[0] - origin
    turn = (
        x[0] * scale[0],
        y[0] * scale[0],
        start[0] * scale[0],
        x[1] * scale[1],
        y[1] * scale[1],
        start[1] * scale[1],
    )
    turned = part.transform((fine, fine), Image.Transform.AFFINE, turn, Image.Resampling.BICUBIC)
    return turned.reduce(2)


def _pad(part: Image.Image, outside: npt.NDArray[np.int_], *, blur: float) -> Image.Image:
    """Grow a picture by left, top, right, bottom pixels of its own reflection, more blurred further out."""
    left, top, right, bottom = (int(n) for n in outside)
    pixels = np.asarray(part)
    height, width = pixels.shape[:2]
    grown = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="symmetric")
    soft = Image.fromarray(grown).filter(ImageFilter.GaussianBlur(max(1.0, blur)))
    softer = soft.filter(ImageFilter.GaussianBlur(max(2.0, 3.0 * blur)))

    def beyond(before: int, inside: int, after: int) -> npt.NDArray[np.float32]:
        at = np.arange(before + inside + after, dtype=np.float32)
        return np.maximum(0.0, np.maximum(before - at, at - (before + inside - 1)))

    distance = np.maximum(beyond(top, height, bottom)[:, None], beyond(left, width, right)[None, :])
    picture = Image.fromarray(grown)
    reach = max(2.0, 2.0 * blur)
    first = Image.fromarray((255 * np.clip(distance / reach, 0, 1)).astype(np.uint8))
    second = Image.fromarray((255 * np.clip((distance - reach) / (4 * reach), 0, 1)).astype(np.uint8))
    picture = Image.composite(soft, picture, first)
    return Image.composite(softer, picture, second)
