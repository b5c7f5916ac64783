"""The preview head sees what the generator would draw, crop by crop, with gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.domain.errors import MissingWeights
from core.modeling.generator import SynthesisNetwork
from core.modeling.preview_head import PREVIEW_FILE, PreviewHead, load_preview
from core.modeling.weights_io import load_weights, save_weights


@pytest.fixture
def head() -> PreviewHead:
    torch.manual_seed(0)
    return PreviewHead(channels_in=8, channels=4, width=6)


@pytest.mark.parametrize("batch", [1, 3])
def test_features_become_a_picture_of_twice_their_size(head: PreviewHead, batch: int) -> None:
    picture = head(torch.randn(batch, 8, 16, 16), torch.randn(batch, 7, 6))
    assert picture.shape == (batch, 3, 32, 32)


def test_a_crop_of_the_features_is_a_crop_of_the_picture(head: PreviewHead) -> None:
    features, styles = torch.randn(1, 8, 32, 32), torch.randn(1, 7, 6)
    whole, part = head(features, styles), head(features[:, :, 8:24, 8:24], styles)
    # The two 3×3 convolutions see two features beyond the edge.
    torch.testing.assert_close(part[:, :, 4:-4, 4:-4], whole[:, :, 20:44, 20:44], rtol=1e-4, atol=1e-5)


def test_weights_survive_the_way_to_disk_as_float16(head: PreviewHead, tmp_path: Path) -> None:
    save_weights(head, tmp_path / "head.safetensors")
    again = PreviewHead(channels_in=8, channels=4, width=6)
    load_weights(again, tmp_path / "head.safetensors")
    for name, tensor in head.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_a_head_of_another_shape_is_refused(head: PreviewHead, tmp_path: Path) -> None:
    save_weights(head, tmp_path / PREVIEW_FILE)
    with pytest.raises(MissingWeights):
        load_preview(SynthesisNetwork(channels=(8, 8), width=6), tmp_path)
