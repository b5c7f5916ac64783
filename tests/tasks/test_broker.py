"""What a message in the broker holds, and what it does after its person was deleted: nothing."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from kombu import Queue

from storage.deletion import delete_user
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.jobs.child import make_child
from tasks.jobs.encode import encode_photo
from tasks.queue import CeleryQueue, route
from tests.tasks.conftest import Bench

NUMBER, CHAT = "770077007700", "chat-of-a-person"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def broker_url(request: pytest.FixtureRequest) -> str:
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("redis_server").url(5))


def messages(broker_url: str, bench: Bench) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """All that the broker holds of an encode job and a drawing, words that tell of their person, the jobs' ids."""
    config = TaskConfig(broker_url=broker_url, queue_prefix=f"{uuid.uuid4().hex[:8]}.")
    app = create_celery(config)
    queue = CeleryQueue(app, config.queue_prefix)
    user = bench.user(NUMBER)
    photo = bench.add_photo(user, b"photo of mom")
    with bench.store.unit() as unit:
        facts = {"reply": {"user": NUMBER, "to": "471147114711"}, "wish": {"age": 6.0, "size": 256}}
        jobs = [
            unit.jobs.add("encode", user.id, "telegram", CHAT, photo_id=photo.id, **facts),
            unit.jobs.add("child", user.id, "telegram", CHAT, mom_photo_id=photo.id, dad_photo_id=photo.id, **facts),
        ]
        unit.commit()
    held = []
    with app.connection_for_read() as connection:
        for job in jobs:
            queue.put(job)
            got = Queue(config.queue_prefix + route(job)[1])(connection.default_channel).get(no_ack=True)
            held.append({"body": got.payload, "headers": got.headers, "properties": got.properties})
    words = [NUMBER, CHAT, "471147114711", user.id, photo.id, photo.sha256, str(photo.blob_key), "photo of mom", "wish"]
    return held, words, [job.id for job in jobs]


def test_a_message_holds_the_number_of_a_job_and_nothing_of_the_person(broker_url: str, bench: Bench) -> None:
    held, words, jobs = messages(broker_url, bench)
    for message, job_id in zip(held, jobs, strict=True):
        args, kwargs, embedded = message["body"]
        assert (args, kwargs) == ([job_id], {})
        assert set(filter(None, embedded.values())) == set()
        told = json.dumps(message, default=str)
        assert job_id in told
        assert [word for word in words if word in told] == []


def test_messages_of_these_jobs_and_no_others_are_taken_out_of_the_broker(broker_url: str, bench: Bench) -> None:
    config = TaskConfig(broker_url=broker_url, queue_prefix=f"{uuid.uuid4().hex[:8]}.")
    queue = CeleryQueue(create_celery(config), config.queue_prefix)
    anna, ben = bench.user("1"), bench.user("2")
    photo = bench.add_photo(anna, b"photo of mom")
    hers = [bench.add_job("encode", anna, photo_id=photo.id), bench.child_job(anna), bench.child_job(anna)]
    his = bench.child_job(ben)
    for job in (hers[0], his, *hers[1:], hers[2]):
        queue.put(job)
    assert queue.waiting() == 5
    assert queue.take_back(hers) == 4
    assert queue.waiting() == 1
    assert queue.take_back(hers) == 0
    assert queue.take_back([his]) == 1


def test_the_message_of_somebody_who_was_deleted_does_nothing(broker_url: str, bench: Bench) -> None:
    held, _, _ = messages(broker_url, bench)
    with bench.store.read_only() as unit:
        user = unit.users.find("console", NUMBER)
    assert user is not None
    delete_user(bench.store, user.id)
    for message, task in zip(held, (encode_photo, make_child), strict=True):
        [job_id] = message["body"][0]
        assert task(bench.context, job_id) is None
    assert bench.pipeline.calls == {} and bench.queue.jobs == [] and bench.blobs() == 0
