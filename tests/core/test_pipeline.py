"""The whole way on the real weights: two drawn portraits in, a child out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.domain.child_spec import ChildSpec
from core.domain.errors import Cancelled, DamagedPhoto, LatentMismatch, MissingWeights, NoFace, SettingError
from core.modeling.registry import Models
from core.output.images import encode_picture
from core.pipeline import ChildPipeline, Parent

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ChildSpec(size=256, seed=3, sex="girl")


@pytest.fixture(scope="module")
def pipeline(weights_dir: Path) -> ChildPipeline:
    return ChildPipeline.load(weights_dir)


@pytest.fixture(scope="module")
def mom(pipeline: ChildPipeline) -> Parent:
    return pipeline.encode((EXAMPLES / "mom.jpg").read_bytes())


@pytest.fixture(scope="module")
def dad(pipeline: ChildPipeline) -> Parent:
    return pipeline.encode((EXAMPLES / "dad.jpg").read_bytes())


def test_a_photo_tells_sex_and_age_and_gives_a_latent(mom: Parent, dad: Parent) -> None:
    assert mom.sex == "female"
    assert dad.sex == "male"
    assert min(mom.sex_confidence, dad.sex_confidence) > 0.8
    assert 18 < mom.age < 50
    assert mom.crop.shape == (256, 256, 3)
    assert mom.crop.dtype == np.uint8
    assert list(mom.timings_ms) == ["open", "detect", "align", "estimate", "encode", "second_look"]


def test_a_photo_that_ends_below_the_face_is_used_with_a_warning_and_one_cut_through_it_is_not(
    pipeline: ChildPipeline,
) -> None:
    with Image.open(EXAMPLES / "mom.jpg") as photo:
        below = Image.new("RGB", (photo.width, 2 * photo.height), (90, 120, 140))
        below.paste(photo)
    whole = encode_picture(np.asarray(below), kind="jpeg")
    assert "incomplete" not in pipeline.encode(whole).warnings
    assert "incomplete" in pipeline.encode(whole[:-200]).warnings  # of the plain part below
    with Image.open(EXAMPLES / "mom.jpg") as photo:
        portrait = encode_picture(np.asarray(photo.convert("RGB")), kind="jpeg")
    with pytest.raises(DamagedPhoto):
        pipeline.encode(portrait[: len(portrait) * 7 // 10])


def test_the_reconstruction_is_nearer_to_its_photo_than_to_the_other_parent(
    pipeline: ChildPipeline, mom: Parent, dad: Parent
) -> None:
    for own, other in ((mom, dad), (dad, mom)):
        again = pipeline.encode(encode_picture(pipeline.draw(own.latent, size=512)))
        to_own = np.linalg.norm(again.latent.descriptor - own.latent.descriptor)
        to_other = np.linalg.norm(again.latent.descriptor - other.latent.descriptor)
        assert to_own < to_other


def test_several_photos_of_one_parent_become_one_latent(pipeline: ChildPipeline, mom: Parent) -> None:
    """One photo is sharp, the other one poor; what they agree on is nearer to the sharp one than the poor one is."""
    with Image.open(EXAMPLES / "mom.jpg") as photo:
        small = photo.convert("L").resize((110, 110)).convert("RGB")
    poor = pipeline.encode(encode_picture(np.asarray(small.resize((512, 512)))))
    both = pipeline.average([mom, poor])

    def off(one: Parent) -> float:
        drawn = pipeline.encode(encode_picture(pipeline.draw(one.latent, size=512)))
        return float(np.linalg.norm(drawn.latent.descriptor - mom.latent.descriptor))

    assert off(both) < off(poor)
    assert both.sex == "female"
    assert pipeline.average([mom]) is mom
    with pytest.raises(ValueError):
        pipeline.average([])


def test_the_same_wish_gives_the_same_child_and_every_size_shows_it(
    pipeline: ChildPipeline, mom: Parent, dad: Parent
) -> None:
    child = pipeline.make(mom.latent, dad.latent, SMALL)
    assert np.array_equal(child.image, pipeline.make(mom.latent, dad.latent, SMALL).image)
    large = pipeline.make(mom.latent, dad.latent, replace(SMALL, size=512))
    assert large.image.shape == (512, 512, 3)
    assert np.array_equal(large.latent.w, child.latent.w)


def test_a_child_of_six_looks_younger_than_one_of_forty(pipeline: ChildPipeline, mom: Parent, dad: Parent) -> None:
    told: list[float] = []
    young, old = pipeline.grow(mom.latent, dad.latent, SMALL, [6, 40], progress=told.append)
    assert young.estimated_age < 12 < 25 < old.estimated_age
    assert young.sex == old.sex == "girl"
    assert told == [0.5, 1.0]


def test_the_mix_moves_the_likeness_from_mom_to_dad(pipeline: ChildPipeline, mom: Parent, dad: Parent) -> None:
    at = {
        mix: pipeline.make(mom.latent, dad.latent, replace(SMALL, mix=mix, age=25, sex="girl")).likeness
        for mix in (0, 100)
    }
    assert at[0]["mom"] - at[0]["dad"] > at[100]["mom"] - at[100]["dad"]


def test_a_sibling_is_another_face_of_the_same_couple(pipeline: ChildPipeline, mom: Parent, dad: Parent) -> None:
    first, second = (pipeline.make(mom.latent, dad.latent, replace(SMALL, seed=seed)) for seed in (1, 2))
    assert np.linalg.norm(first.latent.descriptor - second.latent.descriptor) > 0.1


def test_refinement_comes_nearer_or_stays_and_can_be_cancelled(pipeline: ChildPipeline, mom: Parent) -> None:
    def gap(latent: object) -> float:
        again = pipeline.encode(encode_picture(pipeline.draw(latent, size=512)))  # type: ignore[arg-type]
        return float(np.linalg.norm(again.latent.descriptor - mom.latent.descriptor))

    refined = pipeline.refine(mom.crop, mom.latent, seconds=6.0)
    assert refined.generator == mom.latent.generator
    assert gap(refined) < gap(mom.latent) + 0.02
    with pytest.raises(Cancelled):
        pipeline.refine(mom.crop, mom.latent, cancelled=lambda: True)


def test_another_generator_s_latent_is_refused(pipeline: ChildPipeline, mom: Parent, dad: Parent) -> None:
    foreign = replace(dad.latent, generator="stylegan2@00000000")
    with pytest.raises(LatentMismatch):
        pipeline.make(mom.latent, foreign, SMALL)
    with pytest.raises(LatentMismatch):
        pipeline.draw(foreign)


def test_a_person_can_be_drawn_at_another_age(pipeline: ChildPipeline, mom: Parent) -> None:
    older = pipeline.age_face(mom.latent, age=70)
    assert pipeline.encode(encode_picture(pipeline.draw(older, size=512))).age > mom.age + 15
    with pytest.raises(SettingError):
        pipeline.age_face(mom.latent, age=200)


def test_a_wall_has_no_face(pipeline: ChildPipeline) -> None:
    with pytest.raises(NoFace):
        pipeline.encode(encode_picture(np.full((300, 300, 3), 200, np.uint8)))


def test_without_weights_the_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        ChildPipeline.load(tmp_path)


def test_models_first_asked_for_while_drawing_can_still_be_refined_with(weights_dir: Path) -> None:
    models = Models(weights_dir)
    with torch.inference_mode():
        parameters = [*models.identity.parameters(), *models.encoder.parameters(), *models.preview.parameters()]
    assert not any(parameter.is_inference() for parameter in parameters)
