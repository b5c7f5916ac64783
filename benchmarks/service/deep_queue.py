"""What does a job cost when thousands wait beside it? `python -m benchmarks.service.deep_queue --jobs 10000`.

All jobs are put into the queue (a row, a message to Redis), then one after the other is taken, worked on and told,
with the steps that tasks and couriers take, on real PostgreSQL (or `--database sqlite`), without a pipeline. Beside it,
in turns of a few jobs, the same is done in a database where nobody else waits: whatever else the machine does makes
both dearer.

Prints, for each thousand, the milliseconds of CPU that a job takes, of this process and of the database's together, and
its ratio to a job that waits alone; exit 1 where the ratios of all steps together lie, in their middle, more than ten
per cent from one, or one thousand's more than that from their middle. With `--sample 100` only so many of each
thousand are measured, the others are written in bulk. Last comes what a courier reads in one look that watches
everybody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import psutil
from sqlalchemy import insert, update

from bots.service.delivery import LOOK_AT
from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.models import JobRow
from storage.records import Job
from storage.unit_of_work import Store, UnitOfWork
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.queue import CeleryQueue
from tests.support.servers import PostgresServer, RedisServer, postgres_programs, redis_program

LEASE = timedelta(minutes=1)
DAY = timedelta(days=1)
PLATFORM = "telegram"
PICTURE = secrets.token_bytes(2000)
FLAT = 10.0
"""Per cent."""

TURN = 25
"""Jobs in a row on one side, before the other has its turn."""

T = TypeVar("T")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--jobs", type=int, default=10_000)
    asked.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    asked.add_argument("--people", type=int, default=200)
    asked.add_argument("--sample", type=int, default=0, help="of each thousand; 0: all")
    chosen = asked.parse_args()
    home = Path(tempfile.mkdtemp(prefix="childface-deep-"))
    try:
        with servers(chosen.database, home) as (deep, alone, broker):
            return measure(deep, alone, broker, home, chosen)
    finally:
        shutil.rmtree(home)


def measure(deep_url: str, alone_url: str, broker: str, home: Path, chosen: argparse.Namespace) -> int:
    queue = CeleryQueue(create_celery(TaskConfig(broker_url=broker, queue_prefix="deep.")), "deep.")
    deep, alone = (opened(url, home / f"blobs-{number}") for number, url in enumerate((deep_url, alone_url)))
    part = max(chosen.jobs // 10, 1)
    sample = min(chosen.sample or part, part)
    jobs: list[tuple[list[Job], list[str]]] = []
    putting, working, looking = [], [], []
    for number in range(20):  # connections, caches, plans
        for store in (deep, alone):
            work(store, put(store, queue, number))
    for begin in range(0, chosen.jobs, part):
        people = [number % chosen.people for number in range(begin, begin + part)]
        one_by_one, spent = put_in_turns(deep, alone, queue, people[:sample])
        putting.append(spent)
        in_bulk = put_many(deep, one_by_one[0], people[sample:]) if sample < part else []
        jobs.append((one_by_one, in_bulk))
    waiting = [job_id for one_by_one, in_bulk in jobs for job_id in (*(job.id for job in one_by_one), *in_bulk)]
    for one_by_one, in_bulk in jobs:
        looking.append(cost_of(lambda: look(deep, waiting[:LOOK_AT], len(waiting)), 1))  # noqa: B023 - called at once
        working.append(work_in_turns(deep, alone, queue, one_by_one))
        end_many(deep, in_bulk)
        waiting = waiting[part:]
    for store in (deep, alone):
        store.database.close()
    report("put", putting)
    report("worked on and told", working)
    flat = report("in all", [one + other for one, other in zip(putting, working, strict=True)])
    print(json.dumps({"what": "one look at all that wait", "cpu_ms": [round(cost, 1) for cost in looking]}))
    return 0 if flat else 1


def opened(url: str, blobs: Path) -> Store:
    migrate.upgrade(url)
    return Store(open_database(url), DiskBlobs(blobs, [secrets.token_bytes(32)]))


@dataclass
class Spent:
    """Milliseconds of CPU that jobs took among many, and alone."""

    deep: float = 0.0
    alone: float = 0.0
    jobs: int = 0

    def __add__(self, more: Spent) -> Spent:
        """Of the same jobs."""
        return Spent(self.deep + more.deep, self.alone + more.alone, self.jobs)


def put_in_turns(deep: Store, alone: Store, queue: CeleryQueue, people: Sequence[int]) -> tuple[list[Job], Spent]:
    """Put a job for each of these people, and as many where nobody waits; those end at once."""
    stay: list[Job] = []
    go: list[Job] = []
    spent = Spent(jobs=len(people))
    for some in turns(people):
        spent.deep += cost_of(lambda: stay.extend(put(deep, queue, person) for person in some))  # noqa: B023
        spent.alone += cost_of(lambda: go.extend(put(alone, queue, person) for person in some))  # noqa: B023
        end_many(alone, [job.id for job in go])
        go.clear()
    return stay, spent


def work_in_turns(deep: Store, alone: Store, queue: CeleryQueue, jobs: Sequence[Job]) -> Spent:
    """Work on these jobs, and on as many where nobody else waits."""
    spent = Spent(jobs=len(jobs))
    for some in turns(jobs):
        spent.deep += cost_of(lambda: [work(deep, job) for job in some])  # noqa: B023
        others = [put(alone, queue, number) for number in range(len(some))]
        spent.alone += cost_of(lambda: [work(alone, job) for job in others])  # noqa: B023
    return spent


def turns(everything: Sequence[T]) -> list[Sequence[T]]:
    """A few at a time."""
    return [everything[start : start + TURN] for start in range(0, len(everything), TURN)]


def cost_of(steps: Callable[[], object], jobs: int = 1) -> float:
    """Milliseconds of CPU of this process and of the database's."""
    before = cpu_seconds()
    steps()
    return 1000 * (cpu_seconds() - before) / jobs


def cpu_seconds() -> float:
    spent = time.process_time()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            if child.name().startswith("postgres"):
                # In nanoseconds, where `cpu_times` counts in hundredths of a second.
                spent += int(Path(f"/proc/{child.pid}/schedstat").read_text().split()[0]) / 1e9
    return spent


def put_many(store: Store, like: Job, people: list[int]) -> list[str]:
    """Jobs of other people, as one that was put is."""
    with store.unit() as unit:
        users = {person: unit.users.get_or_add(PLATFORM, str(person)).id for person in sorted(set(people))}
        unit.commit()
    columns = [column.key for column in JobRow.__table__.columns]
    facts = {name: getattr(like, name, None) for name in columns}
    now = store.clock()
    moments = {"created_at": now, "queued_at": now, "delivery_attempts": 0}
    own = [{"id": uuid.uuid4().hex, "user_id": users[person], "chat_id": str(person)} for person in people]
    with store.database.engine.begin() as connection:
        connection.execute(insert(JobRow), [{**facts, **moments, **each} for each in own])
    return [each["id"] for each in own]


def end_many(store: Store, ids: list[str]) -> None:
    now = store.clock()
    ended = {"state": "done", "finished_at": now, "delivered_at": now}
    with store.database.engine.begin() as connection:
        for start in range(0, len(ids), 500):
            some = JobRow.id.in_(ids[start : start + 500])
            connection.execute(update(JobRow).where(some).values(**ended))


def add(unit: UnitOfWork, person: int) -> Job:
    user = unit.users.get_or_add(PLATFORM, str(person))
    facts = {"wish": {"age": 6.0, "mix": 50.0}, "reply": {"user": "1"}}
    return unit.jobs.add("child", user.id, PLATFORM, str(person), **facts)


def put(store: Store, queue: CeleryQueue, person: int) -> Job:
    """A wish, as the conversation writes it down."""
    with store.unit() as unit:
        job = add(unit, person)
        unit.commit()
    queue.put(job)
    with store.read_only() as unit:
        unit.jobs.place(job)
    return job


def work(store: Store, job: Job) -> None:
    """What a worker and a courier ask of the store."""
    with store.unit() as unit:
        assert not unit.jobs.must_wait(job.id, LEASE)
        assert unit.jobs.start(job.id, LEASE)
        unit.commit()
    with store.unit() as unit:
        unit.jobs.report(job.id, "drawing", 0.5, lease=LEASE)
        unit.commit()
    with store.read_only() as unit:
        assert not unit.jobs.is_cancel_requested(job.id)
    with store.unit() as unit:
        assert unit.jobs.finish(job.id, {"sex": "girl"})
        unit.results.add(job.id, PICTURE, "image/jpeg", 256, 256, DAY)
        unit.commit()
    with store.read_only() as unit:
        assert job.id in [found.id for found in unit.jobs.undelivered(PLATFORM)]
    with store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, LEASE)
        unit.commit()
    with store.unit() as unit:
        unit.jobs.set_reply(job.id, message="1")
        assert unit.jobs.mark_delivered(job.id)
        unit.commit()


def look(store: Store, watched: list[str], waiting: int) -> None:
    """What a courier reads in one look, and a worker in its search for lost jobs."""
    with store.read_only() as unit:
        assert len(unit.jobs.some(watched)) == len(watched)
        unit.jobs.places()
        unit.jobs.stale(None, LEASE)
        assert unit.jobs.count_queued() == waiting


def report(what: str, spent: list[Spent]) -> bool:
    """Print them; whether they are flat."""
    ratios = [one.deep / one.alone for one in spent]
    middle = statistics.median(ratios)
    off = max(abs(ratio - middle) for ratio in ratios) / middle * 100
    told = {
        "what": what,
        "cpu_ms": [round(one.deep / one.jobs, 2) for one in spent],
        "times_alone": [round(ratio, 3) for ratio in ratios],
        "middle": round(middle, 3),
        "off_percent": round(off, 1),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(told), flush=True)
    return off <= FLAT and abs(middle - 1) * 100 <= FLAT


@contextlib.contextmanager
def servers(database: str, home: Path) -> Iterator[tuple[str, str, str]]:
    """Addresses of two fresh databases and a fresh Redis."""
    with contextlib.ExitStack() as stack:
        redis_home, postgres_home = home / "redis", home / "pg"
        redis_home.mkdir()
        redis = RedisServer(redis_program(), redis_home)
        redis.start()
        stack.callback(redis.stop)
        if database == "sqlite":
            yield f"sqlite:///{home / 'deep.sqlite3'}", f"sqlite:///{home / 'alone.sqlite3'}", redis.url()
            return
        home.chmod(0o755)
        postgres_home.mkdir()
        postgres = PostgresServer(postgres_programs(), postgres_home)
        postgres.create()
        postgres.start()
        stack.callback(postgres.stop, signal.SIGQUIT)
        yield postgres.url(postgres.create_database()), postgres.url(postgres.create_database()), redis.url()


if __name__ == "__main__":
    sys.exit(main())
