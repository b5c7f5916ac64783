"""Is it really them? Measures how faithful the latents of a folder of photos are, fast and refined.

For every photo: encode, draw, find the face in the drawing anew, and compare. The distance is dlib's own, with dlib's
own alignment of both faces; colours and pixels are compared inside the soft oval of the face.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab

from core.errors import FaceError, PhotoError
from core.faces import Face, Pixels
from core.latents import Latent
from core.losses import face_mask
from core.photo import open_photo
from core.pictures import resize_area
from core.pipeline import ChildPipeline, to_tensor
from training.photos import SUFFIXES


@dataclass
class Measured:
    """The figures of one way (fast or refined), one number a photo."""

    dlib_distance: list[float] = field(default_factory=list)
    lab_error: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    redrawn_no_face: int = 0

    def summary(self) -> dict[str, Any]:
        """Median and 90th percentile of every figure."""
        figures = {
            name: {"median": round(float(np.median(v)), 4), "p90": round(float(np.percentile(v, 90)), 4)}
            for name, v in vars(self).items()
            if isinstance(v, list) and v
        }
        return {**figures, "redrawn_no_face": self.redrawn_no_face}


class Judge:
    """Compares a photo's face with a drawing's."""

    def __init__(self, pipeline: ChildPipeline) -> None:
        import dlib

        self._dlib: Any = dlib
        self.pipeline = pipeline
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

    def compare(self, photo: np.ndarray, crop: Pixels, latent: Latent, into: Measured) -> Pixels:
        """Draw a latent and add its figures; `photo` is the descriptor of the photo, `crop` its aligned face."""
        drawn = resize_area(self.pipeline.draw(latent, size=512), 256)
        try:
            into.dlib_distance.append(float(np.linalg.norm(self.descriptor(drawn) - photo)))
        except FaceError:
            into.redrawn_no_face += 1
        lab = np.abs(_mean_lab(crop, self.mask) - _mean_lab(drawn, self.mask))
        into.lab_error.append(float(np.linalg.norm(lab)))
        error = ((crop / 255.0 - drawn / 255.0) ** 2).mean(axis=2)
        into.psnr.append(float(-10 * np.log10((error * self.mask).sum() / self.mask.sum())))
        return drawn


def _mean_lab(rgb: Pixels, mask: np.ndarray) -> np.ndarray:
    """Mean colour of the face in CIE Lab."""
    return np.asarray((rgb2lab(rgb) * mask[..., None]).sum(axis=(0, 1)) / mask.sum())


def identity_report(
    pipeline: ChildPipeline,
    folder: Path,
    *,
    refine: bool,
    seconds: float,
    most: int | None = None,
    sheet: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """`{"fast": {...}, "refined": {...}, "photos": n, "no_face": n}`; `sheet` shows photo, fast, refined."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:most]
    judge, fast, refined = Judge(pipeline), Measured(), Measured()
    no_face, rows = 0, []
    for i, path in enumerate(files):
        data = path.read_bytes()
        try:
            began = time.perf_counter()
            parent = pipeline.encode(data)
            fast.seconds.append(time.perf_counter() - began)
            descriptor = judge.descriptor(open_photo(data).rgb)
        except (FaceError, PhotoError):
            no_face += 1
            continue
        row = [parent.crop, judge.compare(descriptor, parent.crop, parent.latent, fast)]
        if refine:
            began = time.perf_counter()
            better = pipeline.refine(parent.crop, parent.latent, seconds=seconds)
            refined.seconds.append(time.perf_counter() - began)
            row.append(judge.compare(descriptor, parent.crop, better, refined))
        rows.append(row)
        if progress is not None:
            progress((i + 1) / len(files))
    if sheet is not None:
        save_sheet(rows, sheet)
    report: dict[str, Any] = {"fast": fast.summary(), "photos": len(files), "no_face": no_face}
    return {**report, "refined": refined.summary()} if refine else report


def save_sheet(rows: Sequence[Sequence[Pixels]], path: Path, *, across: int = 4) -> None:
    """Rows of pictures as one contact sheet, `across` rows side by side."""
    width = max((len(row) for row in rows), default=1)
    lines = -(-len(rows) // across)
    page = Image.new("RGB", (across * (width * 256 + 16), max(1, lines) * 256), "white")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            page.paste(Image.fromarray(picture), ((i % across) * (width * 256 + 16) + 256 * j, (i // across) * 256))
    page.save(path)
