"""Leases between real processes: a kill frees the key, a live owner is named."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import LeaseHeldError
from telewarden.storage import Free, Held, Lease, LeaseHolder, Stale

pytestmark = pytest.mark.storage

KEY = 0xDEAD_BEEF_0000_0001
HOLD = """
import sys
from telewarden.storage import Lease, LeaseHolder
grant = Lease(sys.argv[1]).acquire(int(sys.argv[2]), owner=LeaseHolder.current("forwarding"))
print("held", flush=True)
sys.stdin.readline()
grant.release()
print("released", flush=True)
sys.stdin.readline()
"""
FORK = """
import os, sys
from telewarden.storage import Lease, LeaseHolder
grant = Lease(sys.argv[1]).acquire(int(sys.argv[2]), owner=LeaseHolder.current("forwarding"))
if os.fork() == 0:
    print("held", flush=True)
    sys.stdin.readline()
    os._exit(0)
os._exit(0)
"""
HOLD_MANY = """
import sys
from telewarden.storage import Lease, LeaseHolder
lease, me = Lease(sys.argv[1]), LeaseHolder.current("forwarding")
grants = [lease.acquire(key, owner=me) for key in range(int(sys.argv[2]))]
print("held", flush=True)
sys.stdin.readline()
"""
Spawn = Callable[..., "subprocess.Popen[bytes]"]


def answer(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    if not line:
        _, errors = process.communicate(timeout=30)
        pytest.fail(errors.decode())
    return line


def tell(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_a_second_process_is_refused_and_told_who_holds_the_key(
    tmp_path: Path, spawn: Spawn
) -> None:
    other = spawn(HOLD, tmp_path, KEY)
    assert answer(other) == "held"
    lease = Lease(tmp_path)

    with pytest.raises(LeaseHeldError, match=rf"process {other.pid} on .*forwarding"):
        lease.acquire(KEY, owner=LeaseHolder.current("a test"), timeout=0.0)

    found = lease.inspect(KEY)
    assert isinstance(found, Held)
    assert found.holder is not None
    assert found.holder.alive
    assert found.holder.pid == other.pid


def test_a_release_in_one_process_frees_the_key_for_another(tmp_path: Path, spawn: Spawn) -> None:
    other = spawn(HOLD, tmp_path, KEY)
    assert answer(other) == "held"
    tell(other)
    assert answer(other) == "released"
    lease = Lease(tmp_path)

    assert lease.inspect(KEY) == Free()
    with lease.acquire(KEY, owner=LeaseHolder.current("a test"), timeout=0.0) as grant:
        assert grant.took_over is None


def test_a_killed_owners_key_is_stale_at_once_and_can_be_taken(
    tmp_path: Path, spawn: Spawn
) -> None:
    other = spawn(HOLD, tmp_path, KEY)
    assert answer(other) == "held"
    lease = Lease(tmp_path)

    other.send_signal(signal.SIGKILL)
    other.wait(timeout=30)

    found = lease.inspect(KEY)
    assert isinstance(found, Stale)
    assert found.holder.pid == other.pid
    assert not found.holder.alive
    with lease.acquire(KEY, owner=LeaseHolder.current("a test"), timeout=0.0) as grant:
        assert grant.took_over == found.holder


def test_an_owner_that_is_killed_but_not_yet_reaped_is_not_alive(
    tmp_path: Path, spawn: Spawn
) -> None:
    other = spawn(HOLD, tmp_path, KEY)
    assert answer(other) == "held"
    os.kill(other.pid, signal.SIGKILL)
    lease = Lease(tmp_path)

    with lease.acquire(KEY, owner=LeaseHolder.current("a test"), timeout=10.0) as grant:
        assert grant.took_over is not None
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # the lock is free a little before
        assert not grant.took_over.alive


def test_a_waiter_has_a_killed_owners_key_within_milliseconds(tmp_path: Path, spawn: Spawn) -> None:
    taken: list[float] = []
    for _ in range(5):
        other = spawn(HOLD, tmp_path, KEY)
        assert answer(other) == "held"
        killed: list[float] = []

        def kill(_: object, pid: int = other.pid, at: list[float] = killed) -> None:
            if not at:
                at.append(time.perf_counter())
                os.kill(pid, signal.SIGKILL)

        owner = LeaseHolder.current("a test")
        with Lease(tmp_path).acquire(KEY, owner=owner, timeout=10.0, progress=kill):
            taken.append(time.perf_counter() - killed[0])

    assert min(taken) < 0.05  # 5 ms on a quiet machine; a busy one is not what is tested here


async def test_many_waiters_hear_of_their_owners_end_without_looking(
    tmp_path: Path, spawn: Spawn
) -> None:
    other = spawn(HOLD_MANY, tmp_path, 50)
    assert answer(other) == "held"
    asleep = asyncio.Event()

    async def never(_seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    lease, me = Lease(tmp_path, sleep_async=never), LeaseHolder.current("a test")
    waiting = [asyncio.ensure_future(lease.acquire_async(key, owner=me)) for key in range(50)]
    await asleep.wait()
    before = len(os.listdir("/proc/self/fd"))
    other.send_signal(signal.SIGKILL)
    async with asyncio.timeout(30):
        grants = await asyncio.gather(*waiting)

    assert all(grant.took_over is not None for grant in grants)
    assert len(os.listdir("/proc/self/fd")) == before + len(grants) - 1  # the watch is closed
    for grant in grants:
        grant.release()


async def test_an_ended_owners_child_is_waited_for_by_looking(tmp_path: Path, spawn: Spawn) -> None:
    child = spawn(FORK, tmp_path, KEY)
    assert answer(child) == "held"
    child.wait(timeout=30)

    waiting = asyncio.ensure_future(
        Lease(tmp_path).acquire_async(KEY, owner=LeaseHolder.current("a test"))
    )
    await asyncio.sleep(0)
    tell(child)

    async with asyncio.timeout(30):
        (await waiting).release()


def test_a_stopped_owner_still_holds_its_key(tmp_path: Path, spawn: Spawn) -> None:
    other = spawn(HOLD, tmp_path, KEY)
    assert answer(other) == "held"

    other.send_signal(signal.SIGSTOP)

    with pytest.raises(LeaseHeldError):
        Lease(tmp_path).acquire(KEY, owner=LeaseHolder.current("a test"), timeout=0.05)


def test_a_forked_child_that_keeps_the_lock_is_named_as_such(tmp_path: Path, spawn: Spawn) -> None:
    parent = spawn(FORK, tmp_path, KEY)
    assert answer(parent) == "held"
    parent.wait(timeout=30)

    with pytest.raises(LeaseHeldError, match=r"a child of process .* which has itself ended"):
        Lease(tmp_path).acquire(KEY, owner=LeaseHolder.current("a test"), timeout=0.0)
    held = Lease(tmp_path).inspect(KEY)

    assert isinstance(held, Held)
    assert held.parent is not None
    assert held.parent.pid == parent.pid
    assert held.holder is not None
    assert held.holder.alive
    assert held.holder.pid != parent.pid
    assert str(held).startswith(f"process {held.holder.pid}, a child of process {parent.pid} ")
    tell(parent)


def test_of_many_processes_one_at_a_time_holds_the_key(tmp_path: Path, spawn: Spawn) -> None:
    program = """
import os, sys
from pathlib import Path
from telewarden.storage import Lease, LeaseHolder
lease, mark = Lease(sys.argv[1]), Path(sys.argv[1]) / "inside"
for _ in range(20):
    with lease.acquire(7, owner=LeaseHolder.current("turns"), timeout=30):
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails if somebody else is inside
        mark.unlink()
"""
    processes = [spawn(program, tmp_path) for _ in range(3)]

    outcomes = [(process.communicate(timeout=50), process.returncode) for process in processes]

    assert outcomes == [((b"", b""), 0)] * 3
