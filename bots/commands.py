"""The commands that chat services list in their menus, with a short description in each language."""

from __future__ import annotations

from bots.i18n.messages import render

PRIVATE = (
    "start", "help", "mom", "dad", "couple", "child", "age", "group", "mix", "sex", "genes", "smile", "look",
    "wish", "sibling", "grow", "card", "code", "names", "settings", "language", "cancel", "privacy",
    "withdraw", "delete_my_data",
)  # fmt: skip
GROUP = (
    "mom", "dad", "couple", "child", "age", "group", "mix", "sex", "genes", "smile", "look", "wish", "sibling", "grow",
    "card", "code", "names", "wall", "language", "cancel", "help", "privacy", "withdraw", "delete_my_data",
)  # fmt: skip


def menu(names: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """(command, description) pairs of one chat type in one language."""
    return [(name, render(f"command_{name}", {}, language)) for name in names]
