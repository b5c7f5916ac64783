"""How many bytes of people's photos a chat process holds at once, whoever sends them and through whichever service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_BYTES = 40 * 2**20
"""Two photos of the largest size. Downloading and encrypting one takes about three times its size."""


class BytesInFlight:
    """Room for so many bytes. Whoever comes first gets it first, so that large photos are not passed by small ones."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._held = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Wait for room for `count` bytes, and keep it while the block lasts. More than there is counts as all."""
        count = min(count, self._most)
        async with self._turn, self._freed:
            await self._freed.wait_for(lambda: self._held + count <= self._most)
            self._held += count
        try:
            yield
        finally:
            async with self._freed:
                self._held -= count
                self._freed.notify_all()
