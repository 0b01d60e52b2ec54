"""Connects for each address: a burst, then a rate."""

from __future__ import annotations

import pytest

from telewarden.telegram import ConnectLimit
from telewarden.telegram.connecting.connect_limit import ConnectQueue

pytestmark = pytest.mark.telegram


class HandTurned:
    """A clock that moves when somebody sleeps by it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def queue(clock: HandTurned) -> ConnectQueue:
    return ConnectQueue(ConnectLimit(rate=2.0, burst=3), clock=clock, sleep=clock.sleep)


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = HandTurned()
    line = queue(clock)

    at = []
    for _ in range(6):
        await line.acquire("a")
        at.append(clock.now)

    assert at == [0.0, 0.0, 0.0, 0.5, 1.0, 1.5]


async def test_addresses_do_not_wait_for_each_other() -> None:
    clock = HandTurned()
    line = queue(clock)

    for _ in range(3):
        await line.acquire("a")
    await line.acquire("b")

    assert clock.now == 0.0


def test_a_cooled_address_is_closed_for_a_time() -> None:
    clock = HandTurned()
    line = queue(clock)

    line.back_off("a", 60.0)
    line.back_off("a", 10.0)
    clock.now = 20.0

    assert (line.backoff_left("a"), line.backoff_left("b")) == (40.0, 0.0)
    clock.now = 60.0
    assert line.backoff_left("a") == 0.0


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (1.0, 0)])
def test_a_limit_that_lets_nothing_through_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ConnectLimit(rate=rate, burst=burst)
