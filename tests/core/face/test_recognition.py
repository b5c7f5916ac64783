"""The face network in torch gives dlib's own numbers, and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.domain.errors import MissingWeights
from core.face.recognition import CHIP, IDENTITY_FILE, identity_chip, load_identity


def test_descriptors_equal_dlib_s_to_a_thousandth(weights_dir: Path) -> None:
    import dlib

    theirs = dlib.face_recognition_model_v1(str(weights_dir / IDENTITY_FILE))
    ours = load_identity(weights_dir)
    noise = np.random.default_rng(0)
    for _ in range(3):
        # Any picture will do: smooth blobs excite the network more than noise would.
        face = np.kron(noise.integers(0, 256, (10, 10, 3)), np.ones((15, 15, 1))).astype(np.uint8)
        expected = np.array(theirs.compute_face_descriptor(face))
        tensor = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            found = ours(tensor)[0].numpy()
        assert np.abs(expected - found).max() < 1e-3


def test_the_picture_gets_a_gradient(weights_dir: Path) -> None:
    face = torch.zeros(1, 3, CHIP, CHIP, requires_grad=True)
    load_identity(weights_dir)(face).square().sum().backward()
    assert face.grad is not None
    assert face.grad.abs().sum() > 0


def test_a_file_that_is_not_dlib_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_identity(tmp_path)
    (tmp_path / IDENTITY_FILE).write_bytes(b"something else")
    with pytest.raises(MissingWeights):
        load_identity(tmp_path)


@pytest.mark.parametrize("size", [128, 256, 512, 1024])
def test_the_chip_is_the_same_part_of_the_face_at_every_size(size: int) -> None:
    ramp = torch.linspace(-1, 1, size).expand(1, 3, size, size)
    chip = identity_chip(ramp)
    assert chip.shape == (1, 3, CHIP, CHIP)
    assert chip[0, 0, 0, 0].item() == pytest.approx(2 * 41 / 256 - 1, abs=0.03)
    assert chip[0, 0, 0, -1].item() == pytest.approx(2 * 217 / 256 - 1, abs=0.03)
