"""Waiting as asked, trying again within reason, dropping what is minor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut

from bots.telegram.retry import MINOR, RateLimiter

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")


class Service:
    """Answers with these errors, then with True."""

    def __init__(self, *errors: TelegramError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, *args: Any, **kwargs: Any) -> bool:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return True

    async def asked(self, patience: RateLimiter, *, minor: bool = False, chat: int = 1) -> object:
        data = {"chat_id": chat}
        return await patience.process_request(self, (), {}, "sendMessage", data, MINOR if minor else None)


def soon(seconds: float = 0.02) -> RetryAfter:
    return RetryAfter(timedelta(seconds=seconds))


async def test_a_429_is_waited_for() -> None:
    service = Service(soon(), soon())
    assert await service.asked(RateLimiter()) is True
    assert service.calls == 3


async def test_a_broken_connection_is_tried_again() -> None:
    service = Service(NetworkError("gone"), TimedOut())
    assert await service.asked(RateLimiter(first_wait=0.001)) is True


async def test_a_connection_that_stays_broken_is_given_up() -> None:
    service = Service(*[NetworkError("gone")] * 10)
    with pytest.raises(NetworkError):
        await service.asked(RateLimiter(tries=3, first_wait=0.001))
    assert service.calls == 3


async def test_a_bad_request_is_not_repeated() -> None:
    service = Service(BadRequest("no"))
    with pytest.raises(BadRequest):
        await service.asked(RateLimiter())
    assert service.calls == 1


async def test_minor_requests_are_dropped_rather_than_waited_for() -> None:
    patience = RateLimiter()
    blocked = Service(soon(30))
    with pytest.raises(RetryAfter):
        await blocked.asked(patience, minor=True)
    with pytest.raises(RetryAfter):
        await Service().asked(patience, minor=True)
    assert await Service().asked(patience, minor=True, chat=2) is True


async def test_a_wait_that_is_too_long_is_not_begun() -> None:
    with pytest.raises(RetryAfter):
        await Service(soon(400)).asked(RateLimiter(longest=300))


async def test_in_a_hurry_nothing_is_waited_for() -> None:
    patience = RateLimiter()
    patience.hurry()
    with pytest.raises(RetryAfter):
        await Service(soon(30)).asked(patience)
    with pytest.raises(NetworkError):
        await Service(NetworkError("gone")).asked(patience, chat=2)
