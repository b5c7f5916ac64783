"""Who is refused, who is asked about, who is taken; and what two opinions say together."""

from __future__ import annotations

import pytest

from core.age_estimate import AgeEstimate
from core.errors import UnderAge
from core.under_age import ACCEPT_ABOVE, DISTRUST_ABOVE, REFUSE_BELOW, combine, require_grown_up, verdict


@pytest.mark.parametrize("youngest", [16.0, 18.0, 21.0])
def test_between_what_is_refused_and_what_is_taken_somebody_is_asked(youngest: float) -> None:
    def at(age: float) -> str:
        return verdict(age, 3.0, youngest=youngest)

    assert at(youngest - REFUSE_BELOW - 0.1) == "refuse"
    assert at(youngest - REFUSE_BELOW) == at(youngest) == at(youngest + ACCEPT_ABOVE - 0.1) == "ask"
    assert at(youngest + ACCEPT_ABOVE) == "accept"


def test_a_face_that_tells_little_is_asked_about_however_old_it_looks() -> None:
    assert verdict(45.0, DISTRUST_ABOVE + 1, youngest=18.0) == "ask"
    assert verdict(45.0, DISTRUST_ABOVE - 1, youngest=18.0) == "accept"


def test_a_deployment_may_take_everybody() -> None:
    assert verdict(2.0, 1.0, youngest=0.0) == "accept"


def test_only_a_refusal_is_an_error() -> None:
    with pytest.raises(UnderAge) as told:
        require_grown_up(9.0, 2.0, youngest=18.0)
    assert told.value.facts()["youngest"] == 18.0
    require_grown_up(17.0, 2.0, youngest=18.0)


def test_the_surer_opinion_counts_more_and_disagreement_is_uncertainty() -> None:
    sure, unsure = AgeEstimate(14.0, 2.0, 0.9), AgeEstimate(24.0, 6.0, 0.1)
    both = combine(sure, unsure)
    assert both.age == pytest.approx(15.0)
    assert both.error > sure.error
    assert (combine(unsure, sure).age, combine(unsure, sure).error) == (
        pytest.approx(both.age),
        pytest.approx(both.error),
    )
    same = combine(sure, sure)
    assert (same.age, same.error) == (pytest.approx(14.0), pytest.approx(2.0))
