"""The network against its original on drawn pictures, the refusal by setting the limit: nothing offensive is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.domain.errors import MissingWeights, UnsafePhoto
from core.photo.nsfw import SAFETY_FILE, SafetyCheck, SafetyNetwork, network_input
from core.photo.nsfw_weights import SOURCE, convert_safety
from core.pipeline import ChildPipeline

ROOT = Path(__file__).parents[3]
DRAWN = sorted((ROOT / "tests" / "data").glob("drawn_*.jpg"))


def rgb_of(path: Path) -> Any:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def check(safety_dir: Path) -> SafetyCheck:
    return SafetyCheck.load(safety_dir)


@pytest.fixture
def blind() -> SafetyCheck:
    """A network that knows nothing: everything is as likely NSFW as not."""
    network = SafetyNetwork()
    for numbers in network.parameters():
        torch.nn.init.zeros_(numbers)
    return SafetyCheck(network)


def test_it_says_what_the_original_says(check: SafetyCheck, safety_source: Path) -> None:
    from core.engines.openvino.engine import shared_core

    core = shared_core()
    original = core.compile_model(str(safety_source / SOURCE), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    noise = np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8)
    for rgb in [*map(rgb_of, DRAWN), noise]:
        pixels = network_input(rgb).permute(0, 2, 3, 1).numpy()
        assert check.score(rgb) == pytest.approx(float(original(pixels)[0][0, 1]), abs=1e-5)


def test_the_conversion_gives_the_same_numbers_again(safety_dir: Path, safety_source: Path) -> None:
    from safetensors.torch import load_file

    there, again = load_file(safety_dir / SAFETY_FILE), convert_safety(safety_source)
    assert there.keys() == again.keys()
    assert all(torch.equal(there[name], again[name]) for name in there)


def test_another_file_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / SOURCE).write_bytes(b"something else")
    with pytest.raises(MissingWeights):
        convert_safety(tmp_path)


def test_drawn_portraits_pass(check: SafetyCheck) -> None:
    for path in DRAWN:
        check.require(rgb_of(path))


def test_above_the_limit_a_photo_is_refused_with_its_score(blind: SafetyCheck) -> None:
    rgb = rgb_of(DRAWN[0])
    blind.limit = 0.5
    blind.require(rgb)
    blind.limit = 0.49
    with pytest.raises(UnsafePhoto) as refusal:
        blind.require(rgb)
    assert refusal.value.facts() == {"score": 0.5, "limit": 0.49}


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 3000, 3), (2500, 2500, 3)])
def test_pictures_of_any_shape_are_looked_at(blind: SafetyCheck, shape: tuple[int, ...]) -> None:
    assert 0 <= blind.score(np.zeros(shape, np.uint8)) <= 1


def test_colours_arrive_in_the_order_the_network_knows() -> None:
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    assert network_input(red)[0, :, 100, 100].tolist() == [-104.0, -117.0, 255 - 123.0]


def test_the_pipeline_looks_before_it_searches_for_a_face(weights_dir: Path, blind: SafetyCheck) -> None:
    pipeline = ChildPipeline.load(weights_dir)
    portrait = (ROOT / "examples" / "mom.jpg").read_bytes()
    assert "safety" not in pipeline.encode(portrait).timings_ms
    blind.limit, pipeline.safety = 0.1, blind
    with pytest.raises(UnsafePhoto):
        pipeline.encode(portrait)
