"""What skin is and what is light: estimated from pictures whose light is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.domain.errors import MissingWeights
from core.face.pigment import CLUES, ERRORS, PIGMENTS, PigmentEstimator, light_clues, load_pigment
from core.face.recognition import identity_chip
from core.face.skin_tone import CHEEKS, DRAWN_CHEEKS, Pigment, lab_of
from core.modeling.weights_io import SHIPPED
from core.pipeline import ChildPipeline
from core.runtime.tensors import to_pixels, to_tensor


def landmarks(side: int) -> np.ndarray:
    """Those around the cheeks at the cheeks' middles, all others spread over the face."""
    points = np.linspace((0.3, 0.35), (0.7, 0.85), 68) * side
    for around, middle in zip(CHEEKS, DRAWN_CHEEKS, strict=True):
        points[list(around)] = np.array(middle) * side
    return points


@pytest.mark.parametrize("side", [256, 512])
def test_the_first_clue_is_the_colour_of_the_cheeks_and_the_second_how_they_differ(side: int) -> None:
    face = np.full((side, side, 3), 128, np.uint8)
    colours = np.array([[205, 160, 135], [165, 120, 95]], np.uint8)
    for (x, y), colour in zip(np.rint(np.array(DRAWN_CHEEKS) * side).astype(int), colours, strict=True):
        face[y - side // 16 : y + side // 16, x - side // 16 : x + side // 16] = colour
    clues = light_clues(face, landmarks(side))
    left, right = lab_of(colours)
    assert clues.shape == (CLUES,) and np.isfinite(clues).all()
    assert np.allclose(clues[:3], (left + right) / 2, atol=1) and np.allclose(clues[3:6], abs(left - right), atol=1)


@pytest.mark.parametrize("level", [0, 255])
def test_a_picture_that_shows_nothing_gives_a_colour_that_skin_can_have(level: int) -> None:
    model = load_pigment(SHIPPED)
    found = model.estimate(np.full((256, 256, 3), level, np.uint8), landmarks(256), torch.zeros(1, 128))
    assert (found.colour >= PIGMENTS[:, 0]).all() and (found.colour <= PIGMENTS[:, 1]).all()
    assert (found.error >= ERRORS[0] - 1e-4).all() and (found.error <= ERRORS[1] + 1e-4).all()


def test_shade_and_tint_move_the_estimate_less_than_the_cheeks(weights_dir: Path) -> None:
    """Four drawn faces, as they are, at a third of the light, and under a blue lamp."""
    pipeline = ChildPipeline.load(weights_dir)
    moved, seen = [], []
    for seed in range(4):
        latent = pipeline.models.generator.sample(1, truncation=0.6, generator=torch.Generator().manual_seed(seed))
        face = to_pixels(pipeline.engine.preview(pipeline.models.directions.remove_transient_attributes(latent)))
        plain = estimated(pipeline, face)
        for light in ((0.33, 0.33, 0.33), (0.7, 0.9, 1.25)):
            lit = np.asarray((((face / 255) ** 2.2 * light).clip(0, 1) ** (1 / 2.2) * 255).round(), np.uint8)
            moved.append(np.linalg.norm(estimated(pipeline, lit).colour - plain.colour))
            points = pipeline.models.finder.aligned_landmarks(face)
            seen.append(np.linalg.norm((light_clues(lit, points) - light_clues(face, points))[:3]))
    assert np.mean(moved) < np.mean(seen) / 3


def estimated(pipeline: ChildPipeline, face: np.ndarray) -> Pigment:
    descriptor = pipeline.engine.extract_features(identity_chip(to_tensor(face))).descriptors
    return pipeline.models.pigment.estimate(face, pipeline.models.finder.aligned_landmarks(face), descriptor)


def test_strange_inputs_are_taken_for_the_strangest_that_were_seen() -> None:
    torch.manual_seed(0)
    model = PigmentEstimator().eval()
    some = model(torch.full((1, CLUES), 4.0), torch.zeros(1, 128))[0]
    assert torch.equal(some, model(torch.full((1, CLUES), 1e6), torch.zeros(1, 128))[0])


def test_without_its_file_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_pigment(tmp_path)
