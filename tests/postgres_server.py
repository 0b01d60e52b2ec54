"""A real PostgreSQL of the tests' own, on a Unix socket in a folder of its own.

Debian has its programs in ``/usr/lib/postgresql``. It refuses to run as root, whose tests have the
user ``postgres`` run it. Each test has a schema of its own there.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import pytest

PROGRAMS: Final = Path("/usr/lib/postgresql")
USER: Final = "postgres"
STARTS_WITHIN: Final = 30.0  # seconds
# Nothing here has to survive the machine; what survives the server's own death is not slower.
QUICK: Final = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40")


def programs() -> Path | None:
    """Where the newest server's programs are, if there is one on this machine."""
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """A server that is started when it is asked for, and can be killed and started again."""

    def __init__(self, programs: Path, *settings: str) -> None:
        self.programs, self._settings = programs, settings
        self.folder = Path(tempfile.mkdtemp(prefix="telewarden-pg-"))
        self.log = self.folder.with_name(f"{self.folder.name}.log")
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._as: int | None = None
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self._as = user.pw_uid
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run(
            "initdb",
            "-D",
            self.folder / "data",
            "-A",
            "trust",
            "-U",
            "telewarden",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )

    def start(self) -> None:
        """Start the server and wait until it lets people in."""
        import psycopg  # who asks for no server needs nothing that speaks to one

        options = [part for one in (*QUICK, *self._settings) for part in ("-c", one)]
        command = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-c", "listen_addresses=", *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                user=self._as,
                cwd="/",
            )
        until = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                psycopg.connect(self.url(schema="public")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, "the server has ended; see its log"
                assert time.monotonic() < until, "the server did not start in time"
                time.sleep(0.02)  # nobody tells; this is the server's start, not a test
            else:
                return

    def kill(self) -> None:
        """Kill the server, and all that serves its clients."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Stop the server as an administrator does, who waits for nobody."""
        self._end(signal.SIGINT)

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder)
        self.log.unlink(missing_ok=True)

    def url(self, *, schema: str, user: str = "telewarden", database: str = "postgres") -> str:
        """The address of a schema."""
        return (
            f"postgresql:///{database}?host={self.folder}&user={user}"
            f"&options=-csearch_path%3D{schema}"
        )

    def fresh(self) -> str:
        """The address of a new, empty schema."""
        name = f"t{next(self._numbers)}"
        self.execute(f"create schema {name}")
        return self.url(schema=name)

    def execute(self, sql: str) -> None:
        """Run a statement as the server's own user."""
        import psycopg

        with psycopg.connect(self.url(schema="public"), autocommit=True) as conn:
            conn.execute(sql.encode())

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(how)
        process.wait(timeout=30)

    def _run(self, program: str, *arguments: Path | str) -> None:
        command: Sequence[Path | str] = [self.programs / program, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=self._as, cwd="/"
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that runs for as long as this process's tests do."""
    yield from _running()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that this test alone has, to be killed and started again."""
    yield from _running()


def _running() -> Iterator[PostgresServer]:
    there = programs()
    if there is None:
        pytest.skip("there is no PostgreSQL on this machine (Debian: postgresql)")
    server = PostgresServer(there)
    try:
        server.start()
        yield server
    finally:
        server.close()
