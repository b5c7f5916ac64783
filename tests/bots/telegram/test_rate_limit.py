"""Token buckets, with a clock of our own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bots.telegram.rate_limit import MAX_REMEMBERED, Bucket, Buckets, Flood, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_and_then_as_many_as_come_in() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 3, clock)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert bucket.take() == 0
    assert bucket.take() == 0.5


def test_one_address_does_not_use_up_anothers() -> None:
    buckets = Buckets(1.0, 1, Clock())
    assert buckets.take("192.0.2.1") == 0
    assert buckets.take("192.0.2.1") > 0
    assert buckets.take("192.0.2.2") == 0


def test_a_flood_of_addresses_is_not_remembered() -> None:
    buckets = Buckets(1.0, 1, Clock())
    for number in range(MAX_REMEMBERED + 500):
        buckets.take(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert len(buckets) == MAX_REMEMBERED


def test_a_customers_ipv6_addresses_are_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("fe80::1%eth0") == network_of("fe80::1")


@given(st.text())
def test_what_is_no_address_has_a_bucket_too(text: str) -> None:
    assert isinstance(network_of(text), str)


@given(st.lists(st.floats(0, 10), max_size=50), st.floats(0.1, 50), st.integers(1, 20))
def test_never_more_than_the_burst_and_what_came_in(waits: list[float], rate: float, burst: int) -> None:
    clock = Clock()
    bucket, taken = Bucket(rate, burst, clock), 0
    for wait in waits:
        clock.now += wait
        taken += bucket.take() == 0
    assert taken <= burst + clock.now * rate + 1e-6


def test_who_sends_too_much_is_told_once_and_heard_again_later() -> None:
    now = [0.0]
    flood = Flood(3, lambda: now[0])

    assert [flood.judge("anna") for _ in range(5)] == ["admitted"] * 3 + ["tell", "ignore"]
    assert flood.judge("ben") == "admitted"
    now[0] = 20.0
    assert [flood.judge("anna") for _ in range(3)] == ["admitted", "tell", "ignore"]


def test_without_a_limit_everything_is_admitted() -> None:
    flood = Flood(0)
    assert {flood.judge("anna") for _ in range(1000)} == {"admitted"}
