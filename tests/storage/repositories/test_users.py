from datetime import UTC, datetime, timedelta, timezone

import pytest

from storage.errors import NotFound
from storage.unit_of_work import Store
from tests.storage.conftest import Furnished, TurnableClock


def test_the_same_person_is_met_twice_and_kept_once(store: Store, clock: TurnableClock) -> None:
    with store.unit() as unit:
        first = unit.users.get_or_add("telegram", "42")
        second = unit.users.get_or_add("telegram", "42")
        unit.commit()
    assert first == second
    assert (first.platform, first.platform_user_id, first.language) == ("telegram", "42", None)
    assert first.created_at == clock.time


def test_the_same_number_on_another_platform_is_somebody_else(house: Furnished) -> None:
    assert house.user("42", "telegram").id != house.user("42", "discord").id


def test_settings_change_one_by_one_and_the_others_stay(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as unit:
        unit.users.save_settings(user.id, age=12.5, refine=True)
        unit.users.save_settings(user.id, mix=70.0, sex="girl", age=None)
        unit.commit()
    with house.store.read_only() as unit:
        found = unit.users.get(user.id)
    assert (found.age, found.refine, found.mix, found.sex) == (None, True, 70.0, "girl")


def test_an_agreement_is_kept_with_its_moment_and_what_was_read(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    clock.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with house.store.unit() as unit:
        agreed = unit.users.agree(user.id, "2:24/30")
    assert (agreed.consent_at, agreed.consent_version) == (clock.time, "2:24/30")
    assert agreed.consent_at is not None and agreed.consent_at.tzinfo is UTC
    with house.store.unit() as unit, pytest.raises(NotFound):
        unit.users.agree("0" * 32, "1")


def test_a_moment_without_zone_is_refused(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    clock.time = datetime(2026, 1, 1)
    with pytest.raises(Exception, match="without a time zone"), house.store.unit() as unit:
        unit.users.agree(user.id, "1")


def test_a_word_that_is_no_setting_is_our_own_mistake(house: Furnished) -> None:
    user = house.user()
    with pytest.raises(TypeError, match="shoe_size"), house.store.unit() as unit:
        unit.users.save_settings(user.id, shoe_size=43)  # type: ignore[call-arg]


def test_an_unknown_person_is_not_found(store: Store) -> None:
    with store.unit() as unit:
        assert unit.users.find("telegram", "nobody") is None
        with pytest.raises(NotFound):
            unit.users.get("0" * 32)
        with pytest.raises(NotFound) as caught:
            unit.users.save_settings("0" * 32, age=3.0)
    assert caught.value.facts() == {"what": "user", "id": "0" * 32}
