"""Events of a conversation. Adapters and the delivery worker create them; `router.step` handles them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["mom", "dad"]
DrawingKind = Literal["child", "grow", "card", "clip"]
Quality = Literal["fast", "refined"]


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """A command such as `/age 7`: name without slash, the rest as it was typed."""

    name: str
    argument: str = ""
    message_id: str | None = None
    about: str | None = None
    """Platform id of the author of the message it replies to, in a group."""
    ours: bool = False
    """Where a group may have other bots with the same commands: this one was certainly meant for us."""


@dataclass(frozen=True, slots=True)
class TextSaid:
    """Any other words."""

    text: str
    addressed: bool = True
    message_id: str | None = None
    edited: bool = False
    """Whether this message was heard before, in other words."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo that was stored a moment ago. `role`: what its caption, or the command that came with it, says."""

    photo_id: str
    sha256: str
    sender: str
    message_id: str | None = None
    role: Role | None = None
    name: str | None = None
    """What the person is called, for a profile photo."""


@dataclass(frozen=True, slots=True)
class PhotosReceived:
    """One photo, or an album of them in the order in which they were sent. `wishes`: age, mix, sex said with them."""

    photos: tuple[NewPhoto, ...]
    wishes: dict[str, Any] = field(default_factory=dict)
    left_out: int = 0
    """Further photos of the album, which were not fetched."""


@dataclass(frozen=True, slots=True)
class Named:
    """A person mentioned in a message: platform id if known, else user name, and the display name."""

    shown: str
    number: str | None = None
    username: str | None = None
    """In lower case, without @."""


@dataclass(frozen=True, slots=True)
class CoupleProposed:
    """Two people of a group are to be mom and dad by their profile photos. Both will be asked."""

    people: tuple[Named, ...]
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class AvatarsReceived:
    """The profile photos of a couple that agreed, in their order; `missing` are the numbers of those without one."""

    photos: tuple[NewPhoto, ...]
    missing: tuple[str, ...] = ()
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class OfferedPhoto:
    """A photo that the chat service still holds. `ref` is the adapter's own way to fetch it.

    `sender`: the platform's number of the person whose photo it is, if not the speaker's.
    """

    ref: str
    message_id: str | None = None
    role: Role | None = None
    sender: str | None = None
    size: int | None = None
    reposted: bool = False
    """Whether the one who sent it had it from somebody else: forwarded, or posted by a bot or in a channel's name."""


@dataclass(frozen=True, slots=True)
class PendingPhotos:
    """The photos of one message or album, not fetched yet, what it replied to, and wishes that came along.

    `speaker`: the platform's number of the one who spoke, if not the person in whose conversation this waits.
    """

    photos: tuple[OfferedPhoto, ...] = ()
    reply_to: str | None = None
    replied_user: str | None = None
    speaker: str | None = None
    wishes: dict[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    """The platform's numbers of those who were asked to agree: one of them who is unknown now was deleted since."""
    permitted: bool = False
    """Whether the speaker has stated that the people on reposted photos agree."""

    @property
    def needs_permission(self) -> bool:
        """Whether the speaker is to be asked for that statement."""
        return not self.permitted and any(photo.reposted for photo in self.photos)


@dataclass(frozen=True, slots=True)
class PhotosOffered:
    """Photos of somebody who has not agreed, or has to state that others have: nothing of them was fetched."""

    pending: PendingPhotos


@dataclass(frozen=True, slots=True)
class PhotoNotTaken:
    """A photo that was not stored: too large, or the service failed to deliver it."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """Something that is neither words nor a photo: sticker, voice, video, location …"""

    kind: str
    addressed: bool = True
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class SourceDrawing:
    """The finished drawing under which a button was pressed, read from its job row."""

    job_id: str
    kind: DrawingKind
    mom: str
    dad: str
    wish: dict[str, Any]
    people: tuple[str, ...]
    """Users who may press: the requester and the senders of the photos."""
    genes: dict[str, str] = field(default_factory=dict)
    """Trait → mom, dad or both."""
    code: str = ""
    """Draws the child again."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A button. Under a question `stamp` says which one; under a picture `source` says which one."""

    action: str
    value: str = ""
    question_id: int | None = None
    source: SourceDrawing | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class PhotoEncoded:
    """The encode job found one face and stored its latent."""

    photo_id: str
    sex: str
    confidence: float
    age: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhotoRefused:
    """The encode job could not use the photo; code and facts as in the tree of pipeline errors."""

    photo_id: str
    code: str
    facts: dict[str, Any]
    job_id: str


@dataclass(frozen=True, slots=True)
class PhotoSplit:
    """Both faces of one photo are wanted: `other` is the stored copy for the second face."""

    photo_id: str
    other: NewPhoto


@dataclass(frozen=True, slots=True)
class DrawingQueued:
    """The job row of a drawing exists."""

    job_id: str


@dataclass(frozen=True, slots=True)
class DrawingReady:
    """A picture is there."""

    job_id: str
    kind: DrawingKind
    quality: Quality
    age: float
    mix: float
    sex: str
    warnings: tuple[str, ...] = ()
    seed: int = 0
    likeness: dict[str, float] = field(default_factory=dict)
    """mom and dad → 0 … 100; 50 is a stranger."""
    parents: tuple[str | None, str | None] = (None, None)
    """Photo ids."""
    name_locale: str = ""
    """The language of the child's name."""
    genes: dict[str, str] = field(default_factory=dict)
    """Trait → mom, dad or both."""
    code: str = ""
    estimated_age: float | None = None
    """The apparent age of the drawn face, in years."""


@dataclass(frozen=True, slots=True)
class CodeRead:
    """What a code says of its child: age, sex, mix, seed, genes, looks; None where it is no code."""

    code: str
    facts: dict[str, Any] | None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class WallChild:
    """A child that hangs on a group's wall: its newest picture, and what is written under it."""

    job_id: str
    sex: str
    age: float
    seed: int
    name_locale: str = ""


@dataclass(frozen=True, slots=True)
class WallFound:
    """The newest children of a group, the newest first."""

    children: tuple[WallChild, ...]
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class DrawingFailed:
    """No picture will come of this job."""

    job_id: str
    code: str
    facts: dict[str, Any]
    quality: Quality = "fast"


@dataclass(frozen=True, slots=True)
class DrawingStopped:
    """The job was cancelled, or its row is gone."""

    job_id: str


@dataclass(frozen=True, slots=True)
class DataDeleted:
    """Everything of this person has been deleted; how many of what."""

    counts: dict[str, int]
    withdrawn: bool = False
    """Because the person took the agreement back."""


@dataclass(frozen=True, slots=True)
class AdminStatsRead:
    """System counts for operators."""

    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class AccessChanged:
    """The outcome of an access change: blocked, unblocked, allowed, disallowed, unchanged or operator."""

    number: str
    outcome: str


Event = (
    CommandGiven
    | TextSaid
    | PhotosReceived
    | CoupleProposed
    | AvatarsReceived
    | PhotosOffered
    | PhotoNotTaken
    | OtherMessage
    | ButtonPressed
    | PhotoEncoded
    | PhotoRefused
    | PhotoSplit
    | DrawingQueued
    | DrawingReady
    | DrawingFailed
    | DrawingStopped
    | CodeRead
    | WallFound
    | DataDeleted
    | AdminStatsRead
    | AccessChanged
)
