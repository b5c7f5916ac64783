import pytest

from storage.errors import ConversationChanged, NotFound
from storage.unit_of_work import Store
from tests.storage.conftest import Furnished, TurnableClock

KEY = ("telegram", "-100123")


def test_a_conversation_begins_as_none_and_keeps_its_state(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    state = {"step": "who is who", "photos": ["a", "b"], "age": 6.5, "mom": None, "emoji": "👶"}
    with house.store.unit() as unit:
        assert unit.conversations.get(*KEY, user.id) is None
        saved = unit.conversations.save(*KEY, user.id, state)
        unit.commit()
    with house.store.read_only() as unit:
        assert unit.conversations.get(*KEY, user.id) == saved
    assert (saved.state, saved.version, saved.updated_at) == (state, 1, clock.time)


def test_each_save_counts_the_version_up(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as unit:
        first = unit.conversations.save(*KEY, user.id, {"n": 1})
        second = unit.conversations.save(*KEY, user.id, {"n": 2}, first.version)
    assert (second.version, second.state) == (2, {"n": 2})


def test_people_and_chats_do_not_share_a_conversation(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    with house.store.unit() as unit:
        unit.conversations.save("telegram", "group", anna.id, {"who": "anna"})
        unit.conversations.save("telegram", "group", ben.id, {"who": "ben"})
        unit.conversations.save("telegram", "private", anna.id, {"who": "anna alone"})
        found = unit.conversations.get("telegram", "group", anna.id)
    assert found is not None
    assert found.state == {"who": "anna"}


@pytest.mark.parametrize("version", [0, 1])
def test_who_saves_an_old_version_is_told_and_changes_nothing(house: Furnished, version: int) -> None:
    user = house.user()
    with house.store.unit() as unit:
        unit.conversations.save(*KEY, user.id, {"n": 1})
        unit.conversations.save(*KEY, user.id, {"n": 2}, 1)
        unit.commit()
    with pytest.raises(ConversationChanged) as caught, house.store.unit() as unit:
        unit.conversations.save(*KEY, user.id, {"n": "late"}, version)
    assert caught.value.facts() == {"version": version}
    with house.store.read_only() as unit:
        found = unit.conversations.get(*KEY, user.id)
    assert found is not None
    assert found.state == {"n": 2}


def test_a_conversation_can_begin_again(house: Furnished) -> None:
    user = house.user()
    with house.store.unit() as unit:
        unit.conversations.save(*KEY, user.id, {"n": 1})
        assert unit.conversations.forget(*KEY, user.id)
        assert not unit.conversations.forget(*KEY, user.id)
        with pytest.raises(ConversationChanged):
            unit.conversations.save(*KEY, user.id, {"n": 2}, 1)
        assert unit.conversations.save(*KEY, user.id, {"n": 3}).version == 1


def test_nobody_has_no_conversation(store: Store) -> None:
    with pytest.raises(NotFound), store.unit() as unit:
        unit.conversations.save(*KEY, "0" * 32, {})
