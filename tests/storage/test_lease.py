"""Leases inside one process: taken, refused, waited for, inspected, left behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.errors import LeaseHeldError, StorageNotWritableError
from telewarden.storage import Free, Held, Lease, LeaseGrant, LeaseHolder, LeaseWait, Stale

pytestmark = pytest.mark.storage

Spawn = Callable[..., "subprocess.Popen[bytes]"]

KEY = 0xDEAD_BEEF_0000_0001
ME = LeaseHolder.current("a test", since=1_700_000_000.0)


class Clock:
    """Time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.on_sleep: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "leases"


@pytest.fixture
def lease(folder: Path, clock: Clock) -> Lease:
    return Lease(folder, clock=clock, sleep=clock.sleep, sleep_async=clock.sleep_async)


def leave_behind(folder: Path, **changes: object) -> LeaseHolder:
    """What an owner that was killed leaves: its facts, and no lock."""
    holder = LeaseHolder(
        purpose="forwarding", pid=2**22 + 1, started=5.0, host=ME.host, command="tw", since=6.0
    )
    facts = {name: getattr(holder, name) for name in holder.__dataclass_fields__} | changes
    folder.mkdir(exist_ok=True)
    (folder / f"{KEY:016x}.lease").write_text(json.dumps(facts))
    return LeaseHolder(**facts)  # type: ignore[arg-type] # facts of a table


def test_a_free_key_is_taken_and_its_owner_can_be_read(lease: Lease, folder: Path) -> None:
    assert lease.inspect(KEY) == Free()

    grant = lease.acquire(KEY, owner=ME)

    assert grant.held
    assert grant.took_over is None
    assert lease.inspect(KEY) == Held(ME)
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {".lease": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_released_key_is_free_again(lease: Lease) -> None:
    grant = lease.acquire(KEY, owner=ME)

    grant.release()
    grant.release()

    assert not grant.held
    assert lease.inspect(KEY) == Free()
    assert lease.acquire(KEY, owner=ME).held


def test_a_held_key_is_refused_with_a_sentence_saying_who_holds_it(
    lease: Lease, clock: Clock
) -> None:
    with (
        lease.acquire(KEY, owner=ME),
        pytest.raises(LeaseHeldError) as caught,
    ):
        lease.acquire(KEY, owner=ME, timeout=3.0)

    assert clock.now == pytest.approx(103.0, abs=0.01)
    assert str(caught.value) == (
        f"key deadbeef00000001 is in use by process {os.getpid()} on {ME.host}"
        f" ({ME.command}: a test) since 2023-11-14 22:13:20 UTC; waited 3.0 s:"
        " stop that process, or try again when it is done"
    )


def test_without_patience_the_refusal_is_at_once(lease: Lease, clock: Clock) -> None:
    with lease.acquire(KEY, owner=ME), pytest.raises(LeaseHeldError):
        lease.acquire(KEY, owner=ME, timeout=0.0)

    assert clock.now < 100.01


def test_an_inspection_at_the_same_instant_refuses_nobody(
    lease: Lease, folder: Path, clock: Clock
) -> None:
    lease.acquire(KEY, owner=ME).release()
    inspector = os.open(folder / f"{KEY:016x}.lease", os.O_RDONLY)
    fcntl.flock(inspector, fcntl.LOCK_SH)
    clock.on_sleep = lambda: fcntl.flock(inspector, fcntl.LOCK_UN)

    with lease.acquire(KEY, owner=ME, timeout=0.0) as grant:
        assert grant.held

    os.close(inspector)


def test_another_key_is_another_lease(lease: Lease) -> None:
    with lease.acquire(KEY, owner=ME), lease.acquire(KEY + 1, owner=ME) as second:
        assert second.held

    assert lease.key_ids() == [KEY, KEY + 1]


@pytest.mark.parametrize("name", ["notes", "x", "12", "-000000000000001", "0x00000000000001"])
def test_a_foreign_file_among_the_leases_is_no_key(lease: Lease, folder: Path, name: str) -> None:
    lease.acquire(KEY, owner=ME).release()
    (folder / f"{name}.lease").touch()

    assert lease.key_ids() == [KEY]


def test_two_leases_on_one_folder_are_one(lease: Lease, folder: Path) -> None:
    with lease.acquire(KEY, owner=ME), pytest.raises(LeaseHeldError):
        Lease(folder).acquire(KEY, owner=ME, timeout=0.0)


def test_a_waiter_gets_the_key_when_it_is_released(lease: Lease, clock: Clock) -> None:
    first = lease.acquire(KEY, owner=ME)
    clock.on_sleep = lambda: first.release() if clock.now > 101.0 else None

    second = lease.acquire(KEY, owner=ME)

    assert second.held
    assert clock.now == pytest.approx(101.0, abs=0.01)


def test_progress_is_told_at_once_and_each_second(lease: Lease) -> None:
    told: list[LeaseWait] = []

    with lease.acquire(KEY, owner=ME), pytest.raises(LeaseHeldError):
        lease.acquire(KEY, owner=ME, timeout=3.5, progress=told.append)

    assert [round(wait.waited, 1) for wait in told] == [0.0, 1.0, 2.0, 3.0]
    assert {(wait.key_id, wait.holder, wait.timeout) for wait in told} == {(KEY, ME, 3.5)}


async def test_an_async_waiter_gets_the_key_and_the_loop_goes_on(folder: Path) -> None:
    lease = Lease(folder)
    first = lease.acquire(KEY, owner=ME)
    beats = 0

    async def other_work() -> None:
        nonlocal beats
        while beats < 100:
            await asyncio.sleep(0)
            beats += 1
        first.release()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(lease.acquire_async(KEY, owner=ME))
        tasks.create_task(other_work())

    assert waiter.result().held
    assert beats == 100


async def test_a_cancelled_waiter_leaves_nothing_behind(folder: Path) -> None:
    lease = Lease(folder)
    told = asyncio.Event()
    first = lease.acquire(KEY, owner=ME)
    waiter = asyncio.create_task(lease.acquire_async(KEY, owner=ME, progress=lambda _: told.set()))
    await asyncio.wait_for(told.wait(), 10)

    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    first.release()

    assert waiter.cancelled()
    assert lease.inspect(KEY) == Free()


async def test_an_async_refusal_says_who_holds_it(lease: Lease) -> None:
    with await lease.acquire_async(KEY, owner=ME), pytest.raises(LeaseHeldError, match="a test"):
        await lease.acquire_async(KEY, owner=ME, timeout=1.0)


def test_many_waiters_share_the_polling(folder: Path, clock: Clock) -> None:
    lease = Lease(folder, clock=clock, sleep=clock.sleep)
    first = lease.acquire(KEY, owner=ME)
    lease._waiters = 1000
    pauses: list[float] = []
    lease._sleep = lambda seconds: pauses.append(seconds) or first.release()  # type: ignore[func-returns-value]

    lease.acquire(KEY, owner=ME)

    assert pauses == [pytest.approx(0.5, abs=0.01)]


def test_an_exception_inside_releases_the_key(lease: Lease) -> None:
    with pytest.raises(RuntimeError), lease.held(KEY, owner=ME):
        raise RuntimeError("the work failed")

    assert lease.inspect(KEY) == Free()


def test_a_dead_owners_leavings_are_stale_and_taken_over(
    lease: Lease, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = leave_behind(folder)
    assert lease.inspect(KEY) == Stale(left)
    assert not left.alive

    with caplog.at_level(logging.INFO), lease.acquire(KEY, owner=ME) as grant:
        assert grant.took_over == left
        assert lease.inspect(KEY) == Held(ME)

    assert "lease taken over" in caplog.text
    assert lease.inspect(KEY) == Free()


def test_a_number_given_to_another_process_is_not_its_old_owner(lease: Lease, folder: Path) -> None:
    reused = leave_behind(folder, pid=os.getpid(), started=ME.started - 3600.0)

    assert ME.alive
    assert not reused.alive
    assert lease.inspect(KEY) == Stale(reused)


def test_an_owner_on_another_host_is_not_looked_up_here(folder: Path) -> None:
    elsewhere = leave_behind(folder, pid=os.getpid(), started=ME.started, host="elsewhere.example")

    assert not elsewhere.local
    assert not elsewhere.alive


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "x"}', "\0\0", '"text"'])
def test_unreadable_facts_hide_nobody_and_stop_nobody(
    lease: Lease, folder: Path, content: str
) -> None:
    leave_behind(folder)
    (folder / f"{KEY:016x}.lease").write_text(content)
    assert lease.inspect(KEY) == Free()

    with lease.acquire(KEY, owner=ME):
        (folder / f"{KEY:016x}.lease").write_text(content)
        assert lease.inspect(KEY) == Held(None)
        with pytest.raises(LeaseHeldError, match="not said who it is"):
            lease.acquire(KEY, owner=ME, timeout=0.0)


def test_stale_leavings_are_cleared_and_a_held_key_is_not(lease: Lease, folder: Path) -> None:
    leave_behind(folder)

    assert lease.clear(KEY)
    assert not lease.clear(KEY)
    assert lease.inspect(KEY) == Free()
    with lease.acquire(KEY, owner=ME), pytest.raises(LeaseHeldError):
        lease.clear(KEY)


def test_a_dropped_lease_is_released_with_a_warning(
    lease: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    grants: list[LeaseGrant] = [lease.acquire(KEY, owner=ME)]

    grants.clear()

    assert "dropped without release" in caplog.text
    assert lease.inspect(KEY) == Free()


def test_an_unwritable_folder_is_said(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)

    with pytest.raises(StorageNotWritableError):
        Lease(unprivileged).acquire(KEY, owner=ME)
    with pytest.raises(StorageNotWritableError):
        Lease(unprivileged / "leases").acquire(KEY, owner=ME)


def test_taking_a_lease_leaves_no_file_open_when_refused(lease: Lease) -> None:
    with lease.acquire(KEY, owner=ME):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with pytest.raises(LeaseHeldError):
                lease.acquire(KEY, owner=ME, timeout=0.0)
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_disk_keeps_no_session_from_its_lease(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lease = Lease(small_disk)
    lease.acquire(KEY, owner=ME).release()
    with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):  # noqa: PT012 - fills up
        while True:
            file.write(b"x" * 4096)

    with lease.acquire(KEY, owner=ME) as grant:
        assert grant.held
        assert lease.inspect(KEY) == Held(None)

    assert "lease facts not written" in caplog.text


@pytest.fixture
def random_key() -> int:
    """A key that no other test of this machine has: a claim is the machine's."""
    return int.from_bytes(os.urandom(8), "big")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_a_key_that_is_held_by_way_of_another_folder_is_not_free(
    tmp_path: Path, random_key: int
) -> None:
    here, there = (Lease(tmp_path / name, everywhere=True) for name in ("here", "there"))
    with here.held(random_key, owner=ME):
        with pytest.raises(LeaseHeldError, match=rf"process {os.getpid()} .*another folder"):
            there.acquire(random_key, owner=ME, timeout=0.0)
        found = there.inspect(random_key)

    assert isinstance(found, Held)
    assert isinstance(there.inspect(random_key), Free)
    there.acquire(random_key, owner=ME, timeout=0.0).release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_a_key_stays_held_when_its_folder_is_removed(tmp_path: Path, random_key: int) -> None:
    lease = Lease(tmp_path / "leases", everywhere=True)
    with lease.held(random_key, owner=ME):
        shutil.rmtree(tmp_path / "leases")
        with pytest.raises(LeaseHeldError):
            lease.acquire(random_key, owner=ME, timeout=0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_a_claim_ends_with_its_process(tmp_path: Path, random_key: int, spawn: Spawn) -> None:
    process = spawn(
        "import sys; from telewarden.storage import Lease, LeaseHolder\n"
        "lease = Lease(sys.argv[1], everywhere=True)\n"
        "grant = lease.acquire(int(sys.argv[2]), owner=LeaseHolder.current('a test'))\n"
        "print('held', flush=True); sys.stdin.read()",
        str(tmp_path / "there"),
        str(random_key),
    )
    assert process.stdout is not None
    process.stdout.readline()
    lease = Lease(tmp_path / "here", everywhere=True)
    with pytest.raises(LeaseHeldError, match=f"process {process.pid} "):
        lease.acquire(random_key, owner=ME, timeout=0.0)

    process.kill()

    lease.acquire(random_key, owner=ME, timeout=10.0).release()
