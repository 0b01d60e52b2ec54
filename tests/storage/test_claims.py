"""A name that everybody can take is no claim: strangers neither keep a key nor hide its owner."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telewarden.errors import LeaseHeldError
from telewarden.storage import Lease, LeaseHolder
from telewarden.storage.leases.claim_witness import proof_of
from telewarden.storage.leases.machine_claim import _names

pytestmark = [
    pytest.mark.storage,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="becomes another user, on Linux"
    ),
]

ME = LeaseHolder.current("a test")
NOBODY = 65534

SQUAT = """
import os, socket, sys
os.setuid(65534)
taken = []
for name in sys.argv[2:]:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.bind("\\0" + name)
    if sys.argv[1] != "deaf":
        one.listen(1)
    if sys.argv[1] == "full":
        for _ in range(3):
            caller = socket.socket(socket.AF_UNIX)
            caller.setblocking(False)
            caller.connect_ex("\\0" + name)
            taken.append(caller)
    taken.append(one)
print("ready", flush=True)
if sys.argv[1] == "liar":
    while True:
        caller, _ = taken[0].accept()
        caller.recv(32)
        caller.send(os.urandom(32))
sys.stdin.read()
"""

OWNER = """
import os, sys
from telewarden.storage import Lease, LeaseHolder
os.setuid(65534)
key = bytes.fromhex(sys.argv[2])
lease = Lease(sys.argv[1], everywhere=True)
grant = lease.acquire(int(sys.argv[3]), owner=LeaseHolder.current("the other user's"), key=key)
print("held", flush=True)
sys.stdin.read()
"""

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def key() -> bytes:
    """An auth key that no other test of this machine has."""
    return os.urandom(256)


@pytest.fixture
def run() -> Iterator[Run]:
    """Run a program and wait for its first line; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def id_of(key: bytes) -> int:
    return int.from_bytes(hashlib.sha1(key).digest()[-8:], "little")  # noqa: S324 - as Telegram does


def names_of(key: bytes) -> list[str]:
    return [name[1:] for name in _names(id_of(key), proof_of(key))]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Lease, Lease]:
    here, there = (Lease(tmp_path / name, everywhere=True) for name in ("here", "there"))
    return here, there


@pytest.mark.parametrize("how", ["deaf", "silent", "full", "liar"])
def test_a_stranger_at_a_keys_name_keeps_nobody_out(
    folders: tuple[Lease, Lease], key: bytes, run: Run, how: str
) -> None:
    run(SQUAT, how, names_of(key)[0])
    here, _ = folders

    with here.acquire(id_of(key), owner=ME, timeout=0.0, key=key) as grant:
        assert grant.held


@pytest.mark.parametrize("squatted", [1, 3])
def test_a_stranger_at_its_names_lets_no_second_owner_in(
    folders: tuple[Lease, Lease], key: bytes, run: Run, squatted: int
) -> None:
    run(SQUAT, "silent", *names_of(key)[:squatted])
    here, there = folders

    grant = here.acquire(id_of(key), owner=ME, timeout=0.0, key=key)
    with grant, pytest.raises(LeaseHeldError):
        there.acquire(id_of(key), owner=ME, timeout=0.0, key=key)
    there.acquire(id_of(key), owner=ME, timeout=0.0, key=key).release()


def test_an_owner_who_had_to_move_on_is_found_when_the_stranger_has_left(
    folders: tuple[Lease, Lease], key: bytes, run: Run
) -> None:
    squatter = run(SQUAT, "silent", names_of(key)[0])
    here, there = folders
    with here.acquire(id_of(key), owner=ME, timeout=0.0, key=key):
        squatter.kill()
        squatter.communicate()

        with pytest.raises(LeaseHeldError):
            there.acquire(id_of(key), owner=ME, timeout=0.0, key=key)


def test_an_owner_of_another_user_proves_it_and_is_no_stranger(
    tmp_path: Path, folders: tuple[Lease, Lease], key: bytes, run: Run
) -> None:
    theirs = Path("/tmp") / f"telewarden-test-{os.getpid()}"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    try:
        owner = run(OWNER, theirs, key.hex(), id_of(key))
        here, _ = folders

        with pytest.raises(LeaseHeldError):
            here.acquire(id_of(key), owner=ME, timeout=0.0, key=key)
        owner.kill()
        owner.communicate()

        here.acquire(id_of(key), owner=ME, timeout=10.0, key=key).release()
    finally:
        for path in theirs.glob("*"):
            path.unlink()
        theirs.rmdir()


def test_without_the_key_whoever_has_the_name_has_it(
    folders: tuple[Lease, Lease], key: bytes, run: Run
) -> None:
    run(SQUAT, "silent", names_of(key)[0])
    here, _ = folders

    with pytest.raises(LeaseHeldError):
        here.acquire(id_of(key), owner=ME, timeout=0.0)


def test_names_past_the_first_cannot_be_thought_of_without_the_key(key: bytes) -> None:
    names = names_of(key)

    assert len(set(names)) == len(names) == 8
    assert names[0] == f"telewarden/{id_of(key):016x}"
    assert not set(names[1:]) & set(names_of(os.urandom(256)))


def test_the_thread_that_answers_ends_with_the_last_claim(
    folders: tuple[Lease, Lease], key: bytes
) -> None:
    here, _ = folders

    def answering() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == "claims"]

    before = answering()
    with here.acquire(id_of(key), owner=ME, timeout=0.0, key=key):
        threads = answering()
    for one in threads:
        if one not in before:
            one.join(10.0)

    assert len(threads) >= 1
    assert answering() == before


def test_askers_who_say_nothing_keep_no_owner_from_being_found(
    folders: tuple[Lease, Lease], key: bytes
) -> None:
    here, there = folders
    with here.acquire(id_of(key), owner=ME, timeout=0.0, key=key):
        silent = []
        for _ in range(200):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.connect(f"\0telewarden/{id_of(key):016x}")
            silent.append(one)

        with pytest.raises(LeaseHeldError):
            there.acquire(id_of(key), owner=ME, timeout=0.0, key=key)
        for one in silent:
            one.close()
