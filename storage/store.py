"""The store: everything that survives the process, in one SQLite file.

Owns opening and closing; the tables are in the modules that ``Store`` is put together from.
One thread at a time uses a store (the journal's); others read through ``Store.open_reader``, and
write a row or two through ``Store.open_short_writer``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Self

from sqlite_utils import Database

from ..errors import StorageFailedError, StorageNotFoundError
from .crypto.master_key import MasterKey
from .crypto.vault import Vault
from .database import open_or_create, open_read_only, open_short_writer
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


class Store(
    SessionRows,
    BackupRows,
    PairRows,
    PlanRows,
    OutboxRows,
    ChangeRows,
    TelegramRows,
    ClockRows,
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
    def open(cls, path: Path | str, master: MasterKey) -> Self:
        """Open the database at ``path`` for writing, making it if there is none.

        Raises:
            StorageNotWritableError: the file or its folder cannot be written.
            DatabaseDamagedError, ForeignDatabaseError, SchemaTooNewError: it cannot be used.
            WrongMasterKeyError: another master key sealed it.

        Whatever it raises, a database that was there has not been touched.
        """
        place = Path(path)
        make_private_folder(place.parent)
        return cls._locked(place, lock_shared(place), lambda: open_or_create(place, master))

    @classmethod
    def open_reader(cls, path: Path | str, master: MasterKey | None = None) -> Self:
        """Open an existing database for reading only, beside the process that writes it.

        Without ``master`` everything but sealed values can be read; those then raise
        ``MasterKeyMissingError``. Writing methods raise ``StorageNotWritableError``.
        """
        place = Path(path)
        if not is_there(place):
            raise StorageNotFoundError(place)
        handle = lock_shared(place, reading=True)
        return cls._locked(place, handle, lambda: open_read_only(place, master))

    @classmethod
    def open_short_writer(cls, path: Path | str) -> Self:
        """Open an existing database for a short write, beside whoever else has it open.

        SQLite's own lock lets one writer in at a time; each waits up to 5 s for another. So keep
        it for a statement or two, and away from an event loop. Sealed values cannot be used.
        """
        place = Path(path)
        if not is_there(place):
            raise StorageNotFoundError(place)
        return cls._locked(place, lock_shared(place), lambda: (open_short_writer(place), None))

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
        return f"<Store {self.path}>"

    @property
    def db(self) -> Database:
        """The same connection through sqlite-utils, for questions that no method answers."""
        raw = getattr(self._conn, "raw", None)
        if not isinstance(raw, sqlite3.Connection):
            raise StorageFailedError(self.path, "it is no SQLite database")
        return Database(raw, execute_plugins=False)

    def checkpoint(self) -> None:
        """Bring everything committed onto the disk itself, so that it survives a power cut."""
        with self._mapped():
            self._conn.checkpoint()

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy everything committed so far into ``target``; writers need not wait for it."""
        with self._mapped():
            self._conn.copy_to(target)

    def close(self) -> None:
        """Close the file; a second time does nothing. An open transaction is undone."""
        self._conn.close()
        handle, self._lock = self._lock, None
        unlock(handle)
