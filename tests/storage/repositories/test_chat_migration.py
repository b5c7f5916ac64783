"""A chat under another number: everything goes with it, and nothing that is there already is trodden on."""

from __future__ import annotations

from storage.records import User
from storage.unit_of_work import Store

OLD, NEW = "-500", "-100501"


def user(store: Store, number: str) -> User:
    with store.unit() as unit:
        found = unit.users.get_or_add("telegram", number)
        unit.commit()
    return found


def renumber(store: Store) -> None:
    with store.unit() as unit:
        unit.chats.renumber("telegram", OLD, NEW)
        unit.chats.rename("telegram", f"group:{OLD}", f"group:{NEW}")
        unit.commit()


def test_conversations_jobs_decisions_and_settings_go_with_it_and_others_stay(store: Store) -> None:
    anna, group = user(store, "1"), user(store, f"group:{OLD}")
    with store.unit() as unit:
        unit.conversations.save("telegram", OLD, anna.id, {"here": 1})
        unit.conversations.save("telegram", "1", anna.id, {"alone": 1})
        unit.conversations.save("discord", OLD, anna.id, {"elsewhere": 1})
        unit.users.save_settings(group.id, wall=True)
        unit.access_rules.decide("telegram", OLD, "block")
        moved = unit.jobs.add("child", anna.id, "telegram", OLD, reply={"message": "5", "to": "4", "user": "1"})
        other = unit.jobs.add("child", anna.id, "discord", OLD)
        unit.commit()
    for _ in range(2):
        renumber(store)
    with store.read_only() as unit:
        assert unit.conversations.get("telegram", OLD, anna.id) is None
        spoken = unit.conversations.get("telegram", NEW, anna.id)
        assert spoken is not None and spoken.state == {"here": 1}
        assert unit.conversations.get("telegram", "1", anna.id) is not None
        assert unit.conversations.get("discord", OLD, anna.id) is not None
        assert unit.jobs.get(moved.id).reply == {"user": "1"}
        assert (unit.jobs.get(moved.id).chat_id, unit.jobs.get(other.id).chat_id) == (NEW, OLD)
        assert unit.access_rules.verdicts("telegram", NEW) == {"block"} and not unit.access_rules.verdicts(
            "telegram", OLD
        )
        settings = unit.users.find("telegram", f"group:{NEW}")
        assert settings is not None and settings.wall and unit.users.find("telegram", f"group:{OLD}") is None


def test_what_was_begun_under_the_new_number_is_left_as_it_is(store: Store) -> None:
    anna = user(store, "1")
    user(store, f"group:{OLD}")
    user(store, f"group:{NEW}")
    with store.unit() as unit:
        unit.conversations.save("telegram", OLD, anna.id, {"before": 1})
        unit.conversations.save("telegram", NEW, anna.id, {"after": 1})
        unit.access_rules.decide("telegram", OLD, "block")
        unit.access_rules.decide("telegram", NEW, "allow")
        unit.commit()
    renumber(store)
    with store.read_only() as unit:
        spoken = unit.conversations.get("telegram", NEW, anna.id)
        assert spoken is not None and spoken.state == {"after": 1}
        assert unit.access_rules.verdicts("telegram", NEW) == {"allow"}
