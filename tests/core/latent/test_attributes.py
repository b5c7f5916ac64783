"""What is read from a latent can be written into it, alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.domain.child_spec import LOOKS
from core.domain.errors import MissingWeights
from core.domain.genes import TRAITS
from core.latent.attributes import (
    LOOK_STEPS,
    ONE_SIDED,
    QUANTITIES,
    TRAIT_QUANTITIES,
    TRANSIENT,
    Directions,
    load_directions,
)
from core.modeling.weights_io import SHIPPED


@pytest.fixture(scope="module")
def directions() -> Directions:
    return load_directions(SHIPPED)


@pytest.fixture(scope="module")
def people(directions: Directions) -> torch.Tensor:
    drawn = torch.randn(5, 1, 512, generator=torch.Generator().manual_seed(4)) * directions.spread
    return (directions.mean + drawn @ directions.basis.T).expand(-1, 23, -1).contiguous()


def test_every_trait_and_every_look_has_its_quantities() -> None:
    assert tuple(TRAIT_QUANTITIES) == TRAITS
    assert tuple(LOOK_STEPS) == LOOKS
    assert {quantity for quantity, _ in LOOK_STEPS.values()} <= set(QUANTITIES)
    assert len(set(QUANTITIES)) == len(QUANTITIES)


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_step_moves_its_own_quantity_by_one_and_the_others_little(
    directions: Directions, people: torch.Tensor, name: str
) -> None:
    moved = directions.move(people, [name], torch.ones(5, 1))
    change = (directions.read(moved, limit=None) - directions.read(people, limit=None)).mean(dim=0)
    own = QUANTITIES.index(name)
    assert change[own].item() == pytest.approx(1.0, abs=0.02)
    others = torch.cat([change[:own], change[own + 1 :]])
    assert others.abs().max() < 0.3


def test_without_the_moment_a_face_looks_at_us(directions: Directions, people: torch.Tensor) -> None:
    calm = directions.read(directions.remove_transient_attributes(people), limit=None)
    for name in ("yaw", "pitch", "side_light", "smile"):
        assert calm[:, QUANTITIES.index(name)].abs().max() < 0.3
    for name in ONE_SIDED:
        wanted = directions.neutral[TRANSIENT.index(name)]
        assert (calm[:, QUANTITIES.index(name)] < wanted + 0.3).all()


def test_a_look_of_nothing_changes_nothing(directions: Directions, people: torch.Tensor) -> None:
    assert torch.equal(directions.look(people, {}), people)


def test_half_a_smile_is_half_the_way(directions: Directions, people: torch.Tensor) -> None:
    half, whole = directions.look(people, {"smile": 0.5}), directions.look(people, {"smile": 1.0})
    assert torch.allclose(half - people, (whole - people) / 2, atol=1e-4)


def test_looks_leave_the_styles_of_other_things_alone(directions: Directions, people: torch.Tensor) -> None:
    changed = (directions.look(people, {"yaw": 1.0}) - people).abs().amax(dim=(0, 2))
    assert (changed[7:] == 0).all()
    assert (changed[:4] > 0).all()


def test_without_the_file_the_weights_are_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_directions(tmp_path)
