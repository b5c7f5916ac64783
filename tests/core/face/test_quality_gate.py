"""What is shown to people was looked at before."""

from __future__ import annotations

import pytest

from core.face.age_estimator import AgeEstimate
from core.face.quality_gate import HAT, judge_child, tolerance_at


def seen(age: float, male: float = 0.9) -> AgeEstimate:
    return AgeEstimate(age=age, error=1.0, male=male)


def test_a_child_as_asked_passes() -> None:
    verdict = judge_child(age=8, male=True, face=seen(8.5), whole_head=seen(7.0), headwear=0.0)
    assert verdict.passes and not verdict.misses_age and verdict.faults == ()


def test_both_estimators_are_heard() -> None:
    one_sees_a_man = judge_child(age=8, male=True, face=seen(8), whole_head=seen(20), headwear=0.0)
    assert one_sees_a_man.misses_age and one_sees_a_man.years_off == pytest.approx(6.0)


@pytest.mark.parametrize(("age", "passes"), [(2.0, True), (6.0, False)])
def test_only_from_three_years_on_must_a_face_show_its_sex(age: float, passes: bool) -> None:
    verdict = judge_child(age=age, male=False, face=seen(age), whole_head=seen(age), headwear=0.0)
    assert verdict.passes is passes
    assert verdict.faults == (() if passes else ("sex",))


def test_a_hat_is_a_fault() -> None:
    verdict = judge_child(age=2, male=True, face=seen(2), whole_head=seen(2), headwear=HAT + 0.1)
    assert verdict.faults == ("headwear",) and not verdict.passes


def test_of_two_that_fall_short_the_nearer_is_the_better() -> None:
    near, far = (judge_child(age=6, male=True, face=seen(a), whole_head=seen(a), headwear=0.0) for a in (8.0, 12.0))
    hat = judge_child(age=6, male=True, face=seen(8.0), whole_head=seen(8.0), headwear=9.0)
    assert near.badness < hat.badness < far.badness + 1


def test_people_forgive_more_the_older_a_face_is() -> None:
    tolerances = [tolerance_at(age) for age in (0, 2, 8, 16, 30, 60)]
    assert tolerances == sorted(tolerances) and tolerances[0] == 1.5
