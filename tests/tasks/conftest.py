"""A workshop with a real store on SQLite, a fake pipeline and a queue that only remembers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.records import Job, Photo, Result, User
from storage.unit_of_work import Store
from tasks.config import TaskConfig
from tasks.context import TaskContext
from tests.support.fake_pipeline import FakePipeline, photo_of

DAY = timedelta(days=1)


@dataclass
class RememberingQueue:
    """Takes jobs and keeps them."""

    jobs: list[Job] = field(default_factory=list)
    raises: Exception | None = None
    held: int = 0
    """Messages that nobody has taken yet."""

    def put(self, job: Job) -> None:
        if self.raises is not None:
            raise self.raises
        self.jobs.append(job)

    def take_back(self, jobs: Sequence[Job]) -> int:
        ids = {job.id for job in jobs}
        before, self.jobs = len(self.jobs), [job for job in self.jobs if job.id not in ids]
        return before - len(self.jobs)

    def waiting(self) -> int:
        if self.raises is not None:
            raise self.raises
        return self.held


@dataclass
class Bench:
    """The workshop and short ways to bring work to it."""

    context: TaskContext
    pipeline: FakePipeline
    queue: RememberingQueue
    home: Path

    @property
    def store(self) -> Store:
        return self.context.store

    def configure(self, **changes: Any) -> None:
        self.context = replace(self.context, config=replace(self.context.config, **changes))

    def user(self, number: str = "1", refine: bool | None = None) -> User:
        with self.store.unit() as unit:
            user = unit.users.get_or_add("console", number)
            unit.users.save_settings(user.id, refine=refine)
            unit.commit()
        return user

    def add_photo(self, user: User, data: bytes) -> Photo:
        with self.store.unit() as unit:
            photo = unit.photos.add(user.id, data, DAY)
            unit.commit()
        return photo

    def add_job(self, kind: Any, user: User, **more: Any) -> Job:
        with self.store.unit() as unit:
            job = unit.jobs.add(kind, user.id, "console", "chat", **more)
            unit.commit()
        return job

    def child_job(self, user: User, mom: bytes = photo_of("mom"), dad: bytes = photo_of("dad"), **wish: Any) -> Job:
        mom_photo, dad_photo = self.add_photo(user, mom), self.add_photo(user, dad)
        return self.add_job(
            "child", user, mom_photo_id=mom_photo.id, dad_photo_id=dad_photo.id, wish={"age": 6.0, "size": 256, **wish}
        )

    def sibling_job(self, job: Job, **wish: Any) -> Job:
        with self.store.unit() as unit:
            sibling = unit.jobs.add(
                "child",
                job.user_id,
                "console",
                "chat",
                mom_photo_id=job.mom_photo_id,
                dad_photo_id=job.dad_photo_id,
                wish={**job.wish, **wish},
            )
            unit.commit()
        return sibling

    def job(self, job: Job) -> Job:
        with self.store.read_only() as unit:
            return unit.jobs.get(job.id)

    def photo(self, photo_id: str | None) -> Photo:
        assert photo_id is not None
        with self.store.read_only() as unit:
            return unit.photos.get(photo_id)

    def result(self, job: Job) -> Result | None:
        with self.store.read_only() as unit:
            return unit.results.for_job(job.id)

    def picture(self, job: Job) -> bytes:
        result = self.result(job)
        assert result is not None
        with self.store.read_only() as unit:
            return unit.results.data(result.id)

    def blobs(self) -> int:
        return sum(path.is_file() for path in (self.home / "blobs").rglob("*"))


@pytest.fixture
def bench(sqlite_url: str, tmp_path: Path) -> Iterator[Bench]:
    database = open_database(sqlite_url)
    store = Store(database, DiskBlobs(tmp_path / "blobs", [secrets.token_bytes(32)]))
    pipeline, queue = FakePipeline(), RememberingQueue()
    config = TaskConfig(refine=False, first_retry_seconds=0.0)
    yield Bench(TaskContext(store, lambda: pipeline, queue, config), pipeline, queue, tmp_path)
    database.close()
