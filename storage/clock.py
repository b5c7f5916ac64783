"""The clock. Everything that needs the current time is given one, so that tests can control it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, aware, in UTC."""


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)
