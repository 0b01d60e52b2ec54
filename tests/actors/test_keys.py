"""The keys of a process: owned once, however many ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from telewarden.actors import KeyRing
from telewarden.errors import LeaseHeldError
from telewarden.storage import Held, Lease

pytestmark = pytest.mark.actors

KEY = 0x1234


async def test_two_who_ask_at_once_for_a_key_that_is_taken_get_it_one_after_the_other(
    tmp_path: Path,
) -> None:
    other = KeyRing(Lease(tmp_path), timeout=0.0)
    await other.hold(KEY, session="other")
    ring = KeyRing(Lease(tmp_path), timeout=5.0)

    asking = [asyncio.ensure_future(ring.hold(KEY, session="alice")) for _ in range(3)]
    await asyncio.sleep(0)
    other.release(KEY)
    await asyncio.gather(*asking)

    assert isinstance(Lease(tmp_path).inspect(KEY), Held)
    ring.release_all()


async def test_a_key_that_another_owns_is_refused_with_its_owner(tmp_path: Path) -> None:
    other = KeyRing(Lease(tmp_path), timeout=0.0)
    await other.hold(KEY, session="alice")

    with pytest.raises(LeaseHeldError, match="session alice"):
        await KeyRing(Lease(tmp_path), timeout=0.0).hold(KEY, session="bob")
    other.release_all()


async def test_a_released_key_is_free_for_others(tmp_path: Path) -> None:
    ring = KeyRing(Lease(tmp_path), timeout=0.0)
    await ring.hold(KEY, session="alice")
    ring.release(KEY)

    other = KeyRing(Lease(tmp_path), timeout=0.0)
    await other.hold(KEY, session="bob")
    other.release_all()
    assert not isinstance(Lease(tmp_path).inspect(KEY), Held)
