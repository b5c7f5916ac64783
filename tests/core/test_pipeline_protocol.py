"""The fake and the real pipeline are held to the same words, so that the fake cannot lie."""

from __future__ import annotations

import contextlib
import inspect
import threading
from pathlib import Path

import numpy as np
import pytest

from core.domain.child_spec import ChildSpec
from core.domain.errors import Cancelled, InputError
from core.latent.latent import Latent
from core.pipeline import ChildPipeline
from core.pipeline_protocol import Pipeline
from tests.support.fake_pipeline import FakePipeline, photo_of

METHODS = ["encode", "refine", "make", "grow", "draw", "age_face"]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [FakePipeline, ChildPipeline])
def test_methods_take_the_same_arguments(kind: type, method: str) -> None:
    def shape(owner: type) -> list[tuple[str, object, object]]:
        parameters = inspect.signature(getattr(owner, method)).parameters.values()
        return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]

    assert shape(kind) == shape(Pipeline)


class Couple:
    """A pipeline and two photos that it takes."""

    def __init__(self, pipeline: Pipeline, mom: bytes, dad: bytes) -> None:
        self.pipeline, self.mom, self.dad = pipeline, mom, dad


@pytest.fixture(scope="module")
def real(weights_dir: Path) -> Couple:
    photos = [(EXAMPLES / f"{who}.jpg").read_bytes() for who in ("mom", "dad")]
    return Couple(ChildPipeline.load(weights_dir), *photos)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.slow)])
def couple(request: pytest.FixtureRequest) -> Couple:
    if request.param == "real":
        found: Couple = request.getfixturevalue("real")
        return found
    return Couple(FakePipeline(), photo_of("mom"), photo_of("dad"))


def test_a_photo_becomes_a_parent(couple: Couple) -> None:
    mom, dad = couple.pipeline.encode(couple.mom), couple.pipeline.encode(couple.dad)

    assert (mom.sex, dad.sex) == ("female", "male")
    assert 0.5 <= mom.sex_confidence <= 1.0 and 18 < mom.age < 70
    assert mom.crop.shape == (256, 256, 3) and mom.crop.dtype == np.uint8
    assert mom.latent.encoder == couple.pipeline.encoder_version
    assert all(spent >= 0 for spent in mom.timings_ms.values())


def test_bytes_that_are_no_photo_are_an_answer(couple: Couple) -> None:
    with pytest.raises(InputError) as refusal:
        couple.pipeline.encode(b"certainly not a picture")

    assert refusal.value.code in ("not_a_picture", "no_face")


def test_two_latents_become_a_child(couple: Couple) -> None:
    mom, dad = couple.pipeline.encode(couple.mom).latent, couple.pipeline.encode(couple.dad).latent
    heard: list[float] = []

    child = couple.pipeline.make(
        mom, dad, ChildSpec(age=8, sex="girl", mix=30, seed=5, size=256), progress=heard.append
    )

    assert child.image.shape == (256, 256, 3) and child.image.dtype == np.uint8
    assert (child.age, child.sex, child.mix, child.seed) == (8, "girl", 30, 5)
    assert set(child.likeness) == {"mom", "dad"}
    assert child.encoder == couple.pipeline.encoder_version
    assert heard == sorted(heard) and heard[-1] == 1.0


def test_growing_and_ageing_draw_pictures_of_the_size_asked(couple: Couple) -> None:
    mom, dad = couple.pipeline.encode(couple.mom).latent, couple.pipeline.encode(couple.dad).latent

    children = couple.pipeline.grow(mom, dad, ChildSpec(size=256), [2, 40])
    older = couple.pipeline.draw(couple.pipeline.age_face(mom, age=70), size=256)

    assert [child.age for child in children] == [2, 40]
    assert older.shape == children[0].image.shape == (256, 256, 3)


def test_a_refinement_gives_a_latent_of_the_same_encoder_however_little_time_it_has(couple: Couple) -> None:
    mom = couple.pipeline.encode(couple.mom)
    heard: list[float] = []

    refined = couple.pipeline.refine(mom.crop, mom.latent, progress=heard.append, seconds=2.0)

    assert isinstance(refined, Latent)
    assert (refined.encoder, refined.generator) == (mom.latent.encoder, mom.latent.generator)
    assert all(0.0 <= part <= 1.0 for part in heard)


def test_a_refinement_can_be_cancelled(couple: Couple) -> None:
    mom = couple.pipeline.encode(couple.mom)

    with pytest.raises(Cancelled):
        couple.pipeline.refine(mom.crop, mom.latent, cancelled=lambda: True)


def test_a_refinement_does_not_disturb_a_child_that_is_drawn_at_the_same_time(couple: Couple) -> None:
    mom, dad = couple.pipeline.encode(couple.mom), couple.pipeline.encode(couple.dad)
    spec = ChildSpec(size=256, seed=3)
    alone = couple.pipeline.make(mom.latent, dad.latent, spec).image
    begun = threading.Event()
    done = threading.Event()

    def go_on(part: float) -> None:
        begun.set()

    def refine() -> None:
        with contextlib.suppress(Cancelled):
            couple.pipeline.refine(mom.crop, mom.latent, progress=go_on, cancelled=done.is_set)

    other = threading.Thread(target=refine)
    other.start()
    begun.wait(60)
    together = couple.pipeline.make(mom.latent, dad.latent, spec).image
    done.set()
    other.join()

    assert np.array_equal(alone, together)
