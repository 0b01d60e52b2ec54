"""Opening of the SQLite file: permissions, integrity checks, migrations.

Owns what happens before the first row is read: folder and file permissions, the check that the
file is ours, whole, not too new and sealed with this master key, and the steps to today's schema.
All checks read only, so that whatever is refused is left exactly as it was. A new database
appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database

from ..errors import (
    DatabaseDamagedError,
    ForeignDatabaseError,
    SchemaTooNewError,
    SchemaTooOldError,
    StorageNotFoundError,
)
from .crypto.key_slots import open_slots, write_slots
from .crypto.master_key import MasterKey
from .crypto.vault import Vault
from .error_mapping import BUSY_TIMEOUT, SQLITE_ERRORS, map_os_error, map_sqlite_error
from .private_files import check_owner, sync_folder
from .schema import ACCOUNTS_FROM, APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from .tables.accounts import seal_accounts

logger = logging.getLogger(__name__)

OLDEST_READ: Final = 4  # the schema with the youngest table that readers look into
PRAGMAS: Final = (
    "foreign_keys = on",
    "journal_mode = wal",  # readers never wait for the writer, nor it for them
    "synchronous = normal",  # survives kill -9; a power cut may undo the last transactions
    # pages, 16 MiB: a busy page is brought into the database once, not every 1000 pages of log
    "wal_autocheckpoint = 4096",
    "cell_size_check = on",
    "journal_size_limit = 67108864",  # bytes; a log that grew once is cut back
    "trusted_schema = off",
    "secure_delete = on",  # what was replaced or removed is not left readable in its page
)


def open_or_create(path: Path, master: MasterKey) -> tuple[sqlite3.Connection, Vault]:
    """Open the database at ``path``, making it if there is none; its folder must be there."""
    if not path.exists():
        _refuse_orphaned_log(path)
        _create(path, master)
    return open_existing(path, master)


def open_existing(path: Path, master: MasterKey) -> tuple[sqlite3.Connection, Vault]:
    """Check the database at ``path``, then open it for writing and bring its schema up to date."""
    _check_owners(path)
    vault = check_database(path, master)
    with _sorted(path):
        os.chmod(path, 0o600)
    conn = _connect(path, mode="rw")
    try:
        with _sorted(path):
            for pragma in PRAGMAS:
                conn.execute(f"pragma {pragma}")
            _migrate(conn, vault)
    except BaseException:  # whatever it was, the connection must not stay open
        conn.close()
        raise
    return conn, vault


def open_read_only(path: Path, master: MasterKey | None) -> tuple[sqlite3.Connection, Vault | None]:
    """Open the database at ``path`` for reading beside its writer; it must exist.

    A copy in a folder that cannot be written is read as it lies there: nobody writes it either.
    """
    conn = _connect_to_check(path, closed=_lies_still(path))
    try:
        with _sorted(path):
            _refuse_foreign(conn, path)
            _refuse_old(conn, path)
            vault = None if master is None else open_slots(conn, path, master)
    except BaseException:  # whatever it was, the connection must not stay open
        conn.close()
        raise
    return conn, vault


def open_short_writer(path: Path) -> sqlite3.Connection:
    """Open the database at ``path`` for a short write beside its owner; its schema stays."""
    _check_owners(path)
    checked, _ = open_read_only(path, None)
    checked.close()
    conn = _connect(path, mode="rw")
    try:
        with _sorted(path):
            # The owner brings the log into the database; a short write is not to wait for that.
            conn.execute("pragma wal_autocheckpoint = 0")
    except BaseException:  # whatever it was, the connection must not stay open
        conn.close()
        raise
    return conn


def check_database(path: Path, master: MasterKey, *, closed: bool = False) -> Vault:
    """Return the vault of the database at ``path`` if it is whole and ours; change nothing.

    ``closed`` promises that nobody writes it meanwhile; then not even SQLite's helper files are
    made beside it.

    Raises:
        StorageNotFoundError, StorageNotWritableError: it cannot be reached.
        DatabaseDamagedError, ForeignDatabaseError, SchemaTooNewError: it cannot be used.
        WrongMasterKeyError: another master key sealed it.
    """
    conn = _connect_to_check(path, closed=closed)
    try:
        with _sorted(path):
            _refuse_foreign(conn, path)
            _refuse_damaged(conn, path)
            return open_slots(conn, path, master)
    finally:
        conn.close()


def _check_owners(path: Path) -> None:
    for place in (path.parent, path, *_beside(path)):
        if place.exists():
            check_owner(place)


def _beside(path: Path) -> tuple[Path, ...]:
    """What SQLite keeps beside a database while it is open."""
    return tuple(path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm"))


def _lies_still(path: Path) -> bool:
    """Whether a database can only be a copy that nobody has open, with nothing left in its log.

    SQLite makes its helper files even for a reader, and cannot in such a folder.
    """
    try:
        log, shared = _beside(path)
        empty = not log.exists() or log.stat().st_size == 0
        return empty and not shared.exists() and not _can_write(path.parent)
    except OSError:
        return False  # this user may not look: opening it says so


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def _create(path: Path, master: MasterKey) -> None:
    # Built under another name and linked into place: a kill at any moment leaves no half database,
    # so an empty or partial file under the real name is always damage, never a beginning.
    with _sorted(path.parent):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.new-", dir=path.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        with _sorted(path):
            _fill(fresh, master)
            _link(fresh, path)
    finally:
        for suffix in ("", "-journal"):
            Path(name + suffix).unlink(missing_ok=True)
    sync_folder(path.parent)
    logger.info("database made path=%s schema=%d", path, SCHEMA_VERSION)


def _fill(fresh: Path, master: MasterKey) -> None:
    conn = _connect(fresh, mode="rw")
    try:
        make_empty(conn)
        conn.execute("begin")
        write_slots(conn, Vault(master))
        conn.execute("commit")
    finally:
        conn.close()


def make_empty(conn: sqlite3.Connection) -> None:
    """Make the tables in an empty file; there is no data key yet."""
    conn.execute(f"pragma application_id = {APPLICATION_ID}")
    _migrate(conn)


def _link(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)
    except FileExistsError:
        return  # another process was quicker; its database is opened instead
    except OSError:
        # A file system without hard links: a rename is as atomic, but would win a race it should
        # lose, so look once more.
        if not path.exists():
            fresh.rename(path)


def _migrate(conn: sqlite3.Connection, vault: Vault | None = None) -> None:
    (version,) = conn.execute("pragma user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    database = Database(conn, execute_plugins=False)
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        conn.execute("begin immediate")
        try:
            step(database)
            if number == ACCOUNTS_FROM and vault is not None:
                seal_accounts(conn, vault)
            conn.execute(f"pragma user_version = {number}")
            conn.execute("commit")
        except BaseException:  # also Ctrl-C: a step is taken whole or not at all
            if conn.in_transaction:
                conn.execute("rollback")
            raise
        logger.debug("database migrated schema=%d", number)


def _refuse_orphaned_log(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise DatabaseDamagedError(path, f"it is gone but its write-ahead log {log.name} is there")


def _refuse_old(conn: sqlite3.Connection, path: Path) -> None:
    """Who only reads brings no schema up to date, and would miss whole tables."""
    (version,) = conn.execute("pragma user_version").fetchone()
    if version < OLDEST_READ:
        raise SchemaTooOldError(path, found=version, known=SCHEMA_VERSION)


def _refuse_foreign(conn: sqlite3.Connection, path: Path) -> None:
    (application,) = conn.execute("pragma application_id").fetchone()
    if application != APPLICATION_ID:
        raise ForeignDatabaseError(path)
    (version,) = conn.execute("pragma user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SchemaTooNewError(path, found=version, known=SCHEMA_VERSION)


def _refuse_damaged(conn: sqlite3.Connection, path: Path) -> None:
    (verdict,) = conn.execute("pragma quick_check(1)").fetchone()
    if verdict != "ok":
        raise DatabaseDamagedError(path, " ".join(str(verdict).split()))


def _connect_to_check(path: Path, *, closed: bool = False) -> sqlite3.Connection:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise StorageNotFoundError(path) from None
    except OSError as exc:
        raise map_os_error(exc, path) from exc
    if not path.is_file():
        raise DatabaseDamagedError(path, "it is no file")
    if size == 0:
        raise DatabaseDamagedError(path, "it is empty")
    return _connect(path, mode="ro&immutable=1" if closed else "ro")


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with _sorted(path):
        # One thread at a time uses it, but the one that opens it may hand it to another.
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )


@contextlib.contextmanager
def _sorted(path: Path) -> Iterator[None]:
    try:
        yield
    except SQLITE_ERRORS as exc:
        raise map_sqlite_error(exc, path) from exc
    except OSError as exc:
        raise map_os_error(exc, path) from exc
