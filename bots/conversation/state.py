"""The state of a conversation: immutable, JSON-serializable, versioned.

photos without a role yet      State.unassigned
photos with a role             State.mom, State.dad
a couple that was asked        State.proposal
the child we talk about        State.child     (set when it is first drawn)
its last picture               State.shown
traits and looks asked for     State.genes, State.looks (hold for this couple, until they are reset)
work under way                 State.drawing   (job id), State.waiting (what to draw after it)
questions with open buttons    State.questions
photos before the agreement    State.pending_photos
reposts before the statement   State.reposts
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from bots.conversation.events import DrawingKind, Named, OfferedPhoto, PendingPhotos, Role

VERSION = 3
PRESSED_KEPT = 30
"""How many pressed buttons are remembered; a second press on one of them is answered, not obeyed."""

PhotoStatus = Literal["checking", "choosing", "ready"]


@dataclass(frozen=True, slots=True)
class ParentPhoto:
    """A photo of the round.

    `checking`: the encode job runs; `choosing`: we asked which face; `ready`: its latent exists.
    """

    photo_id: str
    sha256: str
    sender: str
    message_id: str | None = None
    status: PhotoStatus = "checking"
    faces: int = 1
    sex: str | None = None
    sure: float = 0.0
    age: float | None = None
    face: int | None = None
    """Which of several faces was chosen."""
    name: str | None = None
    """The person's name; only for profile photos, and only until analysis is done."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two people who were asked whether they want a child drawn of their profile photos.

    `agreed` holds the platform's numbers of those who said yes; `at` is when they were asked, in seconds.
    """

    people: tuple[Named, ...]
    agreed: tuple[str, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Child:
    """Everything that decides what the child looks like: the same facts draw the same picture."""

    mom: str
    dad: str
    age: float
    mix: float
    sex: str
    seed: int
    name_locale: str = ""
    """The locale of the child's name, kept so that the name stays the same for other readers."""
    genes: dict[str, str] = field(default_factory=dict)
    """Traits fixed to mom, dad or both; the seed decides the others."""
    looks: dict[str, float] = field(default_factory=dict)
    """A smile, glasses … each -1 … 1; what is not named is as usual."""


@dataclass(frozen=True, slots=True)
class LastPicture:
    """Facts shown with the last image: whose each trait is, and the code that reproduces the child."""

    genes: dict[str, str]
    code: str


@dataclass(frozen=True, slots=True)
class Order:
    """A drawing to be made."""

    kind: DrawingKind
    child: Child


@dataclass(frozen=True, slots=True)
class Question:
    """Buttons that are out. A press carries the stamp; an unknown stamp is a stale button."""

    kind: str
    question_id: int
    photo_id: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """One person's place in one chat."""

    mom: ParentPhoto | None = None
    dad: ParentPhoto | None = None
    unassigned: tuple[ParentPhoto, ...] = ()
    awaiting_role: Role | None = None
    child: Child | None = None
    drawing: str | None = None
    waiting: Order | None = None
    questions: tuple[Question, ...] = ()
    question_id: int = 0
    pressed: tuple[str, ...] = ()
    touched: float = 0.0
    proposal: Proposal | None = None
    names: tuple[str, ...] = ()
    """Names of mom, dad and optionally the child for the family card."""
    genes: dict[str, str] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)
    shown: LastPicture | None = None
    pending_photos: tuple[PendingPhotos, ...] = ()
    reposts: tuple[PendingPhotos, ...] = ()
    """Other people's photos, until the one who reposted them has said that they agree."""
    wait_until: float = 0.0
    """Until then this person's photos are ignored; they have been notified."""
    last_notice: str = ""
    """Why this person is not answered, as it was said last."""
    last_notice_at: float = 0.0
    heard: str | None = None
    """The last message whose plain words drew something: edited, it shall not do twice what it did already."""
    version: int = VERSION

    @property
    def photos(self) -> tuple[ParentPhoto, ...]:
        """All photos of the round."""
        named = tuple(photo for photo in (self.mom, self.dad) if photo is not None)
        return named + self.unassigned

    @property
    def couple(self) -> tuple[str, str] | None:
        """Photo ids of mom and dad when both are named and ready."""
        if self.mom is None or self.dad is None or {self.mom.status, self.dad.status} != {"ready"}:
            return None
        return self.mom.photo_id, self.dad.photo_id

    @property
    def couple_drawn(self) -> bool:
        """Whether the child we talk about is this couple's."""
        return self.child is not None and self.couple == (self.child.mom, self.child.dad)

    @property
    def half_done(self) -> bool:
        """Photos are there and no child of them yet."""
        return bool(self.photos) and not self.couple_drawn

    def photo(self, photo_id: str) -> ParentPhoto | None:
        """The photo of the round with this id."""
        return next((photo for photo in self.photos if photo.photo_id == photo_id), None)

    def with_photo(self, changed: ParentPhoto) -> State:
        """The same round with one photo updated."""

        def renew(photo: ParentPhoto | None) -> ParentPhoto | None:
            return changed if photo is not None and photo.photo_id == changed.photo_id else photo

        unassigned = tuple(changed if photo.photo_id == changed.photo_id else photo for photo in self.unassigned)
        return replace(self, mom=renew(self.mom), dad=renew(self.dad), unassigned=unassigned)

    def without_photo(self, photo_id: str) -> State:
        """The same round without one photo and without the questions about it."""
        return replace(
            self,
            mom=None if self.mom and self.mom.photo_id == photo_id else self.mom,
            dad=None if self.dad and self.dad.photo_id == photo_id else self.dad,
            unassigned=tuple(photo for photo in self.unassigned if photo.photo_id != photo_id),
            questions=tuple(question for question in self.questions if question.photo_id != photo_id),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers."""
        return asdict(self)


def state_from_json(data: dict[str, Any] | None) -> State:
    """The reverse of `State.to_json`. A state of an unknown version is discarded: a new round starts."""
    while data is not None and data.get("version") in UPGRADES:
        data = UPGRADES[data["version"]](data)
    if data is None or data.get("version") != VERSION:
        return State()
    waiting = data["waiting"]
    return State(
        mom=_photo(data["mom"]),
        dad=_photo(data["dad"]),
        unassigned=tuple(ParentPhoto(**photo) for photo in data["unassigned"]),
        awaiting_role=data["awaiting_role"],
        child=None if data["child"] is None else Child(**data["child"]),
        drawing=data["drawing"],
        waiting=None if waiting is None else Order(waiting["kind"], Child(**waiting["child"])),
        questions=tuple(Question(**question) for question in data["questions"]),
        question_id=data["question_id"],
        pressed=tuple(data["pressed"]),
        touched=data["touched"],
        proposal=_proposal(data.get("proposal")),
        names=tuple(data.get("names", ())),
        genes=data["genes"],
        looks=data["looks"],
        shown=None if data["shown"] is None else LastPicture(**data["shown"]),
        pending_photos=tuple(pending_photos_from_json(offer) for offer in data.get("pending_photos", ())),
        reposts=tuple(pending_photos_from_json(offer) for offer in data.get("reposts", ())),
        wait_until=data.get("wait_until", 0.0),
        last_notice=data.get("last_notice", ""),
        last_notice_at=data.get("last_notice_at", 0.0),
        heard=data.get("heard"),
    )


def _with_looks(data: dict[str, Any]) -> dict[str, Any]:
    """1 → 2: a child knew only whether it smiled, and nothing of genes."""

    def renewed(child: dict[str, Any] | None) -> dict[str, Any] | None:
        if child is None:
            return None
        known = {name: value for name, value in child.items() if name != "smile"}
        return known | {"genes": {}, "looks": {"smile": 1.0} if child.get("smile") else {}}

    waiting = data["waiting"]
    if waiting is not None:
        waiting = waiting | {"child": renewed(waiting["child"])}
    news = {"version": 2, "genes": {}, "looks": {}, "shown": None}
    return data | news | {"child": renewed(data["child"]), "waiting": waiting}


def _with_plain_names(data: dict[str, Any]) -> dict[str, Any]:
    """2 → 3: some fields have other names."""
    renamed = {STATE_NAMES.get(name, name): value for name, value in data.items()}
    waiting = renamed["waiting"]
    if waiting is not None:
        waiting = waiting | {"child": _with_name_locale(waiting["child"])}
    return renamed | {
        "version": 3,
        "child": _with_name_locale(renamed["child"]),
        "waiting": waiting,
        "questions": [
            {STATE_NAMES.get(name, name): value for name, value in question.items()}
            for question in renamed["questions"]
        ],
    }


def _with_name_locale(child: dict[str, Any] | None) -> dict[str, Any] | None:
    if child is None:
        return None
    return {"name_locale" if name == "tongue" else name: value for name, value in child.items()}


STATE_NAMES = {
    "loose": "unassigned",
    "parked": "pending_photos",
    "expects": "awaiting_role",
    "stamp": "question_id",
    "told": "last_notice",
    "told_at": "last_notice_at",
}
"""Fields of a saved state and its questions: name up to version 2 → name since."""


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _with_looks, 2: _with_plain_names}
"""From version n to n + 1, for states that were saved by an older program."""


def pending_photos_from_json(data: dict[str, Any]) -> PendingPhotos:
    """The reverse of `asdict`."""
    photos = tuple(OfferedPhoto(**photo) for photo in data["photos"])
    return PendingPhotos(**{**data, "photos": photos, "asked": tuple(data.get("asked", ()))})


def _photo(data: dict[str, Any] | None) -> ParentPhoto | None:
    return None if data is None else ParentPhoto(**data)


def _proposal(data: dict[str, Any] | None) -> Proposal | None:
    if data is None:
        return None
    return Proposal(tuple(Named(**person) for person in data["people"]), tuple(data["agreed"]), data["at"])
