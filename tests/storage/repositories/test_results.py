import pytest

from storage.errors import BlobMissing, NotFound
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished, TurnableClock


def test_a_picture_is_found_by_its_job(house: Furnished, clock: TurnableClock) -> None:
    job = house.running_job(house.user())
    with house.store.unit() as unit:
        assert unit.results.for_job(job.id) is None
        result = unit.results.add(job.id, b"\x89PNG child", "image/png", 1024, 768, HOUR)
        unit.commit()
    assert (result.job_id, result.mime, result.width, result.height) == (job.id, "image/png", 1024, 768)
    assert (result.created_at, result.expires_at) == (clock.time, clock.time + HOUR)
    with house.store.read_only() as unit:
        assert unit.results.for_job(job.id) == result
        assert unit.results.data(result.id) == b"\x89PNG child"


def test_a_task_that_runs_twice_stores_one_picture(house: Furnished) -> None:
    job = house.done_job(house.user(), b"first")
    with house.store.unit() as unit:
        again = unit.results.add(job.id, b"second", "image/png", 4, 3, HOUR)
        unit.commit()
        assert unit.results.data(again.id) == b"first"
    assert len(house.blob_files()) == 1


def test_a_picture_for_a_deleted_job_is_refused_and_leaves_no_file(house: Furnished) -> None:
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.results.add("0" * 32, b"late", "image/png", 4, 3, HOUR)
    assert house.blob_files() == []


def test_unknown_and_lost_pictures_are_told_apart(house: Furnished, store: Store) -> None:
    job = house.done_job(house.user())
    house.blob_files()[0].unlink()
    with store.read_only() as unit:
        with pytest.raises(NotFound):
            unit.results.data("0" * 32)
        result = unit.results.for_job(job.id)
        assert result is not None
        with pytest.raises(BlobMissing):
            unit.results.data(result.id)
        assert unit.results.due_for_deletion(house.clock.time) == []
        assert unit.results.due_for_deletion(result.expires_at) == [result]
