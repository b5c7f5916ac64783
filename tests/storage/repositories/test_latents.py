from datetime import timedelta

import pytest

from storage.errors import NotFound
from storage.records import Quality
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished, TurnableClock

SHA = "ab" * 32
Key = tuple[str, str, int | None, str, Quality]


def test_a_latent_is_found_by_its_whole_key_only(house: Furnished) -> None:
    owner, other = house.user("1"), house.user("2")
    with house.store.unit() as unit:
        unit.latents.add(owner.id, SHA, None, "encoder-1", "fast", b"\0latent", HOUR)
        unit.latents.add(owner.id, SHA, 1, "encoder-1", "fast", b"second face", HOUR)
        unit.latents.add(owner.id, SHA, None, "encoder-1", "refined", b"refined", HOUR)
        unit.commit()
    with house.store.unit() as unit:
        find = unit.latents.find
        assert find(owner.id, SHA, None, "encoder-1", "fast") == b"\0latent"
        assert find(owner.id, SHA, 1, "encoder-1", "fast") == b"second face"
        assert find(owner.id, SHA, None, "encoder-1", "refined") == b"refined"
        assert find(owner.id, SHA, 0, "encoder-1", "fast") is None
        assert find(owner.id, SHA, None, "encoder-2", "fast") is None
        assert find(owner.id, "cd" * 32, None, "encoder-1", "fast") is None
        assert find(other.id, SHA, None, "encoder-1", "fast") is None


@pytest.mark.parametrize("face", [None, 3])
def test_adding_twice_keeps_one_latent_and_one_file(house: Furnished, face: int | None) -> None:
    owner = house.user()
    for data in (b"first", b"again"):
        with house.store.unit() as unit:
            unit.latents.add(owner.id, SHA, face, "encoder-1", "fast", data, HOUR)
            unit.commit()
    assert len(house.blob_files()) == 1
    with house.store.unit() as unit:
        assert unit.latents.find(owner.id, SHA, face, "encoder-1", "fast") == b"again"


def test_a_latent_whose_time_is_over_is_not_found_and_can_be_made_again(house: Furnished, clock: TurnableClock) -> None:
    owner = house.user()
    key: Key = (owner.id, SHA, None, "encoder-1", "fast")
    with house.store.unit() as unit:
        unit.latents.add(*key, b"old", HOUR)
        clock.turn(HOUR)
        assert unit.latents.find(*key) is None
        assert len(unit.latents.due_for_deletion(clock.time)) == 1
        unit.latents.add(*key, b"new", HOUR)
        assert unit.latents.find(*key) == b"new"
        assert unit.latents.due_for_deletion(clock.time) == []


def test_a_latent_whose_file_was_lost_counts_as_never_made(house: Furnished) -> None:
    photo = house.photo(house.user())
    house.latent(photo)
    for path in house.blob_files():
        path.unlink()
    with house.store.unit() as unit:
        assert unit.latents.find(photo.owner_id, photo.sha256, None, "encoder-1", "fast") is None


def test_a_latent_is_no_plain_text_on_disk(house: Furnished) -> None:
    photo = house.photo(house.user())
    house.latent(photo, b"these numbers are a face")
    assert all(b"numbers" not in path.read_bytes() for path in house.blob_files())


def test_a_latent_of_nobody_is_refused_and_leaves_no_file(house: Furnished) -> None:
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.latents.add("0" * 32, SHA, None, "encoder-1", "fast", b"whose?", timedelta(days=1))
    assert house.blob_files() == []


def test_an_empty_cache_finds_nothing(store: Store) -> None:
    with store.unit() as unit:
        assert unit.latents.find("0" * 32, SHA, None, "encoder-1", "fast") is None
