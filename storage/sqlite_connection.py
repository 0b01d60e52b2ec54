"""The connection port in SQLite.

Owns what is SQLite's own in a transaction: taking the right to write at its beginning, and what
becomes of the write-ahead log. Opening is in ``database``.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from ..errors import StorageError, StorageNotWritableError
from .error_mapping import BUSY_TIMEOUT, SQLITE_ERRORS, map_sqlite_error


class SqliteConnection:
    """A connection in autocommit mode. Statements run on it as they are, with nothing between."""

    def __init__(self, raw: sqlite3.Connection, path: Path) -> None:
        self.raw, self._path = raw, path
        self.execute = raw.execute
        self.executemany = raw.executemany

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What SQLite raises."""
        return SQLITE_ERRORS

    @property
    def in_transaction(self) -> bool:
        """Whether one is open; SQLite undoes a whole one on some errors."""
        return self.raw.in_transaction

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        return self.raw.total_changes

    def mapped(self, exc: Exception) -> StorageError:
        """The Telewarden error that one of SQLite's means."""
        return map_sqlite_error(exc, self._path)

    def begin(self) -> None:
        """Begin with the right to write; what can only be read is read."""
        try:
            self.raw.execute("begin immediate")
        except sqlite3.Error as exc:
            if not isinstance(self.mapped(exc), StorageNotWritableError):
                raise
            self.raw.execute("begin")  # what only reads goes on; the first write says it again

    def commit(self) -> None:
        """Store the transaction."""
        self.raw.execute("commit")

    def undo(self, savepoint: str | None) -> None:
        """Undo all, or what followed a savepoint."""
        if not self.raw.in_transaction:
            return  # SQLite has undone all of it already
        # The error on its way out is the one to hear of, not one met while undoing.
        with contextlib.suppress(sqlite3.Error):
            if savepoint is None:
                self.raw.execute("rollback")
            else:
                self.raw.execute(f"rollback to {savepoint}")
                self.raw.execute(f"release {savepoint}")

    def touch(self) -> None:
        """Write the version that is there."""
        self.raw.execute(f"pragma user_version = {self._version()}")

    def wipe(self) -> bool:
        """Empty the log into the database; while somebody reads, that is to be tried again."""
        done = False
        with contextlib.suppress(sqlite3.Error):
            self.raw.execute("pragma busy_timeout = 0")
            (busy, _, _) = self.raw.execute("pragma wal_checkpoint(truncate)").fetchone()
            done = not busy
        with contextlib.suppress(sqlite3.Error):
            self.raw.execute(f"pragma busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        return done

    def sync(self) -> bool:
        """Bring the log onto the disk itself."""
        done = False
        with contextlib.suppress(sqlite3.Error):
            version = self._version()
            self.raw.execute("pragma synchronous = full")
            self.raw.execute(f"pragma user_version = {version}")  # the least to commit
            done = True
        with contextlib.suppress(sqlite3.Error):
            self.raw.execute("pragma synchronous = normal")
        return done

    def checkpoint(self) -> None:
        """Bring the log into the database."""
        self.raw.execute("pragma wal_checkpoint(full)")

    def count_on(self, table: str, column: str) -> None:
        """Nothing: SQLite looks at what is there."""

    def damage(self) -> str | None:
        """Look through all pages."""
        (verdict,) = self.raw.execute("pragma quick_check(1)").fetchone()
        return None if verdict == "ok" else str(verdict)

    def size(self) -> tuple[int, int | None]:
        """Of the file, without its log."""
        names = ("page_count", "freelist_count", "page_size")
        pages, free, each = (self.raw.execute(f"pragma {one}").fetchone()[0] for one in names)
        return pages * each, free * each

    def has_table(self, name: str) -> bool:
        """Whether there is a table of that name."""
        asked = "select 1 from sqlite_master where type = 'table' and name = ?"
        return self.raw.execute(asked, (name,)).fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        self.raw.close()

    def _version(self) -> int:
        row: tuple[Any, ...] = self.raw.execute("pragma user_version").fetchone()
        return int(row[0])
