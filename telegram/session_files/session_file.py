"""Telethon's ``.session`` files: read without changing them, written so that Telethon reads them.

Telethon opens a missing or empty file as a new session and creates over it; a file of another
program ends in an exception that tells nothing. So files are looked at here first, as bytes
and with plain SQLite on a copy in memory, and every way of being wrong has a name.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ...errors import TelethonFileDamagedError
from .journals import with_log, without_unfinished
from .session_string import KEY_BYTES, SessionString

NEWEST: Final = 8  # the schema of Telethon 1.45
HASHES_SINCE: Final = 6  # access hashes written by older schemas may be wrong; Telethon drops them
MAGIC: Final = b"SQLite format 3\x00"
HEADER: Final = 100  # bytes of an SQLite file's header
PRODUCTION_DCS: Final = range(1, 256)
LARGEST: Final = 256 << 20  # bytes; a million chats have some 80 MB


class FileDamage(StrEnum):
    """What is wrong with a session file."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_A_DATABASE = "not_a_database"
    MALFORMED = "malformed"
    FOREIGN = "foreign"
    NO_VERSION = "no_version"
    TOO_NEW = "too_new"
    NO_SESSION = "no_session"
    NO_KEY = "no_key"
    BAD_KEY = "bad_key"
    BAD_SERVER = "bad_server"
    OTHER_KEY = "other_key"


@dataclass(frozen=True, slots=True)
class EntityRow:
    """What is needed to address a chat or user again: the hash belongs to this account only."""

    id: int
    access_hash: int = field(repr=False)
    username: str | None = None
    phone: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FileState:
    """How far updates were seen, by channel id, 0 for the account."""

    id: int
    pts: int
    qts: int
    date: float
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """What a session file holds; ``user_id`` is the account, ``api_id`` the app, where it tells."""

    version: int
    parts: SessionString
    entities: tuple[EntityRow, ...] = ()
    states: tuple[FileState, ...] = ()
    user_id: int | None = None
    api_id: int | None = None


def read_file(path: Path | str) -> StoredSession:
    """Read a Telethon session file of any version that Telethon opens; it is not changed.

    Raises:
        TelethonFileDamagedError: it cannot be used, with the kind of damage.
    """
    path = Path(path)
    with opened_copy(path) as database:
        try:
            (verdict,) = database.execute("pragma quick_check(1)").fetchone()
            if verdict != "ok":
                raise _wrong(path, FileDamage.MALFORMED, verdict)
            return _read(path, database)
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise _wrong(path, FileDamage.MALFORMED, str(error)) from error


def bytes_in(path: Path | str) -> bytes:
    """Read a whole file; what is no file, and would never end, is refused.

    Raises:
        OSError: it cannot be read.
    """
    # Without waiting: a pipe in the place of a file would hold up the thread for good.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        if facts.st_size > LARGEST:
            raise OSError(errno.EFBIG, f"it has {facts.st_size >> 20} MB, too many")
        return file.read()


def write_file(
    path: Path | str,
    parts: SessionString,
    *,
    entities: Sequence[EntityRow] = (),
    states: Sequence[FileState] = (),
) -> None:
    """Write a new session file, readable by its owner only.

    Raises:
        FileExistsError: there is a file of that name; it is not touched.
    """
    path = Path(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        database.execute("insert into version values (?)", (NEWEST,))
        database.execute(
            "insert into sessions values (?, ?, ?, ?, null, x'')",
            (parts.dc_id, parts.host, parts.port, parts.key),
        )
        database.executemany(
            "insert into entities values (?, ?, ?, ?, ?, 0)",
            [(one.id, one.access_hash, one.username, one.phone, one.name) for one in entities],
        )
        database.executemany(
            "insert into update_state values (?, ?, ?, ?, ?)",
            [(one.id, one.pts, one.qts, int(one.date), one.seq) for one in states],
        )


# Facts of Telethon's file format, version 8; the names and the order are its own.
_SCHEMA: Final = """
create table version (version integer primary key);
create table sessions (dc_id integer primary key, server_address text, port integer,
                       auth_key blob, takeout_id integer, tmp_auth_key blob);
create table entities (id integer primary key, hash integer not null, username text,
                       phone integer, name text, date integer);
create table sent_files (md5_digest blob, file_size integer, type integer, id integer,
                         hash integer, primary key(md5_digest, file_size, type));
create table update_state (id integer primary key, pts integer, qts integer, date integer,
                           seq integer);
"""


def _wrong(path: Path, damage: FileDamage, what: str) -> TelethonFileDamagedError:
    return TelethonFileDamagedError(path, damage, what)


@contextlib.contextmanager
def opened_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of an SQLite file in memory: nothing is written anywhere, the key least of all.

    Raises:
        TelethonFileDamagedError: the file cannot be read, or is no database.
    """
    data = _bytes_of(path)
    data = without_unfinished(data, _left_beside(path, "-journal"))
    data = with_log(data, _left_beside(path, "-wal"))
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        # Bytes 18 and 19 say "write-ahead log", which a copy in memory cannot have.
        database.deserialize(data[:18] + b"\x01\x01" + data[20:])
        yield database


def _left_beside(path: Path, suffix: str) -> bytes:
    """What a writer left that died in the middle."""
    try:
        return bytes_in(f"{path}{suffix}")
    except FileNotFoundError:
        return b""
    except OSError as error:
        what = f"{path.name}{suffix}: {error.strerror or 'unreadable'}"
        raise _wrong(path, FileDamage.UNREADABLE, what) from error


def _bytes_of(path: Path) -> bytes:
    try:
        data = bytes_in(path)
    except FileNotFoundError as error:
        raise _wrong(path, FileDamage.MISSING, "there is no such file") from error
    except OSError as error:
        raise _wrong(path, FileDamage.UNREADABLE, error.strerror or "unreadable") from error
    if not data:
        raise _wrong(path, FileDamage.EMPTY, "it is empty")
    if not data.startswith(MAGIC) or len(data) < HEADER:
        raise _wrong(path, FileDamage.NOT_A_DATABASE, "it is not an SQLite database")
    page_size, pages = int.from_bytes(data[16:18], "big"), int.from_bytes(data[28:32], "big")
    if len(data) < pages * page_size and data[24:28] == data[92:96]:
        raise _wrong(path, FileDamage.MALFORMED, f"cut at byte {len(data)}")
    return data


def _read(path: Path, database: sqlite3.Connection) -> StoredSession:
    tables = {row[0] for row in database.execute("select name from sqlite_master")}
    version = _version(path, database, tables)
    row = _session_row(path, database)
    return StoredSession(
        version=version,
        parts=_parts(path, row),
        entities=_entities(database, version) if "entities" in tables else (),
        states=_states(database) if "update_state" in tables else (),
        user_id=_user_id(database) if "entities" in tables else None,
    )


def _version(path: Path, database: sqlite3.Connection, tables: set[str]) -> int:
    if "sessions" not in tables or "version" not in tables:
        kind = FileDamage.FOREIGN if tables else FileDamage.NO_SESSION
        raise _wrong(path, kind, "it has not the tables of a Telethon session")
    if "auth_key" not in columns_of(database, "sessions") or "port" not in columns_of(
        database, "sessions"
    ):
        raise _wrong(path, FileDamage.FOREIGN, "its sessions are another program's")
    row = database.execute("select version from version").fetchone()
    if row is None or not isinstance(row[0], int):
        raise _wrong(path, FileDamage.NO_VERSION, "its version is missing")
    if row[0] > NEWEST:
        raise _wrong(path, FileDamage.TOO_NEW, f"version {row[0]} is newer than {NEWEST}")
    return int(row[0])


def columns_of(database: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table by name; empty if there is none."""
    return {row[1] for row in database.execute(f"pragma table_info({table})")}


def _session_row(path: Path, database: sqlite3.Connection) -> tuple[Any, ...]:
    rows = database.execute("select dc_id, server_address, port, auth_key from sessions").fetchall()
    if not rows:
        raise _wrong(path, FileDamage.NO_SESSION, "no session is stored in it")
    keyed = [row for row in rows if row[3]]
    if not keyed:
        raise _wrong(path, FileDamage.NO_KEY, "it was never logged in")
    return tuple(keyed[0])


def _parts(path: Path, row: tuple[Any, ...]) -> SessionString:
    dc_id, host, port, key = row
    if not isinstance(key, bytes) or len(key) != KEY_BYTES or not any(key):
        raise _wrong(path, FileDamage.BAD_KEY, "its key is not 256 bytes")
    try:
        literal = ipaddress.ip_address(host).compressed
    except ValueError as error:
        raise _wrong(path, FileDamage.BAD_SERVER, "its server address is none") from error
    if dc_id not in PRODUCTION_DCS or not isinstance(port, int) or not 0 < port < 65_536:
        raise _wrong(path, FileDamage.BAD_SERVER, f"data centre {dc_id}, port {port}")
    return SessionString(dc_id=dc_id, host=literal, port=port, key=key)


def _entities(database: sqlite3.Connection, version: int) -> tuple[EntityRow, ...]:
    if version < HASHES_SINCE:
        return ()
    rows = database.execute("select id, hash, username, phone, name from entities")
    return tuple(
        EntityRow(at, known, username, None if phone is None else str(phone), name)
        for at, known, username, phone, name in rows
        if isinstance(at, int) and isinstance(known, int) and at
    )


def _user_id(database: sqlite3.Connection) -> int | None:
    """Telethon notes its own account as the hash of chat 0."""
    row = database.execute("select hash from entities where id = 0").fetchone()
    return row[0] if row and isinstance(row[0], int) and row[0] > 0 else None


def _states(database: sqlite3.Connection) -> tuple[FileState, ...]:
    rows = database.execute("select id, pts, qts, date, seq from update_state")
    return tuple(
        FileState(at, pts, qts or 0, float(date or 0), seq or 0)
        for at, pts, qts, date, seq in rows
        if isinstance(at, int) and isinstance(pts, int)
    )
