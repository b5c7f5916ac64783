"""A state that an older program saved is read with everything that was in it."""

from __future__ import annotations

from typing import Any

from bots.conversation.state import Child, ParentPhoto, Question, State, state_from_json

STORED_NAMES = {
    "unassigned": "loose",
    "pending_photos": "parked",
    "awaiting_role": "expects",
    "question_id": "stamp",
    "last_notice": "told",
    "last_notice_at": "told_at",
    "name_locale": "tongue",
}


def as_stored_before(value: Any) -> Any:
    if isinstance(value, dict):
        return {STORED_NAMES.get(name, name): as_stored_before(item) for name, item in value.items()}
    return [as_stored_before(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_state_of_version_2_keeps_everything() -> None:
    state = State(
        unassigned=(ParentPhoto("a" * 32, "hash", "anna"),),
        awaiting_role="dad",
        child=Child("a", "b", 6.0, 50.0, "girl", 1, name_locale="de"),
        questions=(Question("who", 7),),
        question_id=7,
        last_notice="maintenance",
        last_notice_at=12.0,
    )
    before = as_stored_before(state.to_json()) | {"version": 2}
    assert "stamp" in before and "question_id" not in before
    assert state_from_json(before) == state
