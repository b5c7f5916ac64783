"""Everything else: greeting, help, settings, cancel, deleting data, small talk."""

from __future__ import annotations

from collections.abc import Callable

from bots.conversation.effects import Button, CancelJobs, ChooseLanguage, CloseQuestion, DeleteData, SaveSettings, Say
from bots.conversation.events import ButtonPressed, CommandGiven, DataDeleted, OtherMessage, TextSaid
from bots.conversation.handlers.appearance import look_command, strength_said
from bots.conversation.handlers.consent import answer_consent, answer_permission, answer_withdraw
from bots.conversation.handlers.genes import code_command, genes_command, source_said
from bots.conversation.handlers.photos import (
    choose_face,
    choose_mom,
    choose_whose,
    forget_round,
    parent_command,
    tell_what_is_missing,
)
from bots.conversation.handlers.plain_words import do_intents, does_more_each_time, intents_in, says_more_than_an_answer
from bots.conversation.handlers.requests import READERS, ask_wish, wish_said
from bots.conversation.state import Question, State
from bots.conversation.turn import Turn, button_row
from bots.i18n.languages import LANGUAGES
from bots.i18n.parsing.intents import WISHES
from bots.i18n.parsing.traits import LOOKS, TRAITS, find_code, read_genes, read_looks, says_reset
from bots.i18n.parsing.words import plain_words, read_language, read_number, read_role, read_yes_no

SERIOUS = ("consent", "permission", "withdraw", "delete")
"""Questions that only words meant for us can answer."""

MAX_ROLE_LENGTH = 3
"""Words of a message that only names a parent, such as "that's mom"."""


def start(turn: Turn, event: CommandGiven) -> None:
    """Greet. Somebody in the middle of a round keeps it."""
    turn.say("welcome_group" if turn.context.group else "welcome", photo_hours=turn.context.retention.photo_hours)
    if turn.state.half_done:
        tell_what_is_missing(turn)


def help_(turn: Turn, event: CommandGiven) -> None:
    """What can be done."""
    turn.say("help")


def settings(turn: Turn, event: CommandGiven) -> None:
    """What is set, with a button for each."""
    habits = turn.context.preferences
    refine = "set_refine_off" if habits.refine else "set_refine_on"
    rows = (
        button_row("set", ("set_age", "age"), ("set_mix", "mix"), ("set_sex", "sex")),
        (Button(refine, "set", "refine"),),
    )
    turn.ask("set", "settings", rows, age=habits.age, mix=habits.mix, sex=habits.sex, refine=habits.refine)


def setting_chosen(turn: Turn, event: ButtonPressed) -> None:
    """One of the settings: ask for it, or switch it."""
    if event.value != "refine":
        ask_wish(turn, event.value)
        return
    refine = not turn.context.preferences.refine
    turn.close_question("set")
    turn.do(SaveSettings({"refine": refine}))
    turn.do(CloseQuestion("noted_refine_on" if refine else "noted_refine_off"))


def language(turn: Turn, event: CommandGiven) -> None:
    """/language de, /language Deutsch: speak it; without a language we know, ask by buttons with their own names."""
    wished = read_language(event.argument)
    if wished is not None:
        turn.close_question("language")
        turn.do(ChooseLanguage(wished))
        turn.say("language_chosen")
        return
    buttons = [Button("language_name", "language", code, {"language": code}) for code in LANGUAGES]
    rows = tuple(tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2))
    turn.ask("language", "bad_language" if event.argument else "ask_language", rows)


def language_chosen(turn: Turn, event: ButtonPressed) -> None:
    """A language by button."""
    if event.value not in LANGUAGES:
        turn.toast("stale_button")
        return
    turn.close_question("language")
    turn.do(ChooseLanguage(event.value))
    turn.do(CloseQuestion("language_chosen"))


def cancel(turn: Turn, event: CommandGiven) -> None:
    """Stop a drawing and keep the photos; without a drawing, forget the round."""
    state = turn.state
    if state.drawing is not None:
        turn.stop_drawing()
        turn.change(child=None, pressed=())
        turn.say("stopped")
    elif state.photos or state.questions or state.awaiting_role:
        turn.do(CancelJobs())
        forget_round(turn)
        turn.change(questions=(), proposal=None)
        turn.say("forgotten")
    else:
        turn.say("nothing_to_cancel")


def delete_my_data(turn: Turn, event: CommandGiven) -> None:
    """Ask for confirmation; deletion is irreversible."""
    rows = (button_row("delete", ("delete_yes", "yes"), ("delete_no", "no")),)
    turn.ask("delete", "delete_sure", rows)


def delete_chosen(turn: Turn, event: ButtonPressed) -> None:
    """The answer by button."""
    if event.value == "yes":
        turn.do(CloseQuestion("deleting"))
    else:
        turn.do(CloseQuestion("kept"))
    _delete(turn, event.value == "yes")


def _delete(turn: Turn, sure: bool) -> None:
    turn.close_question("delete")
    if sure:
        turn.do(CancelJobs())
        turn.do(DeleteData())


def data_deleted(turn: Turn, event: DataDeleted) -> None:
    """All gone: this conversation is new again."""
    turn.state = State()
    turn.do(Say("withdrawn" if event.withdrawn else "deleted", dict(event.counts)))


# Plain words


def text_said(turn: Turn, event: TextSaid) -> None:
    """A child's code, an answer to the latest question, wishes in plain words, or the name of a parent."""
    code = find_code(event.text)
    if code is not None and event.addressed:
        code_command(turn, CommandGiven("code", code, event.message_id))
        return
    question = max(turn.state.questions, key=lambda q: q.question_id, default=None)
    if question is not None and question.kind in SERIOUS and not event.addressed:
        return  # a "yes" said to somebody else in the group
    intents = intents_in(turn, event.text) if event.addressed else []
    if (
        question is not None
        and not says_more_than_an_answer(intents)
        and ANSWERS[question.kind](turn, question, event.text)
    ):
        return
    if event.edited and event.message_id is not None and event.message_id == turn.state.heard:
        intents = [intent for intent in intents if not does_more_each_time(intent)]
    if intents:
        do_intents(turn, intents)
        turn.change(heard=event.message_id if any(isinstance(intent, WISHES) for intent in intents) else None)
        return
    if event.edited:
        return
    role = read_role(event.text)
    if role is not None and len(plain_words(event.text)) <= MAX_ROLE_LENGTH and event.addressed:
        parent_command(turn, CommandGiven(role))
    elif question is not None and question.kind in NOT_UNDERSTOOD and event.addressed:
        turn.say(NOT_UNDERSTOOD[question.kind])
    elif event.addressed:
        _hint(turn)


def other_message(turn: Turn, event: OtherMessage) -> None:
    """A sticker, a voice message, a place: thank, and say what would help."""
    if event.addressed:
        turn.say("other_video" if event.kind in ("video", "live_photo", "animation", "video_note") else "other_message")


def _hint(turn: Turn) -> None:
    if turn.state.drawing is not None:
        turn.say("still_drawing")
    elif turn.state.half_done or turn.state.child is None:
        tell_what_is_missing(turn)
    else:
        turn.say("hint_after_child")


def _answer_wish(turn: Turn, question: Question, text: str) -> bool:
    if READERS[question.kind](text) is None:
        return False
    wish_said(turn, question.kind, text)
    return True


def _answer_gene(turn: Turn, question: Question, text: str) -> bool:
    return source_said(turn, question.kind.removeprefix("gene_"), text)


def _answer_look(turn: Turn, question: Question, text: str) -> bool:
    return strength_said(turn, question.kind.removeprefix("look_"), text)


def _answer_face(turn: Turn, question: Question, text: str) -> bool:
    photo = turn.state.photo(question.photo_id or "")
    number = read_number(text)
    if photo is None or number is None:
        return False
    if number not in range(1, photo.faces + 1):
        turn.say("bad_face", count=photo.faces)
        return True
    if choose_face(turn, photo, str(int(number) - 1)):
        turn.say("face_taken", number=int(number))
    return True


def _answer_who(turn: Turn, question: Question, text: str) -> bool:
    number = read_number(text)
    if len(turn.state.unassigned) != 2 or number not in (1, 2):
        return False
    turn.say("who_settled", number=int(number))
    choose_mom(turn, int(number) - 1)
    return True


def _answer_whose(turn: Turn, question: Question, text: str) -> bool:
    role = read_role(text)
    if role is None or len(turn.state.unassigned) != 1:
        return False
    turn.say(f"whose_settled_{role}")
    choose_whose(turn, role)
    return True


def _answer_delete(turn: Turn, question: Question, text: str) -> bool:
    sure = read_yes_no(text)
    if sure is None:
        return False
    if not sure:
        turn.say("kept")
    _delete(turn, sure)
    return True


def _as_typed(
    name: str, handler: Callable[[Turn, CommandGiven], None], is_meant: Callable[[str], bool]
) -> Callable[[Turn, Question, str], bool]:
    """Words under a question that would do behind its command do without it."""

    def answer(turn: Turn, question: Question, text: str) -> bool:
        meant = is_meant(text)
        if meant:
            handler(turn, CommandGiven(name, text))
        return meant

    return answer


def _answer_consent(turn: Turn, question: Question, text: str) -> bool:
    agreed = read_yes_no(text)
    if agreed is not None:
        answer_consent(turn, agreed)
    return agreed is not None


def _answer_permission(turn: Turn, question: Question, text: str) -> bool:
    permitted = read_yes_no(text)
    if permitted is not None:
        answer_permission(turn, permitted)
    return permitted is not None


def _answer_withdraw(turn: Turn, question: Question, text: str) -> bool:
    sure = read_yes_no(text)
    if sure is not None:
        answer_withdraw(turn, sure)
    return sure is not None


def _answer_nothing(turn: Turn, question: Question, text: str) -> bool:
    return False


ANSWERS: dict[str, Callable[[Turn, Question, str], bool]] = {
    "age": _answer_wish,
    "mix": _answer_wish,
    "sex": _answer_wish,
    "face": _answer_face,
    "who": _answer_who,
    "whose": _answer_whose,
    "delete": _answer_delete,
    "consent": _answer_consent,
    "permission": _answer_permission,
    "withdraw": _answer_withdraw,
    "set": _answer_nothing,
    "couple": _answer_nothing,
    "language": _as_typed("language", language, lambda text: read_language(text) is not None),
    "privacy": _answer_nothing,
    "grown_up": _answer_nothing,
    "drawing": _answer_nothing,
    "adult": _answer_nothing,
    "better": _answer_nothing,
    "restart": _answer_nothing,
    "genes": _as_typed("genes", genes_command, lambda text: says_reset(text) or read_genes(text) is not None),
    "looks": _as_typed("look", look_command, lambda text: says_reset(text) or read_looks(text) is not None),
    **{f"gene_{trait}": _answer_gene for trait in TRAITS},
    **{f"look_{look}": _answer_look for look in LOOKS},
}

NOT_UNDERSTOOD = {
    "age": "bad_age",
    "mix": "bad_mix",
    "sex": "bad_sex",
    **{f"gene_{trait}": "bad_genes" for trait in TRAITS},
    **{f"look_{look}": "bad_look" for look in LOOKS},
    "look_smile": "bad_smile",
}
"""What is said when an answer to such a question is not one."""
