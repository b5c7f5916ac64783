"""Judges that only report: each names what it lacks, and a frozen trunk is read from its graph as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.domain.errors import MissingWeights
from training.reports.age_judges import apparent_ages, faceres_features, faceres_head, load_reporters
from training.reports.faceres import FaceresTrunk, load_faceres, read_constants


def test_constants_of_a_graph_are_read_in_order_and_widened(tmp_path: Path) -> None:
    first, second = np.arange(6, dtype="<f2").reshape(2, 3), np.array([1.5, -2.0], "<f4")
    weights = [
        {"name": "a", "shape": [2, 3], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "b", "shape": [2], "dtype": "float32"},
    ]
    (tmp_path / "graph.json").write_text(json.dumps({"weightsManifest": [{"weights": weights}]}))
    (tmp_path / "graph.bin").write_bytes(first.tobytes() + second.tobytes())
    found = read_constants(tmp_path / "graph.json", tmp_path / "graph.bin")
    assert found["a"].tolist() == first.tolist() and found["a"].dtype == np.float32
    assert found["b"].tolist() == second.tolist()


def test_what_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        load_faceres(tmp_path)
    with pytest.raises(MissingWeights):
        load_reporters(tmp_path)


def test_the_head_reads_what_the_trunk_shows() -> None:
    features = faceres_features(FaceresTrunk())(torch.zeros(1, 3, 256, 256))
    age, _, _ = faceres_head().eval()(features)
    assert age.shape == (1,)


def test_every_judge_sees_every_face() -> None:
    faces = np.zeros((3, 256, 256, 3), np.uint8)
    ages = apparent_ages(faces, {"one": lambda pixels: np.full(len(pixels), 7, np.float32)})
    assert ages["one"].tolist() == [7.0, 7.0, 7.0]
