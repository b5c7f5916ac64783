"""What sets the parents apart shows in the child: asked for where it is missing, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.domain.child_spec import ChildSpec
from core.domain.errors import MissingWeights
from core.latent.kinship import Resemblance, load_resemblance
from core.latent.latent import Latent
from core.modeling.weights_io import SHIPPED
from core.pipeline import ChildPipeline


def axis(number: int, length: float = 1.0) -> Tensor:
    found = torch.zeros(128)
    found[number] = length
    return found


def test_what_sets_somebody_apart_is_measured_from_the_mean_of_the_sex() -> None:
    model = Resemblance()
    model.grown_ups[0], model.grown_ups[1] = axis(0), axis(1)
    model.drawn[0, :6] = torch.eye(128)[120:126]  # faces change with age along the last numbers only
    assert torch.allclose(model.identity_residual(axis(0) + axis(5), male=False), axis(5), atol=1e-5)
    assert torch.allclose(model.identity_residual(axis(1) + axis(5), male=True), axis(5), atol=1e-5)


def test_what_tells_age_or_sex_is_nobody_s_own() -> None:
    """Drawn faces change along the first number with age and along the second with sex: both are left out."""
    model = Resemblance()
    model.drawn[:, :, 0] = torch.arange(10.0)
    model.drawn[1, :, 1] = 1.0
    own = model.identity_residual(axis(0, 3.0) + axis(1, 2.0) + axis(100, 0.5), male=False)
    assert torch.allclose(own[:2], torch.zeros(2), atol=1e-5)
    assert own.norm() <= 0.5 + 1e-5


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
    """The share of the parents' own that the drawing of a boy of eight shows."""
    between = pipeline.models.ageing.between_knots(torch.tensor([8.0]))[0]
    apart = pipeline.models.resemblance.residual_when_drawn(
        pipeline.estimator.see(latent).descriptor, between, male=True
    )
    return (apart @ own / own.square().sum()).item()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_child_shows_more_of_its_parents_than_its_genes_alone_would(
    pipeline: ChildPipeline, couple: tuple[Latent, Latent], seed: int
) -> None:
    born = pipeline.inherit(*couple, ChildSpec(sex="boy", seed=seed))
    genes_alone = pipeline.ager.solve(born.latent, age=8, male=True)
    before = shown(pipeline, genes_alone, born.identity_residual)
    assert shown(pipeline, pipeline.at_age(born, age=8, male=True), born.identity_residual) >= min(before + 0.02, 1.0)


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_resemblance(tmp_path)


def test_the_shipped_means_are_those_of_different_people() -> None:
    model = load_resemblance(SHIPPED)
    assert 0.2 < (model.grown_ups[0] - model.grown_ups[1]).norm() < 0.8
    assert np.isfinite(model.drawn.numpy()).all()
