"""Who is refused, who is asked about, who is taken; and what two opinions say together."""

from __future__ import annotations

import pytest

from core.domain.errors import AgeUncertain, UnderAge
from core.face.age_estimator import AgeEstimate
from core.face.minimum_age import ACCEPT_ABOVE, REFUSE_BELOW, combine, require_adult, verdict


@pytest.mark.parametrize("youngest", [16.0, 18.0, 21.0])
def test_between_what_is_refused_and_what_is_taken_somebody_is_asked(youngest: float) -> None:
    def at(age: float) -> str:
        return verdict(age, 3.0, youngest=youngest)

    assert at(youngest - REFUSE_BELOW - 0.1) == "refuse"
    assert at(youngest - REFUSE_BELOW) == at(youngest) == at(youngest + ACCEPT_ABOVE - 0.1) == "ask"
    assert at(youngest + ACCEPT_ABOVE) == "accept"


def test_a_face_that_tells_little_is_asked_about_however_old_it_looks() -> None:
    assert verdict(35.0, 22.0, youngest=18.0) == "ask"
    assert verdict(35.0, 10.0, youngest=18.0) == "accept"


def test_a_deployment_may_take_everybody() -> None:
    assert verdict(2.0, 1.0, youngest=0.0) == "accept"


@pytest.mark.parametrize("stated", [False, True])
def test_no_statement_overrules_a_refusal(stated: bool) -> None:
    with pytest.raises(UnderAge) as told:
        require_adult(9.0, 2.0, youngest=18.0, stated=stated)
    assert told.value.facts()["youngest"] == 18.0


def test_a_statement_settles_a_doubt() -> None:
    with pytest.raises(AgeUncertain) as told:
        require_adult(17.04, 2.0, youngest=18.0)
    assert told.value.facts() == {"age": 17.0, "youngest": 18.0}
    require_adult(17.04, 2.0, youngest=18.0, stated=True)


def test_a_second_opinion_changes_no_age_but_may_raise_a_doubt() -> None:
    adult = AgeEstimate(32.0, 4.0, 0.9)
    agrees, differs = AgeEstimate(32.0, 9.0, 0.7), AgeEstimate(8.0, 2.0, 0.7)
    assert combine(adult, agrees) == AgeEstimate(32.0, 4.0, pytest.approx(0.8))
    doubted = combine(adult, differs)
    assert (doubted.age, doubted.error) == (32.0, pytest.approx(160.0**0.5))
    assert verdict(doubted.age, doubted.error + 4, youngest=18.0) == "ask"
    assert verdict(adult.age, adult.error, youngest=18.0) == "accept"
