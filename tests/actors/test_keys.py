"""The keys of a process: owned once, however many ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from telewarden.actors import KeyLeases, WaitLedger
from telewarden.actors.context import StartLimiter
from telewarden.errors import LeaseHeldError
from telewarden.storage import Held, Lease

pytestmark = pytest.mark.actors

KEY = 0x1234


async def test_two_who_ask_at_once_for_a_key_that_is_taken_get_it_one_after_the_other(
    tmp_path: Path,
) -> None:
    other = KeyLeases(Lease(tmp_path), timeout=0.0)
    await other.acquire(KEY, session="other")
    ring = KeyLeases(Lease(tmp_path), timeout=5.0)

    asking = [asyncio.ensure_future(ring.acquire(KEY, session="alice")) for _ in range(3)]
    await asyncio.sleep(0)
    other.release(KEY)
    await asyncio.gather(*asking)

    assert isinstance(Lease(tmp_path).inspect(KEY), Held)
    ring.release_all()


async def test_a_key_that_another_owns_is_refused_with_its_owner(tmp_path: Path) -> None:
    other = KeyLeases(Lease(tmp_path), timeout=0.0)
    await other.acquire(KEY, session="alice")

    with pytest.raises(LeaseHeldError, match="session alice"):
        await KeyLeases(Lease(tmp_path), timeout=0.0).acquire(KEY, session="bob")
    other.release_all()


async def test_a_released_key_is_free_for_others(tmp_path: Path) -> None:
    ring = KeyLeases(Lease(tmp_path), timeout=0.0)
    await ring.acquire(KEY, session="alice")
    ring.release(KEY)

    other = KeyLeases(Lease(tmp_path), timeout=0.0)
    await other.acquire(KEY, session="bob")
    other.release_all()
    assert not isinstance(Lease(tmp_path).inspect(KEY), Held)


async def test_holding_tells_whether_another_owner_came_before(tmp_path: Path) -> None:
    other, ring = (KeyLeases(Lease(tmp_path), timeout=5.0) for _ in range(2))
    await other.acquire(KEY, session="other")

    asking = asyncio.ensure_future(ring.acquire(KEY, session="alice"))
    await asyncio.sleep(0)
    other.release(KEY)

    assert await asking
    assert not await ring.acquire(KEY, session="alice")
    ring.release_all()


async def test_a_key_is_one_sessions_and_no_other_of_the_same_process_gets_it(
    tmp_path: Path,
) -> None:
    ring = KeyLeases(Lease(tmp_path), timeout=5.0)
    await ring.acquire(KEY, session="alice")

    with pytest.raises(LeaseHeldError, match="session alice of this same process"):
        await ring.acquire(KEY, session="bob")
    ring.release_of("bob")
    assert isinstance(Lease(tmp_path).inspect(KEY), Held)
    ring.release_of("alice")
    await ring.acquire(KEY, session="bob")
    ring.release_all()


class Passing:
    """Sessions on their way through a start_limiter, and who is inside."""

    def __init__(self, start_limiter: StartLimiter) -> None:
        self._start_limiter, self.inside = start_limiter, 0
        self.leave, self._news = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        async with self._start_limiter.slot("alice", WaitLedger()):
            self.inside += 1
            self._news.set()
            await self.leave.wait()

    async def until(self, inside: int) -> None:
        async with asyncio.timeout(30):
            while self.inside < inside:
                self._news.clear()
                await self._news.wait()


async def test_no_more_than_so_many_come_through_side_by_side() -> None:
    passing = Passing(StartLimiter(wide=2, patience=60.0))
    sessions = [asyncio.ensure_future(passing()) for _ in range(5)]

    await passing.until(2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert passing.inside == 2

    passing.leave.set()
    await asyncio.gather(*sessions)
    assert passing.inside == 5


async def test_one_that_takes_long_makes_room_and_once_only() -> None:
    passing = Passing(StartLimiter(wide=1, patience=0.01))
    sessions = [asyncio.ensure_future(passing()) for _ in range(3)]

    await passing.until(3)
    passing.leave.set()
    await asyncio.gather(*sessions)

    narrow = Passing(passing._start_limiter)
    more = [asyncio.ensure_future(narrow()) for _ in range(2)]
    await narrow.until(1)
    assert narrow.inside == 1
    narrow.leave.set()
    await asyncio.gather(*more)


async def test_a_failure_inside_makes_room() -> None:
    start_limiter = StartLimiter(wide=1, patience=60.0)
    with pytest.raises(RuntimeError):
        async with start_limiter.slot("alice", WaitLedger()):
            raise RuntimeError("no line")

    async with asyncio.timeout(30), start_limiter.slot("alice", WaitLedger()):
        pass
