"""Drives the pure state machine through a conversation and records its answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bots.conversation.effects import (
    Button,
    OutgoingMessage,
    QueueDrawing,
    ReadCode,
    Say,
    SplitPhoto,
    Step,
    Toast,
    message_from_json,
    message_to_json,
)
from bots.conversation.events import (
    ButtonPressed,
    CodeRead,
    CommandGiven,
    CoupleProposed,
    DrawingFailed,
    DrawingQueued,
    DrawingReady,
    DrawingStopped,
    Event,
    Named,
    NewPhoto,
    OtherMessage,
    PhotoEncoded,
    PhotoRefused,
    PhotoSplit,
    PhotosReceived,
    Role,
    SourceDrawing,
    TextSaid,
)
from bots.conversation.router import step
from bots.conversation.state import State, state_from_json
from bots.conversation.turn import Context, Preferences
from bots.i18n.messages import render
from childface.cli.options import facts_of_code

OWNER = "anna"


class Story:
    """One person's conversation. Every call answers with the steps of that turn."""

    def __init__(self, *, group: bool = False, preferences: Preferences | None = None) -> None:
        self.state = State()
        self.context = Context(
            owner=OWNER,
            sender=OWNER,
            group=group,
            preferences=preferences or Preferences(),
            agreed=True,
            agreed_once=True,
        )
        self.steps: list[Step] = []
        self.genes: dict[str, str] = {}
        """Whose each trait is on every picture, and below, the code that every picture tells."""
        self.code = "T5N8-4KQ2"
        self.jobs: dict[str, QueueDrawing] = {}
        self.saved: dict[str, Any] = {}
        self._turn = 0
        self._photos = 0

    def hear(self, event: Event, **context: Any) -> list[Step]:
        """One turn, as the runner does it: the seed is fresh, deeds that are answered are answered."""
        self._turn += 1
        here = replace(self.context, seed=self._turn, now=self.context.now + self._turn, **context)
        before = self.state.to_json()
        state, steps = step(state_from_json(before), event, here)
        again = step(state_from_json(before), event, here)
        assert (state, steps) == again, "the machine is not pure"
        assert state_from_json(state.to_json()) == state
        self.state = state
        for line in steps:
            _must_be_sayable(line)
        answered = list(steps)
        for deed in steps:
            if isinstance(deed, QueueDrawing):
                job_id = f"job{len(self.jobs) + 1}"
                self.jobs[job_id] = deed
                answered += self.hear(DrawingQueued(job_id))
            if isinstance(deed, ReadCode):
                answered += self.hear(CodeRead(deed.code, facts_of_code(deed.code), deed.reply_to))
            if isinstance(deed, SplitPhoto):
                copy = NewPhoto(f"{deed.photo_id}-copy", "same", OWNER)
                answered += self.hear(PhotoSplit(deed.photo_id, copy))
        self.steps = answered
        return answered

    def propose(self, *people: Named) -> list[Step]:
        return self.hear(CoupleProposed(people, "ask"))

    def answers(self, number: str, value: str = "yes", *, username: str | None = None, user: str = "") -> list[Step]:
        """Somebody presses under the question to a couple; `user` is our id of them."""
        question = next(q for q in self.state.questions if q.kind == "couple")
        pressed = ButtonPressed("couple", value, question_id=question.question_id)
        return self.hear(pressed, sender=user or f"id{number}", number=number, username=username)

    def say(self, text: str) -> list[Step]:
        return self.hear(TextSaid(text))

    def command(self, line: str) -> list[Step]:
        name, _, argument = line.lstrip("/").partition(" ")
        return self.hear(CommandGiven(name, argument))

    def photo(self, role: Role | None = None, *, sha: str | None = None, sender: str = OWNER) -> str:
        """Send one photo; its id."""
        return self.album(role, sha=sha, sender=sender, count=1)[0]

    def album(
        self, role: Role | None = None, *, sha: str | None = None, sender: str = OWNER, count: int = 2
    ) -> list[str]:
        """Send several photos at once; their ids."""
        photos = []
        for _ in range(count):
            self._photos += 1
            name = f"photo{self._photos}"
            photos.append(NewPhoto(name, sha or name, sender, f"m{self._photos}", role))
        self.hear(PhotosReceived(tuple(photos)))
        return [photo.photo_id for photo in photos]

    def encoded(self, photo_id: str, sex: str = "female", sure: float = 0.99, **facts: Any) -> list[Step]:
        return self.hear(PhotoEncoded(photo_id, sex, sure, facts.pop("age", 30.0), **facts))

    def refused(self, photo_id: str, code: str, **facts: Any) -> list[Step]:
        return self.hear(PhotoRefused(photo_id, code, facts, "encode1"))

    def other(self, kind: str) -> list[Step]:
        return self.hear(OtherMessage(kind))

    def couple(self) -> str:
        """Two photos that tell themselves apart; the id of the job that draws their first child."""
        mom, dad = self.photo(), self.photo()
        self.encoded(mom, "female")
        self.encoded(dad, "male")
        return self.last_job

    def ready(self, job_id: str, **facts: Any) -> list[Step]:
        deed = self.jobs[job_id]
        child = deed.child
        quality = facts.pop("quality", "fast")
        card = {"genes": self.genes, "code": self.code} if self.genes else {}
        facts = {"seed": child.seed, "parents": (child.mom, child.dad), **card, **facts}
        return self.hear(DrawingReady(job_id, deed.kind, quality, child.age, child.mix, "girl", **facts))

    def failed(self, job_id: str, code: str, **facts: Any) -> list[Step]:
        return self.hear(DrawingFailed(job_id, code, facts))

    def stopped(self, job_id: str) -> list[Step]:
        return self.hear(DrawingStopped(job_id))

    def first_child(self) -> str:
        """A couple and its child, shown; the job's id."""
        job_id = self.couple()
        self.ready(job_id)
        return job_id

    def press(self, label_or_action: str, value: str | None = None, *, sender: str = OWNER) -> list[Step]:
        """Press a button of the latest question that has it."""
        for question, button in reversed(self._buttons()):
            if label_or_action in (button.label, button.action) and value in (None, button.value):
                return self.hear(
                    ButtonPressed(button.action, button.value, question_id=question.question_id), sender=sender
                )
        raise AssertionError(f"no button {label_or_action}")

    def press_under(self, job_id: str, action: str, *, sender: str = OWNER) -> list[Step]:
        """Press a button under the picture of a job."""
        deed = self.jobs[job_id]
        child = deed.child
        names = ("age", "mix", "sex", "seed", "genes", "looks")
        wish: dict[str, object] = {name: getattr(child, name) for name in names} | {"tongue": child.name_locale}
        source = SourceDrawing(job_id, deed.kind, child.mom, child.dad, wish, (OWNER, "ben"), self.genes, self.code)
        return self.hear(ButtonPressed(action, job_id, source=source), sender=sender)

    def hear_all(self, *events: Event) -> None:
        for event in events:
            self.hear(event)

    @property
    def last_job(self) -> str:
        return list(self.jobs)[-1]

    @property
    def last_drawing(self) -> QueueDrawing:
        return self.jobs[self.last_job]

    @property
    def keys(self) -> list[str]:
        """Text keys of the latest turn's messages and toasts."""
        return [line.key for line in self.steps if isinstance(line, Say | Toast)]

    def deeds(self, kind: type) -> list[Any]:
        return [deed for deed in self.steps if isinstance(deed, kind)]

    def _buttons(self) -> list[tuple[Say, Button]]:
        says = [line for line in self.steps if isinstance(line, Say)]
        return [(say, button) for say in says for row in say.buttons for button in row]


def _must_be_sayable(line: Step) -> None:
    """Every line of every story has words, and can wait as JSON in a job row."""
    if not isinstance(line, OutgoingMessage):
        return
    assert render(line.key, line.params)
    assert message_from_json(json.loads(json.dumps(message_to_json(line)))) == line
    if isinstance(line, Say):
        for row in line.buttons:
            for button in row:
                assert render(button.label, button.params)
