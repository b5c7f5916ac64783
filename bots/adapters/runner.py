"""Runs bots until they are stopped: one event loop and one pair of signal handlers for all services."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from observability.error_summary import fields_of
from observability.logs import get_logger

log = get_logger(__name__)


class Bot(Protocol):
    """What listens to one chat service."""

    async def start(self) -> None:
        """Connect and begin to listen. Raises TokenRefused, CannotListen."""
        ...

    async def ended(self) -> None:
        """Return, or raise, when the service will never be listened to again; otherwise wait."""
        ...

    async def stop(self) -> None:
        """Finish running work, then disconnect."""
        ...


class TokenRefused(Exception):
    """A service does not know our token. (The libraries' own errors would print it.)"""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} does not know this token")
        self.service = service


class CannotListen(Exception):
    """The webhook cannot be set up: the address is in use, or the service rejects it."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service} cannot reach us: {reason}")
        self.service = service


async def run_bots(
    bots: Sequence[Bot],
    beat: Callable[[], object] = lambda: None,
    every: float = 5.0,
    on_listening: Callable[[Bot], object] = lambda bot: None,
) -> None:
    """Start them, work until SIGINT or SIGTERM (or cancellation, or one ends), stop all in order.

    Once the first one listens, `beat` is called every so many seconds, as long as the loop turns. `on_listening` is
    called with each bot whose service has answered and which listens from now on.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(name, told.set)
    started: list[Bot] = []
    listening = asyncio.Event()
    waits: list[asyncio.Task[object]] = [
        asyncio.create_task(told.wait()),
        asyncio.create_task(_beat(beat, every, listening)),
    ]
    try:
        for bot in bots:
            # A service that is unavailable is waited for, but not by the others, and not when told to stop.
            waits.append(asyncio.create_task(_work(bot, started, listening, on_listening)))
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        for fault in await asyncio.gather(*(bot.stop() for bot in started), return_exceptions=True):
            if isinstance(fault, Exception):
                log.error("a bot did not stop in order", **fields_of(fault))


async def _work(bot: Bot, started: list[Bot], listening: asyncio.Event, on_listening: Callable[[Bot], object]) -> None:
    await bot.start()
    started.append(bot)
    listening.set()
    on_listening(bot)
    await bot.ended()


async def _beat(beat: Callable[[], object], every: float, listening: asyncio.Event) -> None:
    await listening.wait()
    while True:
        beat()
        await asyncio.sleep(every)
