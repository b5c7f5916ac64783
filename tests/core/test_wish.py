"""A wish outside its range is refused with the range; nothing else about it is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import SettingError
from core.wish import Wish


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("age", -1),
        ("age", 91),
        ("age", float("nan")),
        ("age", "six"),
        ("age", True),
        ("mix", 101),
        ("mix", -0.1),
        ("seed", -1),
        ("seed", 2**63),
        ("size", 300),
        ("sex", "cat"),
    ],
)
def test_a_value_outside_its_range_is_named_with_what_is_allowed(setting: str, value: Any) -> None:
    with pytest.raises(SettingError) as caught:
        Wish(**{setting: value})
    facts = caught.value.facts()
    assert facts["name"] == setting
    assert facts["value"] == str(value)
    assert facts["allowed"]


@pytest.mark.parametrize("age", [0, 0.5, 90])
def test_ages_from_birth_to_ninety_are_taken(age: float) -> None:
    assert Wish(age=age).age == age
