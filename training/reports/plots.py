"""Plots for the docs: loss curves of a run, and the table of refinements as points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.reports.projection import Result


def _axes(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, columns, figsize=(width, height), layout="constrained", squeeze=False)


def read_log(path: Path) -> dict[str, list[tuple[int, float]]]:
    """A run's `log.jsonl` → for every figure its (step, value) pairs; a run that went on is one curve."""
    curves: dict[str, dict[int, float]] = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        for name, value in entry.items():
            if name not in ("step", "seconds", "settings"):
                curves.setdefault(name, {})[int(entry["step"])] = float(value)
    return {name: sorted(curve.items()) for name, curve in curves.items()}


def plot_log(log: Path, target: Path, names: Sequence[str] = ()) -> None:
    """One panel a figure, value over steps; `names` chooses and orders them. KeyError for an unknown one."""
    curves = read_log(log)
    chosen = {name: curves[name] for name in (names or curves)}
    figure, axes = _axes(3.2 * len(chosen), 2.6, len(chosen))
    for axis, (name, curve) in zip(axes[0], chosen.items(), strict=True):
        axis.plot(*zip(*curve, strict=True), linewidth=1.2)
        axis.set(title=name.replace("_", " "), xlabel="step")
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=80)


def plot_projection(results: Sequence[Result], target: Path) -> None:
    """Every refinement as a point: dlib distance over seconds, and over the distance after ageing to six."""
    figure, axes = _axes(10.5, 4.6, 2)
    for number, result in enumerate(results, start=1):
        for axis, across in zip(axes[0], (result.seconds, result.aged_distance), strict=True):
            axis.plot(across, result.dlib_distance, "o", markersize=4)
            axis.annotate(str(number), (across, result.dlib_distance), xytext=(3, 3), textcoords="offset points")
    axes[0][0].set(xlabel="seconds a photo", ylabel="dlib distance, photo to drawing")
    axes[0][1].set(xlabel="dlib distance after ageing to 6")
    for axis in axes[0]:
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=80)
