"""The base of all data access: one connection, one vault, transactions, mapped errors.

The tables' modules build on ``TableAccess``; nobody else does. Which database it is, only the
connection knows. Statements run on SQLite's bare connection, since one update through sqlite-utils
costs four times as much.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...errors import MasterKeyMissingError, StorageFailedError, TransactionLostError
from ..connection_port import Connection, Params, Rows
from ..crypto.vault import Vault
from ..database_url import Place

WRAP: Final = 1 << 64
CHUNK: Final = 500  # ids in one statement; SQLite's oldest limit is 999


class TableAccess:
    """One connection to the database, with the vault that opens its sealed values."""

    def __init__(self, conn: Connection, place: Place, vault: Vault | None) -> None:
        self._conn = conn
        self._place = place
        self._vault = vault
        self._depth = 0
        self._if_undone: list[Callable[[], None]] = []
        self._to_wipe = self._to_sync = False

    @property
    def path(self) -> Path:
        """Where the database file is."""
        if not isinstance(self._place, Path):
            raise StorageFailedError(self._place, "it is no file")
        return self._place

    @property
    def place(self) -> Place:
        """Where the database is: a file's path, or the address of one on a server."""
        return self._place

    @property
    def vault(self) -> Vault:
        """The vault that seals this database; a reader opened without a master key has none."""
        if self._vault is None:
            raise MasterKeyMissingError(str(self._place), "was opened without one")
        return self._vault

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        return self._conn.changes

    def touch(self) -> None:
        """Write the smallest thing there is, to see whether the disk takes anything."""
        with self.transaction(), self._mapped():
            self._conn.touch()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Store everything written inside, or nothing; may be nested.

        An error that leaves an inner ``with`` undoes that part only, if the caller goes on. Where
        an error (such as a full disk) made the database undo all of it, going on raises
        ``TransactionLostError``.
        """
        savepoint = f"nested_{self._depth}" if self._depth else None
        before = len(self._if_undone)
        self._begin(savepoint)
        self._depth += 1
        try:
            yield
            self._commit(savepoint)
        except BaseException:  # also Ctrl-C: what was begun is undone, and the error goes on
            self._conn.undo(savepoint)
            while len(self._if_undone) > before:
                self._if_undone.pop()()
            raise
        finally:
            self._depth -= 1
            if savepoint is None:
                self._if_undone.clear()
                if self._to_sync:
                    self._to_sync = not self._conn.sync()
                if self._to_wipe:
                    self._to_wipe = not self._conn.wipe()

    def _begin(self, savepoint: str | None) -> None:
        if savepoint is not None:
            self._run(f"savepoint {savepoint}")
            return
        with self._mapped():
            self._conn.begin()

    def _commit(self, savepoint: str | None) -> None:
        if savepoint is not None:
            self._run(f"release savepoint {savepoint}")
            return
        self._refuse_lost()
        with self._mapped():
            self._conn.commit()

    def _wipe_when_stored(self) -> None:
        """Leave nothing beside the database of what this transaction replaces."""
        self._to_wipe = True
        self._if_undone.append(self._leave_unwiped)

    def _leave_unwiped(self) -> None:
        self._to_wipe = False

    def _sync_when_stored(self) -> None:
        """Let no power cut undo this transaction: what follows it is seen by others."""
        self._to_sync = True
        self._if_undone.append(self._leave_unsynced)

    def _leave_unsynced(self) -> None:
        self._to_sync = False

    def _refuse_lost(self) -> None:
        if self._depth and not self._conn.in_transaction:
            raise TransactionLostError(self._place)

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except self._conn.errors as exc:
            raise self._conn.mapped(exc) from exc

    def _run(self, sql: str, params: Params = ()) -> Rows:
        self._refuse_lost()
        try:
            return self._conn.execute(sql, params)
        except self._conn.errors as exc:
            raise self._conn.mapped(exc) from exc

    def _run_many(self, sql: str, rows: Sequence[Params]) -> None:
        if len(rows) < 2:  # nothing, or one statement, which is undone whole by itself
            for row in rows:
                self._run(sql, row)
            return
        with self.transaction():
            try:
                self._conn.executemany(sql, rows)
            except self._conn.errors as exc:
                raise self._conn.mapped(exc) from exc

    def _all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        try:
            return self._conn.execute(sql, params).fetchall()
        except self._conn.errors as exc:
            raise self._conn.mapped(exc) from exc

    def _one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._conn.execute(sql, params).fetchone()
        except self._conn.errors as exc:
            raise self._conn.mapped(exc) from exc
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
