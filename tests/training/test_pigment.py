"""Pigment is learnt from other photos of a person: the targets by hand, and a small run that beats the cheeks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.face.pigment import CLUES
from training.data.age_faces import part_of
from training.trainers.pigment import (
    WITHIN_A_PEOPLE,
    SkinSettings,
    gather_peoples,
    gather_skins,
    in_other_light,
    join,
    report_skin,
    train_skin,
)


def seen(colours: list[tuple[float, float, float]], member: list[int], light: list[int]) -> dict[str, np.ndarray]:
    """Photos of a family whose cheeks have these colours."""
    clues = np.zeros((len(colours), CLUES), np.float32)
    clues[:, :3] = colours
    descriptors = np.zeros((len(colours), 128), np.float32)
    return {"clues": clues, "descriptors": descriptors, "member": np.array(member), "light": np.array(light)}


def teaching(count: int, part: str = "teach") -> list[str]:
    """Names of families of a part."""
    return [name for name in (f"F{number}" for number in range(20 * count + 60)) if part_of(name) == part][:count]


def test_the_target_is_the_mean_of_the_other_photos_that_show_a_colour() -> None:
    colours = [(60.0, 12, 18), (30.0, 12, 18), (64.0, 14, 20), (50.0, 0, 0), (70.0, 10, 10)]
    # Somebody on three photos in colour, the first of them lit anew, and one in black and white; and somebody on one.
    found = gather_skins({teaching(1)[0]: seen(colours, [0, 0, 0, 0, 1], [0, 1, 0, 0, 0])})
    assert found.target.tolist() == [[64, 14, 20], [64, 14, 20], [60, 12, 18], [62, 13, 19]]
    assert found.light.tolist() == [0, 1, 0, 0]
    # Both photos in colour miss each other by (4, 2, 2); a gap of two photos has twice the variance of one.
    assert found.scatter.tolist() == [[8, 2, 2], [8, 2, 2], [8, 2, 2], [4, 1, 1]]


def test_a_people_s_target_is_the_mean_of_those_who_teach() -> None:
    photos = seen([(50, 10, 10), (60, 12, 14), (90, 10, 10), (70, 9, 9)], [0, 0, 0, 0], [0, 0, 0, 0])
    labels = {"race": np.array(["a", "a", "a", "b"]), "part": np.array(["teach", "teach", "report", "teach"])}
    found = gather_peoples({name: photos[name] for name in ("clues", "descriptors", "light")} | labels)
    assert found.target.tolist() == [[55, 11, 12]] * 3 + [[70, 9, 9]]
    assert torch.allclose(found.scatter[0].sqrt(), torch.tensor(WITHIN_A_PEOPLE))
    assert len(join(found, found)) == 8 and found.of("report").target.tolist() == [[55, 11, 12]]


def test_another_light_is_another_picture_of_the_same_size() -> None:
    face = np.random.default_rng(1).integers(40, 200, (64, 64, 3)).astype(np.uint8)
    versions = [in_other_light(face, np.random.default_rng(seed)) for seed in range(12)]
    assert all(one.shape == face.shape and one.dtype == np.uint8 for one in versions)
    assert len({one.tobytes() for one in versions}) == 12
    assert np.array_equal(versions[3], in_other_light(face, np.random.default_rng(3)))


def test_an_estimator_that_can_see_the_light_beats_the_cheeks_and_states_its_errors(tmp_path: Path) -> None:
    """People of two pigments that the descriptor tells, in light that the seventh clue tells half of."""
    rng = np.random.default_rng(2)
    families = {}
    for part, count in (("teach", 60), ("stop", 20), ("report", 20)):
        for name in teaching(count, part):
            dark = rng.random() < 0.5
            light = rng.normal(0, 8, 3)
            photos = seen([((45 if dark else 70) + one, 14, 18) for one in light], [0] * 3, [0] * 3)
            photos["clues"][:, 6] = light
            photos["descriptors"][:, 0] = dark
            families[name] = photos
    found = gather_skins(families)
    nobody = replace(found, part=("none",) * len(found))  # type: ignore[arg-type]
    model = train_skin(found, nobody, tmp_path, SkinSettings(epochs=150))
    figures = report_skin(model, found, found.of("teach").target.mean(dim=0))
    assert figures["photos_estimate_light"] < 0.7 * figures["photos_own_colour_light"]
    assert figures["photos_estimate_light"] < 0.5 * figures["photos_mean_light"]
    assert figures["photos_within_stated_error"] == pytest.approx(0.75, abs=0.25)
    assert (tmp_path / "pigment.safetensors").is_file() and "families_photos" in (tmp_path / "log.jsonl").read_text()
