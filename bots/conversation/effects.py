"""Effects of a conversation: messages for people, and commands for the database and the job queue.

Texts are keys with parameters, never sentences: `bots.i18n.messages` turns them into words of the reader's language.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bots.conversation.events import DrawingKind, PendingPhotos
from bots.conversation.state import Child

Params = dict[str, Any]
AccessVerdict = Literal["block", "unblock", "allow", "disallow"]


@dataclass(frozen=True, slots=True)
class Button:
    """One button: the key of its label and what it says when pressed."""

    label: str
    action: str
    value: str = ""
    params: Params = field(default_factory=dict)


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Faces:
    """A photo to show with numbered faces; boxes are in pixels of the upright photo."""

    photo_id: str
    boxes: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a family card says. Names are empty where nobody gave them; likeness is 0 … 100."""

    title: str
    sex: str
    age: float
    mom_alike: float
    dad_alike: float
    mom_name: str = ""
    dad_name: str = ""
    code: str = ""
    """Draws this child again; empty where none is known."""


@dataclass(frozen=True, slots=True)
class WallTile:
    """An image on the wall and its caption."""

    job_id: str
    name: str
    sex: str
    age: float


@dataclass(frozen=True, slots=True)
class Say:
    """One message: words, perhaps with buttons, perhaps under a picture (`drawing` is a job, `faces` a photo).

    Buttons belong to a question (`stamp`) or to a drawing (`drawing`). `card`: the drawing is shown as a family card.
    `wall`: the pictures of these children as one. `poll`: everybody may choose one of these answers.
    """

    key: str
    params: Params = field(default_factory=dict)
    buttons: Rows = ()
    reply_to: str | None = None
    question_id: int | None = None
    drawing: str | None = None
    faces: Faces | None = None
    card: CardFacts | None = None
    wall: tuple[WallTile, ...] = ()
    poll: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Toast:
    """A short notice for the person who pressed a button."""

    key: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloseQuestion:
    """The question is answered: replace its buttons with the answer."""

    key: str
    params: Params = field(default_factory=dict)


OutgoingMessage = Say | Toast | CloseQuestion


@dataclass(frozen=True, slots=True)
class QueueEncode:
    """Look for the face of a stored photo; with `drawings` also if it is no photograph's.

    `adult`: somebody has stated that the person on it is an adult.
    """

    photo_id: str
    reply_to: str | None = None
    drawings: bool = False
    adult: bool = False


@dataclass(frozen=True, slots=True)
class ChooseFace:
    """Several faces: this one is meant."""

    photo_id: str
    face: int


@dataclass(frozen=True, slots=True)
class SplitPhoto:
    """Both faces of this photo are meant: store a copy. Answered with `PhotoSplit`."""

    photo_id: str


@dataclass(frozen=True, slots=True)
class QueueDrawing:
    """Draw. Answered with `DrawingQueued`."""

    kind: DrawingKind
    child: Child
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCode:
    """Look up which child a code stands for. Answered with `CodeRead`."""

    code: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class CancelDrawing:
    """Nobody wants this drawing any more."""

    job_id: str


@dataclass(frozen=True, slots=True)
class CancelJobs:
    """Stop whatever this person has running in this chat."""


@dataclass(frozen=True, slots=True)
class ForgetPhotos:
    """These pictures are not needed any more."""

    photo_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SaveSettings:
    """Remember for the next time: age, mix, sex, refine."""

    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FindWall:
    """Look up the newest children of this group. Answered with `WallFound`."""

    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class SaveGroup:
    """Remember something for this group: whether its wall may be shown."""

    wall: bool


@dataclass(frozen=True, slots=True)
class FetchAvatars:
    """Get the profile photos of these people (the platform's numbers). Answered with `AvatarsReceived`."""

    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChooseLanguage:
    """Speak this language from now on: with this person, or in this group."""

    language: str


@dataclass(frozen=True, slots=True)
class DeleteData:
    """Delete everything this person has left with us. Answered with `DataDeleted`."""

    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class SaveConsent:
    """This person agreed to this version of the text."""

    version: str


@dataclass(frozen=True, slots=True)
class ReadAdminStats:
    """Count what is there. Answered with `AdminStatsRead`."""


@dataclass(frozen=True, slots=True)
class ChangeAccess:
    """Let a person or a chat in, keep them out, or take that back; `platform` None: this one. → `AccessChanged`."""

    verdict: AccessVerdict
    number: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class SetMaintenance:
    """Take in nothing new from now on, or open again."""

    on: bool


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask the sender, in their own conversation, for consent first."""


@dataclass(frozen=True, slots=True)
class FetchPhotos:
    """The photos that waited for an agreement can be fetched now. The adapter does it."""

    offers: tuple[PendingPhotos, ...]


Effect = (
    QueueEncode
    | ChooseFace
    | SplitPhoto
    | QueueDrawing
    | ReadCode
    | CancelDrawing
    | CancelJobs
    | ForgetPhotos
    | SaveSettings
    | FetchAvatars
    | ChooseLanguage
    | FindWall
    | SaveGroup
    | DeleteData
    | SaveConsent
    | AskConsent
    | ReadAdminStats
    | ChangeAccess
    | SetMaintenance
    | FetchPhotos
)
Step = OutgoingMessage | Effect


def message_to_json(message: OutgoingMessage) -> dict[str, Any]:
    """A line as JSON, so that it can wait in the job row until it was sent."""
    return {"line": type(message).__name__, **asdict(message)}


def message_from_json(data: dict[str, Any]) -> OutgoingMessage:
    """The reverse of `message_to_json`."""
    facts = dict(data)
    # The name of this field in rows that an older program saved.
    if "stamp" in facts:
        facts["question_id"] = facts.pop("stamp")
    name = facts.pop("line")
    if name != "Say":
        return Toast(**facts) if name == "Toast" else CloseQuestion(**facts)
    faces = facts.pop("faces")
    buttons = tuple(tuple(Button(**button) for button in row) for row in facts.pop("buttons"))
    if faces is not None:
        left_top_right_bottom = [(box[0], box[1], box[2], box[3]) for box in faces["boxes"]]
        faces = Faces(faces["photo_id"], tuple(left_top_right_bottom))
    # Rows saved by an older program know no cards, walls and polls.
    card = facts.pop("card", None)
    wall = tuple(WallTile(**tile) for tile in facts.pop("wall", ()))
    poll = tuple(facts.pop("poll", ()))
    card = None if card is None else CardFacts(**card)
    return Say(**facts, buttons=buttons, faces=faces, card=card, wall=wall, poll=poll)
