"""Photos that cannot be used as they are: what is said, and what their sender can do about it.

    several faces            which one?                            bots/conversation/handlers/photos.py
    a drawing                its sender may want it used anyway
    perhaps not an adult     somebody has to state that this is an adult
    clearly underage         refused; another photo of the same person may help
    anything else            refused, with the reason

The first three keep the photo until they are answered, no longer than any photo is kept.
"""

from __future__ import annotations

from dataclasses import replace

from bots.conversation.effects import Button, CloseQuestion, ForgetPhotos, QueueEncode
from bots.conversation.events import ButtonPressed, PhotoRefused
from bots.conversation.handlers.photos import ask_which_face, drop_photo, follow_up, role_of
from bots.conversation.state import ParentPhoto
from bots.conversation.turn import Turn, button_row


def photo_refused(turn: Turn, event: PhotoRefused) -> None:
    """Several faces: ask which. Anything else: say why, and the photo is out of the round."""
    photo = turn.state.photo(event.photo_id)
    if photo is None:
        return
    turn.reply_to = photo.message_id
    if event.code == "several_faces":
        ask_which_face(turn, photo, [tuple(box) for box in event.facts["boxes"]])
        return
    if event.code == "not_a_photo" and event.facts.get("anyway") and photo.name is None:
        _offer_drawing(turn, photo)
        return
    if event.code == "age_uncertain":
        _ask_for_statement(turn, photo)
        return
    role = role_of(turn.state, photo)
    turn.state = turn.state.without_photo(event.photo_id)
    turn.do(ForgetPhotos((event.photo_id,)))
    if event.code == "under_age":
        wrong = Button("age_is_wrong", "grown_up", role or "")
        turn.ask("grown_up", "refused_under_age", ((wrong,),), photo_id=photo.photo_id, **event.facts)
    elif photo.name is not None:
        turn.say("couple_photo_unusable", name=photo.name)
    else:
        turn.say(f"refused_{event.code}", **event.facts, job_id=event.job_id)
    follow_up(turn)


def _offer_drawing(turn: Turn, photo: ParentPhoto) -> None:
    """No photograph, it seems. It stays until its sender wants it used all the same, or sends another picture."""
    turn.state = turn.state.with_photo(replace(photo, status="choosing"))
    rows = ((Button("use_anyway", "drawing", "use"),),)
    turn.ask("drawing", "refused_not_a_photo", rows, photo_id=photo.photo_id)


def drawing_wanted(turn: Turn, event: ButtonPressed) -> None:
    """The drawing is meant to be a parent."""
    question = next(q for q in turn.state.questions if q.question_id == event.question_id)
    photo = turn.state.photo(question.photo_id or "")
    turn.change(questions=tuple(q for q in turn.state.questions if q.question_id != event.question_id))
    if photo is None:
        turn.toast("stale_button")
        return
    turn.state = turn.state.with_photo(replace(photo, status="checking"))
    turn.do(CloseQuestion("drawing_taken"))
    turn.do(QueueEncode(photo.photo_id, photo.message_id, drawings=True))


def _ask_for_statement(turn: Turn, photo: ParentPhoto) -> None:
    """The face does not tell whether this is an adult. The photo stays until somebody says so, or says no."""
    turn.state = turn.state.with_photo(replace(photo, status="choosing"))
    if photo.name is not None:  # the profile photo of one of a couple, who answers for themselves
        row = button_row("adult", ("adult_me", "me"), ("adult_no", "no"))
        turn.ask("adult", "ask_adult_named", (row,), photo_id=photo.photo_id, name=photo.name)
        return
    rows = tuple((Button(f"adult_{value}", "adult", value),) for value in ("me", "other", "no"))
    if photo.face is None:
        turn.ask("adult", "ask_adult", rows, photo_id=photo.photo_id)
    else:
        turn.ask("adult", "ask_adult_face", rows, photo_id=photo.photo_id, number=photo.face + 1)


def adult_stated(turn: Turn, event: ButtonPressed) -> None:
    """The statement that this is an adult, which has the photo looked at again; or "no", which deletes it at once."""
    question = next(q for q in turn.state.questions if q.question_id == event.question_id)
    photo = turn.state.photo(question.photo_id or "")
    turn.change(questions=tuple(q for q in turn.state.questions if q.question_id != event.question_id))
    if photo is None:
        turn.toast("stale_button")
    elif event.value == "no":
        turn.do(CloseQuestion("adult_denied"))
        drop_photo(turn, photo)
        follow_up(turn)
    else:
        turn.state = turn.state.with_photo(replace(photo, status="checking"))
        turn.do(CloseQuestion("adult_noted"))
        # The photo passed the check for drawings, or its sender wanted it used all the same, before its age was asked.
        turn.do(QueueEncode(photo.photo_id, photo.message_id, drawings=True, adult=True))


def age_is_wrong(turn: Turn, event: ButtonPressed) -> None:
    """An adult was judged underage: offer another photo instead of arguing."""
    turn.change(questions=tuple(q for q in turn.state.questions if q.question_id != event.question_id))
    turn.do(CloseQuestion("another_photo_please"))
    if event.value in ("mom", "dad") and getattr(turn.state, event.value) is None:
        turn.change(awaiting_role=event.value)
