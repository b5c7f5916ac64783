"""An independent age and sex estimator that had no part in training ours.

Nothing of ours was trained, calibrated or chosen by them. Its graphs are read as they are with OpenVINO; faces are cut
as the package cuts them (its manifest: chips of 64 and 32 pixels, a border of 0.2, bytes minus channel means, by 256).
It sees real children some years too old: `years` undoes that by a monotone curve, fitted on real faces of known age
that teach (`training.data.age_faces`), never on a drawing (`calibrate_second_judge`). The curve comes with the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.age_estimator import YEARS, CalibratedYears
from core.face.detection import Pixels, load_landmarks
from core.modeling.weight_hashes import verified
from core.modeling.weights_io import load_weights, save_weights
from training.data.age_faces import AgedFace, FaceReader
from training.data.traits import ALIGNED_BOX
from training.trainers.age_calibration import fit_calibration

AGE_FILE, SEX_FILE = "age-v1.onnx", "gender-v1.onnx"
AGE_SIDE, SEX_SIDE, BORDER = 64, 32, 0.2
CHANNEL_MEANS = (122.782, 117.001, 104.298)
CURVE = Path(__file__).with_name("second_judge.safetensors")
MALE = 1
"""The class of men and boys."""


class SecondJudge:
    """Tells age in years and the probability of male of an aligned face."""

    def __init__(self, *, age: Any, sex: Any, predictor: Any) -> None:
        import dlib

        self._dlib: Any = dlib
        self._age, self._sex, self._predictor = age, sex, predictor
        self._curve: CalibratedYears | None = None

    @classmethod
    def load(cls, weights: Path) -> SecondJudge:
        """Read the graphs; MissingWeights unless `childface weights fetch --research` has fetched them."""
        files = [verified(weights / name, name=name) for name in (AGE_FILE, SEX_FILE)]

        from core.engines.openvino.engine import shared_core

        core = shared_core()
        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        age, sex = (core.compile_model(str(file), "CPU", exact) for file in files)
        return cls(age=age, sex=sex, predictor=load_landmarks(weights))

    def judge(self, face: Pixels) -> tuple[float, float]:
        """An aligned face, uint8 (H, H, 3) → years as the network says them and probability of male."""
        years = self.chances(face)
        sexes = self._sex(self._chip(face, self._shape(face), SEX_SIDE))[0][0]
        return float(years @ np.arange(len(years))), float(sexes[MALE])

    def chances(self, face: Pixels) -> npt.NDArray[np.float32]:
        """An aligned face, uint8 (H, H, 3) → how likely each year from 0 on is."""
        return np.asarray(self._age(self._chip(face, self._shape(face), AGE_SIDE))[0][0], np.float32)

    @torch.inference_mode()
    def years(self, faces: Pixels) -> npt.NDArray[np.float32]:
        """Aligned faces, uint8 (N, H, H, 3) → calibrated years (N,); MissingWeights without the curve."""
        if self._curve is None:
            self._curve = CalibratedYears()
            load_weights(self._curve, CURVE)
        chances = padded_chances([self.chances(face) for face in faces])
        age, _, _ = self._curve.calibrate(*self._curve.moments(chances), torch.zeros(len(chances)))
        return np.asarray(age, np.float32)

    def _shape(self, face: Pixels) -> Any:
        box = self._dlib.rectangle(*(round(share * face.shape[0]) for share in ALIGNED_BOX))
        return self._predictor(face, box)

    def _chip(self, face: Pixels, shape: Any, side: int) -> npt.NDArray[np.float32]:
        chip = self._dlib.extract_image_chip(face, self._dlib.get_face_chip_details(shape, side, BORDER))
        scaled = (np.asarray(chip, np.float32) - np.array(CHANNEL_MEANS, np.float32)) / 256
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def calibrate_second_judge(judge: SecondJudge, faces: Sequence[AgedFace], reader: FaceReader, path: Path) -> None:
    """Fit the curve on real faces whose ages are known to the year and which teach; write it to `path`."""
    known = [face for face in faces if face.is_exact and face.part == "teach"]
    chances = padded_chances([judge.chances(reader.read(face)) for face in known])
    curve = CalibratedYears()
    fit_calibration(curve, chances, torch.tensor([face.low for face in known]))
    save_weights(curve, path)


def padded_chances(chances: Sequence[npt.NDArray[np.float32]]) -> Tensor:
    """Probabilities of the years that the package knows → of the years 0 … 100, (N, 101)."""
    found = torch.from_numpy(np.stack(chances))
    return F.pad(found, (0, YEARS - found.shape[1]))
