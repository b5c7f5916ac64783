"""A store on either database, a clock that we turn, and somebody to store things for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.records import Job, Photo, User
from storage.unit_of_work import Store

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class TurnableClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, by: timedelta) -> None:
        self.time += by


class Furnished:
    """A store with short ways to put things into it."""

    def __init__(self, store: Store, clock: TurnableClock, home: Path) -> None:
        self.store = store
        self.clock = clock
        self.home = home

    def user(self, number: str = "1001", platform: str = "telegram") -> User:
        with self.store.unit() as unit:
            user = unit.users.get_or_add(platform, number)
            unit.commit()
        return user

    def photo(self, owner: User, data: bytes = b"a photo", ttl: timedelta = HOUR) -> Photo:
        with self.store.unit() as unit:
            photo = unit.photos.add(owner.id, data, ttl)
            unit.commit()
        return photo

    def latent(self, photo: Photo, data: bytes = b"a latent", ttl: timedelta = HOUR) -> None:
        with self.store.unit() as unit:
            unit.latents.add(photo.owner_id, photo.sha256, photo.face, "encoder-1", "fast", data, ttl)
            unit.commit()

    def job(self, user: User, **more: Any) -> Job:
        with self.store.unit() as unit:
            job = unit.jobs.add("child", user.id, user.platform, "chat-1", **more)
            unit.commit()
        return job

    def running_job(self, user: User, **more: Any) -> Job:
        job = self.job(user, **more)
        with self.store.unit() as unit:
            started = unit.jobs.start(job.id, HOUR)
            unit.commit()
        assert started is not None
        return started

    def done_job(self, user: User, picture: bytes = b"a child", ttl: timedelta = HOUR, **more: Any) -> Job:
        job = self.running_job(user, **more)
        with self.store.unit() as unit:
            unit.results.add(job.id, picture, "image/png", 4, 3, ttl)
            assert unit.jobs.finish(job.id, {"age": 6.0})
            unit.commit()
            return unit.jobs.get(job.id)

    def blob_files(self) -> list[Path]:
        return [path for path in (self.home / "blobs").rglob("*") if path.is_file()]


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def house(database_url: str, clock: TurnableClock, tmp_path: Path) -> Iterator[Furnished]:
    """A store on each database in turn."""
    database = open_database(database_url)
    blobs = DiskBlobs(tmp_path / "blobs", [secrets.token_bytes(32)])
    yield Furnished(Store(database, blobs, clock), clock, tmp_path)
    database.close()


@pytest.fixture
def store(house: Furnished) -> Store:
    return house.store
