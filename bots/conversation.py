"""The conversation as a table: what happens → who answers. No network, no store, no clock, no chance.

    EVENTS    kind of event  → handler      (this file)
    COMMANDS  /name          → handler      (this file)
    BUTTONS   action         → handler      (this file)
    NEXT      what the photos of the round call for → handler   (bots/photos.py)

The handlers stand in bots/photos.py (photos, faces, who is who), bots/wishes.py (age, mix, sex, drawing again),
bots/plain_words.py (wishes in somebody's own words), bots/genes.py (whose each trait is, the code), bots/looks.py
(smile, glasses …), bots/couples.py (two people who both have to agree), bots/fun.py (names, wall, poll),
bots/consent.py (agreeing, withdrawing, privacy), bots/operators.py (/admin) and bots/talk.py (help, cancel, deleting).
Before all of them stands bots/doors.py (who is answered at all).
`step` is pure: the same state, event and context give the same new state and steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bots import consent, couples, fun, genes, looks, operators, photos, plain_words, talk, wishes
from bots.doors import kept_out
from bots.events import (
    AvatarsReceived,
    ButtonPressed,
    CodeRead,
    CommandGiven,
    CoupleProposed,
    DataDeleted,
    DoorChanged,
    DrawingFailed,
    DrawingQueued,
    DrawingReady,
    DrawingStopped,
    Event,
    OtherMessage,
    PhotoEncoded,
    PhotoNotTaken,
    PhotoRefused,
    PhotosOffered,
    PhotoSplit,
    PhotosReceived,
    StandingRead,
    TextSaid,
    WallFound,
)
from bots.state import State
from bots.steps import Step
from bots.turn import Context, Turn

SILENCE = 6 * 3600.0
"""Seconds after which photos that led to nothing are dropped: who comes back then means to begin anew."""


def step(state: State, event: Event, context: Context) -> tuple[State, list[Step]]:
    """Answer one event."""
    turn = Turn(state, context, reply_to=getattr(event, "message_id", None))
    if isinstance(event, FROM_PEOPLE):
        if kept_out(turn, event):
            return turn.state, turn.steps
        _after_silence(turn)
        turn.change(touched=context.now)
    EVENTS[type(event)](turn, event)
    return turn.state, turn.steps


def _after_silence(turn: Turn) -> None:
    """Drop a round that was left half done long ago."""
    quiet = turn.context.now - turn.state.touched
    begun = turn.state.half_done or turn.state.parked
    if quiet > SILENCE and begun and turn.state.drawing is None:
        photos.forget_round(turn)


def command_given(turn: Turn, event: CommandGiven) -> None:
    """Look the command up. In a group an unknown one was meant for another bot."""
    handler = COMMANDS.get(event.name)
    if handler is not None:
        handler(turn, event)
    elif not turn.context.group:
        turn.say("unknown_command")


def button_pressed(turn: Turn, event: ButtonPressed) -> None:
    """Look the button up; refuse stale ones and other people's."""
    handler = BUTTONS.get(event.action)
    question = next((q for q in turn.state.questions if q.stamp == event.stamp), None)
    if handler is None or (event.source is None and question is None):
        turn.toast("stale_button")
    elif event.action not in ASKED_OTHERS and not _may_press(turn, event, question.photo_id if question else None):
        turn.toast("not_your_button")
    else:
        handler(turn, event)


def _may_press(turn: Turn, event: ButtonPressed, photo_id: str | None) -> bool:
    """The one whose round it is; for a question about a photo also its sender; for a picture everybody in it."""
    allowed = {turn.context.owner}
    photo = turn.state.photo(photo_id) if photo_id else None
    if photo is not None:
        allowed.add(photo.sender)
    if event.source is not None:
        allowed.update(event.source.people)
    return turn.context.sender in allowed


Handler = Callable[[Turn, Any], None]

EVENTS: dict[type, Handler] = {
    CommandGiven: command_given,
    ButtonPressed: button_pressed,
    TextSaid: talk.text_said,
    OtherMessage: talk.other_message,
    PhotosOffered: consent.photos_offered,
    PhotosReceived: photos.photos_received,
    CoupleProposed: couples.couple_proposed,
    AvatarsReceived: couples.avatars_received,
    PhotoNotTaken: photos.photo_not_taken,
    PhotoEncoded: photos.photo_encoded,
    PhotoRefused: photos.photo_refused,
    PhotoSplit: photos.photo_split,
    DrawingQueued: wishes.drawing_queued,
    DrawingReady: wishes.drawing_ready,
    DrawingFailed: wishes.drawing_failed,
    DrawingStopped: wishes.drawing_stopped,
    CodeRead: genes.code_read,
    WallFound: fun.wall_found,
    DataDeleted: talk.data_deleted,
    StandingRead: operators.standing_read,
    DoorChanged: operators.door_changed,
}

FROM_PEOPLE = (CommandGiven, ButtonPressed, TextSaid, OtherMessage, PhotosOffered, PhotosReceived, CoupleProposed)

ASKED_OTHERS = ("couple",)
"""Buttons for people whom the round's owner named: their handlers look themselves who may press."""

COMMANDS: dict[str, Handler] = {
    "start": talk.start,
    "help": talk.help_,
    "mom": photos.parent_command,
    "dad": photos.parent_command,
    "couple": couples.couple_command,
    "child": wishes.child_command,
    "age": wishes.wish_command,
    "mix": wishes.wish_command,
    "sex": wishes.wish_command,
    "group": wishes.group_command,
    "genes": genes.genes_command,
    "smile": looks.smile_command,
    "look": looks.look_command,
    "code": genes.code_command,
    "sibling": wishes.sibling_command,
    "grow": wishes.grow_command,
    "card": wishes.card_command,
    "wish": plain_words.wish_in_words,
    "names": fun.names_command,
    "wall": fun.wall_command,
    "settings": talk.settings,
    "language": talk.language,
    "cancel": talk.cancel,
    "privacy": consent.privacy,
    "withdraw": consent.withdraw,
    "delete_my_data": talk.delete_my_data,
    "admin": operators.admin,
}

BUTTONS: dict[str, Handler] = {
    # under a question
    "who": photos.who_chosen,
    "face": photos.face_chosen,
    "whose": photos.whose_chosen,
    "couple": couples.couple_answered,
    "grown_up": photos.age_is_wrong,
    "age": wishes.wish_chosen,
    "mix": wishes.wish_chosen,
    "sex": wishes.wish_chosen,
    "trait": genes.trait_chosen,
    "gene": genes.source_chosen,
    "look": looks.look_chosen,
    "strength": looks.strength_chosen,
    "set": talk.setting_chosen,
    "language": talk.language_chosen,
    "delete": talk.delete_chosen,
    "consent": consent.consent_chosen,
    "withdraw": consent.withdraw_chosen,
    "better": plain_words.better_chosen,
    "restart": plain_words.restart_chosen,
    # under a picture
    "older": wishes.vary,
    "younger": wishes.vary,
    "more_mom": wishes.vary,
    "more_dad": wishes.vary,
    "smile": wishes.vary,
    "sibling": wishes.vary,
    "grow": wishes.vary,
    "card": wishes.vary,
    "clip": wishes.vary,
    "genes": genes.genes_pressed,
    "poll": fun.poll_pressed,
}
