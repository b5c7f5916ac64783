"""The engines are timed in turns, and the best is remembered and used."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from childface.cli.context import Environment
from childface.cli.main import app
from childface.ops import engine_bench
from core.engines.benchmark_cache import recall
from core.engines.protocol import PreviewAnalysis, RenderResult


class Sluggish:
    """An engine that takes its time; all it draws is one grey."""

    def __init__(self, name: str, seconds: float, grey: int, log: list[str]) -> None:
        self.name, self.seconds, self.grey, self.log = name, seconds, grey, log

    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        time.sleep(self.seconds)
        self.log.append(self.name)
        return RenderResult(np.full((1, 2, 2, 3), self.grey, np.uint8), torch.zeros(1, 3, 256, 256))

    def look(self, latents: Tensor) -> PreviewAnalysis:
        return PreviewAnalysis(torch.zeros(2, 128), torch.zeros(2, 5632), torch.zeros(1, 2, 3))


def test_engines_take_turns_and_the_slower_one_is_seen(tmp_path: Path) -> None:
    log: list[str] = []
    engines = {"torch": Sluggish("torch", 0.02, 100, log), "fast": Sluggish("fast", 0.0, 103, log)}
    slow, fast = engine_bench.measure(engines, lambda _: torch.zeros(1, 23, 512), rounds=3)  # type: ignore[arg-type]
    assert log == ["torch", "torch", "fast", "fast"] * 3
    assert slow.child > fast.child
    assert (slow.levels, fast.levels) == (0, 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's compiler warns about itself
def test_doctor_measures_what_is_installed_and_the_pipeline_takes_the_best(
    weights_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.engines import selection
    from core.modeling.registry import Models

    for file in weights_dir.iterdir():
        if file.is_file():
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / "engine.json").unlink(missing_ok=True)
    monkeypatch.setenv("CHILDFACE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setattr(selection, "can_compile", lambda: False)
    told = CliRunner().invoke(app, ["doctor", "--bench", "--json"], obj=Environment())
    assert told.exit_code == 0, told.output
    measured = json.loads(told.stdout)
    rows = {row["engine"]: row for row in measured["engines"]}
    assert set(rows) == {"torch", "openvino"}
    assert all(row["draw_1024"] > 0 for row in rows.values())
    assert rows["openvino"]["levels"] <= 32
    assert recall(tmp_path) == measured["best"] == selection.load_engine(Models(tmp_path), "auto").name
    lines = engine_bench.table(measured)
    assert measured["best"] in lines[-1]
    assert len(lines) == 4
