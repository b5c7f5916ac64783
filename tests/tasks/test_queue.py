from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError

from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.queue import DRAW, ENCODE, ENCODE_TASK, MAKE_TASK, QUEUES, REFINE, CeleryQueue, route
from tests.tasks.conftest import Bench


def test_jobs_go_to_the_queue_of_their_kind(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, b"photo of mom")
    child = bench.child_job(user)
    with bench.store.unit() as unit:
        refined = unit.jobs.add("child", user.id, "console", "chat", quality="refined")
        unit.commit()

    assert route(bench.add_job("encode", user, photo_id=photo.id)) == (ENCODE_TASK, ENCODE)
    assert route(child) == (MAKE_TASK, DRAW)
    assert route(refined) == (MAKE_TASK, REFINE)


def test_a_worker_that_serves_all_queues_looks_at_refinements_last() -> None:
    assert QUEUES[-1] == REFINE


def test_a_message_holds_the_id_of_the_job_and_nothing_else(bench: Bench) -> None:
    config = TaskConfig(queue_prefix="test-message.")
    app = create_celery(config)
    job = bench.child_job(bench.user())

    CeleryQueue(app, config.queue_prefix).put(job)

    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("test-message.draw").get(timeout=2)
    assert message.payload[0] == [job.id]
    assert message.payload[1] == {}
    assert message.content_type == "application/json"


def test_a_broker_that_is_away_is_told_soon() -> None:
    app = create_celery(TaskConfig(broker_url="redis://127.0.0.1:1/0"))

    class AnyJob:
        id, kind, quality = "1", "encode", "fast"

    with pytest.raises(OperationalError):
        CeleryQueue(app).put(AnyJob())  # type: ignore[arg-type]


def test_nothing_but_json_is_accepted() -> None:
    conf = create_celery(TaskConfig()).conf

    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
    assert conf.task_acks_late and conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
