"""/admin, for the operators of the bot (CHILDFACE_ADMINS). Hidden from everybody else.

/admin                       how things stand
/admin block 123             keep a person or a chat out; also as an answer to their message in a group
/admin unblock 123           take that back
/admin allow 123             let in; as soon as somebody is on this list, nobody else is let in
/admin disallow 123
/admin maintenance on|off    take in nothing new; what was begun is finished
"""

from __future__ import annotations

import re

from bots.conversation.effects import AccessVerdict, ChangeAccess, ReadAdminStats, Say, SetMaintenance
from bots.conversation.events import AccessChanged, AdminStatsRead, CommandGiven
from bots.conversation.turn import Turn

VERDICTS: dict[str, AccessVerdict] = {"block": "block", "unblock": "unblock", "allow": "allow", "disallow": "disallow"}

_PLACE = re.compile(r"(?:(telegram|discord|console):)?(-?\w{1,64})")


def admin(turn: Turn, event: CommandGiven) -> None:
    """Do what was asked, or say what can be asked."""
    words = event.argument.lower().split()
    if not turn.context.operator:
        if event.ours or not turn.context.group:
            turn.say("unknown_command")
    elif not words or words == ["status"]:
        _status(turn)
    elif words[0] == "maintenance" and words[1:] in (["on"], ["off"]):
        on = words[1] == "on"
        turn.do(SetMaintenance(on))
        turn.say("maintenance_on" if on else "maintenance_off")
    elif words[0] in VERDICTS:
        _change_access(turn, VERDICTS[words[0]], words[1:], event.about)
    else:
        turn.say("operator_help")


def _status(turn: Turn) -> None:
    if turn.context.group:
        turn.say("operator_privately")
    else:
        turn.do(ReadAdminStats())


def _change_access(turn: Turn, verdict: AccessVerdict, words: list[str], about: str | None) -> None:
    place = _PLACE.fullmatch(words[0] if len(words) == 1 else about or "" if not words else "")
    if place is None:
        turn.say("operator_whom")
    else:
        turn.do(ChangeAccess(verdict, place[2], place[1]))


def admin_stats_read(turn: Turn, event: AdminStatsRead) -> None:
    """Show the system counts."""
    turn.do(Say("operator_status", dict(event.counts), reply_to=turn.reply_to))
    if event.counts["maintenance"]:
        turn.say("maintenance_on")


def access_changed(turn: Turn, event: AccessChanged) -> None:
    """What was decided, or that it cannot be."""
    turn.say(f"door_{event.outcome}", who=event.number)
