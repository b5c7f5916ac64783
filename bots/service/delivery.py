"""Delivers finished jobs to the chats and shows their progress.

A job is told in these steps, each of which can be done again after a crash without anybody noticing:

    claim            one courier has it for a while (several bots may run)
    Dialogue.tell    the outcome becomes lines; they are kept in the job row together with the conversation's new state
    show             a picture or a question is put *into* a message that is there already: editing twice shows it
                     once, sending twice would not
    mark delivered

Editing makes no phone ring. So when somebody has waited long, the old progress message is taken away and a new one
is sent, and the picture put into that. Works in the owner's lane: no picture overtakes a sentence before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bots.adapters.messenger import Messenger, MessengerError, OutboundMessage, RetryLater, Unreachable
from bots.conversation.effects import OutgoingMessage, Say
from bots.i18n.messages import bar, render
from bots.service.conversation_service import Answer, ConversationService
from bots.service.job_events import reply_facts
from bots.service.keyed_locks import KeyedLocks
from bots.service.presenter import DeliveryTarget, Presenter
from observability import traces
from observability.error_summary import fields_of
from observability.logs import about, get_logger
from observability.metrics import DELIVERIES, DELIVERY_SECONDS
from storage.errors import NotFound, StorageUnavailable
from storage.records import Job
from storage.unit_of_work import Store

log = get_logger(__name__)

Lane = tuple[str, str]
"""Chat, and the platform's number of the round's owner, as the adapter has it too."""

LOOK_AT = 100
"""Watched jobs in one look. Four looks a second show the progress of a thousand within their pace."""

MAX_REFUSALS = 3
"""How often a message that fails is retried."""


@dataclass(frozen=True, slots=True)
class DeliveryTimings:
    """Seconds. Tests run faster, nothing else changes."""

    look: float = 0.25
    """Between two polls of the database while jobs are running."""
    look_idle: float = 1.0
    edit: float = 3.0
    """Between two edits of a progress message; both services count edits."""
    patience: float = 4.0
    """After which a progress message appears for a photo still being analyzed."""
    act: float = 4.5
    """Between two chat actions; they fade after five."""
    long_wait: float = 60.0
    """After which a result comes in a new message, so that the phone rings."""
    claim: float = 90.0
    retry: float = 5.0


@dataclass(slots=True)
class Watch:
    """A running job whose progress is shown."""

    lane: Lane
    kind: str
    target: DeliveryTarget
    reply_to: str | None
    since: float
    edited: float = 0.0
    shown: str = ""
    over: bool = False
    """It is being delivered: no more progress, not even if delivery is retried."""


class DeliveryWorker:
    """One per platform and process. `watch` what was just queued, `run` until cancelled."""

    def __init__(
        self,
        service: ConversationService,
        messenger: Messenger,
        locks: KeyedLocks,
        platform: str,
        timings: DeliveryTimings | None = None,
        presenter: Presenter | None = None,
    ) -> None:
        self._service = service
        self._store: Store = service.store
        self._messenger = messenger
        self._presenter = presenter or Presenter(service)
        self._locks = locks
        self._platform = platform
        self._pace = timings or DeliveryTimings()
        self._watched: dict[str, Watch] = {}
        self._status: dict[Lane, str] = {}
        """The one progress message of a lane, until it has become a result."""
        self._acted: dict[Lane, float] = {}
        self._telling: set[str] = set()
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def watch(self, job: Job, status: str | None = None) -> None:
        """Show the progress of a job that this process just queued, in `status` if there is such a message already."""
        target = place_of(job, job.reply)
        reply_to = job.reply.get("to") if target.group else None
        self._watched[job.id] = Watch(lane_of(job, job.reply), job.kind, target, reply_to, time.monotonic())
        if status is not None:
            self._status[lane_of(job, job.reply)] = status
        self._spawn(self._begin(job.id, status))
        self._wake.set()

    @property
    def busy(self) -> bool:
        """Whether deliveries are running or pending."""
        return bool(self._watched or self._telling or self._tasks)

    async def run(self) -> None:
        """Poll, deliver and show progress until cancelled; then finish running deliveries."""
        try:
            while True:
                with suppress(StorageUnavailable):
                    await self._look()
                wait = self._pace.look if self._watched else self._pace.look_idle
                # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                if self._wake.is_set():
                    self._wake.clear()
                    await asyncio.sleep(min(self._pace.look, wait))
        finally:
            await self._finish()

    async def _finish(self, patience: float = 10.0) -> None:
        """Let deliveries end; what does not is left to the next start, its claim runs out."""
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=patience)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("a courier's task failed", **fields_of(fault))

    # Looking

    async def _look(self) -> None:
        """One poll of the database: deliver what is finished, show progress of the rest."""
        if self._service.behind:
            await self._service.run_in_thread(self._service.catch_up)
        # Which are watched is noted before the store is looked at: a job queued in between would seem deleted.
        finished, running, lost, places = await self._service.run_in_thread(self._read, self._next_to_look_at())
        for job, reply in finished:
            if job.id not in self._telling:
                self._telling.add(job.id)
                self._spawn(self._deliver(job, lane_of(job, reply)))
        for job in running:
            self._show_progress(job, places.get(job.id))
        for job_id in lost:
            watch = self._watched.pop(job_id, None)
            if watch is not None:
                watch.over = True
                self._spawn(self._clear(watch.lane))

    def _read(
        self, watched: list[str]
    ) -> tuple[list[tuple[Job, dict[str, Any]]], list[Job], list[str], dict[str, int]]:
        """Finished jobs that are to be told, running ones that are watched, watched ones that are over or deleted;
        and which in the queue those are that wait in it."""
        with self._store.read_only() as unit:
            finished = [(job, reply_facts(unit, job)) for job in unit.jobs.undelivered(self._platform)]
            known = unit.jobs.some(watched)
            queued = [job for job in known.values() if job.state == "queued" and job.kind != "encode"]
            places = unit.jobs.places() if queued else {}
        running = [job for job in known.values() if not job.finished]
        lost = [job_id for job_id in watched if job_id not in known or known[job_id].delivered_at is not None]
        return finished, running, lost, places

    def _next_to_look_at(self) -> list[str]:
        """Some of the watched jobs, in turn: when thousands wait, a look must not take longer than until the next.

        Finished ones are found without this; it is only their progress that is shown a little later.
        """
        watched = list(self._watched)
        if len(watched) <= LOOK_AT:
            return watched
        self._turn = self._turn % len(watched)
        chosen = [*watched[self._turn :], *watched[: self._turn]][:LOOK_AT]
        self._turn += LOOK_AT
        return chosen

    # Progress

    async def _begin(self, job_id: str, status: str | None) -> None:
        """The first sign: a chat action for a photo, the progress message for a drawing."""
        watch = self._watched.get(job_id)
        if watch is None:
            return
        if status is not None:
            await self._service.run_in_thread(self._note, job_id, message=status)
        if watch.kind == "encode":
            self._act(watch.lane)
            return
        async with self._locks.hold(watch.lane):
            if not watch.over:  # it may have been told while this waited for the lane
                with suppress(MessengerError, NotFound):
                    target = await self._service.run_in_thread(self._queue_place, job_id)
                    await self._put_status(job_id, watch, _progress(watch, "queued", 0.0, target))

    def _show_progress(self, job: Job, place: int | None) -> None:
        """Edit the progress message if it has something new to say and the last edit is long enough ago."""
        watch = self._watched.get(job.id)
        if watch is None:
            return
        now = time.monotonic()
        if watch.kind == "encode":
            self._act(watch.lane)
            if now - watch.since < self._pace.patience:
                return
        note = _progress(watch, job.stage, job.progress, place)
        if note.text != watch.shown and now - max(watch.edited, watch.since) >= self._pace.edit:
            watch.edited = now
            self._spawn(self._edit_progress(job.id, watch, note))

    def _act(self, lane: Lane) -> None:
        """A chat action, unless the last one is still to be seen."""
        now = time.monotonic()
        if now - self._acted.get(lane, 0.0) >= self._pace.act:
            self._acted[lane] = now
            self._spawn(self._messenger.acting(lane[0]))

    async def _edit_progress(self, job_id: str, watch: Watch, message: OutboundMessage) -> None:
        async with self._locks.hold(watch.lane):
            if not watch.over and message.text != watch.shown:
                with suppress(MessengerError):
                    await self._put_status(job_id, watch, message)

    async def _put_status(self, job_id: str, watch: Watch, message: OutboundMessage) -> None:
        """Write into the lane's progress message, sending it if there is none yet."""
        watch.shown = message.text
        message_id = self._status.get(watch.lane)
        if message_id is not None:
            await self._messenger.edit(watch.lane[0], message_id, message, minor=True)
        else:
            message_id = await self._messenger.send(watch.lane[0], message)
            self._status[watch.lane] = message_id
        await self._service.run_in_thread(self._note, job_id, message=message_id)

    async def _clear(self, lane: Lane) -> None:
        """A watched job was deleted or delivered by another process: remove its progress message."""
        async with self._locks.hold(lane):
            if not any(watch.lane == lane for watch in self._watched.values()):
                status = self._status.pop(lane, None)
                if status is not None:
                    with suppress(MessengerError):
                        await self._messenger.remove(lane[0], status)

    # Telling

    async def _deliver(self, job: Job, lane: Lane) -> None:
        with about(job=job.id):
            await self._deliver_in(lane, job)

    async def _deliver_in(self, lane: Lane, job: Job) -> None:
        try:
            async with self._locks.hold(lane):
                if await self._service.run_in_thread(self._claim, job.id):
                    async with self._claim_kept(job.id):
                        await self._tell(job.id, lane)
        except NotFound:
            log.info("deleted before it was told")
            self._count("deleted")
        except (RetryLater, StorageUnavailable) as fault:
            log.warning("could not be told now", fault=type(fault).__name__)
            self._count("put_off")
            await self._try_later(job.id, wait=fault.wait if isinstance(fault, RetryLater) else None)
        except Exception as fault:
            # One broken job must not stop the others, nor be tried for ever.
            log.error("could not be told", **fields_of(fault))
            self._count("failed")
            give_up = job.delivery_attempts + 1 >= MAX_REFUSALS
            if give_up:
                await self._apologise(job.id)
            await self._try_later(job.id, give_up=give_up)
        finally:
            self._telling.discard(job.id)

    @asynccontextmanager
    async def _claim_kept(self, job_id: str) -> AsyncIterator[None]:
        """Renew the claim while waiting: a service may demand a longer wait than the claim lasts."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._pace.claim / 3)
                with suppress(StorageUnavailable):
                    await self._service.run_in_thread(self._renew, job_id)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _apologise(self, job_id: str) -> None:
        """What cannot be shown is not passed over in silence, unless it is a closer picture: nobody waits for that."""
        with suppress(MessengerError, NotFound, StorageUnavailable):
            job, place = await self._service.run_in_thread(self._place, job_id)
            if job.quality == "refined":
                return
            message = OutboundMessage(render("failed", {"job_id": job_id}, place.language), reply_to=place.reply_to)
            status = job.reply.get("message")
            if status is None or not await self._turn_into(place, status, message):
                await self._messenger.send(place.chat_id, message)

    async def _try_later(self, job_id: str, *, give_up: bool = False, wait: float | None = None) -> None:
        """Release the delivery for a while: as long as the service asked, if it did."""
        with suppress(StorageUnavailable):
            if give_up:
                await self._service.run_in_thread(self._mark_delivered, job_id)
                self._watched.pop(job_id, None)
            else:
                await self._service.run_in_thread(self._release, job_id, max(wait or 0.0, self._pace.retry))

    async def _tell(self, job_id: str, lane: Lane) -> None:
        answer = await self._service.run_in_thread(self._service.tell, job_id)
        job, target = await self._service.run_in_thread(self._place, job_id)
        target = replace(target, language=answer.language)
        if job_id in self._watched:
            self._watched[job_id].over = True
        # Its own message first: told again after a failure, it must not take the one of the next job in this lane.
        status = job.reply.get("message") or self._status.get(lane)
        if status == self._status.get(lane):
            self._status.pop(lane, None)
        try:
            for index, line in list(enumerate(answer.lines))[int(job.reply.get("told", 0)) :]:
                status = await self._show(job, target, line, status, f"{job.id}.{index}")
                # A message that has become this line must not become the next one, not even after a crash.
                used = {} if status is not None else {"message": None}
                await self._service.run_in_thread(self._note, job_id, told=index + 1, **used)
            self._count("shown")
            self._measure(job)
        except Unreachable:
            log.info("its chat is not reachable any more")
            self._count("unreachable")
            status = None
        await self._service.run_in_thread(self._mark_delivered, job_id)
        await self._hand_on(job, lane, status, answer)

    async def _hand_on(self, job: Job, lane: Lane, status: str | None, answer: Answer) -> None:
        """A progress message that has not become anything serves the next job, or goes."""
        self._watched.pop(job.id, None)
        self._acted.pop(lane, None)
        waiting = answer.jobs or any(watch.lane == lane for watch in self._watched.values())
        if status is not None and waiting and lane not in self._status:
            self._status[lane] = status
        elif status is not None and not await self._service.run_in_thread(self._shared, job, status):
            with suppress(MessengerError):
                await self._messenger.remove(lane[0], status)
        for queued in answer.jobs:
            self.watch(queued)

    async def _show(
        self, job: Job, target: DeliveryTarget, message: OutgoingMessage, status: str | None, once: str
    ) -> str | None:
        """Show one line, in the progress message where there is one; what is left of that message.

        `once`: under what name it is sent, if it is sent.
        """
        if not isinstance(message, Say):
            await self._presenter.show(self._messenger, target, [message])
            return status
        note = replace(await self._presenter.note(target, message), once=once)
        if note.picture is not None or note.rows:
            await self._put(job, target, note, status)
        elif status is None or not await self._turn_into(target, status, note):
            await self._messenger.send(target.chat_id, note)
        return None

    async def _put(self, job: Job, target: DeliveryTarget, message: OutboundMessage, status: str | None) -> None:
        """Put a picture, or a question, into the progress message, or into a new one.

        Only an edit can be repeated unnoticed: a second picture, or a second set of buttons, would confuse.
        """
        age = self._store.clock() - job.created_at
        drawn = job.kind != "encode"
        if drawn and status is not None and age > timedelta(seconds=self._pace.long_wait) and "fresh" not in job.reply:
            await self._messenger.remove(target.chat_id, status)
            status = None
        for turn in range(2):
            if status is None:
                words = render("picture_coming" if drawn else "one_moment", {}, target.language)
                coming = OutboundMessage(
                    words, reply_to=message.reply_to, progress=1.0, once=f"{message.once}.coming.{turn}"
                )
                status = await self._messenger.send(target.chat_id, coming)
                await self._service.run_in_thread(self._note, job.id, message=status, fresh=True)
            if await self._turn_into(target, status, message):
                return
            status = None
        await self._messenger.send(target.chat_id, message)

    async def _turn_into(self, target: DeliveryTarget, status: str, message: OutboundMessage) -> bool:
        return await self._messenger.edit(target.chat_id, status, message)

    def _measure(self, job: Job) -> None:
        """Delivery latency, measured from the request and from completion."""
        now = self._store.clock()
        waited = (now - job.created_at).total_seconds()
        DELIVERY_SECONDS.labels(self._platform, job.kind, job.quality).observe(max(waited, 0.0))
        words = {"platform": self._platform, "kind": job.kind, "quality": job.quality, "end": job.state}
        traces.past(job.id, "delivery", job.finished_at or now, now, platform=self._platform)
        traces.whole(job.id, job.created_at, now, **words)

    def _count(self, end: str) -> None:
        DELIVERIES.labels(self._platform, end).inc()

    # The store, in a thread

    def _claim(self, job_id: str) -> bool:
        with self._store.unit() as unit:
            mine = unit.jobs.claim_delivery(job_id, timedelta(seconds=self._pace.claim))
            unit.commit()
        return mine

    def _renew(self, job_id: str) -> None:
        with self._store.unit() as unit:
            unit.jobs.renew_delivery(job_id, timedelta(seconds=self._pace.claim))
            unit.commit()

    def _release(self, job_id: str, seconds: float) -> None:
        with self._store.unit() as unit:
            unit.jobs.release_delivery(job_id, wait=timedelta(seconds=seconds))
            unit.commit()

    def _mark_delivered(self, job_id: str) -> None:
        with self._store.unit() as unit:
            unit.jobs.mark_delivered(job_id)
            unit.commit()

    def _queue_place(self, job_id: str) -> int | None:
        with self._store.read_only() as unit:
            job = unit.jobs.get(job_id)
            return unit.jobs.place(job) if job.state == "queued" else None

    def _note(self, job_id: str, **facts: Any) -> None:
        with suppress(NotFound), self._store.unit() as unit:
            unit.jobs.set_reply(job_id, **facts)
            unit.commit()

    def _shared(self, job: Job, status: str) -> bool:
        """Whether another job of this person is to be told in the same message, as a bot that was unavailable finds
        them.
        """
        with self._store.read_only() as unit:
            others = [*unit.jobs.undelivered(self._platform), *unit.jobs.active_for(job.user_id)]
        return any(other.id != job.id and other.reply.get("message") == status for other in others)

    def _place(self, job_id: str) -> tuple[Job, DeliveryTarget]:
        with self._store.read_only() as unit:
            job = unit.jobs.get(job_id)
            reply = reply_facts(unit, job)
        return job, place_of(job, reply)


def lane_of(job: Job, reply: dict[str, Any]) -> Lane:
    """The lane in which a job is told."""
    return job.chat_id, str(reply.get("user"))


def place_of(job: Job, reply: dict[str, Any]) -> DeliveryTarget:
    """Where and how a job is reported."""
    group = bool(reply.get("group"))
    return DeliveryTarget(job.chat_id, job.user_id, reply.get("language"), group, late=True, reply_to=reply.get("to"))


def _progress(watch: Watch, stage: str, progress: float, place: int | None) -> OutboundMessage:
    """What the progress message says; `place`: which in the queue the job is, if it waits there."""
    key = "encoding" if watch.kind == "encode" else (stage or "queued")
    known = key if key in ("queued", "encoding", "drawing", "refining") else "working"
    if known == "queued" and place is not None and place > 1:
        text = render("progress_place", {"place": place}, watch.target.language)
    else:
        text = render(f"progress_{known}", {}, watch.target.language)
    if watch.kind != "encode" and progress > 0:
        text = f"{text}\n{bar(progress)}"
    return OutboundMessage(text, reply_to=watch.reply_to, progress=progress)
