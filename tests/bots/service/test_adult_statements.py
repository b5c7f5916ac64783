"""The statement that a parent is an adult: who may press, what "no" deletes, what is kept, with real rows and blobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.conversation.effects import CloseQuestion, Say, Toast
from bots.service.conversation_service import Answer, ConversationService, SentPhoto
from bots.service.effect_executor import Actor
from storage.records import Job
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_worker import FakeWorker

GROUP = "-500"
ANNA, BEN, CARL = (Actor("telegram", GROUP, number, "en", group=True) for number in "123")


@pytest.fixture
def service(store: Store, worker: FakeWorker) -> Iterator[ConversationService]:
    """Three people who agreed. The worker does a job when it is told to."""
    worker.pause()
    agreed(store, "telegram", 1, 2, 3)
    yield ConversationService(store, worker)
    worker.resume()


def asked(service: ConversationService, worker: FakeWorker, name: str, actor: Actor = ANNA) -> tuple[Job, Answer, Say]:
    """Somebody sends a photo of a person who may be an adult: its job, and the question."""
    [job] = service.take_photos(actor, [SentPhoto(f"youth {name}".encode(), role="mom")]).jobs
    worker.work(job.id)
    answer = service.tell(job.id)
    [say] = [line for line in answer.lines if isinstance(line, Say)]
    assert say.key == "ask_adult"
    return job, answer, say


def data_of(service: ConversationService, answer: Answer, say: Say, value: str) -> str:
    """The callback data of one of the buttons."""
    [button] = [button for row in say.buttons for button in row if button.value == value]
    return service.buttons.write(button, say, answer.owner, GROUP)


def kind_of_photo(store: Store, job: Job) -> str:
    """What is left of a job's photo."""
    with store.read_only() as unit:
        return unit.photos.get(job.photo_id or "").kind


def blobs(home: Path) -> list[Path]:
    return [path for path in (home / "blobs").rglob("*") if path.is_file()]


def test_the_photo_waits_and_is_used_after_the_statement(
    service: ConversationService, worker: FakeWorker, store: Store
) -> None:
    job, question, say = asked(service, worker, "1")
    assert kind_of_photo(store, job) == "original"
    answer = service.press(ANNA, data_of(service, question, say, "me"))
    assert answer.lines == [CloseQuestion("adult_noted")]
    [again] = answer.jobs
    assert again.wish == {"drawings": True, "adult": True}
    worker.work(again.id)
    with store.read_only() as unit:
        done = unit.jobs.get(again.id)
    assert (done.state, done.wish) == ("done", {})


def test_no_deletes_the_photo_at_once(
    service: ConversationService, worker: FakeWorker, store: Store, tmp_path: Path
) -> None:
    job, question, say = asked(service, worker, "1")
    [waiting] = blobs(tmp_path)
    assert b"youth" not in waiting.read_bytes()
    answer = service.press(ANNA, data_of(service, question, say, "no"))
    assert (answer.lines, answer.jobs) == ([CloseQuestion("adult_denied")], [])
    assert kind_of_photo(store, job) == "gone"
    assert blobs(tmp_path) == []


@pytest.mark.parametrize("value", ["me", "other", "no"])
def test_a_forged_press_changes_nothing(
    service: ConversationService, worker: FakeWorker, store: Store, value: str
) -> None:
    """Another member's press; a signature made up, or taken from another value or another photo's question."""
    job, question, say = asked(service, worker, "1")
    genuine = data_of(service, question, say, value)
    other_value = data_of(service, question, say, "no" if value == "me" else "me")
    _, later, about_another = asked(service, worker, "2", BEN)
    of_another = data_of(service, later, about_another, value)
    forged = [genuine[:-12] + signature for signature in ("A" * 12, other_value[-12:], of_another[-12:])]
    for actor, data in [(CARL, genuine), *((ANNA, each) for each in forged)]:
        answer = service.press(actor, data)
        assert answer.jobs == []
        assert [line.key for line in answer.lines if isinstance(line, Toast)] in (["not_your_button"], ["stale_button"])
        assert not any(isinstance(line, CloseQuestion) for line in answer.lines)
    assert kind_of_photo(store, job) == "original"


def test_a_second_press_queues_nothing_more(service: ConversationService, worker: FakeWorker) -> None:
    _, question, say = asked(service, worker, "1")
    data = data_of(service, question, say, "me")
    assert len(service.press(ANNA, data).jobs) == 1
    assert service.press(ANNA, data).jobs == []
