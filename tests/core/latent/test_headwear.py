"""Nobody inherits a hat."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.domain.errors import MissingWeights
from core.latent.headwear import SURELY_BARE, Headwear, load_headwear
from core.modeling.generator import STYLES, WIDTH
from core.modeling.weights_io import SHIPPED


@pytest.fixture(scope="module")
def shipped() -> Headwear:
    return load_headwear(SHIPPED)


def person(shipped: Headwear, worn: float) -> torch.Tensor:
    return (shipped.mean + worn * shipped.writer).expand(1, STYLES, WIDTH)


@pytest.mark.parametrize("worn", [-2.0, 0.0, 0.6])
def test_a_bare_head_is_left_alone(shipped: Headwear, worn: float) -> None:
    assert shipped.read(person(shipped, worn)).item() == pytest.approx(worn, abs=0.01)
    assert not shipped.taking_off(person(shipped, worn)).any()


@pytest.mark.parametrize("worn", [2.0, 4.0])
def test_a_hat_comes_off(shipped: Headwear, worn: float) -> None:
    latent = person(shipped, worn)
    assert shipped.read(latent + shipped.taking_off(latent)).item() < SURELY_BARE


def test_fine_style_inputs_keep_what_they_say(shipped: Headwear) -> None:
    change = shipped.taking_off(person(shipped, 4.0))
    assert change[:, 0].any() and not change[:, -10:].any()


def test_more_is_never_taken_off_at_a_jump(shipped: Headwear) -> None:
    """Somebody who hardly seems to wear something is hardly moved: films and mixes stay smooth."""
    just, more = (shipped.taking_off(person(shipped, SURELY_BARE + beyond)).norm().item() for beyond in (0.01, 0.02))
    assert 0 < just < more < 0.02 * shipped.writer.norm().item() * STYLES**0.5


def test_without_a_line_nothing_is_seen() -> None:
    assert not Headwear().taking_off(torch.randn(2, STYLES, WIDTH)).any()


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_headwear(tmp_path)
