"""Does a parent look clearly under age? A question to the age estimator that knows how often the estimator errs."""

from __future__ import annotations

from core.errors import UnderAge

MARGIN = 1.0
"""Standard errors by which the estimate must lie below the age. benchmarks/under_age.py shows what others would do:
docs/safety.md has the table."""

LEAST_ERROR = 2.0
"""Years. Nobody's age is read from a face more exactly, whatever an estimator says of itself."""


def require_grown_up(age: float, error: float, *, youngest: float) -> None:
    """Raise UnderAge when a face estimated at `age` years (± `error`) is clearly younger than `youngest`.

    >>> require_grown_up(17.0, 3.0, youngest=18.0)
    """
    margin = MARGIN * max(error, LEAST_ERROR)
    if age + margin < youngest:
        raise UnderAge(age=age, margin=margin, youngest=youngest)
