"""Identity of a process: its number and start time, so that a reused number is told apart.

Owns the comparison: a process is its number and its start time, on one host.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Final

import psutil

SOCKETS: Final = Path("/proc/net/unix")  # of this network namespace: inode and name of each
TOLERANCE: Final = 2.0  # seconds: a start time is derived from the wall clock, which NTP may step


def start_time(pid: int) -> float | None:
    """Return when a process started (epoch seconds), or ``None`` if it is gone."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None  # it has ended and holds nothing; only its parent has not looked yet
        return float(process.create_time())
    except psutil.Error:
        return None


def is_alive(pid: int, started: float) -> bool:
    """Tell whether the process that had number ``pid`` and started at ``started`` still runs."""
    found = start_time(pid)
    return found is not None and abs(found - started) <= TOLERANCE


def program_of(pid: int) -> str:
    """Return the name of another process's program, without its arguments."""
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "unknown"


def who_has_open(path: Path) -> int | None:
    """Return the number of the process that has a file open for longest, as far as may be seen."""
    wanted, found = os.path.realpath(path), dict[int, float]()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(one.path == wanted for one in process.open_files()):
                found[process.pid] = process.create_time()
    return min(found, key=found.__getitem__, default=None)


def who_listens(name: str) -> int | None:
    """Return the number of the process that has an abstract socket of that name; 0: one unseen.

    ``None`` where nobody has, or it cannot be told.
    """
    wanted = f"@{name}"
    try:
        lines = SOCKETS.read_text().splitlines()
    except OSError:
        return None
    inodes = {line.split()[6] for line in lines if line.endswith(f" {wanted}")}
    if not inodes:
        return None
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            folder = f"/proc/{process.pid}/fd"
            if any(_link(f"{folder}/{handle}") in links for handle in os.listdir(folder)):
                return process.pid
    return 0


def user_of(pid: int) -> int | None:
    """Return whose process it is; ``None`` if it is gone."""
    try:
        return psutil.Process(pid).uids().effective
    except psutil.Error:
        return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def command_line() -> str:
    """Return the program this process runs, without its arguments: those may hold secrets."""
    program = sys.argv[0] if sys.argv and sys.argv[0] not in {"", "-c", "-m"} else sys.executable
    return os.path.basename(program) or "python"
