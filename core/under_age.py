"""Does a parent look under age? What is refused, what is taken, and between them what a clear statement decides.

Faces do not tell a youth of seventeen from an adult of nineteen, whatever network looks. So whoever looks clearly
under age is refused, whoever looks clearly adult is taken, and between the two somebody has to state that the person on
the photo is an adult. benchmarks/under_age.py shows what these limits do, by faces that trained nothing: docs/safety.md
has its table.
"""

from __future__ import annotations

from typing import Literal

from core.age_estimate import AgeEstimate
from core.errors import UnderAge

Verdict = Literal["refuse", "ask", "accept"]

REFUSE_BELOW = 2.0
"""Years below the youngest parent's age: whoever looks younger is refused."""

ACCEPT_ABOVE = 7.0
"""Years above the youngest parent's age: whoever looks older is taken without a statement."""

DISTRUST_ABOVE = 8.0
"""Standard error in years beyond which a face tells little (dark, grainy, covered): then a statement is asked for."""


def combine(first: AgeEstimate, second: AgeEstimate) -> AgeEstimate:
    """Two opinions on one face → one. The surer of the two counts more; where they differ, less is certain.

    >>> combine(AgeEstimate(20.0, 2.0, 0.5), AgeEstimate(26.0, 2.0, 0.5)).age
    23.0
    """
    weights = [1 / max(one.error, 0.5) ** 2 for one in (first, second)]
    share = weights[0] / sum(weights)
    mean = share * first.age + (1 - share) * second.age
    within = share * first.error**2 + (1 - share) * second.error**2
    between = share * (first.age - mean) ** 2 + (1 - share) * (second.age - mean) ** 2
    return AgeEstimate(age=mean, error=(within + between) ** 0.5, male=share * first.male + (1 - share) * second.male)


def verdict(age: float, error: float, *, youngest: float) -> Verdict:
    """What becomes of a parent who looks `age` years old (± `error`); with `youngest` 0 everybody is taken.

    >>> [verdict(age, 3.0, youngest=18.0) for age in (12.0, 19.0, 31.0)]
    ['refuse', 'ask', 'accept']
    """
    if youngest <= 0:
        return "accept"
    if age < youngest - REFUSE_BELOW:
        return "refuse"
    return "ask" if age < youngest + ACCEPT_ABOVE or error > DISTRUST_ABOVE else "accept"


def require_grown_up(age: float, error: float, *, youngest: float) -> None:
    """Raise UnderAge when a face estimated at `age` years (± `error`) is to be refused.

    >>> require_grown_up(17.0, 3.0, youngest=18.0)
    """
    if verdict(age, error, youngest=youngest) == "refuse":
        raise UnderAge(age=age, margin=REFUSE_BELOW, youngest=youngest)
