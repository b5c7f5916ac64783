"""A durable update queue: recorded before Telegram drops the update, retried while the database is down.

    getUpdates / webhook ─▶ DurableUpdateQueue.put: a row ─▶ (Telegram forgets) ─▶ heed: turns ─▶ shown ─▶ row settled

Telegram hands an update out again until we ask for those after it. PTB asks after it has put the update on its queue,
so that is where the row is written. While the store is unavailable nothing is put, and Telegram keeps everything;
people are told so once. A bot that was killed finds its rows when it starts, and goes on with them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from telegram import Update
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bots.adapters.messenger import Messenger, MessengerError, OutboundMessage
from bots.i18n.messages import render
from bots.service.conversation_service import ConversationService
from bots.service.receipts import Receipt
from bots.telegram.requests import says_something
from observability.logs import get_logger
from storage.errors import StorageUnavailable
from storage.repositories.inbox import PendingUpdate

log = get_logger(__name__)

MAX_TRIES = 5
"""How often an update that an earlier process left is begun; one that takes the process down with it is not tried for
ever. Those that wait behind it are not counted."""

FIRST_WAIT, MAX_WAIT = 0.5, 5.0
"""Seconds between retries while the database is unavailable."""


class OutageNotifier:
    """Tells people, once in each outage, that what they sent is kept."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self._told: set[int] = set()

    async def tell(self, update: Update) -> None:
        """Notify the chat of an update once, if the update was addressed to the bot."""
        chat = update.effective_chat
        if chat is None or chat.id in self._told or not _is_for_us(update):
            return
        self._told.add(chat.id)
        language = update.effective_user.language_code if update.effective_user is not None else None
        with suppress(MessengerError):
            await self._messenger.send(str(chat.id), OutboundMessage(render("store_away", {}, language)))

    def over(self) -> None:
        """The store is back."""
        self._told.clear()


class DurableUpdateQueue(asyncio.Queue[object]):
    """PTB's queue of updates; `put` returns when the update is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.write: Callable[[Update], Awaitable[bool]] | None = None

    async def put(self, item: object) -> None:
        """Write down, then queue; an update that was written down before is answered already, or will be."""
        if isinstance(item, Update) and not says_something(item):
            return
        if isinstance(item, Update) and self.write is not None and not await self.write(item):
            return
        await super().put(item)

    async def put_again(self, update: Update) -> None:
        """Queue an update that is written down."""
        await super().put(update)


class UpdateInbox:
    """The recorded updates of one bot, with retries while the database is down."""

    def __init__(
        self, service: ConversationService, queue: DurableUpdateQueue, messenger: Messenger, platform: str
    ) -> None:
        self._service = service
        self._queue = queue
        self._away = OutageNotifier(messenger)
        self._platform = platform
        self._bot: ExtBot[Any] | None = None
        self._polls = False
        self._stopping = asyncio.Event()
        self._in_hand: set[int] = set()
        """Numbers of updates that this process has queued and not settled."""
        self._left: set[int] = set()
        """Those of them that an earlier process left, and that were not begun yet."""
        queue.write = self._write

    async def open(self, bot: ExtBot[Any], *, polls: bool) -> None:
        """Take up what an earlier process left. `polls`: updates are fetched, so others can be looked at meanwhile."""
        self._bot, self._polls = bot, polls
        letters: list[PendingUpdate] = []

        async def read() -> None:
            letters.extend(await self._service.run_in_thread(self._waiting))

        await self._patiently(read)
        for letter in letters:
            update = _update_of(letter, bot)
            if update is None or letter.tries >= MAX_TRIES:
                log.error("an update is given up", count=letter.tries)
                await self._patiently(partial(self._settle, [letter.number]))
            else:
                self._in_hand.add(letter.number)
                self._left.add(letter.number)
                await self._queue.put_again(update)
        if letters:
            log.info("updates of an earlier process are answered now", count=len(letters))

    def stop(self) -> None:
        """Wait for no store any more: what is not answered stays written down."""
        self._stopping.set()

    async def take(self, update: Update) -> bool:
        """Write down and queue what was brought to us. False when told to stop: then it may not be written down."""
        await self._queue.put(update)
        return not self._stopping.is_set()

    async def handle(self, updates: Sequence[Update], work: Callable[[Receipt], Awaitable[None]]) -> None:
        """Process an update (or an album), retrying while the database is down; then mark it complete."""
        receipt = Receipt(self._source, updates[0].update_id)
        receipt.numbers = [update.update_id for update in updates]

        async def begin() -> None:
            receipt.rewind()
            await self._count_tries(receipt.numbers)
            await work(receipt)

        try:
            done = await self._patiently(begin, updates[0])
        except Exception:
            # Said with an apology; tried again it would fail again.
            await self._patiently(partial(self._settle, receipt.numbers))
            raise
        if done:
            await self._patiently(partial(self._settle, receipt.numbers))

    async def _count_tries(self, numbers: Sequence[int]) -> None:
        """Once in each process, before anything is done with what an earlier one left; a stop in order is no fault."""
        left = [number for number in numbers if number in self._left]
        if left and not self._stopping.is_set():
            await self._service.run_in_thread(self._begun, left)
            self._left.difference_update(left)

    async def _write(self, update: Update) -> bool:
        """Whether the update is new."""
        fresh: list[bool] = []

        async def write() -> None:
            fresh.append(await self._service.run_in_thread(self._keep, update.update_id, update.to_json().encode()))

        await self._patiently(write, update, look_around=self._polls)
        return bool(fresh and fresh[0])

    async def _patiently(
        self, work: Callable[[], Awaitable[None]], update: Update | None = None, *, look_around: bool = False
    ) -> bool:
        """Retry until the database is available; False if stopped first."""
        wait = FIRST_WAIT
        while True:
            try:
                await work()
            except StorageUnavailable as fault:
                log.warning("the store is away", fault=str(fault.facts()["what"]))
            else:
                self._away.over()
                return True
            if update is not None:
                await self._away.tell(update)
                if look_around:
                    await self._tell_the_next(update.update_id)
            with suppress(TimeoutError):
                # A little chance: those who wait do not all come back in the same instant.
                async with asyncio.timeout(wait * random.uniform(0.7, 1.3)):
                    await self._stopping.wait()
            if self._stopping.is_set():
                return False
            wait = min(wait * 2, MAX_WAIT)

    async def _tell_the_next(self, number: int) -> None:
        """Others write meanwhile, too: look at what Telegram holds, without taking it."""
        assert self._bot is not None
        with suppress(TelegramError):
            for update in await self._bot.get_updates(offset=number, timeout=0):
                await self._away.tell(update)

    @property
    def _source(self) -> str:
        assert self._bot is not None
        return f"{self._platform}:{self._bot.id}"

    # The store, in a thread

    def _keep(self, number: int, data: bytes) -> bool:
        with self._service.store.unit() as unit:
            fresh = unit.inbox.keep(self._source, number, data)
            # Written down and in nobody's hands: its commit was in doubt, or came after its bot was killed.
            left_over = not fresh and number not in self._in_hand and unit.inbox.is_open(self._source, number)
            unit.commit()
        self._in_hand.add(number)
        return fresh or left_over

    def _waiting(self) -> list[PendingUpdate]:
        with self._service.store.read_only() as unit:
            return unit.inbox.waiting(self._source)

    def _begun(self, numbers: Sequence[int]) -> None:
        with self._service.store.unit() as unit:
            unit.inbox.begin(self._source, numbers)
            unit.commit()

    async def _settle(self, numbers: Sequence[int]) -> None:
        await self._service.run_in_thread(self._settled, numbers)

    def _settled(self, numbers: Sequence[int]) -> None:
        with self._service.store.unit() as unit:
            unit.inbox.complete(self._source, numbers)
            unit.commit()
        self._in_hand.difference_update(numbers)


def _is_for_us(update: Update) -> bool:
    """In a group people mostly speak to each other."""
    chat, message = update.effective_chat, update.message
    if chat is None or chat.type == "private" or update.callback_query is not None:
        return True
    return message is not None and (message.text or message.caption or "").startswith("/")


def _update_of(pending: PendingUpdate, bot: ExtBot[Any]) -> Update | None:
    if pending.data is None:
        return None
    return Update.de_json(json.loads(pending.data), bot)
