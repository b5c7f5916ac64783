"""Several people at once, one of whom forges whatever a client can send: the world that `test_attack.py` explores.

It does what the adapters do, step by step, so that anything may happen between a question and an answer, or between the
permission to fetch a photo and its storing: `fetches` and `couples` are downloads that are still under way.
"""

from __future__ import annotations

import itertools
import logging
import random
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bots.conversation.callback_data import ButtonSigner
from bots.conversation.effects import Button, Say
from bots.conversation.events import CommandGiven, Event, PendingPhotos, TextSaid
from bots.conversation.state import state_from_json
from bots.service.conversation_service import Answer, ConversationService, Defaults, ReplyTo, SentPhoto
from bots.service.effect_executor import Actor
from bots.service.quotas import Quotas
from childface.cli.options import facts_of_code
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.errors import NotFound
from storage.models import ConversationRow, JobRow, LatentRow, PhotoRow, ResultRow, UserRow
from storage.records import Job
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_worker import FakeWorker

ANNA, BEN, CARL, MALLORY = PEOPLE = ("770011220011", "770011220022", "770011220033", "770011220044")
GROUPS = ("-100500500501", "-100500500502")


@dataclass(frozen=True)
class Snapshot:
    """What the database holds of everybody, by the services' numbers."""

    users: dict[str, tuple[Any, ...]]
    photos: dict[str, tuple[Any, ...]]
    jobs: dict[str, tuple[Any, ...]]
    results: dict[str, tuple[Any, ...]]
    states: dict[tuple[str, str], dict[str, Any]]
    """By chat and person."""

    def photos_in_rounds_of(self, number: str) -> set[str]:
        """The photos that somebody works with: their own, and what others have added to their rounds."""
        rounds = [state_from_json(state) for (_, person), state in self.states.items() if person == number]
        return {photo.photo_id for one in rounds for photo in one.photos}


class InlineWorker(FakeWorker):
    """Does its jobs when told to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.picture = None
        self.waiting: list[str] = []

    def put(self, job: Job) -> None:
        self.waiting.append(job.id)

    def take_back(self, jobs: Sequence[Job]) -> int:
        ids, before = {job.id for job in jobs}, len(self.waiting)
        self.waiting = [job_id for job_id in self.waiting if job_id not in ids]
        return before - len(self.waiting)


class _Log(logging.Handler):
    """Everything that is logged, as one text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()} {record.__dict__}\n"


@dataclass
class World:
    """A store with its files, a dialogue, and what everybody sees."""

    migrated: Path
    buttons: list[tuple[str, str]] = field(default_factory=list)
    """Chat and callback data of every button that was ever shown."""
    fetches: list[tuple[Actor, PendingPhotos]] = field(default_factory=list)
    couples: list[tuple[Actor, Answer]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """What stands for deleted things: ids, hashes, names of blobs."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """What people have typed, by person."""

    def __post_init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="childface-attack-"))
        shutil.copyfile(self.migrated, self.home / "childface.sqlite3")
        self._database = open_database(f"sqlite:///{self.home / 'childface.sqlite3'}")
        self.store = Store(self._database, DiskBlobs(self.home / "blobs", [secrets.token_bytes(32)]))
        self.worker = InlineWorker(self.store)
        self._seeds, self._counter = itertools.count(1), itertools.count(1)
        quotas = Defaults(quotas=Quotas(0, 0, 0, 0, 0))
        seed = lambda: next(self._seeds)  # noqa: E731
        self.dialogue = ConversationService(self.store, self.worker, quotas, draw_seed=seed, read_code=facts_of_code)
        self.forger = ButtonSigner(lambda: [secrets.token_bytes(32)])
        self.log = _Log()
        self._loggers = [logging.getLogger(name) for name in ("bots", "storage")]
        for logger in self._loggers:
            logger.addHandler(self.log)
        # Hypothesis repeats a sequence and expects the same again.
        self._chance, self._uuid4 = random.Random(7), uuid.uuid4
        uuid.uuid4 = lambda: uuid.UUID(int=self._chance.getrandbits(128), version=4)
        agreed(self.store, "telegram", *PEOPLE)

    def close(self) -> None:
        uuid.uuid4 = self._uuid4
        for logger in self._loggers:
            logger.removeHandler(self.log)
        self._database.close()
        shutil.rmtree(self.home)

    def unique(self, word: str) -> str:
        return f"{word}{next(self._counter)}x{self._chance.getrandbits(32):08x}"

    # What adapters do

    def hear(self, actor: Actor, event: Event) -> None:
        self._show(actor, self.dialogue.hear(actor, event))

    def press(self, actor: Actor, data: str) -> Answer:
        answer = self.dialogue.press(actor, data)
        self._show(actor, answer)
        return answer

    def take_in(self, actor: Actor, pending: PendingPhotos) -> None:
        """Ask; if there is nothing to ask, begin to fetch."""
        question = self.dialogue.ask_first(actor, pending)
        if question is not None:
            self._show(actor, question)
            return
        snapshot = self.snapshot()
        for number in {actor.user, *(photo.sender or actor.user for photo in pending.photos)}:
            assert snapshot.users[number][1] is not None, "a photo is fetched of somebody who has not agreed"
        assert pending.permitted or not any(photo.reposted for photo in pending.photos)
        self.fetches.append((actor, pending))

    def fetched(self, actor: Actor, pending: PendingPhotos) -> None:
        """The downloads of an offer are through."""
        photos = [SentPhoto(p.ref.encode(), p.message_id, p.role, p.sender) for p in pending.photos]
        reply_to = ReplyTo(pending.reply_to, pending.replied_user)
        self._show(actor, self.dialogue.take_photos(actor, photos, reply_to))

    def couple_fetched(self, actor: Actor, agreement: Answer) -> None:
        photos = [SentPhoto(self.unique("mom ").encode(), sender=number) for number in agreement.avatars]
        self._show(actor, self.dialogue.take_avatars(actor, agreement.owner, photos))

    def work(self) -> None:
        """Do every job and tell what came of it, and what that leads to."""
        while self.worker.waiting:
            self.worker.work(self.worker.waiting.pop(0))
            with self.store.read_only() as unit:
                finished = unit.jobs.undelivered("telegram")
            for job in finished:
                with suppress(NotFound):
                    answer = self.dialogue.tell(job.id)
                    with self.store.unit() as unit:
                        unit.jobs.mark_delivered(job.id)
                        unit.commit()
                    user = str(job.reply["user"])
                    self._show(Actor("telegram", job.chat_id, user, "en", job.chat_id in GROUPS), answer)

    def _show(self, actor: Actor, answer: Answer) -> None:
        for say in (line for line in answer.lines if isinstance(line, Say)):
            for button in (button for row in say.buttons for button in row):
                data = self.dialogue.buttons.write(button, say, answer.owner, actor.chat_id)
                self.buttons.append((actor.chat_id, data))
        for offer in answer.fetch:
            self.take_in(replace(actor, user=offer.speaker or actor.user), offer)
        if answer.avatars:
            self.couples.append((actor, answer))

    def forge(self, chat: str, action: str, value: str, stamp: int, owner: str, job: str) -> list[str]:
        """What a client that may send anything could send to have this done, knowing every id and button."""
        question, picture = Say("x", question_id=stamp), Say("x", drawing=job)
        made = [
            self.forger.write(Button("x", action, value), question, owner, chat),
            self.forger.write(Button("x", action, value), picture, owner, chat),
        ]
        genuine = [data[-12:] for place, data in self.buttons if place == chat][-3:]
        moved = [data[:-12] + signature for data in made for signature in genuine]
        elsewhere = [data for place, data in self.buttons if place != chat and data.count(":") == 3][-3:]
        return [f"{action}:{value}:{stamp}:{owner}", f"{action}:{job}", *made, *moved, *elsewhere]

    # What is there

    def snapshot(self) -> Snapshot:
        """Everything; moments of the last word are left out."""
        with self._database.reader_factory() as session:
            users = {row.id: row for row in session.scalars(select(UserRow))}
            number = {user_id: row.platform_user_id for user_id, row in users.items()}
            return Snapshot(
                users={
                    row.platform_user_id: (
                        row.id, row.consent_at, row.consent_version, row.language, row.age, row.mix, row.sex,
                        row.refine, row.wall,
                    )
                    for row in users.values()
                },
                photos={
                    row.id: (number[row.owner_id], row.kind, row.face, row.blob_key)
                    for row in session.scalars(select(PhotoRow))
                },
                jobs={
                    row.id: (number[row.user_id], row.mom_photo_id, row.dad_photo_id, row.state, row.cancel_requested)
                    for row in session.scalars(select(JobRow))
                },
                results={row.job_id: (row.blob_key,) for row in session.scalars(select(ResultRow))},
                states={
                    (row.chat_id, number[row.user_id]): row.state | {"touched": 0.0}
                    for row in session.scalars(select(ConversationRow))
                },
            )  # fmt: skip

    def words_about(self, number: str) -> list[str]:
        """What stands for a person and what is theirs: ids, hashes, names of blobs, names they typed."""
        with self._database.reader_factory() as session:
            user = session.scalar(select(UserRow).where(UserRow.platform_user_id == number))
            if user is None:
                return []
            words = [user.id, *self.names.pop(number, [])]
            for photo in session.scalars(select(PhotoRow).where(PhotoRow.owner_id == user.id)):
                words += [photo.id, photo.sha256, photo.blob_key or photo.id]
            for latent in session.scalars(select(LatentRow).where(LatentRow.owner_id == user.id)):
                words += [latent.id, latent.blob_key]
            for job in session.scalars(select(JobRow).where(JobRow.user_id == user.id)):
                words.append(job.id)
        return words

    def traces(self, words: Sequence[str]) -> set[str]:
        """Those of the words that stand in a file, in its name, or in the log."""
        paths = [path for path in self.home.rglob("*") if path.is_file()]
        contents = {path.name: path.read_bytes() + path.name.encode() for path in paths}
        contents["log"] = self.log.text.encode()
        return {f"{word} in {name}" for word in words for name, content in contents.items() if word.encode() in content}

    def delete(self, actor: Actor, command: str) -> None:
        """/delete_my_data or /withdraw, and yes; afterwards nothing is left of this person."""
        words = self.words_about(actor.user)
        self.hear(actor, CommandGiven(command))
        self.hear(actor, TextSaid("yes"))
        if actor.user not in self.snapshot().users:
            self.gone.update(words)
            assert self.traces([*words, actor.user]) == set()


@contextmanager
def only(world: World, actor: str, *, forged: bool = False, deletes: bool = False) -> Iterator[None]:
    """Whatever the actor does in this block, other people's agreements, photos, pictures and settings stay."""
    before = world.snapshot()
    yield
    after = world.snapshot()
    if forged:
        assert after == before, "a forged press changed something"
    for number in set(PEOPLE) - {actor}:
        if number in before.users:
            assert after.users.get(number) == before.users[number], "somebody else's agreement or settings"
        elif number in after.users:
            assert after.users[number][1:] == (None,) * 8, "somebody was made to agree or to choose"
        if not deletes:
            assert after.states.get((number, number)) == before.states.get((number, number)), "a private chat"
    _photos_stay(before, after, actor)
    _pictures_stay(before, after, actor, deletes=deletes)


def _photos_stay(before: Snapshot, after: Snapshot, actor: str) -> None:
    in_hand = before.photos_in_rounds_of(actor)
    for photo_id, facts in before.photos.items():
        if facts[0] != actor and photo_id not in in_hand:
            assert after.photos.get(photo_id) == facts, "somebody else's photo"


def _pictures_stay(before: Snapshot, after: Snapshot, actor: str, *, deletes: bool) -> None:
    for job_id, blob in before.results.items():
        owner, *parents = before.jobs[job_id][:3]
        shows_actor = any(before.photos[photo][0] == actor for photo in parents if photo in before.photos)
        if owner != actor and not (deletes and shows_actor):
            assert after.results.get(job_id) == blob, "somebody else's picture"
