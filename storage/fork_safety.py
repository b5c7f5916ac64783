"""Prevents forking while a thread of the process is inside a transaction.

SQLite keeps the locks of a process in memory. A child that was forked meanwhile has them, too, with nobody to let them
go, and finds its database locked for as long as it lives. (https://www.sqlite.org/howtocorrupt.html, 2.6)
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

PATIENCE = 10.0
"""Seconds that a fork waits at most: a database that hangs must not keep a worker from replacing a process."""


class Transactions:
    """Those of this process."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a child after a fork: it has no other threads."""
        self._changed = threading.Condition()
        self._threads: Counter[int] = Counter()
        self._forking = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a transaction. It waits while a fork is under way, unless it lies within another one."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._forking or me in self._threads)
            self._threads[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._threads -= Counter((me,))
                self._changed.notify_all()

    def hold(self) -> None:
        """Before a fork: wait for those of other threads, and let none begin."""
        me = threading.get_ident()
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: not self._threads.keys() - {me}, PATIENCE)

    def go_on(self) -> None:
        """After it, in the parent."""
        self._forking = False
        self._changed.notify_all()
        self._changed.release()


@cache
def transactions() -> Transactions:
    """Those of this process, for which forks wait from the first time that somebody asks."""
    every = Transactions()
    os.register_at_fork(before=every.hold, after_in_parent=every.go_on, after_in_child=every.begin_anew)
    return every
