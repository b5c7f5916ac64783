"""A wish outside its range is refused with the range; nothing else about it is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain.child_spec import ChildSpec, age_of_group
from core.domain.errors import SettingError


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
        ChildSpec(**{setting: value})
    facts = caught.value.facts()
    assert facts["name"] == setting
    assert facts["value"] == str(value)
    assert facts["allowed"]


@pytest.mark.parametrize("age", [0, 0.5, 90])
def test_ages_from_birth_to_ninety_are_taken(age: float) -> None:
    assert ChildSpec(age=age).age == age


@pytest.mark.parametrize(("group", "age"), [("0-10", 5.0), ("11-20", 15.0), (" 81 – 90 ", 85.0), ("6-6", 6.0)])
def test_a_group_of_ages_is_drawn_at_its_middle(group: str, age: float) -> None:
    assert age_of_group(group) == age


@pytest.mark.parametrize("group", ["", "11", "20-11", "80-120", "-3-5", "a-b", "1-2-3"])
def test_a_group_that_is_none_is_refused_with_an_example(group: str) -> None:
    with pytest.raises(SettingError, match="age-group") as caught:
        age_of_group(group)
    assert "11-20" in caught.value.facts()["allowed"]
