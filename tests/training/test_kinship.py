"""What `core.latent.kinship` knows is learnt from children that do not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from core.face.age_estimator import AgeEstimator
from core.latent.age_editing import KNOTS, load_ageing
from core.latent.kinship import load_resemblance
from core.modeling.encoder import Encoder
from core.modeling.generator_weights import load_generator
from core.modeling.weights_io import SHIPPED
from core.pipeline import ChildPipeline
from training.data.photos import AlignedPhotos
from training.trainers.encoder import blend
from training.trainers.kinship import (
    MadeUpParents,
    ResemblanceSettings,
    Seen,
    look_at_children,
    look_at_grown_ups,
    mean_descriptors,
    train_resemblance,
)

TINY = ResemblanceSettings(children=5, part=3)


def made_up(rows: int) -> Seen:
    """Looks that follow from the age alone."""
    rng = torch.Generator().manual_seed(1)
    years = torch.rand(rows, generator=rng) * 80
    sexes = (torch.arange(rows) % 2).float()
    asked = torch.stack((years, sexes), dim=1)
    looks = (years / 80)[:, None].expand(-1, 128) + sexes[:, None]
    return Seen(looks, asked)


def test_children_are_drawn_and_looked_at_once_and_remembered(weights_dir: Path, tmp_path: Path) -> None:
    pipeline, generator = ChildPipeline.load(weights_dir), load_generator(weights_dir)
    told: list[float] = []
    seen = look_at_children(pipeline, generator, tmp_path, TINY, progress=told.append)
    assert seen.descriptors.shape == (5, 128) and seen.asked.shape == (5, 2)
    assert told == [0.6, 1.0]
    (tmp_path / "children-12.npz").unlink()  # the second part, as if somebody had stopped the run
    before = (tmp_path / "children-11.npz").stat().st_mtime_ns
    again = look_at_children(pipeline, generator, tmp_path, TINY)
    assert torch.equal(again.descriptors, seen.descriptors)
    assert (tmp_path / "children-11.npz").stat().st_mtime_ns == before


def test_a_run_leaves_means_that_explain_what_follows_from_age_and_sex(tmp_path: Path) -> None:
    train_resemblance(made_up(400), torch.zeros(2, 128), load_ageing(SHIPPED), tmp_path)
    assert load_resemblance(tmp_path).drawn[1].mean() > load_resemblance(tmp_path).drawn[0].mean() + 0.5
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["explained_by_age_and_sex"] > 0.95


def test_made_up_parents_come_again_with_the_same_seed(weights_dir: Path) -> None:
    generator = load_generator(weights_dir)
    one, same, another = (
        MadeUpParents(generator, 0.5, ResemblanceSettings(seed=seed)).next("g@1").w for seed in (1, 1, 2)
    )
    assert (one == same).all() and not (one == another).all()


def test_the_mean_looks_of_an_age_are_read_off_between_the_ages_seen() -> None:
    means = mean_descriptors(made_up(400), load_ageing(SHIPPED), ridge=0.01)
    assert means.shape == (2, len(KNOTS), 128)
    assert means[0, KNOTS.index(30.0), 0].item() == pytest.approx(30 / 80, abs=0.05)
    assert means[1, KNOTS.index(60.0), 0].item() == pytest.approx(1 + 60 / 80, abs=0.05)


def test_grown_ups_are_told_from_children_and_women_from_men(weights_dir: Path) -> None:
    """The two example parents: each is the mean of its sex. A range of ages that nobody has leaves nobody."""
    pipeline = ChildPipeline.load(weights_dir)
    folder = Path(__file__).parents[2] / "examples"
    crops = [pipeline.encode((folder / f"{who}.jpg").read_bytes()).crop for who in ("mom", "dad")]
    photos = AlignedPhotos(torch.stack([torch.from_numpy(crop) for crop in crops]).numpy(), detail=256)
    estimator = AgeEstimator.load(pipeline.models.identity, SHIPPED)
    means = look_at_grown_ups(photos, pipeline.models.identity, estimator, ResemblanceSettings())
    assert (means[0] - means[1]).norm() > 0.4
    with pytest.raises(RuntimeError):
        look_at_grown_ups(photos, pipeline.models.identity, estimator, ResemblanceSettings(grown_ups=(90.0, 99.0)))


def test_two_encoders_are_averaged_weight_by_weight() -> None:
    one, other = Encoder(), Encoder()
    for module, value in ((one, 1.0), (other, 3.0)):
        nn.init.constant_(module.whole.weight, value)
    assert blend(one, other, 0.25).whole.weight.unique().tolist() == [1.5]
    assert blend(one, other, 1.0).whole.weight.unique().tolist() == [3.0]
