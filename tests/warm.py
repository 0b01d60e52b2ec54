"""Processes of which a test starts many, without what each would import: forked from one that has.

Each is a process of its own as if it had been started: memory, files, locks, its end by a signal.
The one that forks them (the keeper) is asked over a socket, which also carries the files.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["TELEWARDEN", "WarmPython"]

TELEWARDEN: Final = (
    "import runpy; runpy.run_module('telewarden', run_name='__main__', alter_sys=True)"
)
"""The program that ``python -m telewarden`` is."""

KEEPER: Final = """
import gc, io, json, os, socket, sys
import telewarden.cli.run, telewarden.console.listener
import telewarden.telegram.client, telewarden.warden

gc.collect()
gc.freeze()  # the pages of what is there are shared as long as nobody looks through it
orders = socket.socket(fileno=int(sys.argv[1]))
FILES = 3

def opened(number, mode):
    at_once = mode == "w" and bool(os.environ.get("PYTHONUNBUFFERED"))
    file = open(number, mode + "b", closefd=False, buffering=0 if at_once else -1)
    errors = "backslashreplace" if number == 2 else sys.__stdin__.errors
    by_lines = os.isatty(number) or number == 2
    return io.TextIOWrapper(
        file, sys.__stdin__.encoding, errors, line_buffering=by_lines, write_through=at_once
    )

def ready(order, files):
    for number, handle in enumerate(files):
        os.dup2(handle, number)
    os.closerange(FILES, 256)
    if order["alone"]:
        os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.stdin, sys.stdout, sys.stderr = (opened(*one) for one in ((0, "r"), (1, "w"), (2, "w")))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    sys.argv = ["-c", *order["arguments"]]

while True:
    text, files, _, _ = socket.recv_fds(orders, 1 << 20, FILES)
    if not text:
        break
    between = os.fork()  # whose end gives the child to the test's process
    if between == 0:
        child = os.fork()
        if child:
            orders.send(str(child).encode())
            os._exit(0)
        order = json.loads(text)
        orders.detach()
        ready(order, files)
        exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})
        sys.exit()
    os.waitpid(between, 0)
    orders.send(b"it is yours")
    for one in files:
        os.close(one)
"""
SET_CHILD_SUBREAPER: Final = 36  # Linux's prctl
LIBC: Final = ctypes.CDLL(None, use_errno=True)


class WarmPython:
    """Starts programs, each in a process of its own that is a child of this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-c", KEEPER, str(theirs.fileno())]
            self._keeper = subprocess.Popen(words, pass_fds=[theirs.fileno()])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._orders.close()
        self._keeper.kill()
        self._keeper.wait()

    def run(
        self,
        program: str,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        typed: str | None = None,
        within: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program's text to its end, with these in ``sys.argv``; as ``subprocess.run``."""
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with self.start(
            program, *arguments, folder=folder, environment=environment, text=True, **streams
        ) as process:
            try:
                printed, errors = process.communicate(typed, timeout=within)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, printed, errors)

    def start(
        self,
        program: str,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **how: Any,
    ) -> subprocess.Popen[Any]:
        """Start a program's text; ``how`` is what ``subprocess.Popen`` takes for the streams."""
        words = [program, *map(str, arguments)]
        return _Forked(self, words, cwd=folder, env=environment, **how)

    def fork(
        self,
        words: Sequence[str],
        folder: str,
        environment: Mapping[str, str],
        files: Sequence[int],
        *,
        alone: bool,
    ) -> int:
        """Have a child made; returns its number."""
        order = {
            "program": words[0],
            "arguments": words[1:],
            "folder": folder,
            "environment": dict(environment),
            "alone": alone,
        }
        with self._lock, _orphans_come_here():
            socket.send_fds(self._orders, [json.dumps(order).encode()], files)
            number = int(self._orders.recv(64))
            self._orders.recv(64)
        return number


@contextlib.contextmanager
def _orphans_come_here() -> Iterator[None]:
    LIBC.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        LIBC.prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class _Forked(subprocess.Popen[Any]):
    """A child that another process has forked, with pipes, waiting and signals as any other's."""

    def __init__(self, python: WarmPython, words: Sequence[str], **how: Any) -> None:
        self._python = python
        super().__init__(words, **how)

    def _execute_child(
        self,
        args: Sequence[str],
        _executable: object,
        _preexec: object,
        _close: object,
        _pass: object,
        cwd: Path | None,
        env: Mapping[str, str] | None,
        _startupinfo: object,
        _creationflags: object,
        _shell: object,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        _restore: object,
        _gid: object,
        _gids: object,
        _uid: object,
        _umask: object,
        start_new_session: bool,
        *_more: object,
    ) -> None:
        """Do what ``subprocess`` has a program's start do."""
        given = (p2cread, c2pwrite, errwrite)
        files = [number if number != -1 else own for own, number in enumerate(given)]
        self.pid = self._python.fork(
            args, str(cwd or Path.cwd()), env or os.environ, files, alone=start_new_session
        )
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
