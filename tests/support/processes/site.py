"""A deployment to be broken: PostgreSQL, Redis, workers and a bot as processes, and a chat server to look at."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage.models import JobRow, ResultRow
from storage.records import Job
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi, Person
from tests.support.fake_pipeline import photo_of
from tests.support.processes import drill_processes
from tests.support.servers import PostgresServer, RedisServer

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


@dataclass(frozen=True)
class Found:
    """What became of all jobs, in the database and in the chats."""

    jobs: int
    pictures: int
    lost: int
    """Neither a picture nor a sentence has come of them."""
    doubled: int
    untold: int
    failed: dict[str, int]


class Nursery:
    """The process that has imported everything and forks workers and bots."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.processes.drill_processes"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def bear(self, what: str, home: Path) -> int:
        """A worker or a bot; its process number."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(what, home, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; what it bore lives on."""
        self._process.communicate()


class Site:
    """Start it, break it, look."""

    def __init__(
        self,
        home: Path,
        nursery: Nursery,
        postgres: PostgresServer,
        database: str,
        redis: RedisServer,
        api: BotApi,
        **changes: Any,
    ) -> None:
        self._nursery = nursery
        self.home, self.postgres, self.redis, self.api = home, postgres, redis, api
        self.facts: dict[str, Any] = {
            "database": postgres.url(database),
            "broker": redis.url(),
            "prefix": f"{uuid.uuid4().hex[:8]}.",
            "blobs": str(home / "blobs"),
            "api": api.url,
            "soft_limit": 40.0,
            "max_attempts": 8,
            "children": 2,
            "tasks_per_child": 0,
            **changes,
        }
        (home / "site.json").write_text(json.dumps(self.facts))
        self.store: Store = drill_processes.open_store(self.facts, home)
        self.store.clock = drill_processes.utc_now
        self.queue = drill_processes.open_queue(self.facts)
        self.hold, self.drawing = home / "hold", home / "drawing"
        self.running: list[int] = []

    # Processes

    def start(self, what: str) -> int:
        """A worker or a bot, in a session of its own, so that it can be killed with its children."""
        pid = self._nursery.bear(what, self.home)
        self.running.append(pid)
        return pid

    def kill(self, process: int) -> None:
        """kill -9, with all its children, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        self.running.remove(process)

    def children(self, worker: int) -> list[int]:
        """Processes that run a worker's jobs."""
        with suppress(FileNotFoundError, ProcessLookupError):
            return [int(pid) for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]
        return []

    def close(self) -> None:
        """Leave nothing behind."""
        self.hold.unlink(missing_ok=True)
        for process in list(self.running):
            self.kill(process)
        self.store.database.close()

    def set_clock(self, seconds: float | None) -> None:
        """Let the clocks of bots and workers be wrong; None: right again."""
        path = self.home / "clock"
        if seconds is None:
            path.unlink(missing_ok=True)
        else:
            draft = self.home / ".clock"
            draft.write_text(str(seconds))
            draft.replace(path)

    # People

    def person(self, number: int, language: str = "en") -> Person:
        """Somebody who has agreed."""
        agreed(self.store, "telegram", number)
        return self.api.person(number, language=language)

    async def sends_parents(self, person: Person) -> None:
        """Mom and dad in one album."""
        await person.sends_album(photo_of(f"mom {person.number}"), photo_of(f"dad {person.number}"))

    async def until(self, holds: Callable[[], Any], what: str = "") -> None:
        """Wait for something outside of the chats."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"never happened: {what}\n{self.logs()}\n{self.api.transcript()}"
            await asyncio.sleep(0.05)

    async def until_all_is_told(self, drawings: int) -> None:
        """So many drawings were asked for, every job has ended, and somebody was told."""
        await self.until(lambda: len(self.jobs()) >= drawings and not self._open(), "all is told")
        await asyncio.sleep(0.5)  # for what should not come

    def _open(self) -> bool:
        with self.store.database.engine.connect() as connection:
            query = select(JobRow.id).where(JobRow.delivered_at.is_(None)).limit(1)
            return connection.execute(query).first() is not None

    def jobs(self, kind: str = "child") -> list[Job]:
        """All of a kind, the oldest first."""
        with self.store.database.engine.connect() as connection:
            query = select(JobRow.id).where(JobRow.kind == kind).order_by(JobRow.created_at)
            ids = [str(row[0]) for row in connection.execute(query)]
        with self.store.read_only() as unit:
            return [unit.jobs.get(job_id) for job_id in ids]

    def drawn(self) -> list[tuple[int, int, int]]:
        """(process, pipeline, seed) of each drawing that was made."""
        path = self.home / "drawn"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(pid), int(pipeline), int(seed)) for pid, pipeline, seed in map(str.split, lines)]

    # The end

    def found(self) -> Found:
        """Compare the rows with what the chats show."""
        shown = Counter(
            (message.chat_id, json.loads(message.picture.removeprefix(b"picture "))["seed"])
            for message in self.api.messages.values()
            if message.from_bot and not message.deleted and message.picture is not None
        )
        drawings = self.jobs()
        done = [job for job in drawings if job.state == "done"]
        expected = {(int(job.chat_id), int(job.wish["seed"])) for job in done}
        failed = Counter(str(job.error_code) for job in [*drawings, *self.jobs("encode")] if job.state == "failed")
        untold = sum(job.delivered_at is None for job in [*drawings, *self.jobs("encode")])
        doubled = sum(count - 1 for count in shown.values())
        return Found(len(drawings), len(shown), len(expected - set(shown)), doubled, untold, dict(failed))

    def pictures_stored(self) -> int:
        """Rows of results."""
        with self.store.database.engine.connect() as connection:
            return len(connection.execute(select(ResultRow.id)).all())

    def logs(self) -> str:
        """What the processes wrote last."""
        return "\n".join(
            f"{path.name}:\n{path.read_text(errors='replace')[-3000:]}" for path in self.home.glob("*.log")
        )


class SmallDisk:
    """A small disk for the blobs, that can be filled: root may mount one. Else a limit of the processes."""

    def __init__(self, folder: Path, megabytes: int = 1) -> None:
        folder.mkdir()
        self._folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "childface-drill", str(folder)]
        self.mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
        self._limited: list[int] = []

    def fill(self, *pids: int) -> None:
        """No byte more: neither a file nor a folder finds room."""
        if not self.mounted:
            self._limit(pids, 0)
            return
        number = 0
        with suppress(OSError):
            while True:
                number += 1
                with (self._folder / f"ballast-{number}").open("wb", buffering=0) as file:
                    while file.write(b"x" * 4096) == 4096:
                        pass

    def free(self, *pids: int) -> None:
        """Somebody cleared it up."""
        if not self.mounted:
            self._limit(pids, -1)
        for path in self._folder.glob("ballast-*"):
            path.unlink()

    def remove(self) -> None:
        """Unmount."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self._folder)], check=True)

    def _limit(self, pids: tuple[int, ...], size: int) -> None:
        import resource

        for pid in pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard))
