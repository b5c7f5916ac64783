"""Remembers the fastest engine as measured by `childface doctor --bench`. Needs no torch.

What it was measured on stands with it: on another processor, or with other versions, the measurement does not count.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.runtime.host import cores, count_cards

REMEMBERED = "engine.json"
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
"""What of a processor matters to arithmetic, as Linux calls it."""


def remember(cache: Path, engine: str) -> None:
    """Keep the winner of a measurement."""
    fresh = cache / f".{REMEMBERED}"
    fresh.write_text(json.dumps({"engine": engine, "measured_on": fingerprint()}, indent=2) + "\n")
    fresh.replace(cache / REMEMBERED)


def recall(cache: Path) -> str | None:
    """The winner of a measurement on a machine like this one; None without it."""
    try:
        kept = json.loads((cache / REMEMBERED).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or kept.get("measured_on") != fingerprint():
        return None
    return str(kept.get("engine"))


def fingerprint() -> dict[str, str]:
    """What a measurement depends on: processor, cores that we may use, GPUs, versions."""
    return {
        "processor": processor(),
        "cores": str(cores()),
        "gpus": str(count_cards()),
        "python": platform.python_version(),
        **{name: version_of(name) for name in ("torch", "openvino")},
    }


def processor() -> str:
    """The processor's name and flags."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        told.setdefault(name.strip(), value.strip())
    flags = told.get("flags", told.get("Features", "")).split()
    return " ".join([told.get("model name", platform.machine()), *(flag for flag in FLAGS if flag in flags)])


def version_of(distribution: str) -> str:
    """Its version, or `none`."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"
