"""How much one person, and one chat, may ask for in an hour and in a day. Zero means: as much as they like.

Counted are job rows, so every bot process counts the same, and a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.records import JobKind
from storage.unit import Unit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DRAWINGS: tuple[JobKind, ...] = ("child", "grow", "card")
PHOTOS: tuple[JobKind, ...] = ("encode",)


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

    def for_drawing(self, unit: Unit, user_id: str, platform: str, chat_id: str, now: datetime) -> Full | None:
        """Whether somebody has to wait for the next drawing; the longest wait, if several quotas are used up."""
        mine, ours = {"user_id": user_id}, {"platform": platform, "chat_id": chat_id}
        return _longest(
            [
                _full(unit, "quota_user", DRAWINGS, self.user_hour, HOUR, now, mine),
                _full(unit, "quota_user", DRAWINGS, self.user_day, DAY, now, mine),
                _full(unit, "quota_chat", DRAWINGS, self.chat_hour, HOUR, now, ours),
                _full(unit, "quota_chat", DRAWINGS, self.chat_day, DAY, now, ours),
            ]
        )

    def for_photo(self, unit: Unit, user_id: str, now: datetime) -> Full | None:
        """Whether somebody has to wait before the next photo is looked at."""
        return _full(unit, "quota_photos", PHOTOS, self.photos_hour, HOUR, now, {"user_id": user_id})


def _full(
    unit: Unit,
    code: str,
    kinds: Sequence[JobKind],
    most: int,
    window: timedelta,
    now: datetime,
    whose: dict[str, str],
) -> Full | None:
    """With the `most`-th newest job still inside the window, the next one has to wait until that has left it."""
    if not most:
        return None
    asked = unit.jobs.asked_at(most, kinds, **whose)
    if asked is None or asked + window <= now:
        return None
    return Full(code, (asked + window - now).total_seconds())


def _longest(found: Sequence[Full | None]) -> Full | None:
    return max((full for full in found if full is not None), key=lambda full: full.seconds, default=None)
