import hashlib
from datetime import timedelta

import pytest

from storage.errors import NotFound, PhotoGone
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished, TurnableClock


def test_a_photo_comes_back_as_it_was(house: Furnished, clock: TurnableClock) -> None:
    user, data = house.user(), bytes(range(256)) * 50
    photo = house.photo(user, data)
    assert (photo.owner_id, photo.kind, photo.warnings, photo.face) == (user.id, "original", [], None)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert (photo.created_at, photo.expires_at) == (clock.time, clock.time + HOUR)
    with house.store.read_only() as unit:
        assert unit.photos.get(photo.id) == photo
        assert unit.photos.data(photo.id) == data


def test_a_forgotten_photo_stays_as_the_handle_of_a_parent(house: Furnished) -> None:
    photo = house.photo(house.user())
    for _ in range(2):
        with house.store.unit() as unit:
            gone = unit.photos.forget_data(photo.id)
            unit.commit()
        assert (gone.kind, gone.blob_key, gone.sha256) == ("gone", None, photo.sha256)
    assert house.blob_files() == []
    with house.store.read_only() as unit, pytest.raises(PhotoGone) as caught:
        unit.photos.data(photo.id)
    assert (caught.value.code, caught.value.facts()) == ("photo_gone", {"photo_id": photo.id})


def test_a_crop_takes_the_place_of_the_original(house: Furnished) -> None:
    photo = house.photo(house.user(), b"the whole photo")
    with house.store.unit() as unit:
        cropped = unit.photos.replace_with_crop(photo.id, b"only the face")
        unit.commit()
        assert (cropped.kind, cropped.sha256) == ("crop", photo.sha256)
        assert unit.photos.data(photo.id) == b"only the face"
    assert [path.name for path in house.blob_files()] == [cropped.blob_key]


def test_a_photo_that_is_gone_gets_no_crop(house: Furnished) -> None:
    photo = house.photo(house.user())
    with house.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        with pytest.raises(PhotoGone):
            unit.photos.replace_with_crop(photo.id, b"late")


def test_facts_and_the_chosen_face_are_kept(house: Furnished) -> None:
    photo = house.photo(house.user())
    with house.store.unit() as unit:
        unit.photos.set_facts(
            photo.id, sex="female", sex_confidence=0.97, estimated_age=31.5, warnings=["dark", "blurred"]
        )
        unit.photos.choose_face(photo.id, 2)
        unit.commit()
    with house.store.read_only() as unit:
        found = unit.photos.get(photo.id)
    assert (found.sex, found.sex_confidence, found.estimated_age) == ("female", 0.97, 31.5)
    assert (found.warnings, found.face) == (["dark", "blurred"], 2)


def test_a_photo_whose_time_is_over_is_gone_even_before_the_purge(house: Furnished, clock: TurnableClock) -> None:
    photo = house.photo(house.user(), ttl=timedelta(minutes=10))
    clock.turn(timedelta(minutes=10))
    with house.store.read_only() as unit:
        with pytest.raises(PhotoGone):
            unit.photos.data(photo.id)
        assert [due.id for due in unit.photos.due_for_deletion(clock.time)] == [photo.id]


def test_a_photo_whose_file_was_lost_is_gone(house: Furnished) -> None:
    photo = house.photo(house.user())
    house.blob_files()[0].unlink()
    with house.store.read_only() as unit, pytest.raises(PhotoGone):
        unit.photos.data(photo.id)


def test_a_photo_needs_an_owner_and_leaves_no_file_without(house: Furnished) -> None:
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.photos.add("0" * 32, b"whose?", HOUR)
    assert house.blob_files() == []


def test_an_unknown_photo_is_not_found(store: Store) -> None:
    with store.unit() as unit:
        for ask in (unit.photos.get, unit.photos.data, unit.photos.forget_data):
            with pytest.raises(NotFound):
                ask("0" * 32)
