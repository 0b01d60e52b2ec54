"""Mapping of SQLite's and the system's errors to Telewarden's.

Owns the table of what means what. An error's result code decides, never its text, except where
Python raises without one.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from ..errors import (
    DatabaseDamagedError,
    DiskFailedError,
    StorageBusyError,
    StorageError,
    StorageFailedError,
    StorageFullError,
    StorageNotWritableError,
)

BUSY_TIMEOUT: Final = 5.0  # seconds to wait for another process's write

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_ALLOWED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})


SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)  # the latter for a damaged text


def map_sqlite_error(exc: Exception, path: Path) -> StorageError:
    """Return the Telewarden error that one of ``SQLITE_ERRORS`` means for ``path``."""
    if isinstance(exc, UnicodeDecodeError) or "Could not decode to UTF-8" in str(exc):
        return DatabaseDamagedError(path, "it holds text that is none")
    code = getattr(exc, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # there is no room for what readers share
        return StorageFullError(path)
    match primary:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return DatabaseDamagedError(path, str(exc))
        case sqlite3.SQLITE_FULL:
            return StorageFullError(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageBusyError(path, BUSY_TIMEOUT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageNotWritableError(path, str(exc))
        case sqlite3.SQLITE_IOERR:
            return DiskFailedError(path, str(exc))
        case _:
            return StorageFailedError(path, str(exc))


def map_os_error(exc: OSError, path: Path) -> StorageError:
    """Return the Telewarden error that ``exc`` means for the file or folder at ``path``."""
    why = (exc.strerror or str(exc)).lower()
    if exc.errno in NO_SPACE:
        return StorageFullError(path)
    if exc.errno in NOT_ALLOWED:
        return StorageNotWritableError(path, why)
    if exc.errno == errno.EIO:
        return DiskFailedError(path, why)
    return StorageFailedError(path, why)
