"""Training logs and checkpoints: one JSON object a line, and files that a run can be resumed from."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch


class TrainingLog:
    """Averages the losses between lines of `log.jsonl`; notes (scores) are written at once."""

    def __init__(self, folder: Path, *, settings: dict[str, Any], every: int = 100) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        self.every = every
        self.started = time.monotonic()
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self._write({"settings": settings})

    def add(self, step: int, **losses: float) -> None:
        """Remember the losses of one step; every hundredth step writes their means."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        if step % self.every == 0:
            self.note(step, **{name: total / self.counts[name] for name, total in self.sums.items()})
            self.sums, self.counts = {}, {}

    def note(self, step: int, **scores: float) -> None:
        """Write one line now."""
        rounded = {name: round(value, 5) for name, value in scores.items()}
        self._write({"step": step, "seconds": round(time.monotonic() - self.started), **rounded})

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


def save_checkpoint(path: Path, *, step: int, settings: dict[str, Any], **parts: Any) -> None:
    """Write the state of every part, the step and the settings; the old file stays until the new one is whole."""
    state = {"step": step, "settings": settings, **{name: part.state_dict() for name, part in parts.items()}}
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    fresh.replace(path)


def load_checkpoint(path: Path, **parts: Any) -> int:
    """Put a checkpoint's state back into the parts; returns the step it was taken at."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])
