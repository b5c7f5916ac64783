"""Is a picture ever lost or shown twice, whatever is killed? `python -m benchmarks.service.drills --jobs 2000`.

People on a fake Telegram server send two photos and then ask for one sibling after the other. Every few seconds, at
random, something is killed, restarted, filled or set wrong: a worker's child, a whole worker, Redis (with and without
its data), PostgreSQL, the bot, the disk of the blobs, the clock; jobs are queued twice, and tables get new columns. Two
workers, bot, PostgreSQL, Redis, Celery, HTTP are real; the pipeline is a small fake. In the end each job is looked for:
lost is one that ended in neither a picture nor a sentence, doubled a picture that can be seen twice. Exit 1 where there
is any. `asked_again` counts people who saw nothing for two minutes and asked once more: a wish that was never heard.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import text

from storage import migrate
from tests.support.chats import fake_telegram
from tests.support.chats.fake_telegram import BotApi, Person
from tests.support.processes import site as sites
from tests.support.processes.site import Nursery, Site, SmallDisk
from tests.support.servers import PostgresServer, RedisServer, postgres_programs, redis_program

HOUR = 3600.0
FAILED = "/child tries again"
PATIENCE = 120.0


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--jobs", type=int, default=2000)
    asked.add_argument("--people", type=int, default=50)
    asked.add_argument("--pause", type=float, default=3.0, help="seconds between two drills, on average")
    asked.add_argument("--seed", type=int, default=7)
    chosen = asked.parse_args()
    sites.PATIENCE = fake_telegram.PATIENCE = 1800.0
    home = Path(tempfile.mkdtemp(prefix="childface-drills-"))
    home.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home)
        return asyncio.run(run(home, stack, chosen))


async def run(home: Path, stack: ExitStack, chosen: argparse.Namespace) -> int:
    for name in ("pg", "redis", "site"):
        (home / name).mkdir()
    postgres = PostgresServer(postgres_programs(), home / "pg")
    postgres.create()
    postgres.start()
    stack.callback(postgres.stop)
    redis = RedisServer(redis_program(), home / "redis", keep_data=True)
    redis.start()
    stack.callback(redis.stop)
    nursery = Nursery()
    stack.callback(nursery.close)
    database = postgres.create_database()
    migrate.upgrade(postgres.url(database))
    api = BotApi()
    await api.start()
    disk = SmallDisk(home / "disk", megabytes=64)
    stack.callback(disk.remove)
    blobs = str(home / "disk" / "blobs")
    site = Site(home / "site", nursery, postgres, database, redis, api, blobs=blobs, max_attempts=20, children=1)
    stack.callback(site.close)
    drills = Drills(site, disk, random.Random(chosen.seed), chosen.pause)
    began = time.monotonic()
    drawings = max(chosen.jobs // chosen.people - 2, 1)
    lives = [Life(site, site.person(number)) for number in range(1, chosen.people + 1)]
    going_on = asyncio.create_task(drills.go_on())
    await asyncio.gather(*(life.live(drawings) for life in lives))
    going_on.cancel()
    await asyncio.gather(going_on, return_exceptions=True)
    await site.until_all_is_told(chosen.people * drawings)
    found = site.found()
    asked_again = sum(life.asked_again for life in lives)
    jobs = found.jobs + len(site.jobs("encode"))
    told = {**asdict(found), "jobs": jobs, "asked_again": asked_again, "drills": dict(drills.done)}
    print(json.dumps({**told, "load": os.getloadavg()[0], "seconds": round(time.monotonic() - began)}))
    await api.stop()
    return 1 if found.lost or found.doubled or found.untold else 0


class Life:
    """One person, who wants so many pictures."""

    def __init__(self, site: Site, person: Person) -> None:
        self._site, self._person = site, person
        self.asked_again = 0

    async def live(self, drawings: int) -> None:
        await self._site.sends_parents(self._person)
        while not await self._sees(1):
            await self._site.sends_parents(self._person)
        for count in range(2, drawings + 1):
            await self._person.says("/sibling")
            while not await self._sees(count):
                await self._person.says("/sibling")

    async def _sees(self, answers: int) -> bool:
        """Whether so many wishes ended in a picture or a sentence, before patience did."""
        end = time.monotonic() + PATIENCE
        while len(self._person.pictures) + sum(FAILED in words for words in self._person.texts) < answers:
            if time.monotonic() > end:
                self.asked_again += 1
                return False
            await asyncio.sleep(0.1)
        return True


class Drills:
    """One after the other, at random, each repaired before the next."""

    def __init__(self, site: Site, disk: SmallDisk, chance: random.Random, pause: float) -> None:
        self._site, self._disk, self._chance, self._pause = site, disk, chance, pause
        self._workers = [site.start("worker"), site.start("worker")]
        self._bot = site.start("bot")
        self.done: Counter[str] = Counter()
        self._all: dict[str, Callable[[], Awaitable[None]]] = {
            "a worker's child killed": self._child,
            "a worker killed": self._worker,
            "the bot killed": self._kill_bot,
            "Redis restarted with its data": lambda: self._redis(keeps=True),
            "Redis restarted without its data": lambda: self._redis(keeps=False),
            "PostgreSQL restarted": lambda: self._postgres(signal.SIGINT),
            "PostgreSQL crashed": lambda: self._postgres(signal.SIGQUIT),
            "the disk full": self._full,
            "the clock an hour ahead": lambda: self._clock(HOUR),
            "the clock an hour behind": lambda: self._clock(-HOUR),
            "jobs queued twice": self._twice,
            "a column more": self._column,
        }

    async def go_on(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * self._pause)
            name = self._chance.choice(list(self._all))
            # A drill that has begun is repaired before the end.
            await asyncio.shield(asyncio.ensure_future(self._all[name]()))
            self.done[name] += 1

    async def _child(self) -> None:
        children = [pid for worker in self._workers for pid in self._site.children(worker)]
        if children:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(children), signal.SIGKILL)

    async def _worker(self) -> None:
        place = self._chance.randrange(len(self._workers))
        self._site.kill(self._workers[place])
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        self._workers[place] = self._site.start("worker")

    async def _kill_bot(self) -> None:
        self._site.kill(self._bot)
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        self._bot = self._site.start("bot")

    async def _redis(self, *, keeps: bool) -> None:
        redis = self._site.redis
        await asyncio.to_thread(redis.stop, signal.SIGKILL)
        if not keeps:
            redis.forget_data()
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        await asyncio.to_thread(redis.start)

    async def _postgres(self, how: signal.Signals) -> None:
        await asyncio.to_thread(self._site.postgres.stop, how)
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        await asyncio.to_thread(self._site.postgres.start)

    async def _full(self) -> None:
        pids = [self._bot, *self._workers, *(pid for worker in self._workers for pid in self._site.children(worker))]
        await asyncio.to_thread(self._disk.fill, *pids)
        await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        await asyncio.to_thread(self._disk.free, *pids)

    async def _clock(self, seconds: float) -> None:
        self._site.set_clock(seconds)
        await asyncio.sleep(self._chance.uniform(0.5, 4.0))
        self._site.set_clock(None)

    async def _twice(self) -> None:
        jobs = await asyncio.to_thread(self._site.jobs)
        for job in self._chance.sample(jobs, min(len(jobs), 10)):
            await asyncio.to_thread(self._site.queue.put, job)

    async def _column(self) -> None:
        def add() -> None:
            name = f"of_version_{self.done['a column more']}"
            with self._site.store.database.engine.begin() as connection:
                for table in ("jobs", "users", "photos", "results"):
                    column = f"{name} integer NOT NULL DEFAULT 7"
                    connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {column}"))

        await asyncio.to_thread(add)


if __name__ == "__main__":
    sys.exit(main())
