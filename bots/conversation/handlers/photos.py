"""Photos of a round: accepting them, choosing a face, assigning mom and dad.

Each photo is encoded at once, so its sex, age and troubles are known before anybody asks for a child.
`follow_up` then looks what the photos call for: the table NEXT, first row that holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bots.conversation.effects import (
    Button,
    ChooseFace,
    CloseQuestion,
    Faces,
    ForgetPhotos,
    QueueEncode,
    SplitPhoto,
)
from bots.conversation.events import (
    ButtonPressed,
    CommandGiven,
    NewPhoto,
    PhotoEncoded,
    PhotoNotTaken,
    PhotoSplit,
    PhotosReceived,
    Role,
)
from bots.conversation.state import Child, ParentPhoto, State
from bots.conversation.turn import Turn, button_row
from bots.i18n.parsing.words import is_wish

SEX_CONFIDENCE = 0.8
"""Confidence of the sex estimate from which two photos of different sex name themselves."""

MAX_FACES = 12
"""Buttons of a question; with more faces the largest are offered."""


def other(role: Role) -> Role:
    """Mom's other half is dad, and the reverse."""
    return "dad" if role == "mom" else "mom"


# Taking photos in


def photos_received(turn: Turn, event: PhotosReceived) -> None:
    """One photo or an album. An album of two is always a new couple; of more than two, the first two count."""
    bad = next((name for name, value in event.wishes.items() if not is_wish(name, value)), None)
    if bad is not None:
        turn.do(ForgetPhotos(tuple(photo.photo_id for photo in event.photos)))
        turn.say(f"bad_{bad}")
        return
    taken, left = event.photos[:2], event.photos[2:]
    if event.wishes and turn.context.sender == turn.context.owner:
        turn.prefer(event.wishes)
    if left:
        turn.do(ForgetPhotos(tuple(photo.photo_id for photo in left)))
    if left or event.left_out:
        turn.say("two_are_enough", to=taken[0].message_id)
    if len(taken) == 2 and not any(photo.role for photo in taken):
        _leave_couple(turn)
    for photo in taken:
        turn.reply_to = photo.message_id
        _take(turn, photo)
    if not turn.lines():
        _acknowledge(turn)
    follow_up(turn)


def _take(turn: Turn, photo: NewPhoto) -> None:
    """Assign one photo and queue its analysis."""
    _leave_drawing(turn)
    # A couple that was drawn may begin again with the same photos.
    compared = turn.state.unassigned if turn.state.couple_drawn and photo.role is None else turn.state.photos
    same_file = [old for old in compared if old.sha256 == photo.sha256]
    # Somebody else on the same photo is another parent: which face is meant, is asked again.
    known = next((old for old in same_file if old.faces == 1 or old.status == "choosing"), None)
    if known is not None:
        turn.do(ForgetPhotos((photo.photo_id,)))
        if photo.role is not None and getattr(turn.state, photo.role) != known:
            _name(turn, known, photo.role)
        else:
            turn.say("same_photo")
        return
    role = photo.role or turn.state.awaiting_role
    if role is None and len(turn.state.unassigned) == 2:
        turn.do(ForgetPhotos((photo.photo_id,)))
        turn.say("already_two")
        return
    fresh = ParentPhoto(photo.photo_id, photo.sha256, photo.sender, photo.message_id, name=photo.name)
    turn.do(QueueEncode(photo.photo_id, photo.message_id))
    if role is None:
        _add_loose(turn, fresh)
    else:
        _put(turn, role, fresh)


def _add_loose(turn: Turn, fresh: ParentPhoto) -> None:
    """A photo without a role. The second one after a complete couple starts a new couple."""
    state = turn.state
    if state.mom and state.dad and state.unassigned:
        first = state.unassigned[0]
        _leave_couple(turn)
        turn.change(unassigned=(first,))
    turn.change(unassigned=(*turn.state.unassigned, fresh))


def _put(turn: Turn, role: Role, photo: ParentPhoto) -> None:
    """This photo is this parent; another photo that was, is not any more."""
    before: ParentPhoto | None = getattr(turn.state, role)
    if before is not None and before.status != "ready":
        turn.do(ForgetPhotos((before.photo_id,)))
    if before is not None:
        turn.stop_drawing()
    turn.change(**{role: photo}, awaiting_role=None, child=None, waiting=None)


def _name(turn: Turn, photo: ParentPhoto, role: Role) -> None:
    """Say who is on a photo we already have; if it stood for the other parent, the two change places."""
    state = turn.state
    displaced: ParentPhoto | None = getattr(state, role)
    was_other = getattr(state, other(role)) == photo
    unassigned = tuple(old for old in state.unassigned if old.photo_id != photo.photo_id)
    turn.change(**{role: photo}, unassigned=unassigned, awaiting_role=None, child=None, waiting=None)
    if was_other:
        turn.change(**{other(role): displaced})
    turn.close_question("who", "whose")
    turn.stop_drawing()


def _leave_couple(turn: Turn) -> None:
    """Begin a new couple; pictures already drawn keep their buttons."""
    waste = tuple(photo.photo_id for photo in turn.state.photos if photo.status != "ready")
    if waste:
        turn.do(ForgetPhotos(waste))
    turn.close_question("who", "whose", "face", "grown_up", "drawing", "adult")
    if turn.state.child is not None:  # what was wished before there was a child is meant for the one to come
        turn.change(genes={}, looks={})
    turn.change(mom=None, dad=None, unassigned=(), awaiting_role=None, child=None, waiting=None, names=())


def forget_round(turn: Turn) -> None:
    """Drop every photo of the round, the ones already encoded as well."""
    if turn.state.photos:
        turn.do(ForgetPhotos(tuple(photo.photo_id for photo in turn.state.photos)))
    turn.close_question("who", "whose", "face", "grown_up", "drawing", "adult", "permission")
    turn.change(
        mom=None,
        dad=None,
        unassigned=(),
        awaiting_role=None,
        child=None,
        waiting=None,
        names=(),
        pending_photos=(),
        reposts=(),
    )
    turn.change(genes={}, looks={}, shown=None)


def _acknowledge(turn: Turn) -> None:
    """After the first photo say what else is needed; after the second, work that is seen is answer enough."""
    if len(turn.state.photos) == 1:
        tell_what_is_missing(turn)


def tell_what_is_missing(turn: Turn) -> None:
    """One sentence on what to send next."""
    state = turn.state
    if not state.photos:
        turn.say("send_two_photos")
    elif len(state.photos) > 1:
        turn.say("looking_at_photos" if _checking(state) else "nothing_missing")
    elif state.mom or state.dad:
        turn.say("send_dad" if state.mom else "send_mom")
    else:
        turn.say("send_other_parent")


def parent_command(turn: Turn, event: CommandGiven) -> None:
    """/mom or /dad without a photo: name the one photo we have, or wait for the next one."""
    role: Role = "mom" if event.name == "mom" else "dad"
    if len(turn.state.unassigned) == 1 and not (turn.state.mom and turn.state.dad):
        _name(turn, turn.state.unassigned[0], role)
        if len(turn.state.photos) == 1:
            turn.say(f"named_{role}")
        follow_up(turn)
        return
    turn.change(awaiting_role=role)
    turn.say(f"waiting_for_{role}")


def photo_not_taken(turn: Turn, event: PhotoNotTaken) -> None:
    """Too many bytes, too many photos, or the service would not give it to us."""
    if "wait" in event.facts:
        if turn.context.now < turn.state.wait_until:
            return  # said before; an album or a flood is answered once
        turn.change(wait_until=turn.context.now + float(event.facts["wait"]))
    turn.say(f"refused_{event.code}", **event.facts)


# What the encode job found


def photo_encoded(turn: Turn, event: PhotoEncoded) -> None:
    """One face and its estimates. Photos no longer awaited are ignored."""
    photo = turn.state.photo(event.photo_id)
    if photo is None:
        return
    turn.reply_to = photo.message_id
    ready = replace(photo, status="ready", sex=event.sex, sure=event.confidence, age=event.age, name=None)
    turn.state = turn.state.with_photo(ready)
    if event.warnings:
        turn.say("photo_warning", warnings=list(event.warnings))
    follow_up(turn)


def role_of(state: State, photo: ParentPhoto) -> Role | None:
    """Which parent this photo of the round is; None for one without a role yet."""
    if photo == state.mom:
        return "mom"
    return "dad" if photo == state.dad else None


def _leave_drawing(turn: Turn) -> None:
    """Another picture has come: it takes the place of a drawing that nobody asked to be used."""
    question = turn.open_question("drawing")
    photo = None if question is None else turn.state.photo(question.photo_id or "")
    turn.close_question("drawing")
    if photo is not None:
        drop_photo(turn, photo)


def drop_photo(turn: Turn, photo: ParentPhoto) -> None:
    """Delete a photo of the round; the next one takes its place."""
    role = role_of(turn.state, photo)
    turn.state = turn.state.without_photo(photo.photo_id)
    turn.do(ForgetPhotos((photo.photo_id,)))
    if role is not None:
        turn.change(awaiting_role=role)


def ask_which_face(turn: Turn, photo: ParentPhoto, boxes: list[tuple[int, ...]]) -> None:
    """Show the faces with numbers, from left to right as the boxes come. A couple on one photo may be both parents."""
    turn.state = turn.state.with_photo(replace(photo, status="choosing", faces=len(boxes)))
    taken = _chosen_before(turn.state, photo)
    shown = sorted(index for index in _largest(boxes) if index not in taken)
    if taken and len(shown) == 1:
        choose_face(turn, turn.state.photo(photo.photo_id) or photo, str(shown[0]))
        return
    numbers = tuple(Button("face_number", "face", str(index), {"number": index + 1}) for index in shown)
    rows = tuple(numbers[start : start + 4] for start in range(0, len(numbers), 4))
    alone = len(turn.state.photos) == 1
    if len(boxes) == 2 and alone:
        rows = (*rows, (Button("face_both", "face", "both"),))
    turn.ask(
        "face",
        "which_face",
        rows,
        photo_id=photo.photo_id,
        faces=Faces(photo.photo_id, tuple((box[0], box[1], box[2], box[3]) for box in boxes)),
        count=len(boxes),
    )


def _chosen_before(state: State, photo: ParentPhoto) -> set[int | None]:
    """Faces of the same picture that other parents have."""
    others = (old for old in state.photos if old.photo_id != photo.photo_id and old.sha256 == photo.sha256)
    return {old.face for old in others}


def _largest(boxes: list[tuple[int, ...]]) -> list[int]:
    """Indices of the largest faces, as many as we offer."""
    by_area = sorted(range(len(boxes)), key=lambda i: -_area(boxes[i]))
    return by_area[:MAX_FACES]


def _area(box: tuple[int, ...]) -> int:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def face_chosen(turn: Turn, event: ButtonPressed) -> None:
    """A number under the faces, or "both"."""
    question = next(q for q in turn.state.questions if q.question_id == event.question_id)
    photo = turn.state.photo(question.photo_id or "")
    if photo is None:
        turn.toast("stale_button")
        return
    if not choose_face(turn, photo, event.value):
        return
    turn.do(CloseQuestion("face_both_taken" if event.value == "both" else "face_taken", _face_facts(event.value)))


def _face_facts(value: str) -> dict[str, int]:
    return {} if value == "both" else {"number": int(value) + 1}


def choose_face(turn: Turn, photo: ParentPhoto, value: str) -> bool:
    """Have the chosen face encoded. False, with words, where it is the other parent's already."""
    if value != "both" and int(value) in _chosen_before(turn.state, photo):
        turn.say("same_face")
        return False
    turn.change(questions=tuple(q for q in turn.state.questions if q.photo_id != photo.photo_id))
    chosen = replace(photo, status="checking", face=0 if value == "both" else int(value))
    turn.state = turn.state.with_photo(chosen)
    if value == "both":
        turn.change(mom=None, dad=None, unassigned=(chosen,))
        turn.do(ChooseFace(photo.photo_id, 0))
        turn.do(SplitPhoto(photo.photo_id))
    else:
        turn.do(ChooseFace(photo.photo_id, int(value)))
        turn.do(QueueEncode(photo.photo_id, photo.message_id))
    return True


def photo_split(turn: Turn, event: PhotoSplit) -> None:
    """Two faces of one photo, two parents; from here on as if two photos had come."""
    photo = turn.state.photo(event.photo_id)
    if photo is None:
        return
    second = ParentPhoto(event.other.photo_id, photo.sha256, photo.sender, photo.message_id, faces=photo.faces, face=1)
    turn.do(ChooseFace(second.photo_id, 1))
    turn.do(QueueEncode(photo.photo_id, photo.message_id))
    turn.do(QueueEncode(second.photo_id, photo.message_id))
    turn.change(unassigned=(*turn.state.unassigned, second))
    _name_by_elimination(turn)


# Who is who


def _ask_who_is_who(turn: Turn) -> None:
    """Two photos whose roles cannot be inferred."""
    if turn.open_question("who") is not None:
        return
    one_picture = turn.state.unassigned[0].sha256 == turn.state.unassigned[1].sha256
    labels = ("left_is_mom", "right_is_mom") if one_picture else ("first_is_mom", "second_is_mom")
    rows = (button_row("who", (labels[0], "0")), button_row("who", (labels[1], "1")))
    turn.ask("who", "who_is_who", rows)


def who_chosen(turn: Turn, event: ButtonPressed) -> None:
    """One of the two is mom."""
    if len(turn.state.unassigned) != 2:
        turn.toast("stale_button")
        return
    turn.do(CloseQuestion("who_settled", {"number": int(event.value) + 1}))
    choose_mom(turn, int(event.value))


def choose_mom(turn: Turn, index: int) -> None:
    """The loose photo with this index is mom, the other one dad."""
    mom, dad = turn.state.unassigned[index], turn.state.unassigned[1 - index]
    turn.close_question("who")
    turn.change(mom=mom, dad=dad, unassigned=(), awaiting_role=None)
    follow_up(turn)


def _ask_whose_photo(turn: Turn) -> None:
    """A third photo: a replacement for mom or dad, or a new person? The more likely parent is listed first."""
    spare = turn.state.unassigned[0]
    if turn.open_question("whose") is not None:
        return
    pair = [("is_mom", "mom"), ("is_dad", "dad")]
    if spare.sex == "male":
        pair.reverse()
    rows = (button_row("whose", *pair), button_row("whose", ("is_new_couple", "new")))
    turn.ask("whose", "whose_photo", rows, photo_id=spare.photo_id, to=spare.message_id)


def whose_chosen(turn: Turn, event: ButtonPressed) -> None:
    """Mom, dad or a new couple."""
    if len(turn.state.unassigned) != 1:
        turn.toast("stale_button")
        return
    turn.do(CloseQuestion(f"whose_settled_{event.value}"))
    choose_whose(turn, event.value)


def choose_whose(turn: Turn, value: str) -> None:
    """Replace a parent's photo with the spare one, or start a new couple with it."""
    spare = turn.state.unassigned[0]
    turn.close_question("whose")
    turn.change(unassigned=())
    if value == "new":
        _leave_couple(turn)
        turn.change(unassigned=(spare,))
        turn.say("send_other_parent")
    else:
        _put(turn, "mom" if value == "mom" else "dad", spare)
    follow_up(turn)


def _name_by_elimination(turn: Turn) -> None:
    """With one parent named, the other photo is the other parent; two of clearly different sex name themselves."""
    state = turn.state
    if len(state.unassigned) == 1 and (state.mom is None) != (state.dad is None):
        turn.change(**{"dad" if state.mom else "mom": state.unassigned[0]}, unassigned=())
    elif len(state.unassigned) == 2 and state.mom is None and state.dad is None:
        first, second = state.unassigned
        if {first.sex, second.sex} == {"female", "male"} and min(first.sure, second.sure) >= SEX_CONFIDENCE:
            mom, dad = (first, second) if first.sex == "female" else (second, first)
            turn.close_question("who")
            turn.change(mom=mom, dad=dad, unassigned=())


# What comes next


def follow_up(turn: Turn) -> None:
    """Do what the photos of the round call for: the first row of NEXT that holds."""
    _name_by_elimination(turn)
    for holds, handler in NEXT:
        if holds(turn.state):
            handler(turn)
            return


def _checking(state: State) -> bool:
    return any(photo.status != "ready" for photo in state.photos)


def _spare_photo(state: State) -> bool:
    return bool(state.mom and state.dad and state.unassigned)


def _two_unnamed(state: State) -> bool:
    return len(state.unassigned) == 2


def _couple_without_child(state: State) -> bool:
    return state.couple is not None and not state.couple_drawn


def _draw_first_child(turn: Turn) -> None:
    """Both parents are known: no need to wait for a command."""
    draw_new_child(turn)


def draw_new_child(turn: Turn) -> None:
    """A child of the round's parents as the user's settings have it, with the seed of this turn."""
    turn.draw("child", new_child(turn))


def new_child(turn: Turn) -> Child:
    """The child to be drawn first of the round's couple."""
    state, habits = turn.state, turn.context.preferences
    assert state.couple is not None
    seed, tongue = turn.context.seed, turn.context.language
    return Child(*state.couple, habits.age, habits.mix, habits.sex, seed, tongue, state.genes, state.looks)


def _nothing(turn: Turn) -> None:
    """Wait for what is to come."""


NEXT: tuple[tuple[Callable[[State], bool], Callable[[Turn], None]], ...] = (
    (_checking, _nothing),
    (_spare_photo, _ask_whose_photo),
    (_two_unnamed, _ask_who_is_who),
    (_couple_without_child, _draw_first_child),
)
