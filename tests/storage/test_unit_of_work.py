from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from storage.blobs import BlobStore
from storage.database import open_database
from storage.errors import NotFound, StorageUnavailable
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished


class Breakage(Exception):
    """Something of ours that goes wrong in the middle."""


def test_leaving_without_commit_undoes_rows_and_blobs(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as unit:
        photo = unit.photos.add(user.id, b"never meant", HOUR)
        assert len(house.blob_files()) == 1
    assert house.blob_files() == []
    with house.store.read_only() as unit:
        assert unit.photos.due_for_deletion(photo.expires_at) == []


def test_an_error_undoes_rows_and_blobs_and_passes_through(house: Furnished) -> None:
    user = house.user()
    with pytest.raises(Breakage), house.store.unit() as unit:
        unit.photos.add(user.id, b"never meant", HOUR)
        raise Breakage
    assert house.blob_files() == []


def test_a_deleted_blob_is_still_there_after_a_rollback(house: Furnished) -> None:
    photo = house.photo(house.user(), b"keep me")
    with pytest.raises(Breakage), house.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        raise Breakage
    with house.store.read_only() as unit:
        assert unit.photos.data(photo.id) == b"keep me"


def test_a_deleted_blob_leaves_the_disk_only_with_the_commit(house: Furnished) -> None:
    photo = house.photo(house.user())
    with house.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        assert len(house.blob_files()) == 1
        unit.commit()
        assert house.blob_files() == []


def test_what_follows_a_commit_is_a_transaction_of_its_own(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as unit:
        kept = unit.photos.add(user.id, b"kept", HOUR)
        unit.commit()
        unit.photos.forget_data(kept.id)
        unit.photos.add(user.id, b"not kept", HOUR)
    with house.store.read_only() as unit:
        assert unit.photos.data(kept.id) == b"kept"
    assert [path.name for path in house.blob_files()] == [kept.blob_key]


def test_a_view_reads_and_refuses_to_write(house: Furnished) -> None:
    user = house.user()
    with house.store.read_only() as unit:
        assert unit.users.get(user.id) == user
    with pytest.raises(DBAPIError), house.store.read_only() as unit:
        unit.users.save_settings(user.id, age=3.0)
    with house.store.read_only() as unit:
        assert unit.users.get(user.id).age is None


def test_a_view_does_not_wait_for_a_writer(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as writer:
        writer.users.save_settings(user.id, age=9.0)
        with house.store.read_only() as unit:
            assert unit.users.get(user.id).age is None
        writer.commit()


class StubbornBlobs:
    """Blobs on a disk that lets nothing go."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put(self, data: bytes, context: str) -> str:
        return self._blobs.put(data, context)

    def get(self, key: str, context: str) -> bytes:
        return self._blobs.get(key, context)

    def delete(self, key: str) -> bool:
        raise StorageUnavailable(what="delete a blob")

    def keys(self, *, written_before: datetime | None = None) -> Iterator[str]:
        return self._blobs.keys(written_before=written_before)

    def delete_unfinished(self, *, written_before: datetime) -> int:
        return self._blobs.delete_unfinished(written_before=written_before)


def test_a_blob_that_will_not_go_does_not_spoil_a_commit(house: Furnished, caplog: pytest.LogCaptureFixture) -> None:
    photo = house.photo(house.user())
    stubborn = Store(house.store.database, StubbornBlobs(house.store.blobs), house.clock)
    with stubborn.unit() as unit:
        unit.photos.forget_data(photo.id)
        unit.commit()
    with house.store.read_only() as unit:
        assert unit.photos.get(photo.id).kind == "gone"
    assert "left to the purge" in caplog.text
    assert str(photo.blob_key) not in caplog.text


def test_an_error_message_never_repeats_what_was_to_be_stored(house: Furnished) -> None:
    with pytest.raises(NotFound) as caught, house.store.unit() as unit:
        unit.jobs.add("child", "0" * 32, "telegram", "chat-of-a-person", reply={"to": "a person"})
    cause = str(caught.value.__cause__)
    assert "foreign key" in cause.lower()
    assert "of-a-person" not in cause


def test_a_database_that_is_away_is_one_passing_fault_with_its_cause(tmp_path: Path) -> None:
    database = open_database(f"postgresql://nobody@/nothing?host={tmp_path}")
    store = Store(database, blobs=None)  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailable) as caught, store.unit() as unit:
        unit.users.get("0" * 32)
    assert isinstance(caught.value, OSError)
    assert caught.value.__cause__ is not None
    database.close()
