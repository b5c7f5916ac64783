"""The gate: is a drawn child what was asked for, before anybody sees it?

It judges a preview, not the finished drawing, so a child that falls short can be drawn by a safer road within the time.
Two estimators of age that share neither network nor crop must agree with the age asked (`core.face.age_estimator`,
`core.face.whole_head`), the head must be bare, and the face must show whose sex was asked for from three years on.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.face.age_estimator import AgeEstimate

HAT = 2.5
"""What `Headwear.read` says of a head from which on something is surely worn."""

UNSURE_SEX = 0.35
"""Probability of the sex asked below which a face shows the other one."""

SEX_FROM = 3.0
"""Years from which on a face shall show its sex."""


@dataclass(frozen=True)
class Verdict:
    """By how many years a face looks too old (negative: too young), and what else falls short."""

    years_off: float
    tolerance: float
    faults: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the picture may be sent as it is."""
        return not self.faults and not self.misses_age

    @property
    def misses_age(self) -> bool:
        """Whether the age is off by more than people forgive."""
        return abs(self.years_off) > self.tolerance

    @property
    def badness(self) -> float:
        """The smaller, the better: years off in units of what is tolerated, and one for every other fault."""
        return abs(self.years_off) / self.tolerance + len(self.faults)


def tolerance_at(age: float) -> float:
    """Years by which a drawing may miss an age: people see a year's difference in a toddler, not in an adult."""
    return max(1.5, 0.25 * age) if age < 20 else max(5.0, 0.15 * age)


def judge_child(*, age: float, male: bool, face: AgeEstimate, whole_head: AgeEstimate, headwear: float) -> Verdict:
    """The verdict on a child asked for at an age in years and of a sex.

    Args:
        face, whole_head: what the two estimators say of its preview.
        headwear: what `Headwear.read` says of its latent.
    """
    faults = []
    if headwear > HAT:
        faults.append("headwear")
    chance = (face.male + whole_head.male) / 2
    if age >= SEX_FROM and (chance if male else 1 - chance) < UNSURE_SEX:
        faults.append("sex")
    return Verdict((face.age + whole_head.age) / 2 - age, tolerance_at(age), tuple(faults))
