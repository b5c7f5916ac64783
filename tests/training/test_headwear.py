"""A line between those who wear something on the head and the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.latent.feedback import AppearancePredictor, load_looks_reader
from core.latent.headwear import Headwear, load_headwear
from core.modeling.generator_weights import load_generator
from core.modeling.weights_io import SHIPPED
from core.pipeline import ChildPipeline
from training.trainers.headwear import discriminant, draw_sheets, fit_headwear, read_labelled, save_labelled, told_apart


@pytest.fixture(scope="module")
def reader() -> AppearancePredictor:
    return load_looks_reader(SHIPPED)


def test_the_shipped_line_is_that_of_the_children_that_were_looked_at(reader: AppearancePredictor) -> None:
    styles, worn = read_labelled()
    again, shipped = fit_headwear(styles, worn, reader), load_headwear(SHIPPED)
    for name in ("mean", "reader", "writer"):
        torch.testing.assert_close(getattr(again, name), getattr(shipped, name), rtol=2e-3, atol=2e-3)
    assert told_apart(styles, worn, reader) > 0.88


def test_bare_heads_are_the_scale(reader: AppearancePredictor) -> None:
    styles, worn = read_labelled()
    read = (styles - load_headwear(SHIPPED).mean) @ load_headwear(SHIPPED).reader
    assert read[~worn].mean().item() == pytest.approx(0.0, abs=0.05)
    assert read[~worn].std().item() == pytest.approx(1.0, abs=0.05)
    assert read[worn].mean().item() > 2


def test_the_direction_looks_past_what_varies_anyway() -> None:
    torch.manual_seed(1)
    at = torch.randn(400, 2) * torch.tensor([5.0, 0.5])
    worn = torch.arange(400) % 4 == 0
    at[worn, 1] += 2.0
    along = discriminant(at, worn)
    assert abs(along[1].item()) > 3 * abs(along[0].item())


def test_sheets_are_drawn_and_labels_kept(weights_dir: Path, tmp_path: Path) -> None:
    pipeline = ChildPipeline.load(weights_dir)
    styles = draw_sheets(pipeline, load_generator(weights_dir), 2, tmp_path)
    assert (tmp_path / "faces-0.png").stat().st_size > 1000
    assert isinstance(pipeline.models.headwear, Headwear) and not pipeline.models.headwear.reader.any()
    save_labelled(styles, {1}, tmp_path / "children.safetensors")
    read, worn = read_labelled(tmp_path / "children.safetensors")
    torch.testing.assert_close(read, styles, rtol=1e-2, atol=1e-2)
    assert worn.tolist() == [False, True]
