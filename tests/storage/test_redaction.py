"""A person leaves other people's rows as well."""

from __future__ import annotations

from typing import Any

from storage.deletion import delete_user
from storage.redaction import without
from tests.storage.conftest import Furnished

ANNA, PHOTO = "a" * 32, "b" * 32


def test_what_mentions_the_person_goes_as_a_whole_and_the_rest_stays() -> None:
    state: dict[str, Any] = {
        "mom": {"photo_id": PHOTO, "sha256": "s"},
        "dad": {"photo_id": "c" * 32, "sender": "ben"},
        "loose": [{"photo_id": "d" * 32, "sender": ANNA}, {"photo_id": "e" * 32, "sender": "ben"}],
        "waiting": {"kind": "child", "child": {"mom": PHOTO, "dad": "x", "age": 6.0}},
        "proposal": {"people": [{"shown": "@anna", "number": "77"}, {"shown": "Ben", "number": "2"}], "agreed": []},
        "stamp": 3,
        "drawing": None,
    }
    assert without(state, {ANNA, PHOTO}, "77") == {
        "mom": None,
        "dad": state["dad"],
        "loose": state["loose"][1:],
        "waiting": None,
        "proposal": None,
        "stamp": 3,
        "drawing": None,
    }


def test_figures_that_only_look_like_the_persons_number_stay() -> None:
    state = {"mom": {"message_id": "77", "sha256": "77"}, "questions": [{"kind": "who", "stamp": 77}]}
    assert without(state, {ANNA}, "77") == state


def test_a_round_of_somebody_else_forgets_whose_photo_it_had(house: Furnished) -> None:
    anna, ben = house.user("770077007700"), house.user("2")
    annas, bens = house.photo(anna, b"anna"), house.photo(ben, b"ben")
    state = {
        "mom": {"photo_id": annas.id, "sha256": annas.sha256, "sender": anna.id},
        "dad": {"photo_id": bens.id, "sha256": bens.sha256, "sender": ben.id},
    }
    with house.store.unit() as unit:
        before = unit.conversations.save("telegram", "group", ben.id, state)
        unit.conversations.save("telegram", "elsewhere", ben.id, {"dad": state["dad"]})
        unit.commit()
    delete_user(house.store, anna.id)
    with house.store.read_only() as unit:
        saved = unit.conversations.get("telegram", "group", ben.id)
        untouched = unit.conversations.get("telegram", "elsewhere", ben.id)
    assert saved is not None and untouched is not None
    assert saved.state == {"mom": None, "dad": state["dad"]}
    assert (saved.version, untouched.version) == (before.version + 1, 1)


def test_an_answer_to_somebody_else_that_shows_the_photo_goes(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    annas = house.photo(anna)
    lines = [{"line": "Say", "faces": {"photo_id": annas.id}}, {"line": "Say", "faces": None}]
    job = house.done_job(ben, mom_photo_id=annas.id, reply={"user": "2", "lines": lines})
    delete_user(house.store, anna.id)
    with house.store.read_only() as unit:
        assert unit.jobs.get(job.id).reply == {"user": "2", "lines": lines[1:]}
