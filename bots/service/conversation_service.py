"""Runs the conversation: load the state, take a step, execute its effects, save, commit, then queue jobs.

Everything of one turn is one unit of work: a photo, the state that knows it and the job that looks at it are there
together or not at all. Two turns of one conversation at the same moment are told apart by the state's version; the
later one is simply taken again, which a pure machine allows. Calls block; adapters make them by
`Dialogue.run_in_thread`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from bots.adapters.downloads import BytesInFlight
from bots.conversation.callback_data import ButtonSigner
from bots.conversation.effects import OutgoingMessage, Say, Toast, message_from_json, message_to_json
from bots.conversation.events import (
    AvatarsReceived,
    ButtonPressed,
    CommandGiven,
    DataDeleted,
    Event,
    NewPhoto,
    OfferedPhoto,
    PendingPhotos,
    PhotoNotTaken,
    PhotosOffered,
    PhotosReceived,
    Role,
    TextSaid,
)
from bots.conversation.group_rounds import OPEN_FOR
from bots.conversation.handlers.consent import version_of
from bots.conversation.router import step
from bots.conversation.state import State
from bots.conversation.turn import Context, Preferences, RetentionPolicy
from bots.i18n.languages import DEFAULT_LANGUAGE, language_of
from bots.service.circuit_breaker import CircuitBreaker
from bots.service.effect_executor import Actor, CodeReader, EffectExecutor, group_user_name, load_state
from bots.service.group_store import GroupStore, exists, load_rounds
from bots.service.job_events import outcome, reply_facts, source_of
from bots.service.job_queue import JobQueue
from bots.service.outbox import Outbox
from bots.service.quotas import Full, Quotas
from bots.telegram.rate_limit import Flood
from observability.metrics import BREAKER_OPEN
from storage.deletion import delete_user
from storage.errors import ConversationChanged, NotFound, StorageUnavailable
from storage.records import Job, User
from storage.unit_of_work import Store, UnitOfWork

if TYPE_CHECKING:  # it brings Pillow, which most chat processes never need
    from bots.cards.face_numbers import OpenPhoto

P = ParamSpec("P")
T = TypeVar("T")

MAX_PHOTO = 20 * 2**20
"""Bytes. What the pipeline takes, and what Telegram lets a bot fetch."""

MAX_TEXT_LENGTH = 1024
"""Characters. Nothing that can be asked for is longer; what comes after is not read."""
MAX_BUTTON = 128

MAX_PHOTOS = 2
"""Of one message or album that are used: a couple's."""

MAX_TRIES = 8
"""How often a turn is retried after a concurrent one."""


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """A photo as it came: the bytes and what was said with it. `sender`: whose photo it is, if not the speaker's."""

    data: bytes
    message_id: str | None = None
    role: Role | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """What a message in a group replies to: the message, and the person who wrote it (None: the bot)."""

    message_id: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show, whose round it belongs to, and which jobs were queued for it.

    `avatars`: whose profile photos (the platform's numbers, mostly none) are to be handed in by `take_avatars`.
    `fetch`: photos that waited for an agreement which was just given; the adapter hands them over.
    """

    lines: list[OutgoingMessage] = field(default_factory=list)
    owner: str = ""
    jobs: list[Job] = field(default_factory=list)
    avatars: tuple[str, ...] = ()
    language: str | None = None
    """In which to show the lines: the group's, the person's choice, or that of their chat program."""
    fetch: list[PendingPhotos] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Which photos of an offer to fetch, how many are left out, and what to say where nobody may send any now."""

    photos: tuple[OfferedPhoto, ...] = ()
    left_out: int = 0
    refused: Answer | None = None

    def most_bytes(self, limit: int = MAX_PHOTO) -> int:
        """At most so many bytes will come, if none may have more than `limit`."""
        return sum(limit if photo.size is None else min(photo.size, limit) for photo in self.photos)


@dataclass(frozen=True, slots=True)
class Rules:
    """Operators, allowed users (empty: everybody) and blocked users, each as "platform:id"."""

    operators: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for people who chose nothing, how long what is kept, how much one may ask for, who may come in."""

    preferences: Preferences = field(default_factory=Preferences)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    quotas: Quotas = field(default_factory=Quotas)
    rules: Rules = field(default_factory=Rules)


class _ToldBefore(Exception):
    """The outcome of this job was already processed; its messages as JSON."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self.lines = lines


class _TakenBefore(Exception):
    """This turn of an update was already taken, by another process or one that was killed."""


def bounded(event: Event) -> Event:
    """The same with its words cut to MAX_TEXT_LENGTH: whatever reads them takes time that everybody waits for."""
    if isinstance(event, TextSaid):
        return replace(event, text=event.text[:MAX_TEXT_LENGTH])
    if isinstance(event, CommandGiven):
        return replace(event, argument=event.argument[:MAX_TEXT_LENGTH])
    return event


class ConversationService:
    """The only interface between chat adapters and conversation, database and queue."""

    def __init__(
        self,
        store: Store,
        queue: JobQueue,
        defaults: Defaults | None = None,
        *,
        draw_seed: Callable[[], int] | None = None,
        read_code: CodeReader = lambda code: None,
        open_photo: OpenPhoto = lambda _: None,
    ) -> None:
        """`draw_seed` gives a fresh seed for each turn; by default from the system's source of chance.

        `read_code` says which child a code stands for; without it no code is known. `open_photo` decodes a photo whose
        faces are to be numbered; without it they are told in words only.
        """
        self.store = store
        self.buttons = ButtonSigner(lambda: store.blobs.derive_keys("buttons"))
        self._outbox = Outbox(queue)
        self.groups = GroupStore(store, self._user)
        self._defaults = defaults or Defaults()
        self._photo_ttl = timedelta(hours=self._defaults.retention.photo_hours)
        self._read_code = read_code
        self.open_photo = open_photo
        self._draw_seed = draw_seed or (lambda: random.SystemRandom().randrange(2**31))
        # SQLite lets one write at a time, and whoever is late waits in growing naps. One thread that takes turn after
        # turn serves forty people a third faster than six that wake each other up.
        is_sqlite = store.database.engine.dialect.name == "sqlite"
        self._database = CircuitBreaker()
        for name, breaker in (("database", self._database), ("broker", self._outbox.breaker)):
            BREAKER_OPEN.labels(name).set_function(partial(getattr, breaker, "open"))
        self.downloads = BytesInFlight()
        """Shared by all adapters of this process."""
        self._flood = Flood(self._defaults.quotas.messages_minute)
        self._told_away: set[tuple[str, str]] = set()
        """Chats that were told that the broker is unavailable."""
        self._threads = ThreadPoolExecutor(1 if is_sqlite else 4, thread_name_prefix="dialogue")

    async def run_in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make one of the blocking calls below (or another one on the store) without holding up the event loop.

        Raises StorageUnavailable at once while the database is known to be away: threads that wait for it to answer
        would make everybody wait for each other, too.
        """
        if not self._database.allows():
            raise StorageUnavailable(what="ask a database that was away a moment ago")
        # With what log lines are about; threads do not inherit it.
        call = partial(copy_context().run, call)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))
        except StorageUnavailable as fault:
            if fault.database:
                self._database.failed()
            raise
        self._database.succeeded()
        return answer

    # What people do

    def hear(self, actor: Actor, event: Event) -> Answer:
        """A command, text, sticker … of a person in their own conversation."""
        verdict = "admitted" if isinstance(event, PhotosOffered | PhotoNotTaken) else self._judge(actor)
        if verdict == "ignore":
            return Answer(language=actor.language)
        actor, user = self._meet(actor)
        if verdict == "tell":
            return Answer([Say("too_many_messages")], user.id, language=actor.language)
        return self._hear(actor, user.id, bounded(event))

    def _judge(self, actor: Actor) -> str:
        """Whether this person may be listened to. An update that is heard again after an outage counts once more."""
        return self._flood.judge((actor.platform, actor.user))

    def ask_first(self, actor: Actor, pending: PendingPhotos) -> Answer | None:
        """Before a photo is fetched: the question to the speaker, or to the one whose photo it is, if they have not
        agreed yet; then to the speaker whether the people on reposted photos agree. None: there is nothing to ask.
        The offer comes back as `Answer.fetch` when the question was answered well.
        """
        with self.store.read_only() as unit:
            closed = self._closed(unit, actor)
        if closed or actor.anonymous:
            return self.hear(actor, PhotosOffered(pending))
        names = [name for name in dict.fromkeys([actor.user, *(photo.sender for photo in pending.photos)]) if name]
        if any(
            self._find(replace(actor, user=name)) is None for name in names if name in (*pending.asked, pending.speaker)
        ):
            return Answer()  # deleted since: nothing is asked again, fetched, or known of them
        for name in names:
            asked, person = self._meet(replace(actor, user=name))
            if not self._agreed(person):
                speaker = None if name == actor.user else actor.user
                waiting = replace(pending, speaker=speaker, asked=(*pending.asked, name))
                return self._hear(asked, person.id, PhotosOffered(waiting))
        return self.hear(actor, PhotosOffered(replace(pending, speaker=None))) if pending.needs_permission else None

    def admit(self, actor: Actor, pending: PendingPhotos, limit: int = MAX_PHOTO) -> Admitted:
        """Before photos are fetched, by what is known of them: those that will be used, unless a quota is used up.

        The first two of at most `limit` bytes; those that are larger only where fewer than two fit, to be refused.
        """
        ordered = sorted(pending.photos, key=lambda photo: photo.size is not None and photo.size > limit)
        if not ordered:
            return Admitted()
        actor, user = self._meet(actor)
        refused = self._refused(actor, user.id, ordered[0].message_id)
        if refused is not None:
            return Admitted(left_out=len(ordered), refused=refused)
        return Admitted(tuple(ordered[:MAX_PHOTOS]), len(ordered[MAX_PHOTOS:]))

    def _refused(self, actor: Actor, user_id: str, message_id: str | None) -> Answer | None:
        """What to tell somebody whose photos are used up, in their own conversation: the answered round goes on."""
        full = self._photos_full(actor)
        if full is None:
            return None
        event = PhotoNotTaken(full.code, dict(full.facts), message_id)
        return self._turn(actor, user_id, user_id, lambda unit: event)

    def agree(self, actor: Actor) -> None:
        """As if this person had read the text and agreed: for demonstrations and scripts."""
        user = self._user(actor)
        with self.store.unit() as unit:
            unit.users.agree(user.id, version_of(self._defaults.retention))
            unit.commit()

    def take_photos(
        self,
        actor: Actor,
        photos: Sequence[SentPhoto],
        reply_to: ReplyTo | None = None,
        wishes: dict[str, Any] | None = None,
        left_out: int = 0,
    ) -> Answer:
        """One photo or an album, with wishes if some came along. In a group they may join somebody else's round.

        `left_out`: how many photos of the album were not fetched.

        Nothing is stored while somebody has not agreed; the answer asks. See `ask_first`. Nor when somebody whose
        photo it is has been deleted while it was fetched.
        """
        asked = self.ask_first(actor, PendingPhotos())
        senders = self._senders(actor, photos)
        if senders is None:
            return self._gone(actor)
        for name in senders:
            asked = asked or self.ask_first(replace(actor, user=name), PendingPhotos())
        if asked is not None:
            return asked
        actor, user = self._meet(actor)
        owner = user.id
        if actor.group:
            reply_to = reply_to or ReplyTo()
            owner, role = self.groups.find_round(actor, user.id, photos[0].role, reply_to.message_id, reply_to.user)
            photos = [replace(photos[0], role=role), *photos[1:]]
        refused = self._refused(actor, user.id, photos[0].message_id)
        if refused is not None:
            return refused

        def received(unit: UnitOfWork) -> Event:
            return PhotosReceived(self._stored(unit, photos, senders, user.id), wishes or {}, left_out)

        try:
            return self._turn(actor, owner, user.id, received)
        except NotFound:
            return self._gone(actor)

    def take_avatars(
        self,
        actor: Actor,
        owner: str,
        photos: Sequence[SentPhoto],
        missing: Sequence[str] = (),
        message_id: str | None = None,
    ) -> Answer:
        """The profile photos that an answer asked for, in its order; `missing` are those that cannot be had.

        Nothing is stored unless, in that very moment, the proposal stands and both still agree.
        """
        user, senders = self._find(actor), self._senders(actor, photos)
        if user is None or senders is None:
            return self._gone(actor)
        actor, speaker = self._in_language(actor, user), user.id

        def received(unit: UnitOfWork) -> Event:
            stored = self._stored(unit, photos, senders, speaker)
            proposal = load_state(unit, actor, owner)[0].proposal
            if proposal is None or not {*senders, *missing} <= set(proposal.agreed):
                raise NotFound(what="proposal", id=owner)
            return AvatarsReceived(stored, tuple(missing), message_id)

        try:
            return self._turn(actor, owner, speaker, received)
        except NotFound:
            return self._gone(actor)

    def _senders(self, actor: Actor, photos: Sequence[SentPhoto]) -> dict[str, str] | None:
        """Our users by the platform's numbers of those who sent the photos; None when one of them is not known.

        They were asked before their photos were fetched, so who is not known was deleted since, and must not come back.
        """
        people = {name: self._find(replace(actor, user=name)) for name in {p.sender for p in photos} if name}
        known = {name: person.id for name, person in people.items() if person is not None}
        return known if len(known) == len(people) else None

    def _gone(self, actor: Actor) -> Answer:
        """Somebody who was to be on a picture, or the owner of the round, was deleted while photos were fetched."""
        return Answer([Say("gone_meanwhile")], language=self._in_language(actor, self._find(actor)).language)

    def _stored(
        self, unit: UnitOfWork, photos: Sequence[SentPhoto], senders: dict[str, str], speaker: str
    ) -> tuple[NewPhoto, ...]:
        """Keep the photos of people who agree, in the unit that checks whether they do. NotFound if not.

        First thing in a unit: blobs are written before SQLite's write lock is taken. A unit that fails removes them.
        """
        rows = [unit.photos.add(senders.get(p.sender or "", speaker), p.data, self._photo_ttl) for p in photos]
        for user_id in {speaker, *(row.owner_id for row in rows)}:
            if not self._agreed(unit.users.get(user_id)):
                raise NotFound(what="agreement", id=user_id)
        return tuple(
            NewPhoto(row.id, row.sha256, row.owner_id, sent.message_id, sent.role)
            for sent, row in zip(photos, rows, strict=True)
        )

    def press(self, actor: Actor, data: str, message_id: str | None = None) -> Answer:
        """A button, by what it says. One that we did not write for this chat, or whose round is gone, is stale."""
        if self._judge(actor) != "admitted":
            return Answer([Toast("too_many_messages")], language=language_of(actor.language))
        pressed = self.buttons.read(data[:MAX_BUTTON], actor.chat_id)
        actor, user = self._meet(actor)
        stale = Answer([Toast("stale_button")], user.id, language=actor.language)
        if pressed is None:
            return stale
        with self.store.read_only() as unit:
            source = source_of(unit, pressed.job_id, actor.platform, actor.chat_id) if pressed.job_id else None
            owner = source.people[0] if source else pressed.owner
            known = owner is not None and exists(unit, owner)
        if owner is None or not known or (owner != user.id and not actor.group):
            return stale
        event = ButtonPressed(pressed.action, pressed.value, pressed.question_id, source, message_id)
        return self._turn(actor, owner, user.id, lambda unit: event)

    def wants_photo(self, actor: Actor, *, addressed: bool, role: Role | None = None) -> bool:
        """Whether to fetch a photo at all. In a group, pictures of a holiday, or of mom, are not for us.

        Wanted are those sent to us, those somebody was asked for a moment ago, and a named parent that a round lacks.
        Somebody who was told to slow down is not told again with every photo: it is let pass.
        """
        if self._told_to_wait(actor):
            return False
        if not actor.group or addressed:
            return True
        now = self.store.clock().timestamp()
        with self.store.read_only() as unit:
            desk = load_rounds(unit, actor)
            user = unit.users.find(actor.platform, actor.user)
            state = State() if user is None else load_state(unit, actor, user.id)[0]
        waits = state.half_done or state.pending_photos or state.awaiting_role is not None
        asked = bool(waits) and now - state.touched <= OPEN_FOR
        return asked or desk.lacks(role, now)

    def _photos_full(self, actor: Actor) -> Full | None:
        with self.store.read_only() as unit:
            return self._defaults.quotas.for_photo(unit, actor.platform, actor.user, self.store.clock())

    def _told_to_wait(self, actor: Actor) -> bool:
        """Whether this person's photos are used up for now, and they know it."""
        if not self._defaults.quotas.photos_hour:
            return False
        with self.store.read_only() as unit:
            user = unit.users.find(actor.platform, actor.user)
            return user is not None and load_state(unit, actor, user.id)[0].wait_until > self.store.clock().timestamp()

    # What jobs bring

    def tell(self, job_id: str) -> Answer:
        """The outcome of a finished job as lines to show. Asked again (after a crash), it answers the same.

        Raises NotFound when the job was deleted.
        """
        with self.store.read_only() as unit:
            job = unit.jobs.get(job_id)
            reply = reply_facts(unit, job)
            owner = unit.users.get(job.user_id)
        actor = Actor(
            job.platform, job.chat_id, str(reply.get("user")), reply.get("language"), bool(reply.get("group"))
        )
        actor = self._in_language(actor, owner)

        def read_outcome(unit: UnitOfWork) -> Event:
            current = unit.jobs.get(job_id)
            if "lines" in current.reply:
                raise _ToldBefore(current.reply["lines"])
            return outcome(current)

        def write_down(unit: UnitOfWork, lines: list[OutgoingMessage]) -> None:
            unit.jobs.set_reply(job_id, lines=[message_to_json(line) for line in lines])

        try:
            return self._turn(actor, job.user_id, job.user_id, read_outcome, also=write_down)
        except _ToldBefore as before:
            return Answer([message_from_json(line) for line in before.lines], job.user_id, language=actor.language)

    def note_prompt(self, actor: Actor, owner: str, message_id: str) -> None:
        """In a group: a message of ours that belongs to a round, so that a reply to it joins that round."""
        if actor.group and owner:
            self.groups.note(actor, owner, message_id)

    # One turn

    def _turn(
        self,
        actor: Actor,
        owner: str,
        sender: str,
        make_event: Callable[[UnitOfWork], Event],
        also: Callable[[UnitOfWork, list[OutgoingMessage]], None] | None = None,
    ) -> Answer:
        """Take the turn; take it again when another one of the same conversation came between."""
        turn = actor.receipt.next_turn() if actor.receipt is not None else 0
        for tries_left in reversed(range(MAX_TRIES)):
            run = EffectExecutor(
                actor, owner, self._photo_ttl, self._defaults.quotas, self._defaults.rules.operators, self._read_code
            )
            try:
                with self.store.unit() as unit:
                    event = make_event(unit)
                    run.take(unit, event, self._context(unit, actor, unit.users.get(owner), unit.users.get(sender)))
                    if also is not None:
                        also(unit, run.lines)
                    if actor.receipt is not None and not actor.receipt.take(unit, turn, run.to_json()):
                        raise _TakenBefore
                    unit.commit()
                break
            except _TakenBefore:
                run = self._recalled(actor, owner, turn)
                break
            except ConversationChanged:
                if not tries_left:
                    raise
        sent = [self._outbox.put(job) for job in run.jobs]
        if not all(sent) and (actor.platform, actor.chat_id) not in self._told_away:
            self._told_away.add((actor.platform, actor.chat_id))
            run.lines.append(Say("queue_away"))
        if run.deletes:
            run.lines += self._delete(actor, owner, withdrawn=run.deletes.withdrawn)
        if actor.group:
            self.groups.note(actor, owner)
        asked = self.ask_first(actor, PendingPhotos()) if run.asks else None
        if asked is not None:
            return Answer([*run.lines, *asked.lines], asked.owner, language=asked.language)
        return Answer(run.lines, owner, run.jobs, run.avatars, run.language, run.fetch)

    def _recalled(self, actor: Actor, owner: str, turn: int) -> EffectExecutor:
        """A turn that was taken before its bot was killed; nothing to say when it was heard to its end."""
        run = EffectExecutor(actor, owner, self._photo_ttl)
        with self.store.read_only() as unit:
            answer = actor.receipt.recall(unit, turn) if actor.receipt is not None else None
            if answer is not None:
                run.recall(unit, answer)
        return run

    @property
    def behind(self) -> bool:
        """Whether there are jobs that could not be queued."""
        return self._outbox.behind

    def catch_up(self) -> None:
        """Queue some of the jobs that could not be queued."""
        if self._outbox.catch_up():
            self._told_away.clear()

    def _delete(self, actor: Actor, owner: str, *, withdrawn: bool) -> list[OutgoingMessage]:
        """Delete a person, then say what that was; nothing of this conversation is saved any more."""
        with self.store.read_only() as unit:
            jobs = unit.jobs.with_messages(owner)
        report = delete_user(self.store, owner)
        self._outbox.take_back(jobs)
        context = Context(owner=owner, sender=owner, group=actor.group)
        _, steps = step(State(), DataDeleted(asdict(report), withdrawn), context)
        return [line for line in steps if isinstance(line, OutgoingMessage)]

    def _hear(self, actor: Actor, owner: str, event: Event) -> Answer:
        return self._turn(actor, owner, owner, lambda unit: event)

    def _is_operator(self, actor: Actor) -> bool:
        return f"{actor.platform}:{actor.user}" in self._defaults.rules.operators

    def _closed(self, unit: UnitOfWork, actor: Actor) -> str:
        """Why this person, here, is not to be answered; "" when they are."""
        if self._is_operator(actor):
            return ""
        rules = self._defaults.rules
        names = {f"{actor.platform}:{actor.user}", f"{actor.platform}:{actor.chat_id}"}
        verdicts = unit.access_rules.verdicts(actor.platform, actor.user, actor.chat_id)
        if "block" in verdicts or names & rules.blocked:
            return "blocked"
        listed = any(name.startswith(f"{actor.platform}:") for name in rules.allowed)
        invited = "allow" in verdicts or names & rules.allowed
        if not invited and (listed or unit.access_rules.has_allow_list(actor.platform)):
            return "not_allowed"
        return "maintenance" if unit.access_rules.maintenance else ""

    def _agreed(self, user: User) -> bool:
        return user.consent_at is not None and user.consent_version == version_of(self._defaults.retention)

    def _context(self, unit: UnitOfWork, actor: Actor, user: User, sender: User) -> Context:
        group = unit.users.find(actor.platform, group_user_name(actor)) if actor.group else None
        names = ("age", "mix", "sex", "refine")
        chosen = {name: getattr(user, name) for name in names if getattr(user, name) is not None}
        return Context(
            owner=user.id,
            sender=sender.id,
            number=actor.user,
            username=actor.username,
            group=actor.group,
            admin=actor.admin,
            wall=bool(group and group.wall),
            language=actor.language or DEFAULT_LANGUAGE,
            seed=self._draw_seed(),
            now=self.store.clock().timestamp(),
            preferences=replace(self._defaults.preferences, **chosen),
            retention=self._defaults.retention,
            agreed=self._agreed(sender),
            agreed_once=sender.consent_at is not None,
            operator=self._is_operator(actor),
            anonymous=actor.anonymous,
            closed=self._closed(unit, actor),
        )

    def language_for(self, actor: Actor) -> str | None:
        """The language for a person outside a turn."""
        return self._in_language(actor, self._find(actor)).language

    def _meet(self, actor: Actor) -> tuple[Actor, User]:
        """The person, and the same `Actor` with the language in which to answer."""
        user = self._user(actor)
        return self._in_language(actor, user), user

    def _in_language(self, actor: Actor, user: User | None) -> Actor:
        """What the group chose comes first, then what the person chose, then what their chat program says."""
        chosen = user.language if user is not None else None
        if actor.group:
            with self.store.read_only() as unit:
                group = unit.users.find(actor.platform, group_user_name(actor))
            chosen = (group.language if group else None) or chosen
        return replace(actor, language=language_of(chosen or actor.language))

    def _find(self, actor: Actor) -> User | None:
        """The person, if we know them; unlike `_user` this brings nobody back."""
        with self.store.read_only() as unit:
            return unit.users.find(actor.platform, actor.user)

    def _user(self, actor: Actor) -> User:
        user = self._find(actor)
        if user is None:
            with self.store.unit() as unit:
                user = unit.users.get_or_add(actor.platform, actor.user)
                unit.commit()
        return user
