"""Resources opened once per process, on first use: models (CUDA does not survive a fork), connections."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Calls `make` on first use and keeps the answer; a forked child makes its own."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: tuple[int, T] | None = None
        os.register_at_fork(after_in_child=self._new_lock)

    def __call__(self) -> T:
        """The one of this process. Two threads that ask at once get the same."""
        with self._lock:
            if self._kept is None or self._kept[0] != os.getpid():
                self._kept = (os.getpid(), self._make())
            return self._kept[1]

    def made(self) -> T | None:
        """What was made in this process so far, without making it."""
        return self._kept[1] if self._kept is not None and self._kept[0] == os.getpid() else None

    def _new_lock(self) -> None:
        # A lock that another thread held at the moment of the fork would stay closed for ever in the child.
        self._lock = threading.Lock()
