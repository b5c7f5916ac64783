"""A stopwatch for the stages of the pipeline."""

from __future__ import annotations

import time


class Stopwatch:
    """`laps` holds milliseconds by step, in the order of the steps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """The step `name` ends now."""
        now = time.perf_counter()
        self.laps[name] = round(1000 * (now - self._last), 1)
        self._last = now
