"""Executes the effects of a turn inside its unit of work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.conversation.effects import (
    AskConsent,
    CancelDrawing,
    CancelJobs,
    ChangeAccess,
    ChooseFace,
    ChooseLanguage,
    DeleteData,
    Effect,
    FetchAvatars,
    FetchPhotos,
    FindWall,
    ForgetPhotos,
    OutgoingMessage,
    QueueDrawing,
    QueueEncode,
    ReadAdminStats,
    ReadCode,
    SaveConsent,
    SaveGroup,
    SaveSettings,
    SetMaintenance,
    SplitPhoto,
    message_from_json,
    message_to_json,
)
from bots.conversation.events import (
    AccessChanged,
    AdminStatsRead,
    CodeRead,
    DrawingFailed,
    DrawingQueued,
    DrawingStopped,
    Event,
    NewPhoto,
    PendingPhotos,
    PhotoRefused,
    PhotoSplit,
    WallFound,
)
from bots.conversation.router import step
from bots.conversation.state import State, pending_photos_from_json, state_from_json
from bots.conversation.turn import Context
from bots.service.job_events import wall_of
from bots.service.quotas import Quotas
from bots.service.receipts import Receipt
from storage.errors import NotFound, PhotoGone
from storage.records import Job, JobKind
from storage.unit_of_work import UnitOfWork

FILM = "mp4"
"""What a growing child is sent as: both services play it by itself, and it is a tenth of a GIF."""

CodeReader = Callable[[str], dict[str, Any] | None]
"""A child's code → age, sex, mix, seed, genes and looks; None for what is no code."""

GROUP_USER = "group"
"""Group data is stored under a synthetic user of this name."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who speaks, and where."""

    platform: str
    chat_id: str
    user: str
    """The platform's own number of the person."""
    language: str | None = None
    group: bool = False
    admin: bool = False
    """Whether the person may change what holds for the group; adapters look only where it matters."""
    anonymous: bool = False
    """Whether a chat spoke rather than a person (an anonymous admin, a channel); `user` then stands for nobody."""
    username: str | None = None
    """In lower case, where the platform has such names; not kept."""
    receipt: Receipt | None = field(default=None, compare=False)
    """Of the update in which this was said, where the adapter writes updates down."""


def group_user_name(actor: Actor) -> str:
    """The synthetic user of a group: its conversation holds the open rounds, its settings are the group's."""
    return f"{GROUP_USER}:{actor.chat_id}"


def load_state(unit: UnitOfWork, actor: Actor, owner: str) -> tuple[State, int]:
    """The conversation of a user in this chat, and its version for saving."""
    saved = unit.conversations.get(actor.platform, actor.chat_id, owner)
    return (State(), 0) if saved is None else (state_from_json(saved.state), saved.version)


class EffectExecutor:
    """One try at one turn: an event, and the events that its deeds bring about."""

    def __init__(
        self,
        actor: Actor,
        owner: str,
        photo_ttl: timedelta,
        quotas: Quotas | None = None,
        operators: frozenset[str] = frozenset(),
        read_code: CodeReader = lambda code: None,
    ) -> None:
        self._actor = actor
        self._owner = owner
        self._photo_ttl = photo_ttl
        self._operators = operators
        self._read_code = read_code
        self.language = actor.language
        """In which to show the lines."""
        self._quotas = quotas or Quotas()
        self._now = datetime.fromtimestamp(0, UTC)
        self.lines: list[OutgoingMessage] = []
        self.jobs: list[Job] = []
        self.avatars: tuple[str, ...] = ()
        self.deletes: DeleteData | None = None
        self.fetch: list[PendingPhotos] = []
        self.asks = False

    def take(self, unit: UnitOfWork, event: Event, context: Context) -> None:
        """Step, do the deeds, step on what they bring about, save. Raises ConversationChanged."""
        actor = self._actor
        self._now = datetime.fromtimestamp(context.now, UTC)
        state, version = load_state(unit, actor, self._owner)
        events: deque[Event] = deque([*_mended(unit, state), event])
        while events:
            state, steps = step(state, events.popleft(), context)
            for each in steps:
                if isinstance(each, OutgoingMessage):
                    self.lines.append(each)
                    continue
                brought = self._do(unit, each)
                if brought is not None:
                    events.append(brought)
        unit.conversations.save(actor.platform, actor.chat_id, self._owner, state.to_json(), version)

    def to_json(self) -> dict[str, Any]:
        """What this turn answers, so that it can be answered again after a crash."""
        return {
            "language": self.language,
            "lines": [message_to_json(line) for line in self.lines],
            "jobs": [job.id for job in self.jobs],
            "avatars": list(self.avatars),
            "fetch": [asdict(offer) for offer in self.fetch],
            "deletes": None if self.deletes is None else self.deletes.withdrawn,
            "asks": self.asks,
        }

    def recall(self, unit: UnitOfWork, data: dict[str, Any]) -> None:
        """The turn was taken before: restore its answer."""
        self.language = data["language"]
        self.lines = [message_from_json(line) for line in data["lines"]]
        self.avatars = tuple(data["avatars"])
        self.fetch = [pending_photos_from_json(offer) for offer in data["fetch"]]
        self.deletes = None if data["deletes"] is None else DeleteData(withdrawn=data["deletes"])
        self.asks = data["asks"]
        for job_id in data["jobs"]:
            with suppress(NotFound):
                self.jobs.append(unit.jobs.get(job_id))

    def _do(self, unit: UnitOfWork, effect: Effect) -> Event | None:
        """Execute one effect; some produce an event."""
        match effect:
            case QueueEncode(photo_id, reply_to, drawings, adult):
                self._quotas.looked_at(unit, self._actor.platform, self._actor.user)
                wish = {name: True for name, holds in (("drawings", drawings), ("adult", adult)) if holds}
                self._add_job(unit, "encode", reply_to, photo_id=photo_id, wish=wish)
            case QueueDrawing():
                return self._queue_drawing(unit, effect)
            case ReadCode(code, reply_to):
                return CodeRead(code, self._read_code(code), reply_to)
            case ChooseFace(photo_id, face):
                unit.photos.choose_face(photo_id, face)
            case SplitPhoto(photo_id):
                return self._split(unit, photo_id)
            case ForgetPhotos(photo_ids):
                _forget(unit, photo_ids)
            case CancelDrawing(job_id):
                unit.jobs.request_cancel(job_id)
            case CancelJobs():
                self._cancel_jobs(unit)
            case SaveSettings(changes):
                unit.users.save_settings(self._owner, **changes)
            case FindWall(reply_to):
                return WallFound(wall_of(unit, self._actor.platform, self._actor.chat_id), reply_to)
            case SaveGroup(wall):
                group = unit.users.get_or_add(self._actor.platform, group_user_name(self._actor))
                unit.users.save_settings(group.id, wall=wall)
            case FetchAvatars(people):
                self.avatars = people
            case ChooseLanguage(language):
                self._choose_language(unit, language)
            case ReadAdminStats():
                return AdminStatsRead(asdict(unit.access_rules.admin_stats()))
            case ChangeAccess():
                return self._change_door(unit, effect)
            case SetMaintenance(on):
                unit.access_rules.set_maintenance(on)
            case AskConsent():
                self.asks = True
            case SaveConsent(version):
                unit.users.agree(self._owner, version)
            case FetchPhotos(offers):
                self.fetch += offers
            case DeleteData():
                self.deletes = effect
        return None

    def _change_door(self, unit: UnitOfWork, deed: ChangeAccess) -> Event:
        platform, number = deed.platform or self._actor.platform, deed.number
        if f"{platform}:{number}" in self._operators:
            return AccessChanged(number, "operator")
        if deed.verdict in ("unblock", "disallow"):
            earlier = "block" if deed.verdict == "unblock" else "allow"
            there = earlier in unit.access_rules.verdicts(platform, number) and unit.access_rules.forget(
                platform, number
            )
            return AccessChanged(number, f"{deed.verdict}ed" if there else "unchanged")
        unit.access_rules.decide(platform, number, "block" if deed.verdict == "block" else "allow")
        person = unit.users.find(platform, number)
        if deed.verdict == "block" and person is not None:
            for job in unit.jobs.active_for(person.id):
                unit.jobs.request_cancel(job.id)
        return AccessChanged(number, f"{deed.verdict}ed")

    def _queue_drawing(self, unit: UnitOfWork, deed: QueueDrawing) -> Event:
        child = deed.child
        try:
            for photo_id in (child.mom, child.dad):
                unit.photos.get(photo_id)
        except NotFound:
            return DrawingFailed("?", "photo_gone", {})
        number, where = unit.users.get(self._owner).platform_user_id, (self._actor.platform, self._actor.chat_id)
        full = self._quotas.for_drawing(unit, where[0], number, where[1], self._now)
        if full is not None:
            return DrawingFailed("?", full.code, dict(full.facts))
        self._quotas.drawn(unit, where[0], number, where[1])
        names = ("age", "mix", "sex", "seed", "genes", "looks")
        wish = {name: getattr(child, name) for name in names} | {"tongue": child.name_locale}
        kind: JobKind = "grow" if deed.kind == "clip" else deed.kind
        if deed.kind == "clip":
            wish["film"] = FILM
        parents = {"mom_photo_id": child.mom, "dad_photo_id": child.dad}
        return DrawingQueued(self._add_job(unit, kind, deed.reply_to, wish=wish, **parents).id)

    def _split(self, unit: UnitOfWork, photo_id: str) -> Event:
        """Store the photo again for its other face."""
        try:
            photo = unit.photos.get(photo_id)
            copy = unit.photos.add(photo.owner_id, unit.photos.data(photo_id), self._photo_ttl)
        except (NotFound, PhotoGone):
            return PhotoRefused(photo_id, "photo_gone", {}, "")
        return PhotoSplit(photo_id, NewPhoto(copy.id, copy.sha256, copy.owner_id))

    def _choose_language(self, unit: UnitOfWork, language: str) -> None:
        """A group has one language; a person's language applies to all private chats."""
        owner = self._owner
        if self._actor.group:
            owner = unit.users.get_or_add(self._actor.platform, group_user_name(self._actor)).id
        unit.users.save_settings(owner, language=language)
        self.language = language

    def _cancel_jobs(self, unit: UnitOfWork) -> None:
        for job in unit.jobs.active_for(self._owner):
            if (job.platform, job.chat_id) == (self._actor.platform, self._actor.chat_id):
                unit.jobs.request_cancel(job.id)

    def _add_job(self, unit: UnitOfWork, kind: JobKind, reply_to: str | None, **facts: Any) -> Job:
        """A job row, with what delivery needs to answer in the right place and language."""
        reply = {
            "to": reply_to,
            "user": unit.users.get(self._owner).platform_user_id,
            "language": self.language,
            "group": self._actor.group,
        }
        job = unit.jobs.add(kind, self._owner, self._actor.platform, self._actor.chat_id, reply=reply, **facts)
        self.jobs.append(job)
        return job


def _forget(unit: UnitOfWork, photo_ids: tuple[str, ...]) -> None:
    for photo_id in photo_ids:
        with suppress(NotFound):
            unit.photos.forget_data(photo_id)


def _mended(unit: UnitOfWork, state: State) -> list[Event]:
    """Report a running drawing that was deleted or already delivered, so that nobody waits forever."""
    if state.drawing is None:
        return []
    try:
        job = unit.jobs.get(state.drawing)
    except NotFound:
        return [DrawingStopped(state.drawing)]
    return [DrawingStopped(job.id)] if job.finished and job.delivered_at is not None else []
