"""Requests: age, mix and sex; drawing the child, variations, siblings and growth strips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bots.conversation.effects import Button, CloseQuestion, Rows, SaveSettings, Say
from bots.conversation.events import (
    ButtonPressed,
    CommandGiven,
    DrawingFailed,
    DrawingKind,
    DrawingQueued,
    DrawingReady,
    DrawingStopped,
    SourceDrawing,
)
from bots.conversation.handlers.photos import draw_new_child, new_child, tell_what_is_missing
from bots.conversation.handlers.social import card_facts
from bots.conversation.state import Child, LastPicture, Order, ParentPhoto
from bots.conversation.turn import Turn, button_row
from bots.i18n.child_names import child_name
from bots.i18n.parsing.intents import SetAge, SetMix, SetSex
from bots.i18n.parsing.reader import read_intents
from bots.i18n.parsing.words import OLDEST, read_age, read_age_group, read_mix, read_sex

AGE_LADDER = (0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
"""Where "older" and "younger" stop: close together where faces change fast."""
MIX_STEP = 20.0

AGE_CHOICES = ((1, 3, 6, 10), (15, 25, 40, 60))
MIX_CHOICES = (("mix_0", "0"), ("mix_25", "25"), ("mix_50", "50"), ("mix_75", "75"), ("mix_100", "100"))
GROUP_CHOICES = ((0, 10), *((last - 9, last) for last in range(20, OLDEST + 1, 10)))
"""0-10, 11-20 … 81-90."""
SEX_CHOICES = (("girl", "girl"), ("boy", "boy"), ("surprise", "surprise"))

AROUND_CHILD: Rows = (
    (Button("younger", "younger"), Button("older", "older")),
    (Button("more_mom", "more_mom"), Button("more_dad", "more_dad")),
    (Button("sibling", "sibling"), Button("grow", "grow")),
    (Button("card", "card"), Button("clip", "clip")),
    (Button("smile", "smile"), Button("genes", "genes")),
)
AROUND_CHILD_IN_GROUP: Rows = (*AROUND_CHILD[:-1], (*AROUND_CHILD[-1], Button("poll", "poll")))
AROUND_STRIP: Rows = ((Button("sibling", "sibling"), Button("genes", "genes")),)


# Reading and asking


def _read_age(text: str) -> float | None:
    age = read_age(text)
    return age if age is not None and 0 <= age <= OLDEST else None


def _read_mix(text: str) -> float | None:
    mix = read_mix(text)
    return mix if mix is not None and 0 <= mix <= 100 else None


READERS: dict[str, Callable[[str], float | str | None]] = {
    "age": _read_age,
    "mix": _read_mix,
    "sex": read_sex,
}


def ask_wish(turn: Turn, name: str) -> None:
    """The buttons for one wish."""
    if name == "age":
        rows: Rows = tuple(
            tuple(Button("age_choice", "age", str(age), {"age": age}) for age in row) for row in AGE_CHOICES
        )
    elif name == "mix":
        rows = tuple(button_row("mix", choice) for choice in MIX_CHOICES)
    else:
        rows = (button_row("sex", *SEX_CHOICES),)
    turn.ask(name, f"ask_{name}", rows)


def wish_command(turn: Turn, event: CommandGiven) -> None:
    """/age, /mix, /sex: with a value do it, without one ask."""
    if event.argument:
        wish_said(turn, event.name, event.argument)
    else:
        ask_wish(turn, event.name)


def wish_said(turn: Turn, name: str, text: str) -> None:
    """A typed value. A bad one is explained and changes nothing."""
    value = READERS[name](text)
    if value is None:
        value = _plain_value(turn, name, text)
    if value is None:
        turn.say(f"bad_{name}")
        return
    turn.close_question(name)
    apply_wish(turn, name, value)


def _plain_value(turn: Turn, name: str, text: str) -> float | str | None:
    """The value in "/age twelve" or "/sex una niña"; None where the words say something else as well."""
    intents = read_intents(text, turn.context.language)
    match intents[0] if len(intents) == 1 else None:
        case SetAge(years) if name == "age":
            return years if 0 <= years <= OLDEST else None
        case SetMix(share) if name == "mix":
            return share if 0 <= share <= 100 else None
        case SetSex(sex) if name == "sex":
            return sex
    return None


def wish_chosen(turn: Turn, event: ButtonPressed) -> None:
    """A value by button."""
    value = READERS[event.action](event.value)
    if value is None:
        turn.toast("stale_button")
        return
    turn.close_question(event.action)
    turn.do(CloseQuestion(f"noted_{event.action}", {event.action: value}))
    apply_wish(turn, event.action, value, quietly=True)


def group_command(turn: Turn, event: CommandGiven) -> None:
    """/group 11-20: an age in the middle of it; without one ask."""
    if not event.argument:
        buttons = [
            Button("group_choice", "age", str((youngest + oldest) // 2), {"youngest": youngest, "oldest": oldest})
            for youngest, oldest in GROUP_CHOICES
        ]
        turn.ask("age", "ask_group", tuple(tuple(buttons[at : at + 3]) for at in range(0, len(buttons), 3)))
    elif (age := read_age_group(event.argument)) is None:
        turn.say("bad_group")
    else:
        turn.close_question("age")
        apply_wish(turn, "age", age)


def apply_wish(turn: Turn, name: str, value: float | str, *, quietly: bool = False) -> None:
    """Remember the wish; if we talk about a child already, show the same child so."""
    turn.do(SaveSettings({name: value}))
    redraw_with(turn, {name: value}, f"noted_{name}", quietly=quietly, **{name: value})


def current_child(turn: Turn) -> Child | None:
    """The child that requests refer to: the one drawn next, else the one drawn last."""
    return turn.state.waiting.child if turn.state.waiting else turn.state.child


def redraw_with(turn: Turn, changes: dict[str, Any], noted: str, *, quietly: bool, **facts: Any) -> None:
    """The child we talk about, with these changes; where none can be drawn yet, say that they are noted."""
    child = current_child(turn)
    if child is None and turn.state.couple is not None:
        turn.draw("child", replace(new_child(turn), **changes))
    elif child is None:
        if not quietly:
            turn.say(noted, **facts)
    elif replace(child, **changes) == child:
        turn.say("already_so")
    else:
        turn.draw("child", replace(child, **changes))


# Drawing


def child_command(turn: Turn, event: CommandGiven) -> None:
    """/child, /child 7 girl 30% or /child 11-20: draw; a child of parents that were drawn before gets a sibling."""
    parts = event.argument.split()
    share = " ".join(part for part in parts if "%" in part)
    rest = " ".join(part for part in parts if "%" not in part)
    sex, age, mix = read_sex(rest), _read_age(rest), _read_mix(share)
    if age is None and any(sign.isdigit() for sign in rest):
        turn.say("bad_age")
        return
    if mix is None and share:
        turn.say("bad_mix")
        return
    changes: dict[str, Any] = {"sex": sex, "age": age, "mix": mix}
    changes = {name: value for name, value in changes.items() if value is not None}
    if changes:
        turn.prefer(changes)
    if turn.state.drawing is not None:
        turn.say("still_drawing")
    elif turn.state.couple is None:
        tell_what_is_missing(turn)
    else:
        draw_new_child(turn)


def sibling_command(turn: Turn, event: CommandGiven) -> None:
    """Another child of the same parents: everything as it was, only the seed is new."""
    if turn.state.child is not None:
        turn.draw("child", replace(turn.state.child, seed=turn.context.seed))
    elif turn.state.couple is not None:
        draw_new_child(turn)
    else:
        tell_what_is_missing(turn)


def grow_command(turn: Turn, event: CommandGiven) -> None:
    """The same child at many ages."""
    if turn.state.child is not None:
        turn.draw("grow", turn.state.child)
    elif turn.state.couple is not None:
        turn.draw("grow", new_child(turn))
    else:
        tell_what_is_missing(turn)


def card_command(turn: Turn, event: CommandGiven) -> None:
    """The family card of the child we talk about."""
    child = current_child(turn)
    if child is None:
        tell_what_is_missing(turn)
    else:
        turn.draw("card", child)


def _older(child: Child) -> Child | None:
    above = [age for age in AGE_LADDER if age > child.age]
    return replace(child, age=above[0]) if above else None


def _younger(child: Child) -> Child | None:
    below = [age for age in AGE_LADDER if age < child.age]
    return replace(child, age=below[-1]) if below else None


def _more_mom(child: Child) -> Child | None:
    return replace(child, mix=max(0.0, child.mix - MIX_STEP)) if child.mix > 0 else None


def _more_dad(child: Child) -> Child | None:
    return replace(child, mix=min(100.0, child.mix + MIX_STEP)) if child.mix < 100 else None


def _smile(child: Child) -> Child | None:
    calm = {look: value for look, value in child.looks.items() if look != "smile"}
    return replace(child, looks=calm if child.looks.get("smile", 0) > 0 else {**child.looks, "smile": 1.0})


VARIATIONS: dict[str, Callable[[Child], Child | None]] = {
    "older": _older,
    "younger": _younger,
    "more_mom": _more_mom,
    "more_dad": _more_dad,
    "smile": _smile,
    "grow": lambda child: child,
    "card": lambda child: child,
    "clip": lambda child: child,
}
KINDS: dict[str, DrawingKind] = {"grow": "grow", "card": "card", "clip": "clip"}
"""What a button draws, if not a child."""


def vary(turn: Turn, event: ButtonPressed) -> None:
    """A button under a picture: that picture's child, otherwise."""
    assert event.source is not None
    child = child_of(event.source)
    if event.action == "sibling":
        wanted: Child | None = replace(child, seed=turn.context.seed)
    else:
        wanted = VARIATIONS[event.action](child)
    if wanted is None:
        turn.toast(f"no_{event.action}")
    elif turn.state.drawing is not None:
        turn.toast("still_drawing")
    elif event.action != "sibling" and not turn.remember_press(f"{event.action}:{event.source.job_id}"):
        turn.toast("already_drawn")
    else:
        take_couple_of(turn, event.source)
        turn.draw(KINDS.get(event.action, "child"), wanted)


def child_of(source: SourceDrawing) -> Child:
    """The child on a finished picture."""
    wish = source.wish
    age, mix, seed = float(wish["age"]), float(wish["mix"]), int(wish["seed"])
    genes, looks = dict(wish.get("genes") or {}), dict(wish.get("looks") or {})
    return Child(source.mom, source.dad, age, mix, wish["sex"], seed, wish.get("tongue", ""), genes, looks)


def take_couple_of(turn: Turn, source: SourceDrawing) -> bool:
    """Take the couple of an older picture up again, unless a new round is half done; whether it is the round's now."""
    state = turn.state
    if state.couple == (source.mom, source.dad):
        return True
    if state.half_done:
        return False
    owner = turn.context.owner
    mom = ParentPhoto(source.mom, "", owner, status="ready")
    dad = ParentPhoto(source.dad, "", owner, status="ready")
    turn.change(mom=mom, dad=dad, names=())
    return True


# What became of it


def drawing_queued(turn: Turn, event: DrawingQueued) -> None:
    """The job row exists."""
    turn.change(drawing=event.job_id)


def drawing_ready(turn: Turn, event: DrawingReady) -> None:
    """Show the image, then draw what was requested in the meantime."""
    turn.do(_shown(turn, event))
    if event.genes:
        turn.change(shown=LastPicture(event.genes, event.code))
    if turn.state.drawing == event.job_id:
        turn.change(drawing=None)
        _draw_waiting(turn)


def _shown(turn: Turn, event: DrawingReady) -> Say:
    """The picture with its words and buttons. In a group the child has a name, so that people can talk about it."""
    name = child_name(event.seed, event.sex, event.name_locale or turn.context.language)
    facts: dict[str, Any] = {"age": event.age, "mix": event.mix, "sex": event.sex, "seen": _seen(event)}
    if event.kind == "card":
        card = card_facts(turn, event, name)
        return Say("card_caption", {"name": card.title}, drawing=event.job_id, card=card)
    if event.kind in ("grow", "clip"):
        key = "strip_caption" if event.kind == "grow" else "clip_caption"
        return Say(key, facts, AROUND_STRIP, drawing=event.job_id)
    rows = AROUND_CHILD_IN_GROUP if turn.context.group else AROUND_CHILD
    if event.quality == "refined":
        return Say("better_caption", facts, rows, drawing=event.job_id)
    if turn.context.group:
        return Say("named_caption", {"name": name, **facts}, rows, drawing=event.job_id)
    return Say("child_caption", facts, rows, drawing=event.job_id)


def _seen(event: DrawingReady) -> dict[str, Any]:
    """The estimates for the image. A strip has many ages, so none is shown."""
    seen: dict[str, Any] = {"likeness": event.likeness}
    if event.kind == "child" and event.estimated_age is not None:
        seen["age"] = event.estimated_age
        if "age_missed" in event.warnings:
            seen["missed"] = "older" if event.estimated_age > event.age else "younger"
    return seen


def drawing_failed(turn: Turn, event: DrawingFailed) -> None:
    """Say why. A refinement that failed is not worth a word: the first picture is there."""
    if event.quality == "refined":
        return
    turn.say(f"failed_{event.code}", **event.facts, job_id=event.job_id)
    if event.code == "photo_gone":
        turn.change(mom=None, dad=None)
    if turn.state.drawing == event.job_id:
        turn.change(drawing=None, child=None, waiting=None, pressed=())


def drawing_stopped(turn: Turn, event: DrawingStopped) -> None:
    """Cancelled, which was answered when it was asked for."""
    if turn.state.drawing == event.job_id:
        turn.change(drawing=None, pressed=())
        _draw_waiting(turn)


def _draw_waiting(turn: Turn) -> None:
    order: Order | None = turn.state.waiting
    if order is not None:
        turn.draw(order.kind, order.child)
