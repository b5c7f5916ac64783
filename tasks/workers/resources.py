"""Divides the machine among worker processes. Loads no model library."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from core.runtime.host import CARDS, cores, count_cards

CORES_EACH = 2
"""Of a process without a GPU: a drawing gains little from more."""

ON_A_CARD = 8
"""Drawings made at once by a process with a GPU: as many as `core/engines/batching.py` brings together."""


def cards(environ: MutableMapping[str, str] | None = None, folder: Path = CARDS) -> list[str]:
    """GPUs by their CUDA numbers or names: those of CUDA_VISIBLE_DEVICES where it is set, else all there are."""
    chosen = (os.environ if environ is None else environ).get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [card.strip() for card in chosen.split(",") if card.strip() and card.strip() != "-1"]
    return [str(number) for number in range(count_cards(folder))]


def processes() -> int:
    """One for each GPU; without one, one for every two cores."""
    return len(cards()) or max(cores() // CORES_EACH, 1)


def drawn_together() -> int:
    """How many people's drawings a process makes at once (see `tasks/jobs/concurrent_drawing.py`)."""
    return ON_A_CARD if cards() else 1


def threads_each(count: int) -> int:
    """Threads of one of `count` processes on this machine."""
    return max(cores() // count, 1)


def share_cores(count: int, environ: MutableMapping[str, str] | None = None) -> None:
    """Tell OpenMP, before anything loads it, that `count` processes share the cores; what somebody set stays.

    PASSIVE: a thread without work sleeps. Spinning, as is usual, takes the core from another process's thread that
    has work.
    """
    environ = os.environ if environ is None else environ
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environ.setdefault("OMP_NUM_THREADS", str(threads_each(count)))


def take_card(index: int, environ: MutableMapping[str, str] | None = None) -> None:
    """In a child, before CUDA is loaded: see one GPU only, another one in each child."""
    environ = os.environ if environ is None else environ
    found = cards(environ)
    if found:
        environ["CUDA_VISIBLE_DEVICES"] = found[index % len(found)]
