"""What does a job cost when thousands wait beside it? `python -m benchmarks.deep_queue --jobs 10000`.

All jobs are put into the queue (a row, a message to Redis), then one after the other is taken, worked on and told, with
the steps that tasks and couriers take, on real PostgreSQL (or `--database sqlite`), without a pipeline. Every hundredth
job everything that is watched is read as a courier reads it. Prints the median milliseconds of each thousand, and how
far the slowest and the fastest of them lie from their middle, in per cent; exit 1 where that is more than ten.
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
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.records import Job
from storage.unit import Store
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
    asked.add_argument("--people", type=int, default=1000)
    chosen = asked.parse_args()
    home = Path(tempfile.mkdtemp(prefix="childface-deep-"))
    try:
        with servers(chosen.database, home) as (url, broker):
            return measure(url, broker, home, chosen.jobs, chosen.people)
    finally:
        shutil.rmtree(home)


def measure(url: str, broker: str, home: Path, count: int, people: int) -> int:
    migrate.upgrade(url)
    store = Store(open_database(url), DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
    config = TaskConfig(broker_url=broker, queue_prefix="deep.")
    queue = CeleryQueue(create_celery(config), config.queue_prefix)
    jobs, putting, working, looking = [], [], [], []
    for number in range(count):
        began = time.perf_counter()
        jobs.append(put(store, queue, number % people))
        putting.append(time.perf_counter() - began)
    for number, job in enumerate(jobs):
        if number % 100 == 0:
            began = time.perf_counter()
            look(store, [job.id for job in jobs[number:]])
            looking.append(time.perf_counter() - began)
        began = time.perf_counter()
        work(store, job)
        working.append(time.perf_counter() - began)
    store.database.close()
    each = max(count // 10, 1)
    flat = [report("put", putting, each), report("worked on and told", working, each)]
    per_job = [seconds / (count - 100 * number) for number, seconds in enumerate(looking)]
    medians = [1e6 * statistics.median(part) for part in parts(per_job, max(len(per_job) // 10, 1))]
    print(json.dumps({"what": "watched, for each job that waits", "median_us": [round(m, 1) for m in medians]}))
    return 0 if max(flat) <= FLAT else 1


def put(store: Store, queue: CeleryQueue, person: int) -> Job:
    """A wish, as the conversation writes it down."""
    with store.unit() as unit:
        user = unit.users.get_or_add(PLATFORM, str(person))
        job = unit.jobs.add(
            "child", user.id, PLATFORM, str(person), wish={"age": 6.0, "mix": 50.0}, reply={"user": "1"}
        )
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
        assert [found.id for found in unit.jobs.undelivered(PLATFORM)] == [job.id]
    with store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, LEASE)
        unit.commit()
    with store.unit() as unit:
        unit.jobs.set_reply(job.id, message="1")
        assert unit.jobs.mark_delivered(job.id)
        unit.commit()


def look(store: Store, watched: list[str]) -> None:
    """What a courier reads that watches all of them, and a worker's search for lost jobs."""
    with store.view() as unit:
        assert len(unit.jobs.some(watched)) == len(watched)
        unit.jobs.places()
        unit.jobs.stale(None, LEASE)
        assert unit.jobs.count_queued() == len(watched)


def report(what: str, seconds: list[float], each: int) -> float:
    """Print the medians; the largest distance from their middle in per cent. The first part is warm-up."""
    medians = [1000 * statistics.median(part) for part in parts(seconds, each)]
    middle = statistics.median(medians[1:] or medians)
    off = max(abs(median - middle) for median in medians[1:] or medians) / middle * 100
    print(json.dumps({"what": what, "median_ms": [round(m, 2) for m in medians], "off_percent": round(off, 1)}))
    return off


def parts(values: list[float], each: int) -> list[list[float]]:
    return [values[start : start + each] for start in range(0, len(values) - each + 1, each)]


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
