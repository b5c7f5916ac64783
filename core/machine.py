"""What this process has of the machine. Needs no torch: some of it must be known before torch is loaded."""

from __future__ import annotations

import os
from pathlib import Path

CARDS = Path("/proc/driver/nvidia/gpus")
"""A folder for each GPU of Nvidia's."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_cards(folder: Path = CARDS) -> int:
    """GPUs that the machine has, whether or not this process may use them."""
    return len(list(folder.iterdir())) if folder.is_dir() else 0
