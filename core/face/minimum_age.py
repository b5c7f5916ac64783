"""Whether a parent clearly looks underage, given the uncertainty of the age estimate.

Faces do not tell a youth of seventeen from an adult of nineteen, whatever network looks. So whoever looks clearly
underage is refused, whoever looks clearly adult is taken, and between the two somebody has to state that the person on
the photo is an adult. benchmarks/quality/minimum_age.py shows what these limits do, by faces that trained nothing:
docs/safety.md has its table.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from core.domain.errors import AgeUncertain, UnderAge

if TYPE_CHECKING:  # imports torch, which a worker must not load before it forks
    from core.face.age_estimator import AgeEstimate

Verdict = Literal["refuse", "ask", "accept"]

REFUSE_BELOW = 2.0
"""Years below the youngest parent's age: whoever looks younger is refused."""

ACCEPT_ABOVE = 7.0
"""Years above the youngest parent's age: whoever looks older, and would not be refused if the estimate were too high by
one of its errors, is taken without a statement."""


def combine(first: AgeEstimate, second: AgeEstimate) -> AgeEstimate:
    """The estimate by the face, doubted as far as the second opinion, by the whole head, differs.

    On faces that trained nothing the first is the surer at every age, and their mean is no better than it; but a youth
    whom it takes for an adult is seldom one to both.

    >>> from core.face.age_estimator import AgeEstimate
    >>> combine(AgeEstimate(30.0, 4.0, 0.5), AgeEstimate(24.0, 6.0, 0.5)).error
    5.0
    """
    doubt = math.hypot(first.error, (first.age - second.age) / 2)
    return replace(first, error=doubt, male=(first.male + second.male) / 2)


def verdict(age: float, error: float, *, youngest: float) -> Verdict:
    """What becomes of a parent who looks `age` years old (± `error`); with `youngest` 0 everybody is taken.

    >>> [verdict(age, 3.0, youngest=18.0) for age in (12.0, 19.0, 31.0)]
    ['refuse', 'ask', 'accept']
    """
    if youngest <= 0:
        return "accept"
    if age < youngest - REFUSE_BELOW:
        return "refuse"
    is_sure = age - error >= youngest - REFUSE_BELOW
    return "accept" if is_sure and age >= youngest + ACCEPT_ABOVE else "ask"


def require_adult(age: float, error: float, *, youngest: float, stated: bool = False) -> None:
    """Let a face estimated at `age` years (± `error`) pass, or raise UnderAge or AgeUncertain.

    `stated`: somebody has stated that this is an adult. That settles a doubt; it does not overrule a refusal.

    >>> require_adult(31.0, 3.0, youngest=18.0)
    >>> require_adult(17.0, 3.0, youngest=18.0, stated=True)
    """
    found = verdict(age, error, youngest=youngest)
    if found == "refuse":
        raise UnderAge(age=age, margin=REFUSE_BELOW, youngest=youngest)
    if found == "ask" and not stated:
        raise AgeUncertain(age=age, youngest=youngest)
