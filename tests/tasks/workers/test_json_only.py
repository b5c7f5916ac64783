"""Messages are JSON. One that would run code when it is read is refused by a real worker over a real Redis."""

from __future__ import annotations

import base64
import json
import pickle
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tasks.queue import DRAW, MAKE_TASK
from tests.support.servers import RedisServer
from tests.tasks.workers.test_worker import Deployment, wait_until


@pytest.fixture
def deployment(sqlite_url: str, tmp_path: Path, redis_server: RedisServer) -> Iterator[Deployment]:
    running = Deployment(sqlite_url, tmp_path, redis_server.url(5))
    yield running
    running.close()


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (Path.touch, (self.path,))


def message_of(body: bytes, kind: str) -> str:
    """As Celery lays it into Redis."""
    number = str(uuid.uuid4())
    headers = {"task": MAKE_TASK, "id": number, "lang": "py", "root_id": number, "argsrepr": "()", "kwargsrepr": "{}"}
    properties = {
        "correlation_id": number,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "x"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": number,
    }
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "binary" if "python" in kind else "utf-8",
            "content-type": kind,
            "headers": headers,
            "properties": properties,
        }
    )


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["application/x-python-serialize", "application/x-yaml", "application/json"])
def test_a_message_that_is_not_json_runs_nothing_and_the_worker_goes_on(
    deployment: Deployment, tmp_path: Path, redis_server: RedisServer, kind: str
) -> None:
    trap = tmp_path / "sprung"
    body = pickle.dumps(((Trap(trap),), {}, {}))
    pickle.loads(body)  # noqa: S301 - it does work
    assert trap.exists()
    trap.unlink()

    deployment.start_worker()
    with redis.Redis.from_url(redis_server.url(5)) as client:
        queue = deployment.prefix + DRAW
        client.lpush(queue, message_of(body, kind))
        wait_until(lambda: client.llen(queue) == 0)
        job = deployment.new_job()
        deployment.queue.put(job)
        wait_until(lambda: deployment.job(job).state == "done")
    time.sleep(0.2)
    assert not trap.exists()


def test_the_app_takes_and_sends_json_only() -> None:
    from tasks.broker import create_celery
    from tests.support.processes.worker_process import task_config

    settings = create_celery(task_config("memory://", "x.")).conf
    assert settings.accept_content == ["json"]
    assert settings.task_serializer == "json"
    assert settings.task_ignore_result is True
