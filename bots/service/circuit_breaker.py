"""A circuit breaker: calls to a failing service are stopped until one probe succeeds.

    closed ──some failures in a row──▶ open ──after a while one caller may try──▶ closed
                                        ▲                    │
                                        └──fails, wait longer┘

Waits carry a little chance, so that several bots do not all knock at the moment a server comes back.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Safe to use from several threads. Ask `allows()` before a call, say `succeeded()` or `failed()` after it."""

    def __init__(
        self,
        *,
        failures: int = 3,
        first_wait: float = 0.5,
        longest: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens after so many `failures` in a row; waits (seconds) double from `first_wait` up to `longest`."""
        self._most = failures
        self._first_wait = first_wait
        self._longest = longest
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failed = 0
        self._wait = first_wait
        self._next_try = 0.0

    @property
    def open(self) -> bool:
        """Whether calls fail without being made."""
        return self._failed >= self._most

    def allows(self) -> bool:
        """Whether this call may be made now. While open, one at a time after each wait."""
        with self._lock:
            if not self.open:
                return True
            now = self._monotonic()
            if now < self._next_try:
                return False
            # Whoever tries now speaks for all; if it is never heard of again, the next one may try after as long.
            self._next_try = now + self._longest
            return True

    def succeeded(self) -> None:
        """It answers."""
        with self._lock:
            self._failed, self._wait = 0, self._first_wait

    def failed(self) -> None:
        """It did not answer."""
        with self._lock:
            self._failed += 1
            if self.open:
                self._next_try = self._monotonic() + self._wait * random.uniform(0.8, 1.2)
                self._wait = min(self._wait * 2, self._longest)
