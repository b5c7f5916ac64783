"""Finds a person who is to be forgotten in JSON that belongs to others: somebody's state that knows their photo, the
list of a group's rounds. The rule needs no knowledge of the content: of every entry at the top, what mentions the
person goes as a whole.

    {"mom": {"photo_id": ANNAS, …}, "questions": [{"photo_id": ANNAS}, {"photo_id": BENS}], "stamp": 3}
    {"mom": None,                   "questions": [{"photo_id": BENS}],                      "stamp": 3}
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

NUMBER_FIELDS = frozenset({"number", "sender", "speaker", "user", "replied_user"})
"""Fields that hold a person's platform id. In other fields the same digits may mean anything."""


def without(content: Mapping[str, Any], ids: Set[str], number: str) -> dict[str, Any]:
    """The same content without what mentions one of our ids, or the person's number on the platform."""
    return {name: _kept(name, value, ids, number) for name, value in content.items()}


def without_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same state without the names somebody typed for the parents of this round: they tell of the person, too."""
    return {name: [] if name == "names" else value for name, value in state.items()}


def without_cards(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The same answer of a job that shows the person, without family cards: these bear the typed names."""
    lines = reply.get("lines")
    if not isinstance(lines, list):
        return dict(reply)
    return {**reply, "lines": [line for line in lines if not (isinstance(line, Mapping) and line.get("card"))]}


def _kept(name: str, value: Any, ids: Set[str], number: str) -> Any:
    if isinstance(value, list):
        return [item for item in value if not _mentions(name, item, ids, number)]
    return None if _mentions(name, value, ids, number) else value


def _mentions(name: str, value: Any, ids: Set[str], number: str) -> bool:
    if isinstance(value, Mapping):
        return any(_mentions(inner, item, ids, number) for inner, item in value.items())
    if isinstance(value, list):
        return any(_mentions(name, item, ids, number) for item in value)
    return isinstance(value, str) and (value in ids or (name in NUMBER_FIELDS and value == number))
