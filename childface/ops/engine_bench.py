"""`childface doctor --bench`: times the available engines side by side and records the fastest.

All are warmed up first and then take turns, so that whatever else the machine does slows all of them alike. The best is
the one that is done soonest with what a child costs: one drawing at 1024 px and two looks at a face.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from core.engines.protocol import Engine

ROUNDS = 5
ANALYSES_PER_CHILD = 2
"""Looks at a face, beside the drawing, that one child costs (see `core.latent.age_editing`)."""


@dataclass(frozen=True)
class Row:
    """One engine: median seconds, and the largest difference of its picture from torch's, in levels of 255."""

    engine: str
    draw_1024: float
    draw_512: float
    look: float
    levels: int

    @property
    def child(self) -> float:
        """Seconds by which engines are compared."""
        return self.draw_1024 + ANALYSES_PER_CHILD * self.look


def bench(weights: Path, *, threads: int | None = None, note: Callable[[str], None]) -> dict[str, Any]:
    """Benchmark the available engines, record the fastest, and report. Raises MissingWeights."""
    from core.engines import benchmark_cache, selection
    from core.modeling.registry import Models

    models = Models(weights)
    models.require_files(safety=False)
    engines: dict[str, Engine] = {}
    for name in selection.available():
        note(f"Warming up {name}" + (" (compiles: some minutes the first time)" if name == "compiled" else ""))
        engines[name] = selection.load_engine(models, name, threads=threads)
        for work in tasks_of(engines[name], latent_of(models, 0)).values():
            work()
    note("Measuring")
    rows = measure(engines, lambda turn: latent_of(models, turn))
    best = min(rows, key=lambda row: row.child).engine
    benchmark_cache.remember(weights, best)
    return {
        "engines": [{**asdict(row), "child": round(row.child, 4)} for row in rows],
        "best": best,
        "measured_on": benchmark_cache.fingerprint(),
    }


def measure(engines: Mapping[str, Engine], latent: Callable[[int], Tensor], rounds: int = ROUNDS) -> list[Row]:
    """Let the engines take turns on the same faces; `latent` gives the W+ (1, L, D) of each round."""
    import numpy as np

    spent: dict[str, dict[str, list[float]]] = {name: {} for name in engines}
    levels = dict.fromkeys(engines, 0)
    for turn in range(rounds):
        exact = None
        for name, engine in engines.items():
            for kind, work in tasks_of(engine, latent(turn)).items():
                began = time.perf_counter()
                result = work()
                spent[name].setdefault(kind, []).append(time.perf_counter() - began)
                if kind == "draw_1024":
                    picture = result.astype(np.int16)
                    exact = picture if exact is None else exact
                    levels[name] = max(levels[name], int(np.abs(picture - exact).max()))
    return [
        Row(name, **{kind: round(statistics.median(times), 4) for kind, times in of.items()}, levels=levels[name])
        for name, of in spent.items()
    ]


def tasks_of(engine: Engine, latent: Tensor) -> dict[str, Callable[[], Any]]:
    """What is measured. No two in a row take the same latent: an engine may remember half of the last one's work."""
    return {
        "draw_1024": lambda: engine.draw(latent, size=1024).pictures,
        "draw_512": lambda: engine.draw(latent + 2e-3, size=512).pictures,
        "look": lambda: engine.look(latent + 1e-3).descriptors,
    }


def latent_of(models: Any, turn: int) -> Tensor:
    """A different face for every round."""
    import torch

    found: Tensor = models.generator.sample(1, truncation=0.7, generator=torch.Generator().manual_seed(turn))
    return found


def table(told: dict[str, Any]) -> list[str]:
    """The same as lines to read."""
    head = f"{'engine':10} {'1024 px':>9} {'512 px':>9} {'a look':>9} {'a child':>9} {'differs':>9}"
    rows = [
        f"{row['engine']:10} {row['draw_1024']:8.3f}s {row['draw_512']:8.3f}s {row['look']:8.3f}s "
        f"{row['child']:8.3f}s {row['levels']:4} of 255"
        for row in told["engines"]
    ]
    return [head, *rows, f"best: {told['best']} (remembered; CHILDFACE_ENGINE says otherwise)"]
