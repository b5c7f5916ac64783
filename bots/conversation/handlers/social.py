"""Sharing: names, the resemblance poll and the group wall."""

from __future__ import annotations

import re

from bots.conversation.effects import CardFacts, FindWall, SaveGroup, Say, WallTile
from bots.conversation.events import ButtonPressed, CommandGiven, DrawingReady, WallChild, WallFound
from bots.conversation.turn import Turn
from bots.i18n.child_names import child_name
from bots.i18n.parsing.words import read_yes_no

MAX_NAME_LENGTH = 24
_BETWEEN_NAMES = re.compile(r"[,،、;&+/\n]|\s(?:and|und|y|e|и|और|和|و)\s")
"""The blanks around are taken off afterwards: to look for them here would take quadratic time."""

POLL_ANSWERS = ("poll_mom", "poll_dad", "poll_both", "poll_neither")


def names_command(turn: Turn, event: CommandGiven) -> None:
    """/names Anna, Ben, Mia: what mom, dad and perhaps the child are called on the family card of this round."""
    names = read_names(event.argument)
    if len(names) not in (2, 3):
        turn.say("names_how")
    elif any(len(name) > MAX_NAME_LENGTH for name in names):
        turn.say("names_too_long", limit_letters=MAX_NAME_LENGTH)
    else:
        turn.change(names=names)
        turn.say("names_noted")


def read_names(text: str) -> tuple[str, ...]:
    """Names with commas, "&" or "and" between; two or three words without either are names as well."""
    names = [name for part in _BETWEEN_NAMES.split(text) if (name := " ".join(part.split()))]
    if len(names) == 1:
        names = names[0].split()
    return tuple(names)


def card_facts(turn: Turn, event: DrawingReady, name: str) -> CardFacts:
    """What the family card says. Names that were given hold for the couple of this round only."""
    given = turn.state.names if turn.state.couple == event.parents else ()
    mom, dad, child, *_ = (*given, "", "", "")
    return CardFacts(
        title=child or name,
        sex=event.sex,
        age=event.age,
        mom_alike=float(event.likeness.get("mom", 0.0)),
        dad_alike=float(event.likeness.get("dad", 0.0)),
        mom_name=mom,
        dad_name=dad,
        code=event.code,
    )


def poll_pressed(turn: Turn, event: ButtonPressed) -> None:
    """Ask the group, once for each picture."""
    assert event.source is not None
    if turn.remember_press(f"poll:{event.source.job_id}"):
        turn.do(Say("poll_question", reply_to=turn.reply_to, poll=POLL_ANSWERS))
    else:
        turn.toast("already_told")


def wall_command(turn: Turn, event: CommandGiven) -> None:
    """/wall shows it, /wall on and /wall off are for the group's admins."""
    if not turn.context.group:
        turn.say("wall_needs_group")
    elif event.argument:
        _allow_wall(turn, event.argument)
    elif turn.context.wall:
        turn.do(FindWall(turn.reply_to))
    else:
        turn.say("wall_is_off")


def _allow_wall(turn: Turn, text: str) -> None:
    allowed = {"on": True, "off": False}.get(text.strip().lower(), read_yes_no(text))
    if allowed is None:
        turn.say("wall_how")
    elif not turn.context.admin:
        turn.say("wall_admins_only")
    else:
        turn.do(SaveGroup(wall=allowed))
        turn.say("wall_on" if allowed else "wall_off")


def wall_found(turn: Turn, event: WallFound) -> None:
    """The newest children of the group as one picture."""
    if not event.children:
        turn.say("wall_empty")
        return
    turn.do(Say("wall_caption", reply_to=turn.reply_to, wall=tuple(_tile(turn, child) for child in event.children)))


def _tile(turn: Turn, child: WallChild) -> WallTile:
    name = child_name(child.seed, child.sex, child.name_locale or turn.context.language)
    return WallTile(child.job_id, name, child.sex, child.age)
