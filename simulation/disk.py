"""The disk below SQLite's statements: full, read-only, slow, or failing, when a script says so.

SQLite itself, its files and its transactions are real. A statement that would write is refused as
SQLite refuses it, with its own code and words; nothing of it has happened then.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .surroundings import TIME

__all__ = ["DISK", "Disk", "SimConnection", "WrittenLog", "disk_refused", "install"]

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
LOG: Final = "telewarden.db-wal"
SYNCED_AFTER: Final = (
    30.0  # virtual seconds until a kernel has brought to the disk what it was given
)
TORN: Final = 5_000  # bytes of zeros at the end of a log that was just being written
WRITES: Final = ("insert", "update", "delete", "replace", "commit", "release")


class Disk:
    """How the disk is at the moment."""

    def __init__(self) -> None:
        self.begin("0")

    def begin(self, seed: str) -> None:
        """A good disk, for a new run."""
        self._rng = random.Random(f"disk {seed}")
        self._how, self._until, self._rate = "", 0.0, 0.0
        self.synced: Callable[[], None] = lambda: None
        """Called when what has been written so far is on the disk itself."""
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


def disk_refused(error: BaseException | None) -> bool:
    """Whether it is the disk's fault that something does not start."""
    seen, known = error, set[int]()
    while seen is not None and id(seen) not in known:  # an error may be its own cause's cause
        known.add(id(seen))
        # A start that waits for the disk takes longer than it may.
        if isinstance(seen, TimeoutError) or type(seen).__name__ in (
            "StorageFullError", "StorageNotWritableError", "StorageBusyError", "StorageFailedError",
            "JournalUnavailableError",
        ):  # fmt: skip
            return bool(DISK.struck)
        seen = getattr(seen, "cause", None) or seen.__cause__
    return False


class WrittenLog:
    """How long SQLite's write-ahead log was when: a power cut may take what is younger.

    With ``synchronous = normal`` it is synced when it is brought into the database, and what stands
    behind that may be lost, up to any byte.
    """

    def __init__(self) -> None:
        self._sizes: list[tuple[float, int]] = []

    def look(self, folder: Path) -> None:
        """See how long it is by now."""
        try:
            size = os.stat(f"{folder}/store/{LOG}").st_size  # before each step: no path is built
        except FileNotFoundError:
            size = 0
        if self._sizes and size < self._sizes[-1][1]:
            self._sizes.clear()  # it was brought into the database
            self._sizes.append((0.0, 0))
        self._sizes.append((TIME.now, size))

    def sync(self, folder: Path) -> None:
        """What has been written by now is there, whatever comes."""
        self.look(folder)
        self._sizes = [(0.0, self._sizes[-1][1])]

    def cut(self, folder: Path, *, keep: float, torn: bool) -> None:
        """Lose what was written in the last seconds, but for a share; the end may be torn."""
        self.look(folder)
        path, kept = folder / "store" / LOG, self._sizes[0][1]
        for at, size in self._sizes:
            if at <= TIME.now - SYNCED_AFTER:
                kept = size
        if not path.exists():
            return
        data = path.read_bytes()
        end = kept + int(keep * (len(data) - kept))
        rest = bytes(min(len(data) - end, TORN)) if torn else b""
        path.write_bytes(data[:end] + rest)
        self._sizes = [one for one in self._sizes if one[1] <= end] or [(TIME.now, end)]


class SimConnection(sqlite3.Connection):
    """A connection whose statements meet the disk first."""

    syncs = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if TIME.running:
            DISK.strike(sql)
        done = super().execute(sql, *args)
        if self.syncs:  # it was set before, and what was committed since is synced
            DISK.synced()
        self.syncs = self.syncs or sql == "pragma synchronous = full"
        if sql == "pragma synchronous = normal":
            self.syncs = False
        return done

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
