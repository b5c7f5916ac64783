"""The corrector learns from what its own steps do to drawings."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.face.skin_tone import lab_of
from core.latent.correction import Correction, Corrector, Observation, Target, load_correction
from core.latent.latent import Latent
from core.pipeline import ChildPipeline
from training.data.adults import find_adults
from training.trainers.correction import (
    Children,
    CorrectionSettings,
    Judge,
    Nursery,
    Teacher,
    lab,
    picture_losses,
    train_correction,
)

EXAMPLES = [Path(__file__).parents[2] / "examples" / f"{who}.jpg" for who in ("mom", "dad")]
TINY = CorrectionSettings(steps=2, children=1, looks=2, held_back=1, check_every=1, warmup=0)


@pytest.fixture(scope="module")
def pipeline(weights_dir: Path) -> ChildPipeline:
    return ChildPipeline.load(weights_dir)


def fresh(pipeline: ChildPipeline) -> Corrector:
    torch.manual_seed(1)
    models = pipeline.models
    return Corrector(Correction(), models.resemblance, models.ageing, models.directions, models.naturalness)


def test_colours_are_those_of_the_program_s_own_measure() -> None:
    rgb = torch.rand(40, 3, generator=torch.Generator().manual_seed(2)) * 0.9 + 0.05
    found = lab(2 * rgb - 1)
    torch.testing.assert_close(found, torch.from_numpy(lab_of(255 * rgb.numpy())), atol=0.3, rtol=0.02)


def test_the_teacher_sees_what_the_program_sees(pipeline: ChildPipeline) -> None:
    """One of them differentiably, from one side only, and with other arithmetic."""
    models = pipeline.models
    latent = models.generator.sample(1, truncation=0.6, generator=torch.Generator().manual_seed(4))
    mine = Observation.in_sight(pipeline.estimator.see(latent))
    with torch.no_grad():
        its = Judge(models.identity, models.age_head)(models.preview(latent))
    assert (mine.descriptor - its.descriptor).norm() < 0.1
    assert abs(mine.growth - its.growth).item() < 0.3
    assert (mine.skin - its.skin).norm() < 1.5


def at(growth: float, male: float = 3.0) -> Observation:
    return Observation(torch.zeros(1, 128), torch.tensor([growth]), torch.tensor([male]), torch.zeros(1, 3))


def son(own: torch.Tensor, couples: torch.Tensor | None = None, mix: float = 0.5) -> Children:
    """Of half the growth of a man, without rivals unless some are given."""
    target = Target(own, torch.tensor([0.5]), torch.tensor([1.0]), torch.zeros(1, 2, 3))
    couples = torch.zeros(1, 1, 2, 128) if couples is None else couples
    return Children(torch.zeros(1, 23, 512), target, couples, torch.tensor([mix]))


def test_nothing_is_lost_by_who_is_as_asked(pipeline: ChildPipeline) -> None:
    corrector, child = fresh(pipeline), son(torch.zeros(1, 128))
    losses = picture_losses(corrector, at(0.5), at(0.5), child, TINY)
    assert sum(losses.values()).item() == pytest.approx(0.0, abs=1e-5)  # type: ignore[union-attr]
    older = picture_losses(corrector, at(0.7), at(0.5), child, TINY)
    assert {name for name, loss in older.items() if loss.item() > 1e-5} == {"age"}
    girl = picture_losses(corrector, at(0.5, male=-1.0), at(0.5), child, TINY)
    assert {name for name, loss in girl.items() if loss.item() > 1e-5} == {"sex"}


def test_what_sets_the_parents_apart_is_asked_for_and_other_changes_are_not(pipeline: ChildPipeline) -> None:
    corrector = fresh(pipeline)
    own = torch.eye(128)[7][None]
    child = son(own)
    usual = -corrector.apart(torch.zeros(1, 128), child.target)

    def losses(descriptor: torch.Tensor) -> dict[str, float]:
        shown, first = (
            Observation(d, torch.tensor([0.5]), torch.tensor([3.0]), torch.zeros(1, 3)) for d in (descriptor, usual)
        )
        return {name: loss.item() for name, loss in picture_losses(corrector, shown, first, child, TINY).items()}

    unlike, like, other = losses(usual), losses(usual + own), losses(usual + torch.eye(128)[9])
    assert unlike["likeness"] == pytest.approx(TINY.likeness * TINY.closeness**2, rel=0.01) and unlike["rest"] < 1e-6
    assert like["likeness"] < 1e-6 and like["rest"] < 1e-6
    assert other["rest"] == pytest.approx(TINY.rest, rel=0.01) and other["likeness"] == unlike["likeness"]


def test_the_second_estimator_s_opinion_counts_beside_the_first(pipeline: ChildPipeline) -> None:
    corrector, child = fresh(pipeline), son(torch.zeros(1, 128))
    agreed, older = (
        picture_losses(corrector, at(0.5), at(0.5), child, TINY, torch.tensor([second])) for second in (0.5, 0.9)
    )
    assert agreed["second_age"].item() == 0 and older["second_age"].item() > 0.1 and older["age"].item() == 0


def test_what_the_second_estimator_sees_is_never_the_same_twice_and_never_far_off(pipeline: ChildPipeline) -> None:
    asked: list[torch.Tensor] = []

    def second(faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        asked.append(faces)
        return torch.tensor([12.0]), torch.ones(1), torch.zeros(1)

    judge = Judge(pipeline.models.identity, pipeline.models.age_head, second)
    picture = torch.zeros(1, 3, 256, 256)
    told = [judge.second_growth(picture) for _ in range(4)]
    assert all(growth is not None and growth.item() == pytest.approx(math.log(2)) for growth in told)
    assert len({float(faces.sum()) for faces in asked}) == 4
    assert all(faces.shape == picture.shape and faces.abs().mean() < 0.2 for faces in asked)


def test_a_child_shall_be_nearer_to_its_own_parents_than_to_rivals(pipeline: ChildPipeline) -> None:
    corrector = fresh(pipeline)
    mom, dad, her, him = (0.6 * torch.eye(128)[n] for n in range(4))
    couples = torch.stack((torch.stack((mom, dad)), torch.stack((her, him)), torch.stack((mom, him))))[None]

    def kinship(descriptor: torch.Tensor, mix: float = 0.5) -> float:
        shown = Observation(descriptor[None], torch.tensor([0.5]), torch.tensor([3.0]), torch.zeros(1, 3))
        child = son(torch.zeros(1, 128), couples, mix)
        return picture_losses(corrector, shown, shown, child, TINY)["kinship"].item() / TINY.kinship

    assert kinship(torch.zeros(128)) == pytest.approx(math.log(3), rel=1e-3)
    assert kinship((mom + dad) / 2) < 0.1 < 2 < kinship((her + him) / 2)
    assert kinship(dad, mix=1.0) < 0.01 < kinship(mom, mix=1.0)
    assert kinship(mom, mix=0.0) == pytest.approx(math.log(2), rel=1e-3), "of two couples, one mom"


def test_rivals_are_other_couples_half_of_them_like_the_child_s_own(pipeline: ChildPipeline) -> None:
    typical = pipeline.encode(EXAMPLES[0].read_bytes()).latent
    chance = np.random.default_rng(6)

    def people(count: int) -> list[Latent]:
        looks = chance.normal(0, 0.05, (count, 128)).astype(np.float32)
        return [replace(typical, descriptor=look) for look in looks]

    settings = CorrectionSettings(crowd=64, rivals=8, alike=1.0)
    nursery = Nursery(pipeline, {"female": people(20), "male": people(20)}, settings, 5)
    couples = nursery.children(1).couples[0]
    assert couples.shape == (9, 2, 128)
    own, others = couples[0], couples[1:]
    assert not (others == own).all(dim=2).any()
    apart = (others.mean(dim=1) - own.mean(dim=0)).norm(dim=1)
    assert apart[:4].max() < apart[4:].mean()
    every = torch.stack([torch.from_numpy(dad.descriptor) for dad in nursery.dads])
    to_mom = ((every - every.mean(dim=0)) - (own[0] - nursery.looks[0].mean(dim=0))).norm(dim=1)
    assert (to_mom < to_mom[(every == own[1]).all(dim=1)]).sum() < 10, "the likest of twelve suitors"


def test_a_child_that_is_taught_again_and_again_comes_nearer(pipeline: ChildPipeline) -> None:
    corrector = fresh(pipeline)
    teacher = Teacher(corrector, pipeline, TINY)
    child = Nursery(pipeline, find_adults(pipeline, EXAMPLES), TINY, 5).children(1)
    optimiser = torch.optim.Adam(corrector.model.parameters(), lr=1e-3)
    sums = []
    for _ in range(12):
        optimiser.zero_grad()
        told = teacher.teach(child)
        optimiser.step()
        sums.append(sum(told[f"{name}_1"] for name in ("likeness", "rest", "age", "sex", "skin")))
    assert sums[-1] < 0.6 * sums[0], sums


def test_a_training_can_be_gone_on_with(pipeline: ChildPipeline, tmp_path: Path) -> None:
    parents = find_adults(pipeline, EXAMPLES)
    assert [len(some) for some in parents.values()] == [1, 1]
    train_correction(pipeline, parents, tmp_path, CorrectionSettings(**{**vars(TINY), "steps": 1}))
    learnt = train_correction(pipeline, parents, tmp_path, TINY)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "check_growth_2" in line] == [1, 2]
    assert load_correction(tmp_path).output_proj.weight.any()
    once = CorrectionSettings(**{**vars(TINY), "steps": 1, "learning_rate": 0.0, "average": 0.0})
    further = train_correction(pipeline, parents, tmp_path / "further", once, begin=learnt)
    torch.testing.assert_close(further.output_proj.weight, learnt.output_proj.weight)
