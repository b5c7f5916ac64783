"""Where each button belongs: which question or picture it stands under, which values it has, and who may press it.

The signature of callback data says that we wrote it; these rules say that it answers *this* question. Both are checked
before any handler runs, so a handler never sees a value that was not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bots.conversation.events import ButtonPressed, DrawingKind
from bots.conversation.handlers.appearance import RESET as LOOKS_RESET
from bots.conversation.handlers.appearance import STRENGTHS
from bots.conversation.handlers.genes import RESET as GENES_RESET
from bots.conversation.handlers.requests import READERS
from bots.conversation.state import Question
from bots.conversation.turn import Turn
from bots.i18n.languages import LANGUAGES
from bots.i18n.parsing.traits import CHANCE, LOOKS, SOURCES, TRAITS

Handler = Callable[[Turn, Any], None]
Answers = Callable[[Turn, Question, str], bool]
"""Whether a value answers a question."""
Pressers = Callable[[Turn, Question | None, ButtonPressed], frozenset[str]]
"""Our ids of those who may press."""


def owner(turn: Turn, question: Question | None, event: ButtonPressed) -> frozenset[str]:
    """The one whose round it is, and nobody else."""
    return frozenset({turn.context.owner})


def owner_or_sender(turn: Turn, question: Question | None, event: ButtonPressed) -> frozenset[str]:
    """The one whose round it is, and the one who sent the photo that the question is about."""
    photo = turn.state.photo(question.photo_id) if question is not None and question.photo_id else None
    return frozenset({turn.context.owner} if photo is None else {turn.context.owner, photo.sender})


def who_may_state(turn: Turn, question: Question | None, event: ButtonPressed) -> frozenset[str]:
    """The sender of the photo; of somebody else the one whose round it is may speak as well, and delete the photo."""
    photo = turn.state.photo(question.photo_id) if question is not None and question.photo_id else None
    if event.value == "me" and photo is not None:
        return frozenset({photo.sender})
    return owner_or_sender(turn, question, event)


def everybody_drawn(turn: Turn, question: Question | None, event: ButtonPressed) -> frozenset[str]:
    """The one who asked for a picture, and those whose photos it was drawn from."""
    return frozenset({turn.context.owner, *(event.source.people if event.source is not None else ())})


def anybody(turn: Turn, question: Question | None, event: ButtonPressed) -> frozenset[str]:
    """Whoever presses: the handler knows who was asked."""
    return frozenset({turn.context.sender})


@dataclass(frozen=True, slots=True)
class ButtonRule:
    """A button's handler, the questions (`answers`) or pictures (`drawings`) it stands under, and who may press it."""

    handler: Handler
    answers: Answers | None = None
    drawings: tuple[DrawingKind, ...] = ()
    pressers: Pressers = owner

    def fits(self, turn: Turn, question: Question | None, event: ButtonPressed) -> bool:
        """Whether the button stands under this question or picture with this value."""
        if event.source is not None:
            return event.source.kind in self.drawings
        return question is not None and self.answers is not None and self.answers(turn, question, event.value)

    def allows(self, turn: Turn, question: Question | None, event: ButtonPressed) -> bool:
        """Whether the one who pressed may."""
        return turn.context.sender in self.pressers(turn, question, event)


def one_of(kind: str, *values: str) -> Answers:
    """A question of this kind, answered by one of these values."""
    return lambda turn, question, value: question.kind == kind and value in values


def is_face(turn: Turn, question: Question, value: str) -> bool:
    """One of the faces on the photo; both only while that photo is the whole round."""
    photo = turn.state.photo(question.photo_id or "")
    if photo is None or question.kind != "face":
        return False
    if value == "both":
        return photo.faces == 2 and len(turn.state.photos) == 1
    return value in map(str, range(photo.faces))


def is_statement(turn: Turn, question: Question, value: str) -> bool:
    """Whether the person on the photo is an adult; those of a couple, by name, answer for themselves."""
    photo = turn.state.photo(question.photo_id or "")
    if photo is None or question.kind != "adult":
        return False
    return value in (("me", "no") if photo.name is not None else ("me", "other", "no"))


def is_wish(name: str) -> Answers:
    """An age, a mix or a sex that we can draw."""
    return lambda turn, question, value: question.kind == name and READERS[name](value) is not None


def is_source(turn: Turn, question: Question, value: str) -> bool:
    """Which parent the question's trait comes from."""
    trait, _, source = value.partition("_")
    return trait in TRAITS and question.kind == f"gene_{trait}" and source in (*SOURCES, CHANCE)


def is_strength(turn: Turn, question: Question, value: str) -> bool:
    """How much of the question's look."""
    look, _, place = value.rpartition("_")
    return look in LOOKS and question.kind == f"look_{look}" and place in map(str, range(len(STRENGTHS)))


def is_withdrawal(turn: Turn, question: Question, value: str) -> bool:
    """The button under /privacy, or the answer to "are you sure"."""
    return value in {"privacy": ("ask",), "withdraw": ("yes", "no")}.get(question.kind, ())


is_trait = one_of("genes", *TRAITS, GENES_RESET)
is_look = one_of("looks", *LOOKS, LOOKS_RESET)
is_language = one_of("language", *LANGUAGES)
