"""What does a job cost when thousands wait beside it? `python -m benchmarks.deep_queue --jobs 10000`.

All jobs are put into the queue (a row, a message to Redis), then one after the other is taken, worked on and told,
with the steps that tasks and couriers take, on real PostgreSQL (or `--database sqlite`), without a pipeline.
Prints, for each thousand, the milliseconds of CPU that a job takes, of this process and of the database's together
(the clock on the wall is printed beside; on a busy machine it tells nothing), and how far the dearest and the
cheapest thousand lie from their middle, in per cent; exit 1 where that is more than ten. With `--sample 100` only
so many of each thousand are measured, the others are written in bulk. Last comes what a courier reads in one look
that watches everybody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import shutil
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import insert, update

from bots.courier import LOOK_AT
from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.models import JobRow
from storage.records import Job
from storage.unit import Store, Unit
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.queue import CeleryQueue
from tests.servers import PostgresServer, RedisServer, postgres_programs, redis_program

LEASE = timedelta(minutes=1)
DAY = timedelta(days=1)
PLATFORM = "telegram"
PICTURE = secrets.token_bytes(2000)
FLAT = 10.0
"""Per cent."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--jobs", type=int, default=10_000)
    asked.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    asked.add_argument("--people", type=int, default=200)
    asked.add_argument("--sample", type=int, default=0, help="of each thousand; 0: all")
    chosen = asked.parse_args()
    home = Path(tempfile.mkdtemp(prefix="childface-deep-"))
    try:
        with servers(chosen.database, home) as (url, broker):
            return measure(url, broker, home, chosen)
    finally:
        shutil.rmtree(home)


def measure(url: str, broker: str, home: Path, chosen: argparse.Namespace) -> int:
    migrate.upgrade(url)
    store = Store(open_database(url), DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
    config = TaskConfig(broker_url=broker, queue_prefix="deep.")
    queue = CeleryQueue(create_celery(config), config.queue_prefix)
    part = max(chosen.jobs // 10, 1)
    sample = min(chosen.sample or part, part)
    meter = Meter()
    jobs: list[tuple[list[Job], list[str]]] = []
    putting, working, looking = [], [], []
    for number in range(20):  # connections, caches, plans
        work(store, put(store, queue, number))
    for begin in range(0, chosen.jobs, part):
        people = [number % chosen.people for number in range(begin, begin + part)]
        meter.begin()
        one_by_one = [put(store, queue, person) for person in people[:sample]]
        putting.append(meter.end(sample))
        in_bulk = put_many(store, one_by_one[0], people[sample:]) if sample < part else []
        jobs.append((one_by_one, in_bulk))
    waiting = [job_id for one_by_one, in_bulk in jobs for job_id in (*(job.id for job in one_by_one), *in_bulk)]
    for one_by_one, in_bulk in jobs:
        meter.begin()
        look(store, waiting[:LOOK_AT], len(waiting))
        looking.append(meter.end(1))
        meter.begin()
        for job in one_by_one:
            work(store, job)
        working.append(meter.end(sample))
        end_many(store, in_bulk)
        waiting = waiting[part:]
    store.database.close()
    flat = [report("put", putting), report("worked on and told", working)]
    report("one look at all that wait", looking)
    return 0 if max(flat) <= FLAT else 1


@dataclass
class Cost:
    """Milliseconds of a job."""

    cpu: float
    wall: float


class Meter:
    """CPU time of this process and of the database's processes."""

    def __init__(self) -> None:
        self._cpu = self._wall = 0.0

    def begin(self) -> None:
        self._cpu, self._wall = self._spent(), time.perf_counter()

    def end(self, jobs: int) -> Cost:
        return Cost(1000 * (self._spent() - self._cpu) / jobs, 1000 * (time.perf_counter() - self._wall) / jobs)

    @staticmethod
    def _spent() -> float:
        spent = time.process_time()
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.name().startswith("postgres"):
                    times = child.cpu_times()
                    spent += times.user + times.system
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


def add(unit: Unit, person: int) -> Job:
    user = unit.users.get_or_add(PLATFORM, str(person))
    facts = {"wish": {"age": 6.0, "mix": 50.0}, "reply": {"user": "1"}}
    return unit.jobs.add("child", user.id, PLATFORM, str(person), **facts)


def put(store: Store, queue: CeleryQueue, person: int) -> Job:
    """A wish, as the conversation writes it down."""
    with store.unit() as unit:
        job = add(unit, person)
        unit.commit()
    queue.put(job)
    with store.view() as unit:
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
    with store.view() as unit:
        assert not unit.jobs.is_cancel_requested(job.id)
    with store.unit() as unit:
        assert unit.jobs.finish(job.id, {"sex": "girl"})
        unit.results.add(job.id, PICTURE, "image/jpeg", 256, 256, DAY)
        unit.commit()
    with store.view() as unit:
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
    with store.view() as unit:
        assert len(unit.jobs.some(watched)) == len(watched)
        unit.jobs.places()
        unit.jobs.stale(None, LEASE)
        assert unit.jobs.count_queued() == waiting


def report(what: str, costs: list[Cost]) -> float:
    """Print them; the largest distance from their middle in per cent."""
    cpu = [cost.cpu for cost in costs]
    middle = statistics.median(cpu)
    off = max(abs(cost - middle) for cost in cpu) / middle * 100
    told = {"what": what, "cpu_ms": [round(ms, 2) for ms in cpu], "wall_ms": [round(cost.wall, 1) for cost in costs]}
    print(json.dumps({**told, "off_percent": round(off, 1)}), flush=True)
    return off


@contextlib.contextmanager
def servers(database: str, home: Path) -> Iterator[tuple[str, str]]:
    """Addresses of a fresh database and a fresh Redis."""
    with contextlib.ExitStack() as stack:
        redis_home, postgres_home = home / "redis", home / "pg"
        redis_home.mkdir()
        redis = RedisServer(redis_program(), redis_home)
        redis.start()
        stack.callback(redis.stop)
        if database == "sqlite":
            yield f"sqlite:///{home / 'deep.sqlite3'}", redis.url()
            return
        home.chmod(0o755)
        postgres_home.mkdir()
        postgres = PostgresServer(postgres_programs(), postgres_home)
        postgres.create()
        postgres.start()
        stack.callback(postgres.stop, signal.SIGQUIT)
        yield postgres.url(postgres.create_database()), redis.url()


if __name__ == "__main__":
    sys.exit(main())
