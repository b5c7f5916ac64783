"""Who is answered at all. Somebody who is denied access, or comes while the bot is in maintenance mode, hears one kind
sentence.

What people have a right to is answered always: what is kept, and having it deleted.
"""

from __future__ import annotations

from collections.abc import Container

from bots.conversation.events import ButtonPressed, CommandGiven, OtherMessage, TextSaid
from bots.conversation.turn import Turn

OPEN_COMMANDS = frozenset({"privacy", "withdraw", "delete_my_data"})
IMPERSONAL_COMMANDS = frozenset({"start", "help", "privacy", "wall", "language", "admin"})
"""What an anonymous admin may say: it changes nothing for a person, or only for the group."""
OPEN_QUESTIONS = frozenset({"withdraw", "delete", "privacy"})

AGAIN = 15 * 60.0
"""Seconds after which the maintenance notice is repeated; the notice of a block is shown once."""


def is_denied(turn: Turn, event: object) -> bool:
    """Whether this event ends here; says why, once."""
    closed = turn.context.closed
    if not closed or _is_open(turn, event):
        return False
    if isinstance(event, ButtonPressed):
        turn.toast(f"closed_{closed}")
    elif not isinstance(event, TextSaid | OtherMessage) or event.addressed:
        _say_once(turn, closed)
    return True


def speaks_for_nobody(turn: Turn, event: object, known: Container[str]) -> bool:
    """Whether this event ends here because a chat spoke, not a person: nobody could agree, own a photo or press.

    Telegram gives every anonymous admin one and the same number, and likewise everybody who writes as a channel.
    """
    if not turn.context.anonymous:
        return False
    if isinstance(event, TextSaid | OtherMessage):
        refused = event.addressed
    elif isinstance(event, CommandGiven):
        asks_by_buttons = event.name == "language" and not event.argument
        if event.name in IMPERSONAL_COMMANDS and not asks_by_buttons:
            return False
        refused = event.name in known
    else:
        refused = True
    if refused:
        turn.say("write_as_yourself")
    return True


def _say_once(turn: Turn, closed: str) -> None:
    state = turn.state
    waited = turn.context.now - state.last_notice_at >= AGAIN
    if state.last_notice != closed or (closed == "maintenance" and waited):
        turn.change(last_notice=closed, last_notice_at=turn.context.now)
        turn.say(f"closed_{closed}")


def _is_open(turn: Turn, event: object) -> bool:
    if isinstance(event, CommandGiven):
        return event.name in OPEN_COMMANDS
    if isinstance(event, ButtonPressed):
        return event.action in OPEN_QUESTIONS
    latest = max(turn.state.questions, key=lambda question: question.question_id, default=None)
    return isinstance(event, TextSaid) and latest is not None and latest.kind in OPEN_QUESTIONS
