"""A terminal of our own for a command: what it shows is read, what is typed is not echoed here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import time

import pytest

from .conftest import Shell

SIZE = (40, 100)  # rows, columns
WITHIN = 60.0  # seconds


class Terminal:
    """``telewarden`` with a terminal for its input and outputs."""

    def __init__(self, shell: Shell, *words: str, **environment: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.seen = ""
        self._read_to = 0
        told = {**shell.environment, "TERM": "xterm-256color", **environment}
        told.pop("COLUMNS", None)
        self._process = shell.launch(
            words,
            environment=told,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, words: str) -> str:
        """What it shows from where the last look ended up to these words."""
        end = time.monotonic() + WITHIN
        while (at := self.seen.find(words, self._read_to)) < 0:
            if not self._read(end):
                pytest.fail(f"it has not shown {words!r}: {self.seen!r}")
        begun, self._read_to = self._read_to, at + len(words)
        return self.seen[begun : self._read_to]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        end = time.monotonic() + WITHIN
        while self._read(end):
            pass
        return self._process.wait(timeout=20)

    def close(self) -> None:
        """Leave nothing of it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=20)
        os.close(self._ours)

    def _read(self, end: float) -> bool:
        """Read what comes; whether anything did."""
        left = end - time.monotonic()
        if left <= 0 or not select.select([self._ours], [], [], left)[0]:
            return False
        data = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            data = os.read(self._ours, 65_536)
        self.seen += data.decode(errors="replace")
        return bool(data)
