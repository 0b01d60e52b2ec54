"""Backups of the whole database, taken online and verified before they count.

Owns the folder of backups and putting one back. A backup is an ordinary database file, sealed
under the same master key; what was there before a restore is set aside, never deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..errors import StorageError, StorageNotFoundError, UnknownRecordError, WrongMasterKeyError
from .crypto.key_slots import read_slots
from .crypto.master_key import MasterKey
from .crypto.vault import KeySlot, Vault
from .database import check_database
from .database_url import DatabaseUrl, Place
from .error_mapping import SQLITE_ERRORS, map_os_error, map_sqlite_error
from .leases.database_lock import lock_exclusive
from .private_files import make_private_folder, sync_folder
from .records import Credential
from .sqlite_connection import SqliteConnection
from .store import Store
from .tables.credentials import CredentialRows

KEPT: Final = 5
STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
NAME: Final = re.compile(r"warden-(\d{8}T\d{6}\.\d{6}Z)\.db")
QUARANTINE: Final = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseBackup:
    """One backup of the whole database."""

    path: Path
    at: float
    size: int  # bytes


class BackupFolder:
    """The backups of one database, in a folder of their own; the newest ``keep`` stay."""

    def __init__(self, folder: Path | str, *, keep: int = KEPT) -> None:
        self._folder = Path(folder)
        self._keep = keep

    def take(self, store: Store, master: MasterKey, *, at: float) -> DatabaseBackup:
        """Copy the database as it is now, open the copy, and only then drop the oldest ones.

        Runs beside a writer when ``store`` is a reader (``Store.open_reader``) used in a thread
        of its own. Raises what a full or unwritable disk raises; older backups then all stay.
        """
        make_private_folder(self._folder)
        moment = datetime.fromtimestamp(at, tz=UTC)
        target = self._folder / f"warden-{moment.strftime(STAMP)}.db"
        with _temporary(self._folder) as fresh:
            _copy(store, fresh)
            check_database(fresh, master, closed=True)
            fresh.replace(target)
        sync_folder(self._folder)
        self._prune(target)
        return _backup(target)

    def list(self) -> list[DatabaseBackup]:
        """Return the backups, newest first."""
        names = (path for path in self._folder.glob("warden-*.db") if NAME.fullmatch(path.name))
        return sorted(map(_backup, names), key=lambda one: one.at, reverse=True)

    def newest_usable(self, master: MasterKey) -> DatabaseBackup | None:
        """Return the newest backup that is whole and opens, if there is one."""
        for backup in self.list():
            with contextlib.suppress(StorageError):
                check_database(backup.path, master, closed=True)
                return backup
        return None

    def credentials(
        self,
        name: str,
        vault: Vault,
        *,
        phone: str | None = None,
        old: Sequence[MasterKey] = (),
    ) -> Iterator[Credential]:
        """Yield what the backups hold of one session, newest first; damaged ones are passed over.

        One of that name with another ``phone`` is another session. ``vault`` is one of the same
        master key; backups of earlier times open with one of the ``old`` ones.
        """
        for backup in self.list():
            with contextlib.suppress(StorageError, *SQLITE_ERRORS):
                found = _credential_in(backup.path, name, vault, phone, old)
                if found is not None:
                    yield found

    def opens(self, backup: DatabaseBackup, master: MasterKey) -> bool:
        """Whether a backup is whole, and sealed under this master key."""
        with contextlib.suppress(StorageError):
            check_database(backup.path, master, closed=True)
            return True
        return False

    def old_masters(self, master: MasterKey) -> tuple[MasterKey, ...]:
        """The earlier master keys that the newest backup under ``master`` remembers."""
        newest = next((one for one in self.list() if self.opens(one, master)), None)
        if newest is None:
            return ()
        with Store.open_reader(newest.path, master) as store:
            return tuple(store.old_masters())

    def restore(
        self,
        backup: DatabaseBackup,
        database: Place,
        master: MasterKey,
        *,
        present: MasterKey | None = None,
    ) -> tuple[Path, ...]:
        """Put a backup in the database's place; return where what was there is kept.

        With ``present`` the copy is put under that master key, as ``master`` is an earlier one.
        The backup is opened first and stays. Raises ``StorageBusyError`` while any process has
        the database open, ``UnknownRecordError`` if the backup is gone, and what a damaged
        backup or a wrong master key raises; the database is then as it was.
        """
        if not backup.path.exists():
            raise UnknownRecordError("backup", backup.path)
        check_database(backup.path, master, closed=True)
        if isinstance(database, DatabaseUrl):
            return self._restore_to_server(backup, database, master, present)
        make_private_folder(database.parent)
        with lock_exclusive(database), _temporary(database.parent) as fresh:
            _copy_file(backup.path, fresh)
            if present is not None:
                with Store.open(fresh, master) as store:
                    store.rotate_master(present, old=master)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            kept = _set_aside(database)
            fresh.replace(database)
        sync_folder(database.parent)
        return kept

    def _restore_to_server(
        self,
        backup: DatabaseBackup,
        database: DatabaseUrl,
        master: MasterKey,
        present: MasterKey | None,
    ) -> tuple[Path, ...]:
        """The same on a server: all rows are replaced, in one transaction."""
        kept = self._copy_aside(database)
        if not kept:  # makes the tables
            Store.open(database, present or master).close()
        with _temporary(self._folder) as fresh:
            _copy_file(backup.path, fresh)
            with Store.open(fresh, master) as source, Store.open_short_writer(database) as store:
                if present is not None:
                    source.rotate_master(present, old=master)
                store.replace_all(source)
        return kept

    def _copy_aside(self, database: DatabaseUrl) -> tuple[Path, ...]:
        """Keep what is on the server as a file; without tables there is nothing to keep."""
        try:
            reader = Store.open_reader(database)
        except StorageNotFoundError:
            return ()
        with reader:
            kept = _next_folder(self._folder.parent / QUARANTINE) / "telewarden.db"
            _copy(reader, kept)
            kept.chmod(0o600)
        return (kept,)

    def _prune(self, fresh: Path) -> None:
        """Drop the oldest by their names, but not the one just taken: the clock may be wrong."""
        others = [one for one in self.list() if one.path != fresh]
        for backup in others[self._keep - 1 :]:
            backup.path.unlink(missing_ok=True)


def _credential_in(
    path: Path, name: str, vault: Vault, phone: str | None, old: Sequence[MasterKey]
) -> Credential | None:
    with contextlib.closing(
        sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
    ) as conn:
        row = conn.execute("select phone from user_sessions where name = ?", (name,)).fetchone()
        if phone is not None and row is not None and row[0] not in (None, phone):
            return None
        slots = read_slots(conn)
        there = CredentialRows(SqliteConnection(conn, path), path, _opening(slots, vault, old))
        return there.salvaged_credential(name)


def _opening(slots: Sequence[KeySlot], vault: Vault, old: Sequence[MasterKey]) -> Vault:
    """The vault that opens a backup: of the master key in charge, or of an earlier one.

    Raises:
        WrongMasterKeyError: of none of these.
    """
    try:
        return vault.with_slots(slots)
    except WrongMasterKeyError:
        for master in old:
            with contextlib.suppress(WrongMasterKeyError):
                return Vault(master, slots)
        raise


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as exc:
        raise map_os_error(exc, target) from exc


def _copy(store: Store, fresh: Path) -> None:
    try:
        target = sqlite3.connect(fresh, isolation_level=None)
        try:
            store.copy_to(target)
            target.execute("pragma journal_mode = delete")  # one file, nothing beside it
        finally:
            target.close()
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
    except SQLITE_ERRORS as exc:
        raise map_sqlite_error(exc, fresh) from exc


def _set_aside(database: Path) -> tuple[Path, ...]:
    _settle(database)
    present = [
        path
        for suffix in ("", "-wal", "-shm")
        if (path := database.with_name(database.name + suffix)).exists()
    ]
    if not present:
        return ()
    # Together and under their own names, so that the log still belongs to its database. That one
    # gets a second name only, until the other takes its place: whoever is killed between leaves a
    # database, and not an empty place where the next start would make a new one.
    folder = _next_folder(database.parent / QUARANTINE)
    try:
        return tuple(_aside(path, folder, stays=path == database) for path in present)
    except OSError as exc:
        raise map_os_error(exc, database) from exc


def _aside(path: Path, folder: Path, *, stays: bool) -> Path:
    there = folder / path.name
    if stays:
        with contextlib.suppress(OSError):  # a file system without second names
            there.hardlink_to(path)
            return there
    return path.rename(there)


def _settle(database: Path) -> None:
    """Bring the log into the database, if both can still be read."""
    if not database.exists():
        return
    with contextlib.suppress(sqlite3.Error):
        conn = sqlite3.connect(database, isolation_level=None)
        try:
            conn.execute("pragma wal_checkpoint(truncate)")
        finally:
            conn.close()


def _next_folder(parent: Path) -> Path:
    make_private_folder(parent)
    number = 1
    while True:
        folder = parent / f"replaced-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        except OSError as exc:
            raise map_os_error(exc, folder) from exc
        else:
            return folder


def _backup(path: Path) -> DatabaseBackup:
    found = NAME.fullmatch(path.name)
    stamp = found[1] if found else "19700101T000000.000000Z"
    moment = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    return DatabaseBackup(path=path, at=moment.timestamp(), size=path.stat().st_size)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    try:
        handle, name = tempfile.mkstemp(prefix=".snapshot-", suffix=".tmp", dir=folder)
    except OSError as exc:
        raise map_os_error(exc, folder) from exc
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)
