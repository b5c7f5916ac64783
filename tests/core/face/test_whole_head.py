"""The second opinion looks at the whole head, answers for every face, and passes gradients on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.domain.errors import MissingWeights
from core.face.whole_head import HEAD_SIZE, WholeHeadEstimator, WholeHeadNetwork, head_chip
from core.modeling.weights_io import SHIPPED
from core.runtime.tensors import to_tensor

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def estimator() -> WholeHeadEstimator:
    return WholeHeadEstimator.load(SHIPPED)


def portrait(name: str) -> torch.Tensor:
    with Image.open(DATA / f"{name}.jpg") as picture:
        return to_tensor(np.asarray(picture.convert("RGB").resize((256, 256))))


@pytest.mark.parametrize("size", [64, HEAD_SIZE, 256])
def test_faces_of_any_size_are_judged_each_for_itself(size: int) -> None:
    network = WholeHeadNetwork(hidden=8).eval()
    age, error, male = network(torch.rand(2, 3, size, size) * 2 - 1)
    assert age.shape == error.shape == male.shape == (2,)
    assert (error > 0).all()


def test_what_is_frozen_below_and_trained_above_is_one_network() -> None:
    network = WholeHeadNetwork(hidden=8).eval()
    faces = torch.rand(1, 3, HEAD_SIZE, HEAD_SIZE) * 2 - 1
    whole = network.answers(faces)
    for blocks in (1, 5, 11):
        torch.testing.assert_close(network.answers_above(network.lower(faces, blocks), blocks), whole)


def test_a_child_is_younger_than_adults(estimator: WholeHeadEstimator) -> None:
    child, man, woman = (estimator.estimate(portrait(name)) for name in ("drawn_child", "drawn_man", "drawn_woman"))
    assert child.age < 14 < 18 < min(man.age, woman.age)
    assert man.male > 0.5 > woman.male


def test_neck_and_hair_count(estimator: WholeHeadEstimator) -> None:
    face = portrait("drawn_woman")
    covered = face.clone()
    covered[..., :40] = covered[..., -40:] = 0.0
    covered[..., 220:, :] = 0.0
    assert estimator.estimate(covered).age != pytest.approx(estimator.estimate(face).age, abs=0.2)


def test_a_training_may_ask_for_its_gradient(estimator: WholeHeadEstimator) -> None:
    face = portrait("drawn_child").requires_grad_()
    age, _, _ = estimator.network(face)
    age.sum().backward()
    assert face.grad is not None
    assert face.grad.isfinite().all() and face.grad.abs().sum() > 0


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="missing_weights"):
        WholeHeadEstimator.load(tmp_path)


def test_a_chip_is_the_whole_frame() -> None:
    assert head_chip(torch.zeros(1, 3, 512, 512)).shape == (1, 3, HEAD_SIZE, HEAD_SIZE)
