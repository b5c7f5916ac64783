"""What sets the parents apart shows in the child: asked for where it is missing, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import MissingWeights
from core.generator import STYLES, WIDTH
from core.latents import Latent
from core.loading import SHIPPED
from core.pipeline import ChildPipeline
from core.resemblance import LONGEST, Resemblance, load_resemblance, style_shares
from core.wish import Wish


def axis(number: int, length: float = 1.0) -> Tensor:
    found = torch.zeros(128)
    found[number] = length
    return found


def test_the_shares_of_the_style_inputs_make_a_mean() -> None:
    assert style_shares().shape == (STYLES, 1)
    assert style_shares().sum().item() == pytest.approx(1.0)


def test_what_sets_somebody_apart_is_measured_from_the_mean_of_the_sex() -> None:
    model = Resemblance()
    model.grown_ups[0], model.grown_ups[1] = axis(0), axis(1)
    model.drawn[0, :6] = torch.eye(128)[120:126]  # faces change with age along the last numbers only
    assert torch.allclose(model.own(axis(0) + axis(5), male=False), axis(5), atol=1e-5)
    assert torch.allclose(model.own(axis(1) + axis(5), male=True), axis(5), atol=1e-5)


def test_what_tells_age_or_sex_is_nobody_s_own() -> None:
    """Drawn faces change along the first number with age and along the second with sex: both are left out."""
    model = Resemblance()
    model.drawn[:, :, 0] = torch.arange(10.0)
    model.drawn[1, :, 1] = 1.0
    own = model.own(axis(0, 3.0) + axis(1, 2.0) + axis(100, 0.5), male=False)
    assert torch.allclose(own[:2], torch.zeros(2), atol=1e-5)
    assert own.norm() <= 0.5 + 1e-5


def test_only_what_is_missing_along_the_parents_direction_is_asked_for() -> None:
    model, at_first_knot = Resemblance(), torch.eye(10)[0]
    model.drawn[1, 0] = axis(9, 2.0)
    seen = axis(9, 2.0) + axis(5, 0.25) + axis(6, 0.7)  # a quarter of the parents' own, and something of its own
    missing = model.missing(axis(5), seen, at_first_knot, male=True, closeness=1.0)
    assert torch.allclose(missing, axis(5, 0.75))


def test_who_shows_enough_is_asked_for_nothing() -> None:
    model = Resemblance()
    seen = axis(5, 1.4)
    assert not model.missing(axis(5), seen, torch.eye(10)[0], male=False, closeness=1.2).any()


@pytest.fixture(scope="module")
def pipeline(weights_dir: Path) -> ChildPipeline:
    return ChildPipeline.load(weights_dir)


@pytest.fixture(scope="module")
def couple(pipeline: ChildPipeline) -> tuple[Latent, Latent]:
    """Two drawn people with the descriptors of their drawings."""
    rng = torch.Generator().manual_seed(8)
    people = []
    for male in (False, True):
        w = pipeline.models.generator.sample(1, truncation=0.6, generator=rng)
        w = pipeline.ager.solve(w, age=32, male=male)
        descriptor = pipeline.estimator.descriptor_of_latent(w)[0].numpy()
        people.append(Latent(w[0].numpy(), descriptor, pipeline.generator_version, "made up"))
    return people[0], people[1]


def shown(pipeline: ChildPipeline, latent: Tensor, own: Tensor) -> float:
    """The share of the parents' own that the drawing of a boy of eight shows, 1 at the most."""
    model = pipeline.models.takes_after.model
    weights = pipeline.models.ageing.between_knots(torch.tensor([8.0]))[0]
    missing = model.missing(own, pipeline.estimator.see(latent).descriptor, weights, male=True, closeness=1.0)
    return 1 - (missing.norm() / own.norm()).item()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_child_shows_more_of_its_parents_than_its_genes_alone_would(
    pipeline: ChildPipeline, couple: tuple[Latent, Latent], seed: int
) -> None:
    born = pipeline.inherit(*couple, Wish(sex="boy", seed=seed))
    genes_alone = pipeline.ager.solve(born.latent, age=8, male=True)
    before = shown(pipeline, genes_alone, born.own)
    assert shown(pipeline, pipeline.at_age(born, age=8, male=True), born.own) >= min(before + 0.02, 1.0)


def test_a_step_moves_all_inputs_alike_and_not_far(pipeline: ChildPipeline, couple: tuple[Latent, Latent]) -> None:
    takes_after, mom = pipeline.models.takes_after, couple[0]
    own = takes_after.model.own(torch.from_numpy(mom.descriptor), male=False)
    stranger = pipeline.models.w_mean.expand(1, STYLES, WIDTH)
    step = takes_after.step(stranger, own, age=30.0, male=False)
    assert step.shape == (WIDTH,)
    along = torch.linalg.pinv(takes_after.model.reader.basis) @ step
    assert 0 < along.square().mean().sqrt() <= LONGEST[-1][1] * 1.01
    again = takes_after.step(stranger, own, age=30.0, male=False)
    assert torch.equal(step, again)


def test_a_step_leaves_age_and_sex_alone(pipeline: ChildPipeline, couple: tuple[Latent, Latent]) -> None:
    takes_after, dad = pipeline.models.takes_after, couple[1]
    own = takes_after.model.own(torch.from_numpy(dad.descriptor), male=True)
    boy = pipeline.ager.solve(torch.from_numpy(couple[0].w)[None], age=8, male=True)
    step = takes_after.step(boy, own, age=8, male=True)
    assert step.any()
    slopes = takes_after.model.years_slopes(takes_after.model.style(boy))
    assert ((slopes @ step).abs() < 0.02 * slopes.norm(dim=1) * step.norm()).all()


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_resemblance(tmp_path)


def test_the_shipped_means_are_those_of_different_people() -> None:
    model = load_resemblance(SHIPPED)
    assert 0.2 < (model.grown_ups[0] - model.grown_ups[1]).norm() < 0.8
    assert np.isfinite(model.drawn.numpy()).all()


def test_slopes_are_found_wherever_they_are_asked_for(pipeline: ChildPipeline) -> None:
    """Callers may have switched gradients off, or be drawing in inference mode."""
    model = pipeline.models.takes_after.model
    with torch.inference_mode():
        style = pipeline.models.w_mean + 0.1
        drawing = model.years_slopes(style), model.reader.slope(model.reader.coordinates(style[None])[0])
    with torch.no_grad():
        quietly = model.years_slopes(style), model.reader.slope(model.reader.coordinates(style[None])[0])
    for one, other in zip(drawing, quietly, strict=True):
        assert torch.equal(one, other) and one.any()
