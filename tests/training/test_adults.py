"""Parents for made-up couples are found on photos, and found again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.pipeline import ChildPipeline
from training.data.adults import find_adults, kept_grown_ups

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def pipeline(weights_dir: Path) -> ChildPipeline:
    return ChildPipeline.load(weights_dir)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Mom, twice, dad, and what shows nobody."""
    names = ("mom.jpg", "mom.jpg", "dad.jpg")
    paths = [shutil.copy(EXAMPLES / name, tmp_path / f"{number}.jpg") for number, name in enumerate(names)]
    (tmp_path / "none.jpg").write_bytes(b"no photo")
    return [tmp_path / "none.jpg", *map(Path, paths)]


def test_women_and_men_are_told_apart_and_what_is_no_photo_is_passed_over(
    pipeline: ChildPipeline, photos: list[Path]
) -> None:
    assert {sex: len(some) for sex, some in find_adults(pipeline, photos).items()} == {"female": 2, "male": 1}
    assert {sex: len(some) for sex, some in find_adults(pipeline, photos, most=1).items()} == {"female": 1, "male": 1}
    assert find_adults(pipeline, photos[:1]) == {"female": [], "male": []}


def test_what_is_kept_is_not_looked_for_again_until_the_encoder_changes(
    pipeline: ChildPipeline, photos: list[Path], tmp_path: Path
) -> None:
    found = kept_grown_ups(pipeline, photos, tmp_path / "parents")
    again = kept_grown_ups(pipeline, [], tmp_path / "parents")
    for sex, some in found.items():
        assert [one.w.tobytes() for one in some] == [one.w.tobytes() for one in again[sex]]
    replace(found["male"][0], encoder="an older one").save(tmp_path / "parents" / "male" / "00000.npz")
    fresh = kept_grown_ups(pipeline, photos[-1:], tmp_path / "parents")
    assert fresh["female"] == [] and np.array_equal(fresh["male"][0].w, found["male"][0].w)
