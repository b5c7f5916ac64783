"""The identity report: how faithful the latents of a folder of photos are, fast and refined.

For every photo: encode, draw, find the face in the drawing anew, and compare. The distance is dlib's own, with dlib's
own alignment of both faces; colours and pixels are compared inside the soft oval of the face. Then the latent is aged
to six, drawn and compared with the photo again: a latent that is only near the photo, and not near W, fails there.
Ordinary photos are judged by the whole generator's drawing; aged faces and the hard copies by the preview's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab

from core.domain.errors import FaceError, PhotoError
from core.face.detection import Face, Pixels
from core.latent.latent import Latent
from core.latent.losses import face_mask
from core.output.images import resize_area
from core.photo.decode import open_photo
from core.pipeline import ChildPipeline
from core.runtime.tensors import to_pixels, to_tensor
from training.data.photo_groups import PhotoSource, hard_copies, measured_groups, read_groups
from training.data.photos import SUFFIXES
from training.losses.perceptual import PerceptualNetwork, similarity

CHILDHOOD = 6.0
"""The age that latents are moved to, to see whether they can be aged."""


@dataclass(frozen=True)
class ReportSettings:
    """What is measured."""

    refine: bool = False
    seconds: float = 12.0  # longest refinement of one photo
    most: int | None = None  # only the first so many photos
    hard: bool = False  # also a black-and-white and a small copy of every photo
    groups: Path | None = None  # CSV with columns file, group


@dataclass
class Measured:
    """The figures of one way (fast or refined), one number a photo."""

    dlib_distance: list[float] = field(default_factory=list)
    lab_error: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    ms_ssim: list[float] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)
    aged_distance: list[float] = field(default_factory=list)
    aged_years_off: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    groups: dict[str, list[float]] = field(default_factory=dict)
    redrawn_no_face: int = 0

    def summary(self) -> dict[str, Any]:
        """Median and 90th percentile of every figure."""
        figures = {
            name: {"median": round(float(np.median(v)), 4), "p90": round(float(np.percentile(v, 90)), 4)}
            for name, v in vars(self).items()
            if isinstance(v, list) and v
        }
        return {**figures, "redrawn_no_face": self.redrawn_no_face}

    def group_rows(self) -> dict[str, dict[str, float]]:
        """For each group how many photos, their median distance, and that as a multiple of all ordinary photos'."""
        overall = float(np.median(self.dlib_distance)) if self.dlib_distance else float("nan")
        return {
            name: {
                "photos": len(distances),
                "median": round(float(np.median(distances)), 4),
                "ratio": round(float(np.median(distances)) / overall, 3),
            }
            for name, distances in sorted(self.groups.items())
        }


class Judge:
    """Compares a photo's face with a drawing's. Without the perceptual network there is no LPIPS."""

    def __init__(self, pipeline: ChildPipeline, perceptual: PerceptualNetwork | None = None) -> None:
        import dlib

        self._dlib: Any = dlib
        self.pipeline = pipeline
        self.perceptual = perceptual
        self.mask = face_mask(256, floor=0.0)[0, 0].numpy()

    def descriptor(self, rgb: Pixels) -> np.ndarray:
        """dlib's 128 numbers of the one face in a picture, with dlib's own alignment. Raises FaceError."""
        face = self.pipeline.models.finder.one_face(rgb)
        chip = self._dlib.get_face_chip(np.ascontiguousarray(rgb), self._shape(face), 150, 0.25)
        with torch.inference_mode():
            return np.asarray(self.pipeline.models.identity(to_tensor(chip))[0])

    def _shape(self, face: Face) -> Any:
        points = [self._dlib.point(round(float(x)), round(float(y))) for x, y in face.landmarks]
        return self._dlib.full_object_detection(self._dlib.rectangle(*face.box), points)

    def distance(self, rgb: Pixels, descriptor: np.ndarray) -> float | None:
        """Distance of a drawing's face from a descriptor; None when no face is found in it."""
        try:
            return float(np.linalg.norm(self.descriptor(rgb) - descriptor))
        except FaceError:
            return None

    def compare(
        self, descriptor: np.ndarray, crop: Pixels, drawn: Pixels, into: Measured, groups: Sequence[str] = ()
    ) -> None:
        """Add the figures of a drawing; `descriptor` is the photo's, `crop` its aligned face."""
        distance = self.distance(drawn, descriptor)
        if distance is None:
            into.redrawn_no_face += 1
        else:
            into.dlib_distance.append(distance)
            for group in groups:
                into.groups.setdefault(group, []).append(distance)
        lab = np.abs(_mean_lab(crop, self.mask) - _mean_lab(drawn, self.mask))
        into.lab_error.append(float(np.linalg.norm(lab)))
        error = ((crop / 255.0 - drawn / 255.0) ** 2).mean(axis=2)
        into.psnr.append(float(-10 * np.log10((error * self.mask).sum() / self.mask.sum())))
        into.ms_ssim.append(similarity(to_tensor(crop), to_tensor(drawn)))
        if self.perceptual is not None:
            with torch.inference_mode():
                into.lpips.append(self.perceptual.distance(to_tensor(crop), to_tensor(drawn)).item())

    def compare_aged(self, descriptor: np.ndarray, drawn: Pixels, into: Measured) -> None:
        """The same person drawn as a child: how far from the photo, and how many years beside the age asked."""
        distance = self.distance(drawn, descriptor)
        if distance is not None:
            into.aged_distance.append(distance)
        into.aged_years_off.append(abs(self.pipeline.estimator.estimate(to_tensor(drawn)).age - CHILDHOOD))

    def draw(self, latent: Latent) -> Pixels:
        """A latent as a picture of 256 px."""
        return resize_area(self.pipeline.draw(latent, size=512), 256)

    @torch.no_grad()
    def preview(self, latent: Latent) -> Pixels:
        """The same by the preview generator: much cheaper, and nearly the same."""
        return to_pixels(self.pipeline.models.preview(latent.tensor()))


def _mean_lab(rgb: Pixels, mask: np.ndarray) -> np.ndarray:
    """Mean colour of the face in CIE Lab."""
    return np.asarray((rgb2lab(rgb) * mask[..., None]).sum(axis=(0, 1)) / mask.sum())


def identity_report(
    judge: Judge,
    folder: Path,
    settings: ReportSettings,
    *,
    sheet: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """`{"fast": {...}, "refined": {...}, "groups": {...}, "photos": n, "no_face": n}`.

    `sheet` shows for every photo: it, the fast drawing, the refined one, and the last of them aged to six.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[: settings.most]
    sources = list(_sources(files, read_groups(folder, settings.groups), hard=settings.hard))
    ways = {"fast": Measured(), **({"refined": Measured()} if settings.refine else {})}
    no_face, rows = 0, []
    for i, source in enumerate(sources):
        row = _measure(judge, source, ways, settings)
        if row is None:
            no_face += not source.groups_are_made
        elif not source.groups_are_made:
            rows.append(row)
        if progress is not None:
            progress((i + 1) / len(sources))
    if sheet is not None:
        save_sheet(rows, sheet)
    return {
        **{name: measured.summary() for name, measured in ways.items()},
        "groups": {name: measured.group_rows() for name, measured in ways.items()},
        "photos": len(files),
        "no_face": no_face,
    }


def _sources(files: Sequence[Path], groups: dict[str, tuple[str, ...]], *, hard: bool) -> Iterator[PhotoSource]:
    for path in files:
        data = path.read_bytes()
        yield PhotoSource(path.name, data, data, groups.get(path.name, ()))
        if hard:
            yield from hard_copies(path.name, data)


def _measure(
    judge: Judge, source: PhotoSource, ways: dict[str, Measured], settings: ReportSettings
) -> list[Pixels] | None:
    """Add one photo's figures; the pictures of its row, or None where no face is found. Copies count in groups only."""
    try:
        began = time.perf_counter()
        parent = judge.pipeline.encode(source.data)
        seconds = time.perf_counter() - began
        original = open_photo(source.original).rgb
        face = judge.pipeline.models.finder.one_face(original)
        descriptor = judge.descriptor(original)
    except (FaceError, PhotoError):
        return None
    groups = source.groups if source.groups_are_made else (*source.groups, *measured_groups(parent, face))
    row, latent = [parent.crop], parent.latent
    for name, measured in ways.items():
        if name == "refined":
            began = time.perf_counter()
            latent = judge.pipeline.refine(parent.crop, parent.latent, seconds=settings.seconds)
            seconds = time.perf_counter() - began
        if source.groups_are_made:
            copy = Measured(groups=measured.groups)  # a copy counts in its group and nowhere else
            judge.compare(descriptor, parent.crop, judge.preview(latent), copy, groups)
            continue
        row.append(judge.draw(latent))
        judge.compare(descriptor, parent.crop, row[-1], measured, groups)
        measured.seconds.append(seconds)
        aged = judge.preview(judge.pipeline.age_face(latent, age=CHILDHOOD))
        judge.compare_aged(descriptor, aged, measured)
    return row if source.groups_are_made else [*row, aged]


def save_sheet(rows: Sequence[Sequence[Pixels]], path: Path, *, across: int = 4) -> None:
    """Rows of pictures as one contact sheet, `across` rows side by side."""
    width = max((len(row) for row in rows), default=1)
    lines = -(-len(rows) // across)
    page = Image.new("RGB", (across * (width * 256 + 16), max(1, lines) * 256), "white")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            page.paste(Image.fromarray(picture), ((i % across) * (width * 256 + 16) + 256 * j, (i // across) * 256))
    page.save(path)
