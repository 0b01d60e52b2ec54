"""The store: everything that survives the process, in a SQLite file or in PostgreSQL.

Owns opening and closing; the tables are in the modules that ``Store`` is put together from.
One thread at a time uses a store (the journal's); others read through ``Store.open_reader``, and
write a row or two through ``Store.open_short_writer``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database

from ..errors import (
    StorageError,
    StorageFailedError,
    StorageNotFoundError,
    StorageUnreachableError,
)
from .connection_port import Connection, Params, Rows
from .copying import CopyingRows
from .crypto.master_key import MasterKey
from .crypto.vault import Vault
from .database import make_empty, open_or_create, open_read_only, open_short_writer
from .database_url import DatabaseUrl, place_of
from .leases.database_lock import lock_shared, unlock
from .private_files import is_there, make_private_folder
from .sqlite_connection import SqliteConnection
from .tables.backups import BackupRows
from .tables.clock import ClockRows
from .tables.figures import FigureRows
from .tables.future_tokens import FutureTokenRows
from .tables.history import HistoryRows
from .tables.notifications import NotificationRows
from .tables.operations import OperationRows
from .tables.outbox import OutboxRows
from .tables.outbox_changes import ChangeRows
from .tables.pair_plans import PlanRows
from .tables.pairs import PairRows
from .tables.pruning import PruningRows
from .tables.rings import RingRows
from .tables.rotation import RotationRows
from .tables.sessions import SessionRows
from .tables.telegram import TelegramRows

_Opened = tuple[Connection, Vault | None]


class Store(
    SessionRows,
    BackupRows,
    PairRows,
    PlanRows,
    OutboxRows,
    ChangeRows,
    TelegramRows,
    ClockRows,
    CopyingRows,
    FigureRows,
    FutureTokenRows,
    HistoryRows,
    NotificationRows,
    OperationRows,
    PruningRows,
    RingRows,
    RotationRows,
):
    """The database of one installation. Open it with ``Store.open``; use it as a ``with`` block.

    Each writing method is stored when it returns, or belongs to the ``transaction()`` around it.
    All of them may raise what storage can meet: ``StorageFullError``, ``StorageBusyError``,
    ``StorageNotWritableError``, ``StorageFailedError``, ``DatabaseDamagedError``.
    """

    _lock: int | None = None

    def _shift(self, seconds: float) -> None:
        super()._shift(seconds)
        self._shift_plans(seconds)
        self._shift_notifications(seconds)
        self._shift_verdicts(seconds)

    @classmethod
    def open(cls, place: Path | str | DatabaseUrl, master: MasterKey) -> Self:
        """Open the database at ``place`` for writing, making it if there is none.

        Args:
            place: a file's path, or ``postgresql://user@host/database``.
            master: the master key that seals it.

        Raises:
            StorageNotWritableError: the file or its folder cannot be written.
            StorageUnreachableError: the server cannot be reached.
            DatabaseDamagedError, ForeignDatabaseError, SchemaTooNewError: it cannot be used.
            WrongMasterKeyError: another master key sealed it.

        Whatever it raises, a database that was there has not been touched.
        """
        where = place_of(place)
        if isinstance(where, DatabaseUrl):
            return cls._on_server(where, lambda server: server.open_or_create(where, master))
        make_private_folder(where.parent)
        return cls._locked(where, lock_shared(where), lambda: open_or_create(where, master))

    @classmethod
    def open_reader(cls, place: Path | str | DatabaseUrl, master: MasterKey | None = None) -> Self:
        """Open an existing database for reading only, beside the process that writes it.

        Without ``master`` everything but sealed values can be read; those then raise
        ``MasterKeyMissingError``. Writing methods raise ``StorageNotWritableError``.
        """
        where = place_of(place)
        if isinstance(where, DatabaseUrl):
            return cls._on_server(where, lambda server: server.open_read_only(where, master))
        if not is_there(where):
            raise StorageNotFoundError(where)
        handle = lock_shared(where, reading=True)
        return cls._locked(where, handle, lambda: open_read_only(where, master))

    @classmethod
    def open_short_writer(cls, place: Path | str | DatabaseUrl) -> Self:
        """Open an existing database for a short write, beside whoever else has it open.

        The database's own lock lets one writer in at a time; each waits up to 5 s for another. So
        keep it for a statement or two, and away from an event loop. Sealed values cannot be used.
        """
        where = place_of(place)
        if isinstance(where, DatabaseUrl):
            return cls._on_server(where, lambda server: server.open_short_writer(where))
        if not is_there(where):
            raise StorageNotFoundError(where)
        return cls._locked(where, lock_shared(where), lambda: (open_short_writer(where), None))

    @classmethod
    def _on_server(cls, where: DatabaseUrl, connect: Callable[[Any], _Opened]) -> Self:
        try:
            from .postgres import opening
        except ImportError as exc:
            raise StorageFailedError(
                where, f"{exc}: install what speaks to it with telewarden[postgres]"
            ) from exc
        conn, vault = connect(opening)
        return cls(conn, where, vault)

    @classmethod
    def _locked(
        cls,
        place: Path,
        handle: int | None,
        connect: Callable[[], tuple[sqlite3.Connection, Vault | None]],
    ) -> Self:
        try:
            conn, vault = connect()
        except BaseException:  # whatever it was, others must not be kept out for it
            unlock(handle)
            raise
        store = cls(SqliteConnection(conn, place), place, vault)
        store._lock = handle
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self._place}>"

    @property
    def db(self) -> Database:
        """A SQLite file's connection through sqlite-utils, for questions that no method answers."""
        raw = getattr(self._conn, "raw", None)
        if not isinstance(raw, sqlite3.Connection):
            raise StorageFailedError(self._place, "it is no SQLite database")
        return Database(raw, execute_plugins=False)

    def execute(self, sql: str, params: Params = ()) -> Rows:
        """Run a statement in SQLite's words, for questions that no method answers."""
        return self._run(sql, params)

    def damage(self) -> str | None:
        """What is wrong with a file's pages; ``None`` if nothing, or if a server sees to them."""
        with self._mapped():
            return self._conn.damage()

    def size(self) -> tuple[int, int | None]:
        """How many bytes the database takes, and how many are free; ``None`` if nobody knows."""
        with self._mapped():
            return self._conn.size()

    def checkpoint(self) -> None:
        """Bring everything committed onto the disk itself, so that it survives a power cut."""
        with self._mapped():
            self._conn.checkpoint()

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy everything committed so far into an empty SQLite file; writers need not wait."""
        raw = getattr(self._conn, "raw", None)
        if isinstance(raw, sqlite3.Connection):
            with self._mapped():
                raw.backup(target)
            return
        make_empty(target)
        place = Path("the copy")
        CopyingRows(SqliteConnection(target, place), place, None).replace_all(self)

    def close(self) -> None:
        """Close the file; a second time does nothing. An open transaction is undone."""
        self._conn.close()
        handle, self._lock = self._lock, None
        unlock(handle)


def database_exists(place: Path | str | DatabaseUrl) -> bool:
    """Whether there is a database at a place, be it one that can be used or not.

    Raises:
        StorageUnreachableError: its server cannot be asked.
    """
    where = place_of(place)
    if not isinstance(where, DatabaseUrl):
        return is_there(where)
    try:
        Store.open_reader(where).close()
    except StorageNotFoundError:
        return False
    except StorageUnreachableError:
        raise
    except StorageError:
        return True
    return True
