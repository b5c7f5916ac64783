"""Rate limiting and retries for Telegram: waits as long as a 429 demands, retries network errors.

PTB's own rate limiter stops all chats when one of them gets a 429, does not try again after a broken connection, and
needs another package; a bot like this one mostly answers, so reacting is enough.

What is sent again after a broken connection may arrive twice, because nobody can know whether the first try did. Lost
would be worse for words; pictures are put into existing messages, where twice is once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from telegram.error import BadRequest, NetworkError, RetryAfter
from telegram.ext import BaseRateLimiter

from observability.metrics import RATE_LIMITS

MINOR = "minor"
"""Rate-limit argument of requests that are dropped rather than waited for: progress, chat actions."""

Result = bool | dict[str, Any] | list[dict[str, Any]]


class RateLimiter(BaseRateLimiter[str]):
    """Waits per chat. Raises RetryAfter when the service asks for more than `longest` seconds altogether."""

    def __init__(self, *, tries: int = 6, first_wait: float = 0.5, longest: float = 300.0) -> None:
        """`tries` counts broken connections; waits between them double from `first_wait`."""
        self._tries = tries
        self._first_wait = first_wait
        self._longest = longest
        self._closed_until: dict[Any, float] = {}
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Wait for nothing any more: the program ends."""
        self._hurry.set()

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""
        self._closed_until.clear()

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: str | None,
    ) -> Result:
        """Make the request, again and again if need be."""
        chat = data.get("chat_id")
        minor = rate_limit_args == MINOR
        give_up = time.monotonic() + self._longest
        broken = 0
        while True:
            await self._wait_for_chat(chat, minor, give_up)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                RATE_LIMITS.labels("telegram").inc()
                self._close(chat, seconds_of(error))
                if minor:
                    raise
            except BadRequest:  # PTB counts it among the network errors; asking again does not help
                raise
            except NetworkError:
                broken += 1
                if minor or broken >= self._tries or self._hurry.is_set():
                    raise
                # A little chance keeps forty chats from knocking in the same instant.
                await self._sleep(self._first_wait * 2 ** (broken - 1) * random.uniform(0.8, 1.2))

    async def _wait_for_chat(self, chat: Any, minor: bool, give_up: float) -> None:
        """Pause a chat for as long as the service asked."""
        while (left := self._closed_until.get(chat, 0.0) - time.monotonic()) > 0:
            if minor or self._hurry.is_set() or time.monotonic() + left > give_up:
                raise RetryAfter(timedelta(seconds=left))
            await self._sleep(left)
        self._closed_until.pop(chat, None)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _close(self, chat: Any, seconds: float) -> None:
        self._closed_until[chat] = max(self._closed_until.get(chat, 0.0), time.monotonic() + seconds)


def seconds_of(error: RetryAfter) -> float:
    """PTB is changing the attribute from int to timedelta; an environment variable decides which it is."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
