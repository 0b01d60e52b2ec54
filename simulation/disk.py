"""The disk below SQLite's statements: full, read-only, slow, or failing, when a script says so.

SQLite itself, its files and its transactions are real. A statement that would write is refused as
SQLite refuses it, with its own code and words; nothing of it has happened then.
"""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any, Final

from .surroundings import TIME

__all__ = ["DISK", "Disk", "SimConnection", "install"]

REFUSALS: Final = {
    "full": (sqlite3.SQLITE_FULL, "SQLITE_FULL", "database or disk is full"),
    "readonly": (
        sqlite3.SQLITE_READONLY,
        "SQLITE_READONLY",
        "attempt to write a readonly database",
    ),
    "io": (sqlite3.SQLITE_IOERR, "SQLITE_IOERR", "disk I/O error"),
    "busy": (sqlite3.SQLITE_BUSY, "SQLITE_BUSY", "database is locked"),
}
WRITES: Final = ("insert", "update", "delete", "replace", "commit", "release")


class Disk:
    """How the disk is at the moment."""

    def __init__(self) -> None:
        self.begin("0")

    def begin(self, seed: str) -> None:
        """A good disk, for a new run."""
        self._rng = random.Random(f"disk {seed}")
        self._how, self._until, self._rate = "", 0.0, 0.0
        self.struck: dict[str, int] = {}

    def refuse(self, how: str, *, until: float, rate: float) -> None:
        """Be like this until then, for this share of the statements that write."""
        self._how, self._until, self._rate = how, until, rate

    def heal(self) -> None:
        """Be good again."""
        self._how = ""

    def strike(self, sql: str) -> None:
        """Meet a statement."""
        if not self._how or TIME.now >= self._until:
            return
        if not sql.lstrip()[:7].lower().startswith(WRITES) or self._rng.random() >= self._rate:
            return
        self.struck[f"disk_{self._how}"] = self.struck.get(f"disk_{self._how}", 0) + 1
        if self._how == "slow":
            time.sleep(self._rng.uniform(0.001, 0.8))
            return
        code, name, words = REFUSALS[self._how]
        error = sqlite3.OperationalError(words)
        error.sqlite_errorcode, error.sqlite_errorname = code, name
        raise error


DISK: Final = Disk()


class SimConnection(sqlite3.Connection):
    """A connection whose statements meet the disk first."""

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if TIME.running:
            DISK.strike(sql)
        return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if TIME.running:
            DISK.strike(sql)
        return super().executemany(sql, *args)


def install() -> None:
    """Have every connection be such a one."""
    connect = sqlite3.connect

    def connecting(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        kwargs.setdefault("factory", SimConnection)
        return connect(*args, **kwargs)

    sqlite3.connect = connecting  # type: ignore[assignment]
