"""One turn of a conversation: the changing state and the effects so far.

Handlers read better when they speak in sentences (`turn.say(...)`, `turn.ask(...)`); seen from outside,
`conversation.step` is still a pure function of state, event and context.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from bots.conversation.effects import (
    Button,
    CancelDrawing,
    Faces,
    OutgoingMessage,
    QueueDrawing,
    Rows,
    SaveSettings,
    Say,
    Step,
    Toast,
)
from bots.conversation.events import DrawingKind
from bots.conversation.state import PRESSED_KEPT, Child, Order, Question, State
from bots.i18n.languages import DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class Preferences:
    """The person's choices in /settings, completed with defaults."""

    age: float = 6.0
    mix: float = 50.0
    sex: str = "surprise"
    refine: bool = True


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Retention times, as shown by /privacy."""

    photo_hours: float = 24.0
    latent_days: float = 30.0
    result_days: float = 7.0
    handled_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a turn may know besides state and event. The seed is drawn outside: no hidden chance in here."""

    owner: str
    sender: str
    number: str = ""
    """The platform's own number of the sender."""
    username: str | None = None
    """The sender's user name in lower case, where the platform has such names."""
    group: bool = False
    admin: bool = False
    """Whether the sender may change what holds for the group."""
    wall: bool = False
    """Whether the group's wall may be shown."""
    language: str = DEFAULT_LANGUAGE
    seed: int = 0
    now: float = 0.0
    preferences: Preferences = field(default_factory=Preferences)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    agreed: bool = False
    """Whether the sender agreed to the text as it is now."""
    agreed_once: bool = False
    """Whether the sender agreed to this text or an older one, and never took it back."""
    operator: bool = False
    """Whether the sender runs this bot."""
    anonymous: bool = False
    """Whether the sender spoke in the name of a chat, so that nobody knows which person it was."""
    closed: str = ""
    """Why the sender is not to be answered: blocked, not_allowed or maintenance."""


class Turn:
    """State, context and the steps so far."""

    def __init__(self, state: State, context: Context, reply_to: str | None = None) -> None:
        self.state = state
        self.context = context
        self.reply_to = reply_to
        self.steps: list[Step] = []

    def change(self, **fields: Any) -> None:
        """Put new values into the state."""
        self.state = replace(self.state, **fields)

    def do(self, step: Step) -> None:
        """Add any step."""
        self.steps.append(step)

    def say(self, key: str, *, to: str | None = None, **params: Any) -> None:
        """A message without buttons, as an answer to `to` or to what began this turn."""
        self.do(Say(key, params, reply_to=to or self.reply_to))

    def toast(self, key: str, **params: Any) -> None:
        """A short notice for the person who pressed the button."""
        self.do(Toast(key, params))

    def ask(
        self,
        kind: str,
        key: str,
        buttons: Rows,
        *,
        photo_id: str | None = None,
        faces: Faces | None = None,
        to: str | None = None,
        **params: Any,
    ) -> None:
        """A question with buttons. It replaces an older one of the same kind about the same photo."""
        question_id = self.state.question_id + 1
        others = tuple(q for q in self.state.questions if (q.kind, q.photo_id) != (kind, photo_id))
        self.change(question_id=question_id, questions=(*others, Question(kind, question_id, photo_id)))
        self.do(Say(key, params, buttons, to or self.reply_to, question_id=question_id, faces=faces))

    def close_question(self, *kinds: str) -> None:
        """Questions of these kinds are answered: their buttons are stale from now on."""
        self.change(questions=tuple(q for q in self.state.questions if q.kind not in kinds))

    def open_question(self, kind: str) -> Question | None:
        """The open question of a kind, if there is one."""
        return next((question for question in self.state.questions if question.kind == kind), None)

    def draw(self, kind: DrawingKind, child: Child) -> None:
        """Have a picture drawn now, or right after the one that is being drawn."""
        if self.state.drawing is not None:
            self.change(waiting=Order(kind, child))
            self.say("drawn_next")
            return
        # "?" until the job row exists and DrawingQueued tells its id.
        self.change(drawing="?", waiting=None)
        self.talk_about(child)
        self.do(QueueDrawing(kind, child, self.reply_to))

    def talk_about(self, child: Child) -> None:
        """From now on wishes are about this child; what it shows on purpose, its parents' next one shows as well."""
        self.change(child=child)
        if self.state.couple in (None, (child.mom, child.dad)):
            self.change(genes=child.genes, looks=child.looks)

    def stop_drawing(self) -> None:
        """Cancel what is being drawn and what was to be drawn after it."""
        if self.state.drawing is not None:
            self.do(CancelDrawing(self.state.drawing))
        self.change(drawing=None, waiting=None)

    def remember_press(self, press: str) -> bool:
        """Whether this button was not pressed before; it is remembered from now on."""
        if press in self.state.pressed:
            return False
        self.change(pressed=(*self.state.pressed, press)[-PRESSED_KEPT:])
        return True

    def prefer(self, habits: dict[str, Any]) -> None:
        """Remember age, mix or sex for what is drawn from now on, in this turn too."""
        self.do(SaveSettings(habits))
        self.context = replace(self.context, preferences=replace(self.context.preferences, **habits))

    def lines(self) -> list[OutgoingMessage]:
        """The effects that are visible to people."""
        return [step for step in self.steps if isinstance(step, OutgoingMessage)]


def button_row(action: str, *values: tuple[str, str]) -> tuple[Button, ...]:
    """A row of buttons of one action from (label key, value) pairs."""
    return tuple(Button(label, action, value) for label, value in values)
