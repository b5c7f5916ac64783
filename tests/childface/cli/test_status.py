"""`childface status`, as somebody types it who runs the house."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from childface.bootstrap import open_queue, open_store, task_config
from childface.ops.status import amount, span
from storage.clock import utc_now
from storage.deletion import purge_expired
from storage.records import Job
from storage.unit_of_work import Store
from tasks.queue import CeleryQueue
from tests.childface.conftest import Terminal
from tests.support.servers import RedisServer

HOUR = timedelta(hours=1)


@pytest.fixture
def store(terminal: Terminal) -> Iterator[Store]:
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    yield store
    store.database.close()


def asked(store: Store, *, ago: float = 0.0, quality: str = "fast", kind: str = "child") -> Job:
    store.clock = lambda: utc_now() - timedelta(seconds=ago)
    with store.unit() as unit:
        user = unit.users.get_or_add("telegram", "471147114711")
        job = unit.jobs.add(kind, user.id, "telegram", "471147114711", wish={}, quality=quality)  # type: ignore[arg-type]
        unit.commit()
    store.clock = utc_now
    return job


def started(store: Store, job: Job, *, lease: float = 60.0) -> None:
    with store.unit() as unit:
        unit.jobs.start(job.id, timedelta(seconds=lease))
        unit.jobs.report(job.id, "drawing", 0.5)
        unit.commit()


def test_an_empty_house_says_that_nobody_works_in_it(terminal: Terminal, store: Store) -> None:
    run = terminal.run("status")

    assert run.code == 0, run.err
    assert "workers: none seen" in run.out and "nobody is there to do the next one" in run.out
    assert len(run.out.splitlines()) < 24


def test_one_screen_tells_what_waits_what_runs_who_works_and_what_is_kept(terminal: Terminal, store: Store) -> None:
    with store.unit() as unit:
        user = unit.users.get_or_add("telegram", "471147114711")
        unit.photos.add(user.id, b"a photo of somebody", timedelta(seconds=-1))
        unit.commit()
    asked(store, ago=600.0)
    asked(store, quality="refined")
    asked(store, kind="encode")
    at_work, failed = asked(store), asked(store)
    started(store, at_work)
    with store.unit() as unit:
        unit.jobs.fail(failed.id, "no_face", {})
        unit.heartbeats.give("here:1", "worker", 20.0, {"queues": ["draw"], "processes": 2, "purges_every": 600.0})
        unit.commit()

    run = terminal.run("status")

    assert run.code == 0, run.err
    rows = {line.split()[0]: line.split()[1:] for line in run.out.splitlines() if line}
    assert rows["encode"][0] == rows["refine"][0] == "1"
    assert rows["draw"] == ["1", "10", "min", "1", "-"]
    assert f"{at_work.id}  fast child" in run.out and "drawing 50%" in run.out
    assert "here:1 serves draw (processes: 2)" in run.out
    assert "1 failed: no_face" in run.out and "1 on telegram" in run.out
    assert "1 photos, 0 latents, 0 pictures are due" in run.out
    assert "471147114711" not in run.out


def test_machines_get_one_object(terminal: Terminal, store: Store) -> None:
    at_work = asked(store, ago=30.0)
    started(store, at_work, lease=-1.0)
    purge_expired(store)
    with store.unit() as unit:
        unit.heartbeats.give("here:1", "worker", 20.0, {"queues": ["draw"], "processes": 2, "purges_every": 600.0})
        unit.commit()

    found = terminal.run("status", "--json").json

    assert found["ok"] and found["broker"] == "none needed"
    assert found["queues"]["draw"]["running"] == 1 and found["queues"]["encode"]["waiting"] == 0
    [running] = found["running"]
    assert (running["job"], running["stage"], running["lost"]) == (at_work.id, "drawing", True)
    assert found["workers"][0]["name"] == "here:1"
    assert found["purge"]["last"] < found["purge"]["next"]
    assert found["database_bytes"] > 10_000 and found["blobs"] == {"files": 0, "bytes": 0}


def test_a_worker_that_fell_silent_is_not_shown(terminal: Terminal, store: Store) -> None:
    store.clock = lambda: utc_now() - HOUR
    with store.unit() as unit:
        unit.heartbeats.give("gone:1", "worker", 20.0, {"queues": ["draw"], "purges_every": 600.0})
        unit.commit()

    assert "workers: none seen" in terminal.run("status").out


def test_looking_makes_nothing(terminal: Terminal) -> None:
    terminal.run("status").refuses(3, "there is no database yet")
    assert not terminal.settings.data_dir.exists()


def test_old_tables_are_told(terminal: Terminal) -> None:
    terminal.settings.data_dir.mkdir()
    (terminal.settings.data_dir / "childface.sqlite3").touch()
    terminal.run("status").refuses(3, "childface db upgrade")


def test_a_database_that_is_away_is_told_without_its_password(terminal: Terminal) -> None:
    terminal.change(database_url="postgresql://me:very-secret@127.0.0.1:1/x")
    run = terminal.run("status")

    run.refuses(3, "database")
    assert "very-secret" not in run.err


def test_a_broker_that_is_away_is_told_below_what_is_known(terminal: Terminal, store: Store) -> None:
    asked(store)
    terminal.change(broker_url="redis://:very-secret@127.0.0.1:1/0")
    run = terminal.run("status")

    assert run.code == 3 and "queue " in run.out
    assert run.err.count("\n") == 1 and "the broker is away" in run.err and "very-secret" not in run.err
    assert terminal.run("status", "--json").json_of_a_failure()["broker"] == "away"


@pytest.mark.servers
def test_messages_in_a_real_broker_are_counted(
    terminal: Terminal, postgres_url: str, redis_server: RedisServer
) -> None:
    terminal.change(broker_url=redis_server.url(7), database_url=postgres_url)
    store = open_store(terminal.settings)
    jobs = [asked(store), asked(store), asked(store, kind="encode")]
    queue: CeleryQueue = open_queue(task_config(terminal.settings))
    for job in jobs:
        queue.put(job)
    store.database.close()

    found = terminal.run("status", "--json").json

    assert found["broker"] == "answers"
    assert {name: facts["messages"] for name, facts in found["queues"].items()} == {"encode": 1, "draw": 2, "refine": 0}
    assert {name: facts["waiting"] for name, facts in found["queues"].items()} == {"encode": 1, "draw": 2, "refine": 0}
    assert found["database_bytes"] > 1_000_000


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "0 s"), (89.0, "89 s"), (180.0, "3 min"), (19_800.0, "5.5 h"), (172_800.0, "2.0 d")]
)
def test_spans_are_told_in_the_unit_that_fits(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(("size", "told"), [(512, "512 B"), (3_565_158, "3.4 MiB"), (5 * 2**40, "5120.0 GiB")])
def test_sizes_are_told_in_the_unit_that_fits(size: float, told: str) -> None:
    assert amount(size) == told
