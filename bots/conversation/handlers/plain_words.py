"""Does what somebody asked for in plain words: "a boy, 12, more like mom", "she looks weird", "thanks".

`bots.i18n.parsing` reads the words; here wishes change the child we talk about, and everything else gets an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bots.conversation.effects import Button, CancelJobs, CloseQuestion, SaveSettings
from bots.conversation.events import ButtonPressed, CommandGiven, DrawingKind
from bots.conversation.handlers.photos import draw_new_child, forget_round, tell_what_is_missing
from bots.conversation.handlers.requests import AGE_LADDER, current_child
from bots.conversation.state import Child
from bots.conversation.turn import Turn, button_row
from bots.i18n.parsing.intents import (
    RELATIVE,
    WISHES,
    Ask,
    Cannot,
    Complaint,
    Draw,
    Intent,
    Remark,
    SetAge,
    SetGene,
    SetLook,
    SetMix,
    SetSex,
    ShiftAge,
    ShiftMix,
    Wish,
)
from bots.i18n.parsing.reader import read_intents
from bots.i18n.parsing.traits import LOOKS, TRAITS
from bots.i18n.parsing.words import OLDEST, is_wish

MIX_STEPS = {"little": 10.0, "usual": 20.0, "much": 35.0}
LITTLE_OLDER = ((10.0, 1.0), (30.0, 3.0), (float("inf"), 5.0))
"""Up to which age how many years are "a bit"."""
KINDS: dict[str, DrawingKind] = {"sibling": "child", "grow": "grow", "film": "clip", "card": "card"}


def intents_in(turn: Turn, text: str) -> list[Intent]:
    """What a text asks for, in the speaker's language or another of ours."""
    return read_intents(text, turn.context.language, child_on_screen=current_child(turn) is not None)


def says_more_than_an_answer(intents: Sequence[Intent]) -> bool:
    """Whether these words go beyond the one value that an open question may have asked for."""
    wishes = [intent for intent in intents if isinstance(intent, WISHES)]
    return len(wishes) > 1 or any(isinstance(wish, RELATIVE) for wish in wishes)


def does_more_each_time(intent: Intent) -> bool:
    """Whether saying it again would change the child again: "older", but not "12"."""
    return isinstance(intent, (*RELATIVE, Draw))


def wish_in_words(turn: Turn, event: CommandGiven) -> None:
    """/wish a boy, 12, more like mom: plain words where a bot hears commands only."""
    intents = intents_in(turn, event.argument)
    if intents:
        do_intents(turn, intents)
    else:
        turn.say("wish_how")


def do_intents(turn: Turn, intents: Sequence[Intent]) -> None:
    """Say what cannot be done, do what can; where nothing was wished, answer."""
    for what in dict.fromkeys(intent.what for intent in intents if isinstance(intent, Cannot)):
        turn.say(f"cannot_{what}")
    wishes = [intent for intent in intents if isinstance(intent, WISHES)]
    if wishes:
        _fulfil(turn, wishes)
        return
    for intent in intents:
        answer = ANSWERS.get(type(intent))
        if answer is not None:
            answer(turn, intent)


# Wishes


def _fulfil(turn: Turn, wishes: Sequence[Wish]) -> None:
    """All wishes together make one picture."""
    named = _named(wishes)
    bad = next((name for name, value in named.items() if not is_wish(name, value)), None)
    if bad is not None:
        turn.say(f"bad_{bad}")
        return
    turn.close_question(*named, "genes", "looks", "better")
    if named:
        turn.prefer(named)
    child = current_child(turn)
    if child is None:
        _begin(turn, wishes, named)
        return
    wanted = child
    for wish in wishes:
        changed = _changed(wanted, wish, turn.context.seed)
        if changed is None:
            turn.say(_limit_of(wish))
            return
        wanted = changed
    kind: DrawingKind = next((KINDS[wish.what] for wish in wishes if isinstance(wish, Draw)), "child")
    if wanted == child and kind == "child":
        turn.say("already_so")
    else:
        turn.draw(kind, wanted)


def _named(wishes: Sequence[Wish]) -> dict[str, Any]:
    """Age, mix and sex that were said outright: they hold for further children, too."""
    found: dict[str, Any] = {}
    for wish in wishes:
        match wish:
            case SetAge(years):
                found["age"] = years
            case SetMix(share):
                found["mix"] = share
            case SetSex(sex):
                found["sex"] = sex
    return found


def _begin(turn: Turn, wishes: Sequence[Wish], named: dict[str, Any]) -> None:
    """There is no child yet: remember what it shall be like; draw it where both photos are there."""
    looks = {wish.look: wish.strength for wish in wishes if isinstance(wish, SetLook)}
    genes = {wish.trait: wish.source for wish in wishes if isinstance(wish, SetGene)}
    turn.change(looks=_in_order(LOOKS, turn.state.looks | looks), genes=_in_order(TRAITS, turn.state.genes | genes))
    if turn.state.couple is not None:
        draw_new_child(turn)
        return
    told = {**named, **_told(looks, genes)}
    if told:
        turn.say("wishes_noted", wishes=told)
    tell_what_is_missing(turn)


def _told(looks: dict[str, float], genes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (("looks", looks), ("traits", genes)) if value}


def _in_order(names: Sequence[str], values: dict[str, Any]) -> dict[str, Any]:
    """In the order of the gene card or of the looks, without those that are as usual."""
    return {name: values[name] for name in names if values.get(name)}


def _changed(child: Child, spec: Wish, seed: int) -> Child | None:
    """The child with one wish fulfilled; None where it cannot be any older, younger or more like a parent."""
    match spec:
        case SetAge(years):
            return replace(child, age=years)
        case ShiftAge():
            age = _shifted(child.age, spec)
            return None if age == child.age else replace(child, age=age)
        case SetSex(sex):
            return replace(child, sex=sex)
        case SetMix(share):
            return replace(child, mix=share)
        case ShiftMix(toward, amount):
            step = MIX_STEPS[amount] * (1 if toward == "dad" else -1)
            mix = min(100.0, max(0.0, child.mix + step))
            return None if mix == child.mix else replace(child, mix=mix)
        case SetLook(look, strength):
            return replace(child, looks=_in_order(LOOKS, {**child.looks, look: strength}))
        case SetGene(trait, source):
            return replace(child, genes=_in_order(TRAITS, {**child.genes, trait: source}))
        case Draw(what):
            return replace(child, seed=seed) if what == "sibling" else child


def _shifted(age: float, wish: ShiftAge) -> float:
    """By years that were said, by a year or a few for "a bit", else to the next or the next but one of AGE_LADDER."""
    sign = 1 if wish.direction == "older" else -1
    if wish.years is not None:
        return min(float(OLDEST), max(0.0, age + sign * wish.years))
    if wish.amount == "little":
        step = next(step for oldest, step in LITTLE_OLDER if age < oldest)
        return min(float(OLDEST), max(0.0, age + sign * step))
    rungs = [rung for rung in AGE_LADDER if (rung - age) * sign > 0][::sign]
    return (rungs[1:2] or rungs or [age])[0] if wish.amount == "much" else (rungs or [age])[0]


def _limit_of(spec: Wish) -> str:
    return f"no_more_{spec.toward}" if isinstance(spec, ShiftMix) else f"no_{getattr(spec, 'direction', 'older')}"


# Answers


def _answer_remark(turn: Turn, intent: Any) -> None:
    remark: Remark = intent
    if turn.state.half_done:
        tell_what_is_missing(turn)
    elif current_child(turn) is None and remark.kind == "greeting":
        turn.say("welcome_group" if turn.context.group else "welcome", photo_hours=turn.context.retention.photo_hours)
    else:
        turn.say(f"reply_{remark.kind}")


def _answer_complaint(turn: Turn, intent: Any) -> None:
    """What may help: a closer look where that is not taken anyway, another photo, another child."""
    complaint: Complaint = intent
    choices = [Button("better_photo", "better", "photo"), Button("sibling", "better", "sibling")]
    if not turn.context.preferences.refine:
        choices.insert(0, Button("better_refine", "better", "refine"))
    turn.ask("better", f"complaint_{complaint.about}", (tuple(choices),))


def better_chosen(turn: Turn, event: ButtonPressed) -> None:
    """What somebody who did not like the picture wants instead."""
    child = current_child(turn)
    turn.close_question("better")
    if event.value == "photo":
        turn.do(CloseQuestion("better_photo_how"))
    elif child is None or event.value not in ("refine", "sibling"):
        turn.toast("stale_button")
    elif event.value == "sibling":
        turn.do(CloseQuestion("picture_coming"))
        turn.draw("child", replace(child, seed=turn.context.seed))
    else:
        turn.do(SaveSettings({"refine": True}))
        turn.do(CloseQuestion("noted_refine_on"))
        turn.draw("child", child)


def _answer_ask(turn: Turn, intent: Any) -> None:
    ask: Ask = intent
    if ask.command == "help":
        turn.say("help")
    else:
        ask_to_start_over(turn)


def ask_to_start_over(turn: Turn) -> None:
    """Photos are not forgotten by a word that may have been meant otherwise."""
    if not turn.state.photos:
        tell_what_is_missing(turn)
        return
    turn.ask("restart", "start_over_sure", (button_row("restart", ("start_over", "yes"), ("keep_photos", "no")),))


def restart_chosen(turn: Turn, event: ButtonPressed) -> None:
    """Forget the photos, or keep them."""
    turn.close_question("restart")
    if event.value != "yes":
        turn.do(CloseQuestion("photos_kept"))
        return
    turn.stop_drawing()
    turn.do(CancelJobs())
    forget_round(turn)
    turn.change(questions=(), proposal=None)
    turn.do(CloseQuestion("forgotten"))


ANSWERS: dict[type, Callable[[Turn, Any], None]] = {
    Remark: _answer_remark,
    Complaint: _answer_complaint,
    Ask: _answer_ask,
}
