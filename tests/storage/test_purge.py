"""What leaves by itself when its time is over."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from storage.deletion import BATCH, GRACE, KEEP_HANDLED, KEEP_STRANGERS, PurgeReport, purge_expired
from storage.errors import NotFound, PhotoGone
from storage.records import Job, Photo
from tests.storage.conftest import HOUR, Furnished, TurnableClock

DAY = timedelta(days=1)


def is_there(house: Furnished, thing: Photo | Job) -> bool:
    with house.store.read_only() as unit:
        try:
            (unit.photos.get if isinstance(thing, Photo) else unit.jobs.get)(thing.id)
        except NotFound:
            return False
    return True


def test_nothing_goes_before_its_time(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    photo = house.photo(user)
    house.latent(photo)
    house.done_job(user, mom_photo_id=photo.id)
    clock.turn(HOUR - timedelta(microseconds=1))
    assert purge_expired(house.store) == PurgeReport()
    assert len(house.blob_files()) == 3


def test_everything_goes_when_its_time_is_over(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    photo = house.photo(user, ttl=HOUR)
    house.latent(photo, ttl=2 * HOUR)
    job = house.done_job(user, ttl=3 * HOUR, mom_photo_id=photo.id)

    assert purge_expired(house.store, clock.time + HOUR) == PurgeReport(photos=1)
    assert purge_expired(house.store, clock.time + 2 * HOUR) == PurgeReport(latents=1)
    assert purge_expired(house.store, clock.time + 3 * HOUR) == PurgeReport(results=1)
    assert house.blob_files() == []
    with house.store.read_only() as unit:
        assert unit.results.for_job(job.id) is None
        assert unit.users.get(user.id) == user


def test_the_handle_of_a_parent_lives_as_long_as_a_latent_or_a_job_needs_it(
    house: Furnished, clock: TurnableClock
) -> None:
    user = house.user()
    encoded, wanted, lonely = (house.photo(user, data) for data in (b"1", b"2", b"3"))
    house.latent(encoded, ttl=DAY)
    job = house.job(user, dad_photo_id=wanted.id)

    clock.turn(HOUR)
    purge_expired(house.store)
    assert [is_there(house, photo) for photo in (encoded, wanted, lonely)] == [True, True, False]
    with house.store.read_only() as unit, pytest.raises(PhotoGone):
        unit.photos.data(encoded.id)

    clock.turn(DAY)
    with house.store.unit() as unit:
        unit.jobs.cancel(job.id)
        unit.commit()
    purge_expired(house.store)
    assert [is_there(house, photo) for photo in (encoded, wanted)] == [False, True]
    clock.turn(KEEP_HANDLED)
    purge_expired(house.store)
    assert [is_there(house, thing) for thing in (job, wanted)] == [False, False]


def test_old_jobs_and_idle_conversations_go_but_never_unfinished_work(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    done, waiting = house.done_job(user), house.job(user)
    with house.store.unit() as unit:
        unit.conversations.save("telegram", "chat-1", user.id, {})
        unit.commit()
    clock.turn(KEEP_HANDLED)
    assert purge_expired(house.store) == PurgeReport(results=1, jobs=1, conversations=1)
    assert [is_there(house, job) for job in (done, waiting)] == [False, True]


def test_a_job_stays_while_its_picture_does(house: Furnished, clock: TurnableClock) -> None:
    job = house.done_job(house.user(), ttl=2 * KEEP_HANDLED)
    clock.turn(KEEP_HANDLED)
    assert purge_expired(house.store) == PurgeReport()
    assert is_there(house, job)


def test_files_that_no_row_names_go_after_a_time_of_grace(house: Furnished, clock: TurnableClock) -> None:
    photo = house.photo(house.user(), ttl=10 * DAY)
    orphan, fresh = (house.store.blobs.put(b"orphan", "nobody's") for _ in range(2))
    draft = house.blob_files()[0].with_name(".draft")
    draft.write_bytes(b"half")
    for path in house.blob_files():
        age = timedelta() if path.name == fresh else GRACE
        written = (clock.time - age - timedelta(seconds=1)).timestamp()
        os.utime(path, (written, written))

    assert purge_expired(house.store) == PurgeReport(orphans=2)
    assert {path.name for path in house.blob_files()} == {photo.blob_key, fresh}
    assert orphan not in list(house.store.blobs.keys())


def test_more_than_one_batch_goes_in_one_purge(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    count = BATCH + 3
    with house.store.unit() as unit:
        for number in range(count):
            unit.latents.add(user.id, f"{number:064}", None, "encoder-1", "fast", b"latent", HOUR)
        unit.commit()
    assert purge_expired(house.store, clock.time + HOUR) == PurgeReport(latents=count)
    assert house.blob_files() == []


def test_somebody_who_never_agreed_is_forgotten_after_a_day(house: Furnished, clock: TurnableClock) -> None:
    stranger, chooser, friend, talker = (house.user(number) for number in "1234")
    with house.store.unit() as unit:
        unit.users.save_settings(chooser.id, age=9.0)
        unit.users.agree(friend.id, "1")
        unit.conversations.save("telegram", "chat-1", stranger.id, {"parked": [{"ref": "where a photo is"}]})
        unit.commit()
    clock.turn(KEEP_STRANGERS - HOUR)
    with house.store.unit() as unit:
        unit.conversations.save("telegram", "chat-1", talker.id, {})
        unit.commit()
    assert purge_expired(house.store) == PurgeReport()
    clock.turn(HOUR)
    assert purge_expired(house.store) == PurgeReport(strangers=1)
    with house.store.read_only() as unit:
        left = [unit.users.find("telegram", number) is not None for number in "1234"]
        assert unit.conversations.get("telegram", "chat-1", stranger.id) is None
    assert left == [False, True, True, True]


def test_a_clock_that_was_set_back_deletes_nothing(house: Furnished, clock: TurnableClock) -> None:
    photo = house.photo(house.user())
    clock.time = datetime(2001, 1, 1, tzinfo=UTC)
    assert purge_expired(house.store) == PurgeReport()
    with house.store.read_only() as unit:
        assert unit.photos.data(photo.id) == b"a photo"
