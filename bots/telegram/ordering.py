"""Update order: concurrent across people, in order per person, an album handled as one."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any

from telegram import Message, Update
from telegram.ext import BaseUpdateProcessor

from bots.service.keyed_locks import KeyedLocks
from bots.telegram.albums import Albums


def album_key(message: Message) -> tuple[int, str | None]:
    """By what the photos of one album are known."""
    return message.chat.id, message.media_group_id


class OrderedUpdateProcessor(BaseUpdateProcessor):
    """Everybody at the same time, each person in order; the further photos of an album join the first."""

    def __init__(self, locks: KeyedLocks, albums: Albums[Update]) -> None:
        # The lanes keep order and DOWNLOADS bounds memory; waiting itself costs next to nothing.
        super().__init__(max_concurrent_updates=10_000)
        self._locks = locks
        self._albums = albums

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Wait for one's turn, then handle."""
        assert isinstance(update, Update)
        message = update.message
        in_album = message is not None and message.media_group_id is not None
        # Before the lane: the first photo holds it while it waits for the others.
        if in_album and message is not None and self._albums.join(album_key(message), update):
            if isinstance(coroutine, Coroutine):
                coroutine.close()
            return
        async with self._locks.hold(lane_of_update(update)):
            await coroutine

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""


def lane_of_update(update: Update) -> tuple[str, str]:
    """Chat and person, as the courier names its lanes."""
    chat, person = update.effective_chat, update.effective_user
    return str(chat.id if chat else ""), str(person.id if person else "")
