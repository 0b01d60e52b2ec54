"""The base of all data access: one connection, one vault, transactions, mapped errors.

The tables' modules build on ``TableAccess``; nobody else does. Statements run on the bare
connection, since one update through sqlite-utils costs four times as much.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...errors import MasterKeyMissingError, StorageNotWritableError, TransactionLostError
from ..crypto.vault import Vault
from ..error_mapping import BUSY_TIMEOUT, SQLITE_ERRORS, map_sqlite_error

WRAP: Final = 1 << 64
CHUNK: Final = 500  # ids in one statement; SQLite's oldest limit is 999

Params = Sequence[object] | Mapping[str, object]


class TableAccess:
    """One connection to the database, with the vault that opens its sealed values."""

    def __init__(self, conn: sqlite3.Connection, path: Path, vault: Vault | None) -> None:
        self._conn = conn
        self._path = path
        self._vault = vault
        self._depth = 0
        self._if_undone: list[Callable[[], None]] = []
        self._log_to_wipe = self._log_to_sync = False

    @property
    def path(self) -> Path:
        """Where the database file is."""
        return self._path

    @property
    def vault(self) -> Vault:
        """The vault that seals this database; a reader opened without a master key has none."""
        if self._vault is None:
            raise MasterKeyMissingError(str(self._path), "was opened without one")
        return self._vault

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        return self._conn.total_changes

    def touch(self) -> None:
        """Write the smallest thing there is, to see whether the disk takes anything."""
        (version,) = self._one("pragma user_version") or (0,)
        with self.transaction():
            self._run(f"pragma user_version = {int(version)}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Store everything written inside, or nothing; may be nested.

        An error that leaves an inner ``with`` undoes that part only, if the caller goes on. Where
        an error (such as a full disk) made SQLite undo all of it, going on raises
        ``TransactionLostError``.
        """
        name = f"nested_{self._depth}"
        outermost, before = self._depth == 0, len(self._if_undone)
        self._begin(outermost, name)
        self._depth += 1
        try:
            yield
            self._run("commit" if outermost else f"release {name}")
        except BaseException:  # also Ctrl-C: what was begun is undone, and the error goes on
            self._undo(outermost, name)
            while len(self._if_undone) > before:
                self._if_undone.pop()()
            raise
        finally:
            self._depth -= 1
            if outermost:
                self._if_undone.clear()
                if self._log_to_sync:
                    self._sync_log()
                if self._log_to_wipe:
                    self._wipe_log()

    def _begin(self, outermost: bool, name: str) -> None:
        if not outermost:
            self._run(f"savepoint {name}")
            return
        try:
            self._run("begin immediate")
        except StorageNotWritableError:
            self._run("begin")  # what only reads goes on; the first write says it again

    def _wipe_log_when_stored(self) -> None:
        """Leave nothing of what this transaction replaces in the write-ahead log."""
        self._log_to_wipe = True
        self._if_undone.append(self._leave_log)

    def _leave_log(self) -> None:
        self._log_to_wipe = False

    def _wipe_log(self) -> None:
        """Empty the log into the database; while somebody reads, the next commit tries again."""
        with contextlib.suppress(sqlite3.Error):
            self._conn.execute("pragma busy_timeout = 0")
            (busy, _, _) = self._conn.execute("pragma wal_checkpoint(truncate)").fetchone()
            self._log_to_wipe = bool(busy)
        with contextlib.suppress(sqlite3.Error):
            self._conn.execute(f"pragma busy_timeout = {int(BUSY_TIMEOUT * 1000)}")

    def _sync_when_stored(self) -> None:
        """Let no power cut undo this transaction: what follows it is seen by others."""
        self._log_to_sync = True
        self._if_undone.append(self._leave_unsynced)

    def _leave_unsynced(self) -> None:
        self._log_to_sync = False

    def _sync_log(self) -> None:
        """Bring the log onto the disk itself; where that fails, the next commit tries again."""
        with contextlib.suppress(sqlite3.Error):
            (version,) = self._conn.execute("pragma user_version").fetchone()
            self._conn.execute("pragma synchronous = full")
            self._conn.execute(f"pragma user_version = {int(version)}")  # the least to commit
            self._log_to_sync = False
        with contextlib.suppress(sqlite3.Error):
            self._conn.execute("pragma synchronous = normal")

    def _undo(self, outermost: bool, name: str) -> None:
        if not self._conn.in_transaction:
            return  # SQLite has undone all of it already
        # The error on its way out is the one to hear of, not one met while undoing.
        with contextlib.suppress(sqlite3.Error):
            if outermost:
                self._conn.execute("rollback")
            else:
                self._conn.execute(f"rollback to {name}")
                self._conn.execute(f"release {name}")

    def _run(self, sql: str, params: Params = ()) -> sqlite3.Cursor:
        if self._depth and not self._conn.in_transaction:
            raise TransactionLostError(self._path)
        try:
            return self._conn.execute(sql, params)
        except SQLITE_ERRORS as exc:
            raise map_sqlite_error(exc, self._path) from exc

    def _run_many(self, sql: str, rows: Sequence[Params]) -> None:
        if len(rows) < 2:  # nothing, or one statement, which is undone whole by itself
            for row in rows:
                self._run(sql, row)
            return
        with self.transaction():
            try:
                self._conn.executemany(sql, rows)
            except SQLITE_ERRORS as exc:
                raise map_sqlite_error(exc, self._path) from exc

    def _all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        try:
            return self._conn.execute(sql, params).fetchall()
        except SQLITE_ERRORS as exc:
            raise map_sqlite_error(exc, self._path) from exc

    def _one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._conn.execute(sql, params).fetchone()
        except SQLITE_ERRORS as exc:
            raise map_sqlite_error(exc, self._path) from exc
        return row

    def _in_chunks(self, sql: str, ids: Sequence[int], *more: object) -> list[tuple[Any, ...]]:
        # Ascending ids in, so that the chunks' answers follow each other in order.
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            found += self._all(sql.format(placeholders(chunk)), [*chunk, *more])
        return found


def to_json(value: object) -> str:
    """Return ``value`` as one line of JSON; what JSON has no form for is written as text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def from_json(text: str | None) -> Any:
    """Return what ``to_json`` wrote; a damaged text is returned as it stands."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def mapping_from_json(text: str) -> Mapping[str, object]:
    """Return the mapping that ``to_json`` wrote, or an empty one if it was damaged."""
    value = from_json(text)
    return value if isinstance(value, dict) else {}


def signed(key_id: int) -> int:
    """Return an unsigned 64-bit number as the signed one that SQLite can hold."""
    return key_id - WRAP if key_id >= WRAP >> 1 else key_id


def unsigned(stored: int) -> int:
    """Return what ``signed`` was given."""
    return stored + WRAP if stored < 0 else stored


def placeholders(values: Sequence[object]) -> str:
    """Return ``?, ?, ?`` for as many values."""
    return ", ".join("?" * len(values))
