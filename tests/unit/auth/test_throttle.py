"""Failed sign-ins wait longer each time, by name and by address, and are forgotten."""

import pytest

from kyros.auth.errors import TooManyRequests
from kyros.auth.service import Throttle
from tests.stand_ins import Clock


def waits(throttle: Throttle, name: str, address: str) -> int:
    """Seconds until the next try, 0 when it may begin; then it has begun."""
    try:
        throttle.begin(name, address)
    except TooManyRequests as refused:
        return int(str(refused.facts["retry_after_seconds"]))
    return 0


def fail(
    throttle: Throttle, clock: Clock, times: int, name: str = "ada", address: str = "1.1.1.1"
) -> list[int]:
    found = []
    for _ in range(times):
        wait = waits(throttle, name, address)
        if wait:
            clock.advance(wait)
            assert waits(throttle, name, address) == 0
        found.append(wait)
    return found


def test_a_name_waits_up_to_half_a_minute() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    addresses = [f"10.0.0.{number}" for number in range(14)]
    found = [fail(throttle, clock, 1, "ada", address)[0] for address in addresses]
    assert found == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_an_address_waits_up_to_five_minutes() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    found = [fail(throttle, clock, 1, f"name-{number}")[0] for number in range(22)]
    assert found == [0] * 10 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_waiting_in_vain_makes_it_no_longer() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    fail(throttle, clock, 6)
    assert [waits(throttle, "ada", "1.1.1.1") for _ in range(50)] == [2] * 50


def test_success_forgives_the_name_but_buys_the_address_nothing() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(4):
        fail(throttle, clock, 2, "victim")
        throttle.begin("own", "1.1.1.1")
        throttle.succeeded("own", "1.1.1.1")
        clock.advance(60)
    throttle.succeeded("victim", "2.2.2.2")
    fail(throttle, clock, 2, "victim")
    assert waits(throttle, "somebody", "1.1.1.1") == 1


def test_a_quiet_quarter_of_an_hour_is_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    fail(throttle, clock, 9)
    clock.advance(15 * 60)
    assert fail(throttle, clock, 5) == [0] * 5


def test_a_clock_set_back_locks_nobody_out() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    fail(throttle, clock, 8)
    clock.advance(-86_400)
    assert waits(throttle, "ada", "1.1.1.1") == 0


def test_what_is_remembered_is_bounded() -> None:
    throttle = Throttle(Clock())
    for number in range(12_000):
        throttle.begin(f"name-{number}", f"address-{number}")
    assert len(throttle._tries) <= 10_000


@pytest.mark.parametrize("address", ["2.2.2.2"])
def test_others_do_not_wait_for_an_address(address: str) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(10):
        throttle.begin(f"name-{number}", "1.1.1.1")
    assert waits(throttle, "ada", "1.1.1.1") == 1
    assert waits(throttle, "ada", address) == 0
