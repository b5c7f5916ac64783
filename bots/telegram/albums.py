"""Albums arrive as separate messages without an end marker: collects them until no more arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

QUIET = 1.0
"""Seconds without another photo after which an album is complete."""


@dataclass(slots=True)
class _Open(Generic[T]):
    items: list[T] = field(default_factory=list)
    last: float = 0.0


class Albums(Generic[T]):
    """Albums that are still coming in, by key."""

    def __init__(self, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._open: dict[Hashable, _Open[T]] = {}

    def join(self, key: Hashable, item: T) -> bool:
        """Add to an album. True if another caller is collecting it, False if this one must."""
        known = key in self._open
        album = self._open.setdefault(key, _Open())
        album.items.append(item)
        album.last = time.monotonic()
        return known

    async def complete(self, key: Hashable) -> list[T]:
        """Wait until the album is quiet, and take its items, in the order in which they came."""
        album = self._open[key]
        while (left := album.last + self._quiet - time.monotonic()) > 0:
            await asyncio.sleep(left)
        del self._open[key]
        return album.items
