"""People who have read the text and agreed before a test begins; what asking looks like has tests of its own."""

from __future__ import annotations

from bots.conversation.handlers.consent import version_of
from bots.conversation.turn import RetentionPolicy
from storage.unit_of_work import Store


def agreed(store: Store, platform: str, *numbers: int | str) -> None:
    """These people have agreed."""
    with store.unit() as unit:
        for number in numbers:
            user = unit.users.get_or_add(platform, str(number))
            unit.users.agree(user.id, version_of(RetentionPolicy()))
        unit.commit()
