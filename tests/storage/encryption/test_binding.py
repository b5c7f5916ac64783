"""Who can write rows, but has no key, cannot show one person's picture to another."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from storage.errors import BlobDamaged
from storage.unit_of_work import UnitOfWork
from tests.storage.conftest import Furnished


def swap_blob_keys(connection: Connection, table: str) -> None:
    """Between the two rows of a table. The column is unique, so by way of a third value."""
    [one, other] = connection.execute(text(f"SELECT id, blob_key FROM {table} ORDER BY id")).all()  # noqa: S608
    change = text(f"UPDATE {table} SET blob_key = :key WHERE id = :id")  # noqa: S608
    for row_id, key in ((one.id, "f" * 32), (other.id, one.blob_key), (one.id, other.blob_key)):
        connection.execute(change, {"id": row_id, "key": key})


@pytest.mark.parametrize("table", ["photos", "latents", "results"])
def test_swapped_blob_keys_open_for_neither_person(house: Furnished, table: str) -> None:
    people = [house.user("1"), house.user("2")]
    photos = [house.photo(user, b"photo of %d" % number) for number, user in enumerate(people)]
    for photo in photos:
        house.latent(photo)
    jobs = [house.done_job(user, mom_photo_id=photo.id) for user, photo in zip(people, photos, strict=True)]

    def read(unit: UnitOfWork, number: int) -> object:
        if table == "photos":
            return unit.photos.data(photos[number].id)
        if table == "latents":
            return unit.latents.find(people[number].id, photos[number].sha256, None, "encoder-1", "fast")
        result = unit.results.for_job(jobs[number].id)
        assert result is not None
        return unit.results.data(result.id)

    with house.store.unit() as unit:
        assert read(unit, 0) and read(unit, 1)
    with house.store.database.engine.begin() as connection:
        swap_blob_keys(connection, table)
    for number in (0, 1):
        with house.store.unit() as unit, pytest.raises(BlobDamaged):
            read(unit, number)


def test_a_picture_does_not_open_for_a_job_that_was_given_to_somebody_else(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    job = house.done_job(anna)
    with house.store.database.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET user_id = :ben"), {"ben": ben.id})
    with house.store.read_only() as unit, pytest.raises(BlobDamaged):
        result = unit.results.for_job(job.id)
        assert result is not None
        unit.results.data(result.id)


def test_a_photo_does_not_open_for_another_owner_and_its_crop_not_as_the_photo(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    photo = house.photo(anna)
    with house.store.unit() as unit:
        unit.photos.replace_with_crop(photo.id, b"a crop")
        unit.commit()
    with house.store.read_only() as unit:
        assert unit.photos.data(photo.id) == b"a crop"
    for change, back in ((f"owner_id = '{ben.id}'", f"owner_id = '{anna.id}'"), ("kind = 'original'", "kind = 'crop'")):
        with house.store.database.engine.begin() as connection:
            connection.execute(text(f"UPDATE photos SET {change}"))  # noqa: S608
        with house.store.read_only() as unit, pytest.raises(BlobDamaged):
            unit.photos.data(photo.id)
        with house.store.database.engine.begin() as connection:
            connection.execute(text(f"UPDATE photos SET {back}"))  # noqa: S608
