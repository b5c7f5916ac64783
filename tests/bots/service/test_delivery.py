"""The courier with a messenger of paper: what is told, how often, and what happens when telling fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bots.adapters.messenger import MessageRejected, MessengerError, OutboundMessage, RetryLater, Unreachable
from bots.conversation.events import CommandGiven
from bots.service import delivery as courier
from bots.service.delivery import DeliveryTimings, DeliveryWorker
from bots.service.keyed_locks import KeyedLocks
from observability import traces
from storage.records import Job
from storage.unit_of_work import Store
from tests.bots.conftest import FAST
from tests.bots.service.test_conversation_service import ANNA, Desk

PLATFORM = "telegram"
PACE = replace(FAST, look=0.01, look_idle=0.01, edit=0.0, patience=0.0, act=30.0, retry=0.02)


@dataclass
class Paper:
    """A `Messenger` that writes everything down. `faults` are raised by the next calls, in order."""

    messages: dict[str, OutboundMessage] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    actions: int = 0
    edits: int = 0
    faults: list[MessengerError | Exception] = field(default_factory=list)
    vanished: set[str] = field(default_factory=set)

    async def send(self, chat_id: str, message: OutboundMessage) -> str:
        self._stumble()
        number = str(len(self.messages) + 1)
        self.messages[number] = message
        return number

    async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
        self._stumble()
        if message_id in self.vanished:
            return False
        self.edits += 1
        self.messages[message_id] = message
        return True

    async def remove(self, chat_id: str, message_id: str) -> None:
        self.removed.append(message_id)
        del self.messages[message_id]

    async def acting(self, chat_id: str) -> None:
        self.actions += 1

    def _stumble(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    @property
    def pictures(self) -> list[OutboundMessage]:
        return [note for note in self.messages.values() if note.picture is not None]

    @property
    def texts(self) -> list[str]:
        return [note.text for note in self.messages.values()]


class Post(Desk):
    """A dialogue with a courier that delivers onto paper."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.paper = Paper()
        self.courier = self.new_courier()

    def new_courier(self, timings: DeliveryTimings = PACE) -> DeliveryWorker:
        return DeliveryWorker(self.dialogue, self.paper, KeyedLocks(), PLATFORM, timings)

    @asynccontextmanager
    async def working(self, courier: DeliveryWorker | None = None) -> AsyncIterator[None]:
        task = asyncio.create_task((courier or self.courier).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def ready(self, job: Job) -> None:
        """The worker is done with a drawing."""
        with self.store.unit() as unit:
            assert unit.jobs.start(job.id, timedelta(hours=1))
            unit.commit()
        self.drawn(job)

    def drawn(self, job: Job) -> None:
        """The worker that has it is done."""
        with self.store.unit() as unit:
            unit.results.add(job.id, b"a picture", "image/jpeg", 4, 4, timedelta(hours=1))
            assert unit.jobs.finish(job.id, {"sex": "girl"})
            unit.commit()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.01)

    async def until_delivered(self, job: Job) -> None:
        await self.until(lambda: self.job(job.id).delivered_at is not None)


@pytest.fixture
def post(store: Store) -> Post:
    return Post(store)


async def test_a_picture_is_put_into_the_progress_message(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        assert post.paper.texts == ["Your picture is in the queue …"]
        post.ready(job)
        await post.until_delivered(job)
    [note] = post.paper.messages.values()
    assert note.picture is not None and note.picture.data == b"a picture"
    assert note.text == "Girl, 6 years · half mom, half dad"
    assert post.paper.removed == []


async def test_a_picture_that_is_shown_ends_its_trace(post: Post, spans: InMemorySpanExporter) -> None:
    job = post.drawing()
    post.ready(job)
    async with post.working():
        post.courier.watch(job)
        await post.until_delivered(job)
    traces.flush()
    mine = [span for span in spans.get_finished_spans() if f"{span.get_span_context().trace_id:032x}" == job.id]
    delivery, whole = mine
    assert (delivery.name, whole.name, whole.parent) == ("delivery", "job", None)
    assert delivery.parent is not None and delivery.parent.span_id == whole.get_span_context().span_id
    words = {"platform": PLATFORM, "kind": "child", "quality": "fast", "end": "done"}
    assert dict(whole.attributes or {}) == words


async def test_when_many_wait_they_are_looked_at_in_turn(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LOOK_AT", 2)
    jobs = [post.drawing(replace(ANNA, chat_id=str(number), user=str(number))) for number in range(1, 6)]
    async with post.working():
        for job in jobs:
            post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 5)
        with post.store.unit() as unit:
            for job in jobs:
                unit.jobs.start(job.id, timedelta(hours=1))
                unit.jobs.report(job.id, "drawing", 0.5)
            unit.commit()
        await post.until(lambda: sum("▰" in text for text in post.paper.texts) == 5)
        post.drawn(jobs[4])
        await post.until_delivered(jobs[4])


async def test_progress_is_shown_in_the_same_message(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        with post.store.unit() as unit:
            unit.jobs.start(job.id, timedelta(hours=1))
            unit.jobs.report(job.id, "drawing", 0.5)
            unit.commit()
        await post.until(lambda: "▰▰▰▰▰▰▱▱▱▱▱▱" in "".join(post.paper.texts))
        assert len(post.paper.messages) == 1


async def test_a_photo_that_takes_long_gets_a_message_that_becomes_the_drawings(post: Post) -> None:
    mom = post.photo(b"mom")
    async with post.working():
        post.courier.watch(mom)
        await post.until(lambda: post.paper.texts == ["Looking at the photos …"])
        post.encoded(post.photo(b"dad"), "male")
        post.finish(mom, {"sex": "female", "sex_confidence": 0.99, "estimated_age": 30.0, "warnings": []})
        await post.until(lambda: post.paper.texts == ["Your picture is in the queue …"])
        assert post.paper.actions == 1


async def test_a_message_about_a_photo_goes_when_there_is_nothing_to_say(post: Post) -> None:
    mom = post.photo(b"mom")
    async with post.working():
        post.courier.watch(mom)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.finish(mom, {"sex": "female", "sex_confidence": 0.99, "estimated_age": 30.0, "warnings": []})
        await post.until_delivered(mom)
    assert post.paper.messages == {}


async def test_a_refusal_takes_the_place_of_the_message_about_the_photo(post: Post) -> None:
    mom = post.photo(b"mom")
    async with post.working():
        post.courier.watch(mom)
        await post.until(lambda: len(post.paper.messages) == 1)
        with post.store.unit() as unit:
            unit.jobs.fail(mom.id, "no_face", {})
            unit.commit()
        await post.until_delivered(mom)
    [text] = post.paper.texts
    assert text.startswith("I cannot find a face")


async def test_what_finished_while_nobody_was_there_is_told_once_by_the_next_courier(post: Post) -> None:
    job = post.drawing()
    post.ready(job)
    for _ in range(2):
        async with post.working(post.new_courier()):
            await post.until_delivered(job)
            await asyncio.sleep(0.05)
    assert len(post.paper.pictures) == 1


async def test_two_couriers_tell_each_job_once(post: Post) -> None:
    jobs = [post.drawing()]
    post.ready(jobs[0])
    async with post.working(post.new_courier()), post.working(post.new_courier()):
        await post.until_delivered(jobs[0])
        await asyncio.sleep(0.05)
    assert len(post.paper.pictures) == 1


async def test_a_service_that_is_away_is_tried_again_later(post: Post) -> None:
    job = post.drawing()
    post.ready(job)
    post.paper.faults = [RetryLater() for _ in range(5)]
    async with post.working():
        await post.until_delivered(job)
    assert len(post.paper.pictures) == 1


async def test_a_failed_edit_is_repeated_in_the_same_message(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.paper.faults = [RetryLater()]
        post.ready(job)
        await post.until_delivered(job)
    assert len(post.paper.messages) == 1


async def test_a_picture_told_again_does_not_take_the_next_jobs_message(post: Post) -> None:
    first = post.drawing()
    courier = post.new_courier(replace(PACE, retry=0.3))
    async with post.working(courier):
        courier.watch(first)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.paper.faults = [RetryLater()]
        post.ready(first)
        await post.until(lambda: post.paper.faults == [])
        [second] = post.dialogue.hear(ANNA, CommandGiven("age", "30")).jobs
        courier.watch(second)
        await post.until(lambda: len(post.paper.messages) == 2)
        await post.until_delivered(first)
        post.ready(second)
        await post.until_delivered(second)
    assert [note.text.split(",")[1] for note in post.paper.pictures] == [" 6 years · half mom", " 30 years · half mom"]


async def test_an_unreachable_chat_is_given_up_at_once(post: Post) -> None:
    job = post.drawing()
    post.ready(job)
    post.paper.faults = [Unreachable()]
    async with post.working():
        await post.until_delivered(job)
    assert post.paper.messages == {}


@pytest.mark.parametrize("fault", [MessageRejected(), RuntimeError("our own mistake")])
async def test_what_is_refused_again_and_again_is_given_up_and_others_are_told(
    post: Post, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = post.drawing(), post.drawing(replace(ANNA, chat_id="2", user="2"))
    post.ready(bad)
    post.paper.faults = [fault] * 3
    async with post.working():
        await post.until_delivered(bad)
        post.ready(good)
        await post.until_delivered(good)
    assert len(post.paper.pictures) == 1
    assert [text for text in post.paper.texts if f"it is my fault. /child tries again. (No. {bad.id})" in text]
    assert {record.__dict__.get("job") for record in caplog.records if record.levelname == "ERROR"} == {bad.id}
    assert "our own mistake" not in caplog.text


async def test_words_of_regret_take_the_place_of_the_progress_message(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.paper.faults = [MessageRejected()] * 3
        post.ready(job)
        await post.until_delivered(job)
    [text] = post.paper.texts
    assert "it is my fault" in text


async def test_a_progress_message_that_was_deleted_is_replaced(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.paper.vanished = {"1"}
        post.ready(job)
        await post.until_delivered(job)
    assert len(post.paper.pictures) == 1


async def test_after_a_long_wait_the_picture_comes_in_a_new_message(post: Post) -> None:
    job = post.drawing()
    courier = post.new_courier(replace(PACE, long_wait=0.0))
    async with post.working(courier):
        courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        post.ready(job)
        await post.until_delivered(job)
    assert post.paper.removed == ["1"]
    assert len(post.paper.pictures) == 1


async def test_a_cancelled_drawing_leaves_nothing_behind(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        with post.store.unit() as unit:
            unit.jobs.request_cancel(job.id)
            unit.commit()
        await post.until_delivered(job)
    assert post.paper.messages == {}


async def test_a_picture_that_is_gone_is_said_to_be_gone(post: Post) -> None:
    job = post.drawing()
    post.finish(job, {"sex": "girl"})
    async with post.working():
        await post.until_delivered(job)
    assert "no longer have this picture" in "".join(post.paper.texts)


async def test_the_better_picture_follows_in_a_message_of_its_own(post: Post) -> None:
    first = post.drawing()
    post.ready(first)
    async with post.working():
        await post.until_delivered(first)
        with post.store.unit() as unit:
            better = unit.jobs.add(
                "child",
                first.user_id,
                first.platform,
                first.chat_id,
                mom_photo_id=first.mom_photo_id,
                dad_photo_id=first.dad_photo_id,
                wish=first.wish,
                quality="refined",
                follows_job_id=first.id,
            )
            unit.commit()
        post.ready(better)
        await post.until_delivered(better)
    assert [note.text.split(":")[0] for note in post.paper.pictures][1] == "A closer look"


async def test_a_job_deleted_while_it_is_watched_leaves_no_message(post: Post) -> None:
    job = post.drawing()
    async with post.working():
        post.courier.watch(job)
        await post.until(lambda: len(post.paper.messages) == 1)
        with post.store.unit() as unit:
            unit.removal.remove_user(job.user_id)
            unit.commit()
        await post.until(lambda: not post.courier.busy)
    assert post.paper.messages == {}


async def test_stopping_lets_a_delivery_end(post: Post) -> None:
    job = post.drawing()
    post.ready(job)
    began, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Paper):
        async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
            began.set()
            await go_on.wait()
            return await super().edit(chat_id, message_id, message, minor=minor)

    post.paper = Slow()
    async with post.working(post.new_courier()):
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert post.job(job.id).delivered_at is not None


async def test_a_courier_stops_even_when_work_comes_in_the_same_moment(post: Post) -> None:
    job = post.drawing()
    for _ in range(20):
        courier = post.new_courier(replace(PACE, look=1.0, look_idle=1.0))
        task = asyncio.create_task(courier.run())
        await asyncio.sleep(0.03)
        courier.watch(job)
        task.cancel()
        async with asyncio.timeout(20):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def test_nothing_is_told_into_the_middle_of_an_answer(post: Post) -> None:
    job = post.drawing()
    post.ready(job)
    locks = KeyedLocks()
    delivery = DeliveryWorker(post.dialogue, post.paper, locks, PLATFORM, PACE)
    async with post.working(delivery):
        async with locks.hold(("1", "1")):
            await asyncio.sleep(0.1)
            assert post.paper.messages == {}
        await post.until_delivered(job)


async def test_a_store_that_is_away_for_a_while_is_waited_for(post: Post, store: Store) -> None:
    job = post.drawing()
    with store.database.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO elsewhere")
        connection.commit()
        async with post.working():
            await asyncio.sleep(0.1)
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO jobs")
            connection.commit()
            post.ready(job)
            await post.until_delivered(job)
    assert len(post.paper.pictures) == 1


def who_is_who(post: Post) -> Job:
    """An encode job that leads to a question, and is finished."""
    first, second = post.photo(b"one"), post.photo(b"two")
    post.encoded(first, "male", sure=0.5)
    with post.store.unit() as unit:
        unit.jobs.mark_delivered(first.id)
        unit.commit()
    post.finish(second, {"sex": "male", "sex_confidence": 0.5, "estimated_age": 30.0, "warnings": []})
    return second


@pytest.mark.parametrize("deadly", range(1, 8))
@pytest.mark.parametrize("kind", ["picture", "question"])
async def test_killed_at_any_moment_of_telling_it_is_told_once_by_the_next_courier(
    post: Post, kind: str, deadly: int
) -> None:
    """The kill comes at the n-th call that leaves the courier, to the chat or to the store, before it is answered."""
    if kind == "picture":
        job = post.drawing()
        post.ready(job)
    else:
        job = who_is_who(post)
    paper, calls, dead = post.paper, iter(range(1, 1000)), asyncio.Event()

    async def until_killed(call: Callable[[], Awaitable[object]]) -> object:
        if next(calls) > deadly:
            dead.set()
            await asyncio.Event().wait()  # dead: neither does anything more nor hears anything more
        done = await call()
        return done

    class Mortal(Paper):
        async def send(self, chat_id: str, message: OutboundMessage) -> str:
            return str(await until_killed(lambda: paper.send(chat_id, message)))

        async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
            return bool(await until_killed(lambda: paper.edit(chat_id, message_id, message)))

    post.paper = Mortal()
    dying = post.new_courier(replace(PACE, claim=3600.0))
    aside = post.dialogue.run_in_thread

    async def aside_until_killed(call: Callable[..., object], *args: object, **kwargs: object) -> object:
        if getattr(call, "__self__", None) is not dying or call.__name__ == "_read":
            return await aside(call, *args, **kwargs)
        return await until_killed(lambda: aside(call, *args, **kwargs))

    post.dialogue.run_in_thread = aside_until_killed  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(dying.run())
    await post.until(lambda: dead.is_set() or post.job(job.id).delivered_at is not None)
    dead_tasks = set(dying._tasks)
    dying._tasks.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    post.dialogue.run_in_thread = aside  # type: ignore[method-assign]
    post.paper = paper
    with post.store.unit() as unit:
        unit.jobs.release_delivery(job.id)  # in time its claim runs out
        unit.commit()
    async with post.working(post.new_courier()):
        await post.until_delivered(job)
    whole = [note for note in paper.messages.values() if (note.picture if kind == "picture" else note.rows)]
    assert len(whole) == 1
    for each in dead_tasks:
        each.cancel()
    await asyncio.gather(*dead_tasks, return_exceptions=True)
    stray = [note.text for note in paper.messages.values() if note not in whole]
    assert len(stray) <= 1 and set(stray) <= {"Here it comes …", "One moment …"}
