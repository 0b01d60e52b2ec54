"""Mapping of PostgreSQL's errors to Telewarden's. The SQLSTATE decides, never a text."""

from __future__ import annotations

from typing import Final

import psycopg

from ...errors import (
    DatabaseDamagedError,
    DiskFailedError,
    StorageBusyError,
    StorageError,
    StorageFailedError,
    StorageFullError,
    StorageNotWritableError,
    StorageUnreachableError,
    TransactionLostError,
)
from ..error_mapping import BUSY_TIMEOUT

DISK_FULL: Final = "53100"
IO_ERROR: Final = "58030"
DAMAGED: Final = frozenset({"XX001", "XX002"})  # data_corrupted, index_corrupted
# lock_not_available, serialization_failure, deadlock_detected, query_canceled (a server's limit)
BUSY: Final = frozenset({"55P03", "40001", "40P01", "57014"})
READ_ONLY: Final = "25006"
NOT_ALLOWED: Final = frozenset({READ_ONLY, "42501"})  # read_only_sql_transaction, privilege
UNDONE: Final = "25P02"  # in_failed_sql_transaction
# connection_exception; too_many_connections; the server is going, has crashed, is coming
GONE: Final = frozenset({"53300", "57P01", "57P02", "57P03", "57P05"})
CONNECTION: Final = "08"


class ReadOnlyConnectionError(psycopg.Error):
    """A reader was to write; the server has not been asked."""

    sqlstate = READ_ONLY


def lost(exc: Exception) -> bool:
    """Whether the connection is gone, or there was none."""
    code = getattr(exc, "sqlstate", None)
    if code is None:
        return isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError)
    return code in GONE or code.startswith(CONNECTION)


def map_postgres_error(exc: Exception, place: object) -> StorageError:
    """Return the Telewarden error that one of psycopg's means for the database at ``place``."""
    code, why = getattr(exc, "sqlstate", None), _first_line(exc)
    if lost(exc):
        return StorageUnreachableError(place, why)
    if code == DISK_FULL:
        return StorageFullError(place)
    if code == IO_ERROR:
        return DiskFailedError(place, why)
    if code in DAMAGED:
        return DatabaseDamagedError(place, why)
    if code in BUSY:
        return StorageBusyError(place, BUSY_TIMEOUT)
    if code in NOT_ALLOWED:
        return StorageNotWritableError(place, why)
    if code == UNDONE:
        return TransactionLostError(place)
    return StorageFailedError(place, why)


def _first_line(exc: Exception) -> str:
    """What it says, without the statement that follows and the values in it."""
    said = str(exc).strip().splitlines()
    return said[0] if said else type(exc).__name__
