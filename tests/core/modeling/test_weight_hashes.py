"""Every weight file is compared with its known hash before anything parses it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlib
import pytest
import torch
from safetensors.torch import save_file

from core.domain.errors import MissingWeights
from core.face.age_estimator import AGE_FILE, AgeHead
from core.face.detection import LANDMARKS_FILE, FaceFinder
from core.face.recognition import IDENTITY_FILE, load_identity
from core.modeling import weight_hashes
from core.modeling.generator_weights import GENERATOR_FILE, load_generator, load_w_mean
from core.modeling.weight_hashes import MANIFEST, SHIPPED, SUMS, file_sha256, verified
from core.modeling.weights_io import load_weights
from core.photo.nsfw import SAFETY_FILE, SafetyNetwork, load_safety


def change_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "load"),
    [
        (SAFETY_FILE, load_safety),
        (LANDMARKS_FILE, FaceFinder.load),
        (IDENTITY_FILE, load_identity),
        (GENERATOR_FILE, load_generator),
        (GENERATOR_FILE, load_w_mean),
    ],
)
def test_a_fetched_file_that_was_changed_is_not_loaded(
    weights_dir: Path, tmp_path: Path, file: str, load: Callable[[Path], Any]
) -> None:
    for name in (file, MANIFEST):
        shutil.copy(weights_dir / name, tmp_path)
    change_last_byte(tmp_path / file)

    with pytest.raises(MissingWeights):
        load(tmp_path)


def test_another_safety_network_of_the_right_shape_is_not_loaded(weights_dir: Path, tmp_path: Path) -> None:
    save_file(SafetyNetwork().state_dict(), tmp_path / SAFETY_FILE)

    with pytest.raises(MissingWeights):
        load_safety(tmp_path)


def test_dlib_never_sees_another_landmark_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(path: str) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(dlib, "shape_predictor", parse)
    (tmp_path / LANDMARKS_FILE).write_bytes(b"whatever")

    with pytest.raises(MissingWeights):
        FaceFinder.load(tmp_path)


def test_a_file_of_ours_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    for name in (AGE_FILE, SUMS):
        shutil.copy(SHIPPED / name, tmp_path)
    load_weights(AgeHead(), tmp_path / AGE_FILE)
    change_last_byte(tmp_path / AGE_FILE)

    with pytest.raises(MissingWeights):
        load_weights(AgeHead(), tmp_path / AGE_FILE)


def test_a_file_that_nobody_knows_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({}))
    save_file({"a": torch.zeros(1)}, tmp_path / "odd.safetensors")

    with pytest.raises(MissingWeights):
        verified(tmp_path / "odd.safetensors")


def test_the_hashes_of_our_own_weights_are_up_to_date() -> None:
    listed = {name: digest for digest, name in (line.split() for line in (SHIPPED / SUMS).read_text().splitlines())}
    there = {path.name: file_sha256(path) for path in SHIPPED.glob("*.safetensors")}

    assert listed == there, "cd core/weights && sha256sum *.safetensors > SHA256SUMS"


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before = weight_hashes._hash.cache_info()
    first = [file_sha256(path) for _ in range(5)]
    after = weight_hashes._hash.cache_info()

    assert after.misses == before.misses + 1
    change_last_byte(path)
    assert file_sha256(path) != first[0] == first[4]
