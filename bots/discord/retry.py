"""Retries for Discord: the library handles 429s, this retries network errors.

What is asked for must do no harm when it is done twice, because nobody can know whether a broken try was heard: edits
and deletions are such, a new message is where it carries a nonce. A follow-up carries none: it may come twice, which
is better than lost.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import aiohttp
import discord

from bots.adapters.messenger import MessageRejected, MessengerError, RetryLater, Unreachable
from observability.metrics import RATE_LIMITS

T = TypeVar("T")

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION = 10003, 10008, 10015, 10062
INVALID_WEBHOOK_TOKEN = 50027
TOKEN_OVER = {UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_WEBHOOK_TOKEN}
BROKEN = (aiohttp.ClientError, OSError, TimeoutError)


class MessageGone(MessengerError):
    """Nothing to edit."""


class InteractionExpired(MessengerError):
    """The interaction cannot be answered any more: its fifteen minutes are over."""


class DiscordRetry:
    """Retries after broken connections. One per bot, so that shutdown can interrupt it."""

    def __init__(self, *, tries: int = 6, first_wait: float = 0.5) -> None:
        """`tries` counts broken connections and tired servers; waits between them double from `first_wait`."""
        self._tries = tries
        self._first_wait = first_wait
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Wait for nothing any more: the program ends."""
        self._hurry.set()

    async def heard(self, request: Callable[[], Awaitable[T]]) -> T:
        """What Discord answers, in our words where it is an error. `request` makes the request anew each time."""
        for failed in range(1, self._tries + 1):
            try:
                return await request()
            except (discord.RateLimited, discord.HTTPException) as error:
                meant = meaning_of(error)
                if not isinstance(meant, RetryLater) or meant.wait is not None:
                    raise meant from error
                fault: Exception = error
            except BROKEN as error:
                fault = error
            if failed == self._tries or self._hurry.is_set():
                raise RetryLater() from fault
            with suppress(TimeoutError):
                async with asyncio.timeout(self._first_wait * 2 ** (failed - 1) * random.uniform(0.8, 1.2)):
                    await self._hurry.wait()
        raise AssertionError("unreachable")


def counting_refusals() -> aiohttp.TraceConfig:
    """Counts the 429s: the library waits for what they ask, without a word."""

    async def look(_session: object, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        if ended.response.status == 429:
            RATE_LIMITS.labels("discord").inc()

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(look)
    return trace


def meaning_of(error: discord.RateLimited | discord.HTTPException) -> MessengerError:
    """Discord distinguishes these cases by status and code."""
    if isinstance(error, discord.RateLimited):
        return RetryLater(error.retry_after)
    if error.status == 429 or error.status >= 500:
        return RetryLater()
    if error.code == UNKNOWN_MESSAGE:
        return MessageGone()
    if error.code in TOKEN_OVER:
        return InteractionExpired()
    if error.status == 403 or error.code == UNKNOWN_CHANNEL:
        return Unreachable()
    return MessageRejected()
