"""Token buckets that limit incoming requests before anything is parsed."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Literal

MAX_REMEMBERED = 10_000
"""Addresses; with more of them the longest silent one is forgotten, so that a flood of addresses fills no memory."""


class Bucket:
    """Holds `burst` tokens, gets `rate` new ones a second, gives one for each request."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._seen = burst, clock()

    def take(self) -> float:
        """0 when there was a token, else the seconds until there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Flood:
    """Whether somebody sends more than the `a_minute` they may, by any key; tells them so once. 0: no limit."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute, self._clock = a_minute, clock
        self._known: OrderedDict[Hashable, tuple[Bucket, bool]] = OrderedDict()

    def judge(self, key: Hashable) -> Literal["admitted", "tell", "ignore"]:
        """`tell`: the first one too many; `ignore`: those after it, until there is room again."""
        if not self._a_minute:
            return "admitted"
        new = Bucket(self._a_minute / 60, self._a_minute, self._clock), False
        bucket, told = self._known.pop(key, new)
        admitted = bucket.take() == 0
        self._known[key] = bucket, not admitted
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return "admitted" if admitted else "ignore" if told else "tell"


class Buckets:
    """A bucket for each address."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str) -> float:
        """As `Bucket.take`."""
        key = network_of(address)
        bucket = self._known.pop(key, None) or Bucket(self._rate, self._burst, self._clock)
        self._known[key] = bucket
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return bucket.take()

    def __len__(self) -> int:
        return len(self._known)


def network_of(address: str) -> str:
    """Who shares a bucket: an IPv4 address, or the 2**64 IPv6 addresses that one customer gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
