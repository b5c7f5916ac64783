"""Rate limits per person and chat, per hour and day. Zero means unlimited.

Uses are counted in the database, so every bot process counts the same, and a restart forgets nothing; nor does deleting
one's data (`storage/repositories/quota_uses.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.repositories.quota_uses import Subject, UseKind, chat, person
from storage.unit_of_work import UnitOfWork

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Full:
    """A quota is used up. `code` ends the key of the sentence; it goes on after `seconds`."""

    code: str
    seconds: float

    @property
    def facts(self) -> dict[str, float]:
        """What the sentence tells."""
        return {"wait": self.seconds}


@dataclass(frozen=True, slots=True)
class Quotas:
    """Drawings (refined ones follow by themselves and do not count) and photos."""

    user_hour: int = 0
    user_day: int = 0
    chat_hour: int = 0
    chat_day: int = 0
    photos_hour: int = 0
    messages_minute: int = 0
    """Commands, words and buttons of one person, counted by each bot process for itself."""

    def for_drawing(self, unit: UnitOfWork, platform: str, number: str, chat_id: str, now: datetime) -> Full | None:
        """Whether the next drawing has to wait; the longest wait if several quotas are exhausted.

        `number` is the platform's number of the person.
        """
        mine, ours = person(platform, number), chat(platform, chat_id)
        return _longest(
            [
                _full(unit, "quota_user", "drawing", self.user_hour, HOUR, now, mine),
                _full(unit, "quota_user", "drawing", self.user_day, DAY, now, mine),
                _full(unit, "quota_chat", "drawing", self.chat_hour, HOUR, now, ours),
                _full(unit, "quota_chat", "drawing", self.chat_day, DAY, now, ours),
            ]
        )

    def drawn(self, unit: UnitOfWork, platform: str, number: str, chat_id: str) -> None:
        """Count a drawing, if anybody limits them."""
        if self.user_hour or self.user_day or self.chat_hour or self.chat_day:
            unit.uses.add("drawing", person(platform, number), chat(platform, chat_id))

    def for_photo(self, unit: UnitOfWork, platform: str, number: str, now: datetime) -> Full | None:
        """Whether somebody has to wait before the next photo of theirs is looked at, in whose round ever."""
        return _full(unit, "quota_photos", "photo", self.photos_hour, HOUR, now, person(platform, number))

    def looked_at(self, unit: UnitOfWork, platform: str, number: str) -> None:
        """Count a photo, if anybody limits them."""
        if self.photos_hour:
            unit.uses.add("photo", person(platform, number))


def _full(
    unit: UnitOfWork, code: str, kind: UseKind, most: int, window: timedelta, now: datetime, whose: Subject
) -> Full | None:
    """With the `most`-th newest use still inside the window, the next one has to wait until that has left it."""
    if not most:
        return None
    used = unit.uses.used_at(most, kind, whose)
    if used is None or used + window <= now:
        return None
    return Full(code, (used + window - now).total_seconds())


def _longest(found: Sequence[Full | None]) -> Full | None:
    return max((full for full in found if full is not None), key=lambda full: full.seconds, default=None)
