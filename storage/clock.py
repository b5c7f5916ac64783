"""Where the time comes from. Everything that needs "now" is handed a clock, so tests can turn it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, aware, in UTC."""


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)
