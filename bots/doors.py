"""Who is answered at all. Somebody who is kept out, or comes while the house is closed, hears one kind sentence.

What people have a right to is answered always: what is kept, and having it deleted.
"""

from __future__ import annotations

from bots.events import ButtonPressed, CommandGiven, OtherMessage, TextSaid
from bots.turn import Turn

OPEN_COMMANDS = frozenset({"privacy", "withdraw", "delete_my_data"})
OPEN_QUESTIONS = frozenset({"withdraw", "delete", "privacy"})

AGAIN = 15 * 60.0
"""Seconds after which somebody who comes back during maintenance is told again; who is kept out is told once."""


def kept_out(turn: Turn, event: object) -> bool:
    """Whether this event ends here; says why, once."""
    closed = turn.context.closed
    if not closed or _is_open(turn, event):
        return False
    if isinstance(event, ButtonPressed):
        turn.toast(f"closed_{closed}")
    elif not isinstance(event, TextSaid | OtherMessage) or event.addressed:
        _say_once(turn, closed)
    return True


def _say_once(turn: Turn, closed: str) -> None:
    state = turn.state
    waited = turn.context.now - state.told_at >= AGAIN
    if state.told != closed or (closed == "maintenance" and waited):
        turn.change(told=closed, told_at=turn.context.now)
        turn.say(f"closed_{closed}")


def _is_open(turn: Turn, event: object) -> bool:
    if isinstance(event, CommandGiven):
        return event.name in OPEN_COMMANDS
    if isinstance(event, ButtonPressed):
        return event.action in OPEN_QUESTIONS
    latest = max(turn.state.questions, key=lambda question: question.stamp, default=None)
    return isinstance(event, TextSaid) and latest is not None and latest.kind in OPEN_QUESTIONS
