"""The child's appearance: /smile, /look glasses=1 hair=-0.5, and their buttons."""

from __future__ import annotations

from typing import Any

from bots.conversation.effects import Button, CloseQuestion, Rows
from bots.conversation.events import ButtonPressed, CommandGiven
from bots.conversation.handlers.requests import current_child, redraw_with
from bots.conversation.turn import Turn
from bots.i18n.parsing.traits import LOOKS, read_looks, read_strength, says_reset

RESET = "reset"
IN_A_ROW = 3
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""The strengths offered as buttons; 0 is the default look."""


def look_command(turn: Turn, event: CommandGiven) -> None:
    """/look glasses=1 hair=-0.5 sets looks, /look reset clears them, /look shows buttons."""
    if not event.argument:
        _ask_looks(turn)
    elif says_reset(event.argument):
        _reset(turn)
    elif (wanted := read_looks(event.argument)) is None:
        turn.say("bad_look")
    else:
        _wish(turn, wanted)


def smile_command(turn: Turn, event: CommandGiven) -> None:
    """/smile 0.5; without a number ask."""
    if not event.argument:
        _ask_strength(turn, "smile")
    elif (strength := read_strength(event.argument)) is None:
        turn.say("bad_smile")
    else:
        _wish(turn, {"smile": strength})


def _looks_now(turn: Turn) -> dict[str, float]:
    child = current_child(turn)
    return turn.state.looks if child is None else child.looks


def _ask_looks(turn: Turn) -> None:
    buttons = [Button(f"look_{look}", "look", look) for look in LOOKS]
    rows: Rows = tuple(tuple(buttons[at : at + IN_A_ROW]) for at in range(0, len(buttons), IN_A_ROW))
    looks = _looks_now(turn)
    if looks:
        turn.ask("looks", "ask_looks_chosen", (*rows, (Button("looks_as_usual", "look", RESET),)), looks=looks)
    else:
        turn.ask("looks", "ask_looks", rows)


def _ask_strength(turn: Turn, look: str) -> None:
    values = tuple(
        Button("look_strength", "strength", f"{look}_{place}", {"strength": strength})
        for place, strength in enumerate(STRENGTHS)
    )
    turn.ask(f"look_{look}", "ask_look", (values,), look_hint=look)


def look_chosen(turn: Turn, event: ButtonPressed) -> None:
    """One of the looks: ask how much of it. Or: all of them as usual again."""
    if event.value == RESET:
        turn.close_question("looks")
        turn.do(CloseQuestion("looks_reset"))
        _reset(turn, quietly=True)
    elif event.value in LOOKS:
        _ask_strength(turn, event.value)
    else:
        turn.toast("stale_button")


def strength_chosen(turn: Turn, event: ButtonPressed) -> None:
    """How much of a look, by button."""
    look, _, place = event.value.rpartition("_")
    if look not in LOOKS or place not in map(str, range(len(STRENGTHS))):
        turn.toast("stale_button")
        return
    wanted = {look: STRENGTHS[int(place)]}
    turn.close_question(f"look_{look}")
    turn.do(CloseQuestion("noted_looks", {"looks": wanted}))
    _wish(turn, wanted, quietly=True)


def strength_said(turn: Turn, look: str, text: str) -> bool:
    """The same as words: "0.5". Whether it was an answer."""
    strength = read_strength(text)
    if strength is not None:
        turn.close_question(f"look_{look}")
        _wish(turn, {look: strength})
    return strength is not None


def _wish(turn: Turn, wanted: dict[str, float], *, quietly: bool = False) -> None:
    """Change these looks; all others stay as they were."""
    told = _looks_now(turn) | wanted
    looks = {look: told[look] for look in LOOKS if told.get(look)}
    _apply(turn, looks, "noted_looks", quietly=quietly, looks=wanted)


def _reset(turn: Turn, *, quietly: bool = False) -> None:
    _apply(turn, {}, "looks_reset", quietly=quietly)


def _apply(turn: Turn, wanted: dict[str, float], noted: str, *, quietly: bool, **facts: Any) -> None:
    if current_child(turn) is None:
        turn.change(looks=wanted)
    redraw_with(turn, {"looks": wanted}, noted, quietly=quietly, **facts)
