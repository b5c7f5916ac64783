"""Faces of known age for training and checking age estimators: where they are, how old, and which part they belong to.

Three kinds of folder are read. Tight crops with `labels.csv` (file, age, sex), as UTKFace is handed out. A folder of
people: `labels.csv` (file, source, age, age_kind, sex, race) with pictures in the FFHQ frame or, for the source
"fairface", with eyes and mouth in `fairface_points.csv`. Redrawn faces: `SOURCE/STEM.jpg` of pictures of the folder of
people, encoded and drawn again, which keeps their age.

Every face belongs to one part for good, by a hash of its file name, and a redrawn face to that of its photo: nobody who
is reported on was ever learnt from.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.domain.errors import SettingError
from core.face.detection import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, Face, Pixels, align_face
from training.data.tight_alignment import TightAligner

Part = Literal["teach", "stop", "report"]
Frame = Literal["ffhq", "tight", "points"]
Points = tuple[float, ...]
"""Left and right eye, left and right corner of the mouth: x and y of each, in pixels."""

TEACH, STOP = 60, 75
"""Per cent of all names: below the first they teach, up to the second they choose checkpoints, above they report."""

KEPT_TO = 40.0
"""Years up to which a face keeps its age when it is encoded and drawn again; the old come out decades younger, seen on
sheets of them, so that of those only a band from here on is taken to be known."""

OLDEST_OF_BAND = 80.0
"""Years at which the open band ("70+") is taken to end."""


@dataclass(frozen=True)
class AgedFace:
    """A picture whose age is known to lie within `low` … `high` years; `male` is 1, 0, or NaN where unknown."""

    path: Path
    source: str
    low: float
    high: float
    male: float
    race: str = ""
    frame: Frame = "ffhq"
    points: Points = ()

    @property
    def part(self) -> Part:
        """The part that this face belongs to for good."""
        return part_of(self.path.name)

    @property
    def is_exact(self) -> bool:
        """Whether the age is known to the year."""
        return self.low == self.high


def part_of(name: str) -> Part:
    """The part of a file name, the same on every machine and in every run.

    >>> part_of("face_1.jpg") == part_of("face_1.png")
    True
    """
    digest = hashlib.sha256(Path(name).stem.encode()).digest()
    share = int.from_bytes(digest[:8], "big") % 100
    if share < TEACH:
        return "teach"
    return "stop" if share < STOP else "report"


def gather_faces(tight: Path | None, people: Path | None, redrawn: Path | None) -> list[AgedFace]:
    """Faces of all folders that are given; SettingError when that is none."""
    photos = people_faces(people) if people else []
    faces = [*(tight_faces(tight) if tight else []), *photos, *(redrawn_faces(photos, redrawn) if redrawn else [])]
    if not faces:
        raise SettingError(name="faces", value="none", allowed="a folder of tight crops or of people")
    return faces


def tight_faces(folder: Path) -> list[AgedFace]:
    """Tight crops with their true ages."""
    return [
        AgedFace(folder / row["file"], "utk", float(row["age"]), float(row["age"]), _male(row["sex"]), frame="tight")
        for row in _rows(folder / "labels.csv")
    ]


def people_faces(folder: Path) -> list[AgedFace]:
    """All pictures of a folder of people that have an age, exact, estimated or a band."""
    points = _points(folder / "fairface_points.csv")
    faces = []
    for row in _rows(folder / "labels.csv"):
        if not row["age"]:
            continue
        low, high = age_range(row["age"])
        path = folder / row["file"]
        where = points.get(path.name, ())
        frame: Frame = "points" if row["source"] == "fairface" else "ffhq"
        if frame == "points" and not where:
            continue
        faces.append(AgedFace(path, row["source"], low, high, _male(row["sex"]), row["race"], frame, where))
    return faces


def redrawn_faces(photos: Sequence[AgedFace], folder: Path) -> list[AgedFace]:
    """Those of the photos that were drawn again: `<stem>.jpg` in `folder` or a folder below it named as the source."""
    faces = []
    for photo in photos:
        for path in (folder / photo.source / f"{photo.path.stem}.jpg", folder / f"{photo.path.stem}.jpg"):
            if path.is_file():
                source, low = f"{photo.source}-redrawn", min(photo.low, KEPT_TO)
                faces.append(replace(photo, path=path, source=source, low=low, frame="ffhq", points=()))
                break
    return faces


def age_range(text: str) -> tuple[float, float]:
    """An age or a band of ages → the years of its two ends.

    >>> age_range("3-9"), age_range("70+"), age_range("12")
    ((3.0, 9.0), (70.0, 80.0), (12.0, 12.0))
    """
    if text.endswith("+"):
        return float(text[:-1]), OLDEST_OF_BAND
    low, _, high = text.partition("-")
    return float(low), float(high or low)


class FaceReader:
    """Opens a face of any frame as the FFHQ frame."""

    def __init__(self, weights: Path) -> None:
        self._aligner = TightAligner(weights)

    def read(self, face: AgedFace, *, size: int = 256) -> Pixels:
        """The picture in the FFHQ frame, uint8 (size, size, 3)."""
        with Image.open(face.path) as picture:
            rgb = picture.convert("RGB")
        if face.frame == "tight":
            return self._aligner.align(np.asarray(rgb), size=size).copy()
        if face.frame == "points":
            return align_by_points(np.asarray(rgb), face.points, size=size)
        if rgb.width != size:
            rgb = rgb.resize((size, size), Image.Resampling.LANCZOS)
        return np.asarray(rgb).copy()


def align_by_points(rgb: Pixels, points: Points, *, size: int = 256) -> Pixels:
    """A photo and its four points → the FFHQ frame, which depends on eyes and mouth alone."""
    left_eye, right_eye, mouth_left, mouth_right = np.array(points, np.float64).reshape(4, 2)
    landmarks: npt.NDArray[np.float64] = np.tile((left_eye + right_eye + mouth_left + mouth_right) / 4, (68, 1))
    landmarks[LEFT_EYE], landmarks[RIGHT_EYE] = left_eye, right_eye
    landmarks[MOUTH_CORNERS] = mouth_left, mouth_right
    height, width = rgb.shape[:2]
    face = Face(box=(0, 0, width, height), landmarks=landmarks, size=float(width), score=0.0, spread=0.0)
    return align_face(rgb, face, size=size).rgb.copy()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _points(path: Path) -> dict[str, Points]:
    if not path.is_file():
        return {}
    names = ("lex", "ley", "rex", "rey", "mlx", "mly", "mrx", "mry")
    return {row["file"]: tuple(float(row[name]) for name in names) for row in _rows(path)}


def _male(sex: str) -> float:
    return {"male": 1.0, "female": 0.0}.get(sex.lower(), float("nan"))
