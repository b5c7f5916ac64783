"""Who is unavailable is left alone, and looked after by one at a time."""

from __future__ import annotations

from bots.service.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, first_wait=1.0, longest=8.0, monotonic=clock)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_some_failures_in_a_row_open_it() -> None:
    assert opened(Clock()).open


def test_a_success_in_between_keeps_it_closed() -> None:
    breaker = CircuitBreaker(failures=3)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open and breaker.allows()


def test_open_it_lets_one_caller_try_after_a_while() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert not breaker.allows()
    clock.time += 1.3
    assert [breaker.allows() for _ in range(5)] == [True, False, False, False, False]


def test_it_closes_when_that_caller_is_answered() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.time += 1.3
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows() for _ in range(5)] == [True] * 5


def test_it_waits_longer_each_time_but_not_for_ever() -> None:
    clock = Clock()
    breaker = opened(clock)
    waits = []
    for _ in range(6):
        began = clock.time
        while not breaker.allows():
            clock.time += 0.05
        waits.append(clock.time - began)
        breaker.failed()
    assert waits[0] < 1.3 and 1.5 < waits[1] < 2.5 and waits[-1] < 10.0
    assert waits == sorted(waits[:4]) + waits[4:]


def test_a_caller_who_is_never_heard_of_again_does_not_keep_it_open_for_ever() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.time += 1.3
    assert breaker.allows()
    clock.time += 8.1
    assert breaker.allows()
