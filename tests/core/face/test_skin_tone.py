"""Skin is measured alike in photos and drawings, and a child's stays between its parents'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from core.face.skin_tone import (
    DRAWN_CHEEKS,
    SLACK,
    UNKNOWN,
    Colour,
    Pigment,
    SkinRange,
    lab_of,
    mean_pigment,
    recolour,
    skin_of_drawing,
)
from core.latent.attributes import load_directions
from core.modeling.weights_io import SHIPPED
from core.pipeline import ChildPipeline

FAIR: Colour = np.array([75, 14, 18], np.float32)
DARK: Colour = np.array([45, 12, 16], np.float32)


def pigment(colour: Colour, error: float = 0.0) -> Pigment:
    """A colour that is known so well."""
    return Pigment(colour, np.full(3, error, np.float32))


def painted(colour: tuple[int, int, int], side: int = 256) -> np.ndarray:
    """A grey picture with cheeks of one colour."""
    face = np.full((side, side, 3), 128, np.uint8)
    for x, y in np.rint(np.array(DRAWN_CHEEKS) * side).astype(int):
        reach = side // 16
        face[y - reach : y + reach, x - reach : x + reach] = colour
    return face


def test_lab_is_what_the_textbook_says() -> None:
    rng = np.random.default_rng(2)
    colours = rng.integers(0, 256, (50, 3)).astype(np.uint8)
    assert np.allclose(lab_of(colours), rgb2lab(colours[None])[0], atol=0.05)
    assert np.allclose(lab_of(np.array([255.0, 255.0, 255.0])), [100, 0, 0], atol=0.02)


@pytest.mark.parametrize("side", [256, 512])
def test_the_cheeks_are_what_counts_in_a_drawing(side: int) -> None:
    face = painted((205, 160, 135), side)
    expected = rgb2lab(np.array([[[205, 160, 135]]], np.uint8))[0, 0]
    drawn = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
    assert np.allclose(skin_of_drawing(drawn), expected, atol=0.1)


def test_of_several_photos_the_surest_counts_most() -> None:
    agreed = mean_pigment([pigment(FAIR, 2), pigment(UNKNOWN), pigment(DARK, 2)])
    assert np.allclose(agreed.colour, (FAIR + DARK) / 2) and np.allclose(agreed.error, 2)
    in_the_shade = mean_pigment([pigment(FAIR, 2), pigment(DARK, 10)])
    assert np.linalg.norm(in_the_shade.colour - FAIR) < np.linalg.norm(FAIR - DARK) / 10
    assert np.isnan(mean_pigment([pigment(UNKNOWN)]).colour).all()


def test_of_an_uncertain_parent_little_is_asked() -> None:
    sure = SkinRange.of_child(pigment(FAIR, 2), pigment(FAIR, 2), mix=50)
    unsure = SkinRange.of_child(pigment(FAIR, 2), pigment(FAIR, 12), mix=50)
    brown = FAIR - np.array([10, 0, 0], np.float32)
    assert np.array_equal(unsure.nearest(brown), brown)
    assert sure.nearest(brown)[0] == FAIR[0] - 2


def test_a_child_may_have_any_colour_between_its_parents() -> None:
    skin = SkinRange.of_child(pigment(FAIR), pigment(DARK), mix=50)
    between = (FAIR + DARK) / 2
    assert np.array_equal(skin.nearest(between), between)
    assert np.allclose(skin.nearest(np.array([90, 14, 18], np.float32)), [75 + SLACK, 14, 18])


@pytest.mark.parametrize(
    ("mix", "gene", "whose"), [(0, None, FAIR), (100, None, DARK), (50, "mom", FAIR), (20, "dad", DARK)]
)
def test_a_child_of_one_parent_or_with_that_gene_has_that_colour(mix: float, gene: str | None, whose: Colour) -> None:
    skin = SkinRange.of_child(pigment(FAIR), pigment(DARK), mix=mix, gene=gene)  # type: ignore[arg-type]
    assert np.allclose(skin.low, whose - SLACK) and np.allclose(skin.high, whose + SLACK)


def test_of_a_colour_that_nobody_knows_nothing_is_asked() -> None:
    unknown = SkinRange.of_child(pigment(FAIR), pigment(UNKNOWN), mix=50)
    assert not unknown.known
    assert np.array_equal(unknown.nearest(DARK), DARK)
    assert SkinRange.of_child(pigment(FAIR), pigment(UNKNOWN), mix=0).known


def test_a_drawing_is_brought_to_the_colour_asked(weights_dir: Path) -> None:
    """Two drawn faces, made darker and yellower by ten levels: what is seen afterwards is what was asked."""
    pipeline = ChildPipeline.load(weights_dir)
    directions = load_directions(SHIPPED)
    for seed in (3, 5):
        latent = pipeline.models.generator.sample(1, truncation=0.5, generator=torch.Generator().manual_seed(seed))
        latent = directions.remove_transient_attributes(latent)
        before = pipeline.estimator.see(latent).skin
        wanted = before + np.array([-10, 0, 6], np.float32)
        after = pipeline.estimator.see(recolour(latent, before, SkinRange(wanted, wanted), directions)).skin
        assert np.abs(after - wanted).max() < 3.5
        assert torch.equal(recolour(latent, before, SkinRange(before - 1, before + 1), directions), latent)
