"""A crowd on the fake Telegram server: when people come, what they send, when their picture is there."""

from __future__ import annotations

import asyncio
import bisect
import math
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.support.chats.fake_telegram import BotApi, ShownMessage

SWING = 0.8
"""The busiest moment of the day has (1 + SWING) times the mean rate, the quietest (1 - SWING) times."""


def arrivals(people: int, seconds: float, chance: random.Random) -> list[float]:
    """Moments (0..seconds, sorted) at which so many people come: a Poisson process whose rate swings like a day's.

    Given how many come, the moments of such a process are independent draws from its rate's shape; they are drawn by
    inverting its cumulated form on a fine grid.
    """
    grid = [index / 1000 for index in range(1001)]
    # The integral of 1 - SWING·cos(2πx): night at both ends, the rush in the middle.
    cumulated = [x - SWING * math.sin(2 * math.pi * x) / (2 * math.pi) for x in grid]
    return sorted(_inverse(chance.random(), grid, cumulated) * seconds for _ in range(people))


def _inverse(part: float, grid: list[float], cumulated: list[float]) -> float:
    right = min(max(bisect.bisect_left(cumulated, part), 1), len(grid) - 1)
    left = right - 1
    share = (part - cumulated[left]) / (cumulated[right] - cumulated[left])
    return grid[left] + share * (grid[right] - grid[left])


class Crowded(BotApi):
    """The fake server, for thousands: it notes when each chat's first new picture came, and keeps no picture."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = deque(maxlen=100)  # type: ignore[assignment]
        self.requests = 0
        self.shown_at: dict[int, float] = {}
        self.all_shown = asyncio.Event()
        self.expected = 0

    async def _call(self, request: Any) -> Any:
        self.requests += request.match_info["method"] != "getUpdates"
        return await super()._call(request)

    def _send(self, params: dict[str, Any], text: str, picture: bytes | None, poll: tuple[str, ...] = ()) -> Any:
        sent = super()._send(params, text, picture, poll)
        self._note(self.messages[int(params["chat_id"]), sent["message_id"]])
        return sent

    def _edit(self, message: ShownMessage, params: dict[str, Any], text: str, picture: bytes | None) -> Any:
        edited = super()._edit(message, params, text, picture)
        self._note(message)
        return edited

    def _note(self, message: ShownMessage) -> None:
        if message.picture is None:
            return
        message.picture = b"a picture"
        self.shown_at.setdefault(message.chat_id, time.monotonic())
        if len(self.shown_at) >= self.expected:
            self.all_shown.set()

    def forget(self) -> None:
        """A new round with the same people."""
        self.messages.clear()
        self.shown_at.clear()
        self.all_shown.clear()


@dataclass
class Round:
    """How it went: seconds, as people's watches show them."""

    waits: list[float] = field(default_factory=list)
    unanswered: int = 0
    began: float = 0.0
    ended: float = 0.0
    last_ask: float = 0.0
    shown: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first question to the last picture."""
        return self.ended - self.began


async def come_and_ask(
    api: Crowded, people: range, moments: list[float], photos: tuple[bytes, bytes] | None, patience: float
) -> Round:
    """Everybody comes at their moment: with two new photos, or (None) asks for a sibling of the child they know."""
    api.expected = len(people)
    asked: dict[int, float] = {}
    file_ids = None if photos is None else [api.keep_file(photo) for photo in photos]
    began = time.monotonic()
    for number, moment in zip(people, moments, strict=True):
        await asyncio.sleep(max(began + moment - time.monotonic(), 0.0))
        person = api.person(number)
        asked[number] = time.monotonic()
        if file_ids is None:
            await person.says("/sibling")
        else:
            await _album(api, number, file_ids)
    last_ask = time.monotonic()
    try:
        async with asyncio.timeout(patience):
            await api.all_shown.wait()
    except TimeoutError:
        print(f"{len(people) - len(api.shown_at)} people are still waiting after {patience:.0f} s")
    waits = [api.shown_at[number] - moment for number, moment in asked.items() if number in api.shown_at]
    shown = sorted(api.shown_at.values())
    return Round(waits, len(people) - len(waits), began, shown[-1] if shown else began, last_ask, shown)


async def _album(api: Crowded, number: int, file_ids: list[str]) -> None:
    """Both photos at once. All people send the same two files: the bot cannot know, and memory is spared."""
    person = api.person(number)
    album = f"album-{api.number()}"
    for file_id, caption in zip(file_ids, ("mom", "dad"), strict=True):
        size = {"file_id": file_id, "file_unique_id": f"u-{file_id}", "width": 512, "height": 512}
        size["file_size"] = api.sizes[file_id]
        await api.push(message=person._message(photo=[size], media_group_id=album, caption=caption))
