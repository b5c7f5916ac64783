"""Benchmarks refinement: starting points, optimizers and losses, after FamilyGAN's experiment.

Every row changes one thing of the refinement that the program uses. All rows see the same portraits, have the same
budget of steps and seconds, and are judged alike: by the default losses on a drawing of the whole generator, by dlib's
distance, and by how well the latent can still be aged (`identity_report.Judge`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.face.detection import Pixels
from core.face.mask import landmark_mask
from core.latent.losses import face_mask, weighted_loss
from core.latent.projection import Projection, ProjectionSettings
from core.pipeline import OUTSIDE_THE_FACE, ChildPipeline, Parent
from core.runtime.cpu import has_bfloat16
from core.runtime.tensors import to_tensor
from training.data.photos import SUFFIXES
from training.losses.perceptual import research_losses
from training.reports.identity import CHILDHOOD, Judge, Measured

StartName = Literal["mean", "encoder", "second look", "oracle"]
DEFAULT = ProjectionSettings()
ORACLE_SHARE = 4
"""The oracle is what the same refinement finds in so many times the budget."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what is changed."""

    name: str
    start: StartName = "second look"
    changes: Mapping[str, object] = field(default_factory=dict)

    def settings(self, steps: int, seconds: float) -> ProjectionSettings:
        """The default settings with this row's changes."""
        return replace(DEFAULT, steps=steps, seconds=seconds, half=has_bfloat16(), **self.changes)  # type: ignore[arg-type]


def _losses(**weights: float) -> dict[str, object]:
    return {"weights": {name.replace("_", "-"): weight for name, weight in weights.items()}}


ROWS = (
    Row("start: mean face", start="mean"),
    Row("start: encoder (what the program does)", start="encoder"),
    Row("start: encoder and second look (as in all rows below)"),
    Row("start: oracle", start="oracle"),
    Row("optimiser: RMSprop", changes={"optimiser": "rmsprop", "rate": 0.02}),
    Row("optimiser: SGD with momentum", changes={"optimiser": "sgd", "rate": 2.0}),
    Row("stop: never early", changes={"patience": 10_000}),
    Row("stop: after 5 idle steps", changes={"patience": 5}),
    Row("styles: tied", changes={"tied": True}),
    Row("loss: pixel (L2)", changes=_losses(pixel=10.0)),
    Row("loss: log-cosh", changes=_losses(log_cosh=1.0)),
    Row("loss: VGG, L2", changes=_losses(vgg=0.02)),
    Row("loss: VGG, L1 mean", changes=_losses(vgg_l1=0.2)),
    Row("loss: MS-SSIM", changes=_losses(ms_ssim=2.0)),
    Row("loss: LPIPS", changes=_losses(lpips=2.0)),
    Row("loss: face features", changes=_losses(face_features=4.0)),
    Row("loss: identity", changes=_losses(identity=1.0)),
    Row(
        "loss: FamilyGAN's (VGG, log-cosh, MS-SSIM, LPIPS, L1 of the latent)",
        changes=_losses(vgg=0.01, log_cosh=0.4, ms_ssim=0.5, lpips=1.0, latent_l1=0.05),
    ),
)


@dataclass(frozen=True)
class Result:
    """The medians of one row over all portraits."""

    row: str
    start: str
    photos: int
    seconds: float
    steps: float
    stopped_early: float  # share of the portraits
    loss: float
    dlib_distance: float
    lab_error: float
    aged_distance: float
    aged_years_off: float


@dataclass(frozen=True)
class Portrait:
    """What every row needs of one photo."""

    parent: Parent
    encoded: Tensor  # the encoder's answer before the second look
    descriptor: np.ndarray
    mask: Tensor


def bench_projection(
    judge: Judge,
    folder: Path,
    *,
    most: int,
    steps: int,
    seconds: float,
    rows: Sequence[Row] = ROWS,
    out: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Result]:
    """Run the rows one after the other; `out` is a CSV file that every finished row is added to, and skipped from."""
    portraits = [_open(judge, path) for path in _last_photos(folder, most)]
    done = _read(out)
    oracles: dict[int, Tensor] = {}
    for number, row in enumerate(rows):
        if row.name in done:
            yield done[row.name]
            continue
        settings = row.settings(steps, seconds)
        measured, found, losses = Measured(), [], []
        for i, portrait in enumerate(portraits):
            start = _start(judge.pipeline, portrait, row.start)
            if row.start == "oracle":
                long = replace(settings, steps=ORACLE_SHARE * steps, seconds=ORACLE_SHARE * seconds)
                start = oracles.setdefault(i, _project(judge, portrait, start, long).latent)
            found.append(_project(judge, portrait, start, settings))
            latent = replace(portrait.parent.latent, w=found[-1].latent[0].numpy())
            drawn = judge.draw(latent)
            losses.append(default_loss(judge.pipeline, portrait, drawn))
            judge.compare(portrait.descriptor, portrait.parent.crop, drawn, measured)
            aged = judge.preview(judge.pipeline.age_face(latent, age=CHILDHOOD))
            judge.compare_aged(portrait.descriptor, aged, measured)
            if progress is not None:
                progress((number + (i + 1) / len(portraits)) / len(rows))
        result = _result(row, found, losses, measured)
        _append(out, result)
        yield result


def _last_photos(folder: Path, most: int) -> list[Path]:
    """The last photos by name: a training run holds those back."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[-most:]


def _open(judge: Judge, path: Path) -> Portrait:
    pipeline = judge.pipeline
    parent = pipeline.encode(path.read_bytes())
    with torch.no_grad():
        encoded = pipeline.models.encoder(to_tensor(parent.crop))
    landmarks = pipeline.models.finder.aligned_landmarks(parent.crop)
    return Portrait(
        parent=parent,
        encoded=encoded,
        descriptor=judge.descriptor(parent.crop),
        mask=landmark_mask(landmarks, 256, floor=OUTSIDE_THE_FACE),
    )


def _start(pipeline: ChildPipeline, portrait: Portrait, name: StartName) -> Tensor:
    if name == "encoder":
        return portrait.encoded
    if name == "mean":
        return pipeline.models.generator.w_mean.expand_as(portrait.encoded).clone()
    return portrait.parent.latent.tensor()


def _project(judge: Judge, portrait: Portrait, start: Tensor, settings: ProjectionSettings) -> Projection:
    projector = judge.pipeline.projector(research_losses(judge.perceptual))
    return projector.project(to_tensor(portrait.parent.crop), start, mask=portrait.mask, settings=settings)


@torch.no_grad()
def default_loss(pipeline: ChildPipeline, portrait: Portrait, drawn: Pixels) -> float:
    """The default losses of a drawing by the whole generator: one yardstick for every row."""
    target = to_tensor(portrait.parent.crop)
    loss = weighted_loss(DEFAULT.weights, target, face_mask(256), pipeline.models.identity)
    return loss(to_tensor(drawn)).item()


def _result(row: Row, found: Sequence[Projection], losses: Sequence[float], measured: Measured) -> Result:
    def middle(numbers: Sequence[float]) -> float:
        return round(float(np.median(numbers)), 3) if numbers else float("nan")

    return Result(
        row=row.name,
        start=row.start,
        photos=len(found),
        seconds=middle([one.seconds for one in found]),
        steps=middle([one.steps for one in found]),
        stopped_early=round(sum(one.stopped_by == "patience" for one in found) / len(found), 3),
        loss=middle(losses),
        dlib_distance=middle(measured.dlib_distance),
        lab_error=middle(measured.lab_error),
        aged_distance=middle(measured.aged_distance),
        aged_years_off=middle(measured.aged_years_off),
    )


def _append(out: Path | None, result: Result) -> None:
    if out is None:
        return
    fresh = not out.is_file()
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(result)))
        if fresh:
            writer.writeheader()
        writer.writerow(asdict(result))


def _read(out: Path | None) -> dict[str, Result]:
    if out is None or not out.is_file():
        return {}
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    words = ("row", "start")
    return {
        row["row"]: Result(**{k: v if k in words else float(v) for k, v in row.items()})  # type: ignore[arg-type]
        for row in rows
    }
