"""What a drawing shows is compared with what it shall show, and the face is moved until they agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.domain.child_spec import ChildSpec
from core.domain.errors import MissingWeights
from core.face.analyzer import FaceAnalysis
from core.face.skin_tone import SLACK, UNKNOWN, Pigment, SkinRange
from core.latent.correction import (
    ANALYSIS_ROUNDS,
    HELD,
    MAX_STEP,
    Correction,
    Corrector,
    Observation,
    Target,
    load_correction,
    off_colour,
)
from core.latent.latent import Latent
from core.pipeline import ChildPipeline, InheritedFace

ANY = SkinRange(UNKNOWN, UNKNOWN)
LIGHT, DARK = np.array([70, 12, 18], np.float32), np.array([45, 14, 20], np.float32)


def between_parents(mom: np.ndarray, dad: np.ndarray) -> SkinRange:
    """Of parents whose colours are known for sure."""
    sure = np.zeros(3, np.float32)
    return SkinRange.of_child(Pigment(mom, sure), Pigment(dad, sure), mix=50)


@pytest.fixture(scope="module")
def pipeline(weights_dir: Path) -> ChildPipeline:
    return ChildPipeline.load(weights_dir)


@pytest.fixture(scope="module")
def children(pipeline: ChildPipeline) -> list[InheritedFace]:
    """Of three couples who do not exist, with the descriptors of their drawings."""
    rng = torch.Generator().manual_seed(5)

    def somebody(male: bool) -> Latent:
        w = pipeline.ager.solve(pipeline.models.generator.sample(1, truncation=0.7, generator=rng), age=32, male=male)
        seen = pipeline.estimator.see(w)
        return Latent(w[0].numpy(), seen.descriptor.numpy(), pipeline.generator_version, "made up", skin=seen.skin)

    return [pipeline.inherit(somebody(False), somebody(True), ChildSpec(seed=seed)) for seed in range(3)]


def goal_at(age: float, *, male: bool = False, own: Tensor | None = None, skin: SkinRange = ANY) -> Target:
    return Target.of_one(torch.zeros(128) if own is None else own, age=age, male=male, skin=skin)


def sight(age: float, *, male: float = 0.0, skin: np.ndarray = LIGHT) -> FaceAnalysis:
    return FaceAnalysis(age=age, male=male, descriptor=torch.zeros(128), skin=skin)


def shown(age: float, *, male: float = 0.0, skin: np.ndarray = LIGHT) -> Observation:
    return Observation.in_sight(sight(age, male=male, skin=skin))


def wild(pipeline: ChildPipeline) -> Corrector:
    """A corrector that would go anywhere."""
    torch.manual_seed(3)
    model = Correction()
    torch.nn.init.normal_(model.output_proj.weight, std=3.0)
    models = pipeline.models
    return Corrector(model.eval(), models.resemblance, models.ageing, models.directions, models.naturalness)


def test_a_baby_need_not_show_its_sex() -> None:
    assert [bool(goal_at(age).shows_sex) for age in (0.0, 2.9, 3.0, 40.0)] == [False, False, True, True]


def test_skin_is_off_by_what_lies_outside_its_colours() -> None:
    between = between_parents(LIGHT, DARK)
    colours = torch.tensor([[90.0, 13.0, 19.0], [60.0, 13.0, 19.0], [30.0, 13.0, 19.0]])
    skins = goal_at(8, skin=between).skin.expand(3, -1, -1)
    assert off_colour(colours, skins)[:, 0].tolist() == pytest.approx([-20 + SLACK, 0.0, 15 - SLACK])
    assert not off_colour(colours, skins)[:, 1:].any()


def test_skin_that_nobody_knows_is_never_off() -> None:
    for skin in (ANY, between_parents(UNKNOWN, LIGHT)):
        assert not off_colour(torch.tensor([[90.0, 0.0, 0.0]]), goal_at(8, skin=skin).skin).any()


def test_no_step_is_too_long_and_what_is_held_stays(pipeline: ChildPipeline) -> None:
    corrector, mean = wild(pipeline), pipeline.models.w_mean.expand(1, 23, 512)
    goal, seen = goal_at(8), shown(20)
    along = corrector.along(mean, seen, goal)
    assert along.square().mean().sqrt().item() == pytest.approx(MAX_STEP, rel=1e-3)
    moved = mean + corrector.spread(along)
    directions = pipeline.models.directions
    before, after = (directions.read(w, HELD, limit=None) for w in (mean, moved))
    assert not torch.equal(mean, moved)
    torch.testing.assert_close(before, after, atol=1e-3, rtol=0)


def test_after_every_look_a_step_is_taken(pipeline: ChildPipeline) -> None:
    corrector, start = wild(pipeline), pipeline.models.w_mean.expand(1, 23, 512)
    looked: list[Tensor] = []

    def see(latent: Tensor) -> FaceAnalysis:
        looked.append(latent)
        return sight(20)

    corrected = corrector.correct(start, own=torch.zeros(128), age=6, male=False, skin=ANY, see=see)
    assert len(looked) == ANALYSIS_ROUNDS and looked[0] is start
    assert len({float(w.sum()) for w in (*looked, corrected)}) == ANALYSIS_ROUNDS + 1


def test_the_step_depends_on_what_was_seen_and_on_what_is_asked(pipeline: ChildPipeline) -> None:
    corrector, latent = pipeline.models.corrector, pipeline.models.w_mean.expand(1, 23, 512)

    def step(seen: Observation, target: Target) -> Tensor:
        with torch.no_grad():
            return corrector.along(latent, seen, target)

    usual = step(shown(20), goal_at(8))
    assert torch.equal(usual, step(shown(20), goal_at(8)))
    others = [step(shown(9), goal_at(8)), step(shown(20, male=0.9), goal_at(8)), step(shown(20), goal_at(30))]
    others.append(step(shown(20), goal_at(8, own=0.3 * torch.eye(128)[3])))
    others.append(step(shown(20), goal_at(8, skin=between_parents(DARK, DARK))))
    assert not any(torch.allclose(usual, other, atol=1e-4) for other in others)


@pytest.mark.parametrize("age", [12.0, 30.0])
def test_looks_bring_children_nearer_to_what_they_shall_be(
    pipeline: ChildPipeline, children: list[InheritedFace], age: float
) -> None:
    corrector, see = pipeline.models.corrector, pipeline.estimator.see
    before, after = [], []
    for number, child in enumerate(children):
        male = number % 2 == 0
        goal = goal_at(age, male=male, own=child.identity_residual, skin=child.skin)
        drawn = pipeline.aged(child.latent, age=age, male=male)
        before.append(off(corrector, Observation.in_sight(see(drawn)), goal))
        corrected = corrector.correct(drawn, own=child.identity_residual, age=age, male=male, skin=child.skin, see=see)
        after.append(off(corrector, Observation.in_sight(see(corrected)), goal))
    assert np.mean(after) < 0.9 * np.mean(before)


def off(corrector: Corrector, seen: Observation, target: Target) -> float:
    """Growth that is missed, and what lacks to half of the parents' own, which is what a child has in common."""
    share = (
        corrector.apart(seen.descriptor, target) * target.identity_residual
    ).sum() / target.identity_residual.square().sum()
    return (seen.growth - target.growth).abs().item() + max(0.0, 0.5 - share.item())


def test_a_child_s_skin_comes_between_its_parents(pipeline: ChildPipeline, children: list[InheritedFace]) -> None:
    child, see = children[0], pipeline.estimator.see
    drawn = pipeline.aged(child.latent, age=8, male=False)
    for wanted in (LIGHT, DARK):
        skin = between_parents(wanted, wanted)
        last = pipeline.models.corrector.correct(
            drawn, own=child.identity_residual, age=8, male=False, skin=skin, see=see
        )
        assert np.abs(see(last).skin - skin.nearest(see(last).skin)).max() < 3.0


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_correction(tmp_path)
