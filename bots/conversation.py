"""The conversation as a table: what happens → who answers. No network, no store, no clock, no chance.

    EVENTS    kind of event  → handler      (this file)
    COMMANDS  /name          → handler      (this file)
    BUTTONS   action         → rule, handler (this file; the rules are in bots/button_rules.py)
    NEXT      what the photos of the round call for → handler   (bots/photos.py)

The handlers stand in bots/photos.py (photos, faces, who is who), bots/wishes.py (age, mix, sex, drawing again),
bots/plain_words.py (wishes in somebody's own words), bots/genes.py (whose each trait is, the code), bots/looks.py
(smile, glasses …), bots/couples.py (two people who both have to agree), bots/fun.py (names, wall, poll),
bots/consent.py (agreeing, withdrawing, privacy), bots/operators.py (/admin) and bots/talk.py (help, cancel, deleting).
Before all of them stands bots/doors.py (who is answered at all).
`step` is pure: the same state, event and context give the same new state and steps.
"""

from __future__ import annotations

from bots import consent, couples, fun, genes, looks, operators, photos, plain_words, talk, wishes
from bots.button_rules import (
    ButtonRule,
    Handler,
    anybody,
    everybody_drawn,
    is_face,
    is_language,
    is_look,
    is_source,
    is_strength,
    is_trait,
    is_wish,
    is_withdrawal,
    one_of,
    owner_or_sender,
)
from bots.doors import kept_out, speaks_for_nobody
from bots.events import (
    AvatarsReceived,
    ButtonPressed,
    CodeRead,
    CommandGiven,
    CoupleProposed,
    DataDeleted,
    DoorChanged,
    DrawingFailed,
    DrawingKind,
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
        if kept_out(turn, event) or speaks_for_nobody(turn, event, COMMANDS):
            return turn.state, turn.steps
        _after_silence(turn)
        turn.change(touched=context.now)
    EVENTS[type(event)](turn, event)
    return turn.state, turn.steps


def _after_silence(turn: Turn) -> None:
    """Drop a round that was left half done long ago."""
    quiet = turn.context.now - turn.state.touched
    begun = turn.state.half_done or turn.state.parked or turn.state.reposts
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
    """Refuse a button that does not belong to its question or picture, and other people's; then do what it says."""
    rule = BUTTONS.get(event.action)
    question = next((q for q in turn.state.questions if q.stamp == event.stamp), None)
    if rule is None or not rule.fits(turn, question, event):
        turn.toast("stale_button")
    elif not rule.allows(turn, question, event):
        turn.toast("not_your_button")
    else:
        rule.handler(turn, event)


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

YES_NO = ("yes", "no")
AROUND_CHILD: tuple[DrawingKind, ...] = ("child",)
AROUND_STRIP: tuple[DrawingKind, ...] = ("child", "grow", "clip")


def _under_picture(handler: Handler, drawings: tuple[DrawingKind, ...] = AROUND_CHILD) -> ButtonRule:
    return ButtonRule(handler, drawings=drawings, pressers=everybody_drawn)


BUTTONS: dict[str, ButtonRule] = {
    # under a question
    "who": ButtonRule(photos.who_chosen, one_of("who", "0", "1")),
    "face": ButtonRule(photos.face_chosen, is_face, pressers=owner_or_sender),
    "whose": ButtonRule(photos.whose_chosen, one_of("whose", "mom", "dad", "new")),
    "couple": ButtonRule(couples.couple_answered, one_of("couple", *YES_NO), pressers=anybody),
    "grown_up": ButtonRule(photos.age_is_wrong, one_of("grown_up", "", "mom", "dad")),
    "drawing": ButtonRule(photos.drawing_wanted, one_of("drawing", "use"), pressers=owner_or_sender),
    "age": ButtonRule(wishes.wish_chosen, is_wish("age")),
    "mix": ButtonRule(wishes.wish_chosen, is_wish("mix")),
    "sex": ButtonRule(wishes.wish_chosen, is_wish("sex")),
    "trait": ButtonRule(genes.trait_chosen, is_trait),
    "gene": ButtonRule(genes.source_chosen, is_source),
    "look": ButtonRule(looks.look_chosen, is_look),
    "strength": ButtonRule(looks.strength_chosen, is_strength),
    "set": ButtonRule(talk.setting_chosen, one_of("set", "age", "mix", "sex", "refine")),
    "language": ButtonRule(talk.language_chosen, is_language),
    "delete": ButtonRule(talk.delete_chosen, one_of("delete", *YES_NO)),
    "consent": ButtonRule(consent.consent_chosen, one_of("consent", *YES_NO)),
    "permission": ButtonRule(consent.permission_chosen, one_of("permission", *YES_NO)),
    "withdraw": ButtonRule(consent.withdraw_chosen, is_withdrawal),
    "better": ButtonRule(plain_words.better_chosen, one_of("better", "photo", "sibling", "refine")),
    "restart": ButtonRule(plain_words.restart_chosen, one_of("restart", *YES_NO)),
    # under a picture
    "older": _under_picture(wishes.vary),
    "younger": _under_picture(wishes.vary),
    "more_mom": _under_picture(wishes.vary),
    "more_dad": _under_picture(wishes.vary),
    "smile": _under_picture(wishes.vary),
    "sibling": _under_picture(wishes.vary, AROUND_STRIP),
    "grow": _under_picture(wishes.vary),
    "card": _under_picture(wishes.vary),
    "clip": _under_picture(wishes.vary),
    "genes": _under_picture(genes.genes_pressed, AROUND_STRIP),
    "poll": _under_picture(fun.poll_pressed),
}
