"""The shared lock of every process that has the database open.

Owns a lock file beside the database: each process that has it open shares the lock, and who puts
another file in the database's place must have it alone. The kernel frees it with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import StorageBusyError
from ..error_mapping import map_os_error


def lock_shared(path: Path, *, reading: bool = False) -> int | None:
    """Say that this process has the database at ``path`` open; give the result to ``unlock``.

    Raises ``StorageBusyError`` while a restore is on. A reader who may not write the lock file
    goes without.
    """
    try:
        return _lock(path, fcntl.LOCK_SH)
    except OSError as exc:
        if reading:
            return None
        raise map_os_error(exc, path) from exc


def unlock(handle: int | None) -> None:
    """Take back what ``lock_shared`` said."""
    if handle is not None:
        os.close(handle)


@contextlib.contextmanager
def lock_exclusive(path: Path) -> Iterator[None]:
    """Keep everybody from opening the database at ``path``; refused while somebody has it open."""
    try:
        handle = _lock(path, fcntl.LOCK_EX)
    except OSError as exc:
        raise map_os_error(exc, path) from exc
    try:
        yield
    finally:
        os.close(handle)


def _lock(path: Path, kind: int) -> int:
    lock = path.with_name(f".{path.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        # Not a lock on the database file itself: closing a second handle on that would drop
        # SQLite's own locks in this process.
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StorageBusyError(path, 0.0) from None
    except BaseException:  # whatever it was, a lock that nobody knows of must not stay
        os.close(handle)
        raise
    return handle
