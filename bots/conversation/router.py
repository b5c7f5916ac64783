"""Routes each event to its handler. A pure function: no network, database, clock or randomness.

    EVENTS    kind of event  → handler      (this file)
    COMMANDS  /name          → handler      (this file)
    BUTTONS   action         → rule, handler (this file; the rules are in bots/conversation/button_rules.py)
    NEXT      what the photos of the round call for → handler   (bots/conversation/handlers/photos.py)

The handlers are in bots/conversation/handlers/photos.py (photos, faces, who is who),
bots/conversation/handlers/refused_photos.py (photos that cannot be used as they are),
bots/conversation/handlers/requests.py (age, mix, sex, drawing again), bots/conversation/handlers/plain_words.py
(wishes in somebody's own words), bots/conversation/handlers/genes.py (whose each trait is, the code),
bots/conversation/handlers/appearance.py (smile, glasses …), bots/conversation/handlers/couples.py (two people who both
have to agree), bots/conversation/handlers/social.py (names, wall, poll), bots/conversation/handlers/consent.py
(agreeing, withdrawing, privacy), bots/conversation/handlers/admin.py (/admin) and
bots/conversation/handlers/general.py (help, cancel, deleting). Before all of them stands
bots/conversation/handlers/access.py (who is answered at all). `step` is pure: the same state, event and context give
the same new state and steps.
"""

from __future__ import annotations

from bots.conversation.button_rules import (
    ButtonRule,
    Handler,
    anybody,
    everybody_drawn,
    is_face,
    is_language,
    is_look,
    is_source,
    is_statement,
    is_strength,
    is_trait,
    is_wish,
    is_withdrawal,
    one_of,
    owner_or_sender,
    who_may_state,
)
from bots.conversation.effects import Step
from bots.conversation.events import (
    AccessChanged,
    AdminStatsRead,
    AvatarsReceived,
    ButtonPressed,
    CodeRead,
    CommandGiven,
    CoupleProposed,
    DataDeleted,
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
    TextSaid,
    WallFound,
)
from bots.conversation.handlers import (
    admin,
    appearance,
    consent,
    couples,
    general,
    genes,
    photos,
    plain_words,
    refused_photos,
    requests,
    social,
)
from bots.conversation.handlers.access import is_denied, speaks_for_nobody
from bots.conversation.state import State
from bots.conversation.turn import Context, Turn

SILENCE = 6 * 3600.0
"""Seconds after which photos of an abandoned round are dropped."""


def step(state: State, event: Event, context: Context) -> tuple[State, list[Step]]:
    """Answer one event."""
    turn = Turn(state, context, reply_to=getattr(event, "message_id", None))
    if isinstance(event, FROM_PEOPLE):
        if is_denied(turn, event) or speaks_for_nobody(turn, event, COMMANDS):
            return turn.state, turn.steps
        _after_silence(turn)
        turn.change(touched=context.now)
    EVENTS[type(event)](turn, event)
    return turn.state, turn.steps


def _after_silence(turn: Turn) -> None:
    """Drop a round that was left half done long ago."""
    quiet = turn.context.now - turn.state.touched
    begun = turn.state.half_done or turn.state.pending_photos or turn.state.reposts
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
    question = next((q for q in turn.state.questions if q.question_id == event.question_id), None)
    if rule is None or not rule.fits(turn, question, event):
        turn.toast("stale_button")
    elif not rule.allows(turn, question, event):
        turn.toast("not_your_button")
    else:
        rule.handler(turn, event)


EVENTS: dict[type, Handler] = {
    CommandGiven: command_given,
    ButtonPressed: button_pressed,
    TextSaid: general.text_said,
    OtherMessage: general.other_message,
    PhotosOffered: consent.photos_offered,
    PhotosReceived: photos.photos_received,
    CoupleProposed: couples.couple_proposed,
    AvatarsReceived: couples.avatars_received,
    PhotoNotTaken: photos.photo_not_taken,
    PhotoEncoded: photos.photo_encoded,
    PhotoRefused: refused_photos.photo_refused,
    PhotoSplit: photos.photo_split,
    DrawingQueued: requests.drawing_queued,
    DrawingReady: requests.drawing_ready,
    DrawingFailed: requests.drawing_failed,
    DrawingStopped: requests.drawing_stopped,
    CodeRead: genes.code_read,
    WallFound: social.wall_found,
    DataDeleted: general.data_deleted,
    AdminStatsRead: admin.admin_stats_read,
    AccessChanged: admin.access_changed,
}

FROM_PEOPLE = (CommandGiven, ButtonPressed, TextSaid, OtherMessage, PhotosOffered, PhotosReceived, CoupleProposed)

COMMANDS: dict[str, Handler] = {
    "start": general.start,
    "help": general.help_,
    "mom": photos.parent_command,
    "dad": photos.parent_command,
    "couple": couples.couple_command,
    "child": requests.child_command,
    "age": requests.wish_command,
    "mix": requests.wish_command,
    "sex": requests.wish_command,
    "group": requests.group_command,
    "genes": genes.genes_command,
    "smile": appearance.smile_command,
    "look": appearance.look_command,
    "code": genes.code_command,
    "sibling": requests.sibling_command,
    "grow": requests.grow_command,
    "card": requests.card_command,
    "wish": plain_words.wish_in_words,
    "names": social.names_command,
    "wall": social.wall_command,
    "settings": general.settings,
    "language": general.language,
    "cancel": general.cancel,
    "privacy": consent.privacy,
    "withdraw": consent.withdraw,
    "delete_my_data": general.delete_my_data,
    "admin": admin.admin,
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
    "grown_up": ButtonRule(refused_photos.age_is_wrong, one_of("grown_up", "", "mom", "dad")),
    "drawing": ButtonRule(refused_photos.drawing_wanted, one_of("drawing", "use"), pressers=owner_or_sender),
    "adult": ButtonRule(refused_photos.adult_stated, is_statement, pressers=who_may_state),
    "age": ButtonRule(requests.wish_chosen, is_wish("age")),
    "mix": ButtonRule(requests.wish_chosen, is_wish("mix")),
    "sex": ButtonRule(requests.wish_chosen, is_wish("sex")),
    "trait": ButtonRule(genes.trait_chosen, is_trait),
    "gene": ButtonRule(genes.source_chosen, is_source),
    "look": ButtonRule(appearance.look_chosen, is_look),
    "strength": ButtonRule(appearance.strength_chosen, is_strength),
    "set": ButtonRule(general.setting_chosen, one_of("set", "age", "mix", "sex", "refine")),
    "language": ButtonRule(general.language_chosen, is_language),
    "delete": ButtonRule(general.delete_chosen, one_of("delete", *YES_NO)),
    "consent": ButtonRule(consent.consent_chosen, one_of("consent", *YES_NO)),
    "permission": ButtonRule(consent.permission_chosen, one_of("permission", *YES_NO)),
    "withdraw": ButtonRule(consent.withdraw_chosen, is_withdrawal),
    "better": ButtonRule(plain_words.better_chosen, one_of("better", "photo", "sibling", "refine")),
    "restart": ButtonRule(plain_words.restart_chosen, one_of("restart", *YES_NO)),
    # under a picture
    "older": _under_picture(requests.vary),
    "younger": _under_picture(requests.vary),
    "more_mom": _under_picture(requests.vary),
    "more_dad": _under_picture(requests.vary),
    "smile": _under_picture(requests.vary),
    "sibling": _under_picture(requests.vary, AROUND_STRIP),
    "grow": _under_picture(requests.vary),
    "card": _under_picture(requests.vary),
    "clip": _under_picture(requests.vary),
    "genes": _under_picture(genes.genes_pressed, AROUND_STRIP),
    "poll": _under_picture(social.poll_pressed),
}
