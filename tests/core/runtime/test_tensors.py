from __future__ import annotations

import numpy as np
import torch

from core.runtime.tensors import to_pixels, to_tensor


def picture() -> np.ndarray:
    return np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_a_picture_becomes_a_batch_of_one_between_minus_one_and_one() -> None:
    white = to_tensor(np.full((2, 3, 3), 255, np.uint8))
    assert white.shape == (1, 3, 2, 3) and white.dtype == torch.float32
    assert torch.equal(white, torch.ones(1, 3, 2, 3))


def test_there_and_back_nothing_changes() -> None:
    assert np.array_equal(to_pixels(to_tensor(picture())), picture())


def test_a_picture_that_may_only_be_read_is_taken_without_a_warning_and_left_as_it_is() -> None:
    read_only = picture()
    read_only.flags.writeable = False
    to_tensor(read_only).add_(1.0)
    assert np.array_equal(read_only, picture())
