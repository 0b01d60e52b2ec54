"""A master key, an open store and a folder that are each test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import telewarden
from telewarden.storage import MasterKey, SessionRecord, Store

from ..postgres_server import PostgresServer


@pytest.fixture
def master() -> MasterKey:
    return MasterKey.from_text(MasterKey.generate())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "warden.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module that names ``BACKENDS`` on each, but those marked for one."""
    backends = getattr(metafunc.module, "BACKENDS", None)
    told = any(
        mark.args[0] == "backend" for mark in metafunc.definition.iter_markers("parametrize")
    )
    if backends and not told and "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", backends)


@pytest.fixture
def backend() -> str:
    """Where a test's store is: in a file, if nothing else is said."""
    return "sqlite"


@pytest.fixture
def place(backend: str, database: Path, request: pytest.FixtureRequest) -> Path | str:
    """Where the store is, or will be: a file's path or a server's address."""
    if backend == "sqlite":
        return database
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.fresh()


@pytest.fixture
def store(place: Path | str, master: MasterKey) -> Iterator[Store]:
    with Store.open(place, master) as opened:
        yield opened


@pytest.fixture
def alice(store: Store) -> Store:
    """A store in which alice is registered and has a credential."""
    store.put_session(SessionRecord(name="alice", created=1.0, updated=1.0))
    store.put_credential("alice", "1" + "A" * 352, 0xDEAD_BEEF_0000_0001, 2)
    return store


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Run a program text in a Python of its own; ended with the test if it has not by then."""
    started: list[subprocess.Popen[bytes]] = []
    home = Path(next(iter(telewarden.__path__))).parent

    def run(program: str, *arguments: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(home)},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, so that a full disk is a full disk; needs the right to mount."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "telewarden-test", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
