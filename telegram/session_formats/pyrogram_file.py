"""``.session`` files of Pyrogram, Kurigram, Pyrofork and Hydrogram, of all their schemas.

They number their schemas each for itself, and the same number is two layouts: columns are read by
name, and what a file does not hold is made up for.
"""

from __future__ import annotations

import ipaddress
import sqlite3
from pathlib import Path
from typing import Any, Final

from ...errors import LoginFormatError
from ..session_files.session_file import EntityRow, StoredSession, columns_of, opened_copy
from ..session_files.session_string import KEY_BYTES, SessionString
from .data_centres import TEST_HOSTS, address_of
from .formats import ForeignLogin, LoginFormat

MARKS: Final = frozenset({"dc_id", "test_mode", "auth_key", "user_id"})  # columns of its sessions


def read_pyrogram_file(path: Path) -> ForeignLogin | None:
    """Read a file of that family; ``None`` if it is another program's, or no database.

    Raises:
        LoginFormatError: it is theirs, and holds no login that can be used.
        TelethonFileDamagedError: the file cannot be read at all.
    """
    with opened_copy(path) as database:
        try:
            if not columns_of(database, "sessions") >= MARKS:
                return None
            return _read(database, path)
        except sqlite3.DatabaseError as error:
            if not _is_theirs(path):
                return None
            raise _wrong(path, f"is damaged ({error})") from error


def _is_theirs(path: Path) -> bool:
    """Whether a damaged file was theirs: its schema stands in its first page in the clear."""
    return b"test_mode" in path.read_bytes()[: 1 << 16]


def _read(database: sqlite3.Connection, path: Path) -> ForeignLogin:
    rows = _rows(database, "sessions")
    row = next((row for row in rows if row["auth_key"]), None)
    if row is None:
        raise _wrong(path, "was never logged in")
    test, user_id = bool(row["test_mode"]), row["user_id"]
    parts = _parts(path, row, test=test)
    stored = StoredSession(
        version=0,
        parts=parts,
        entities=_entities(database),
        user_id=user_id if isinstance(user_id, int) and user_id > 0 else None,
        api_id=row.get("api_id"),
    )
    return ForeignLogin(
        format=LoginFormat.PYROGRAM_FILE,
        stored=stored,
        test=test or parts.host in TEST_HOSTS,
    )


def _rows(database: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    names = [*columns_of(database, table)]
    found = database.execute(f"select {', '.join(names)} from {table}")  # noqa: S608 - its own names
    return [dict(zip(names, row, strict=True)) for row in found]


def _parts(path: Path, row: dict[str, Any], *, test: bool) -> SessionString:
    dc_id, key = row["dc_id"], row["auth_key"]
    if not isinstance(key, bytes) or len(key) != KEY_BYTES or not any(key):
        raise _wrong(path, "holds a key that is not 256 bytes")
    host, port = row.get("server_address"), row.get("port")
    if not host or not port:
        known = address_of(dc_id, test=test) if isinstance(dc_id, int) else None
        if known is None:
            raise _wrong(path, f"names data centre {dc_id}, which has no address that is known")
        host, port = known
    try:
        literal = ipaddress.ip_address(host).compressed
    except ValueError:
        raise _wrong(path, "names a server address that is none") from None
    if not isinstance(dc_id, int) or not 0 < dc_id < 256 or not 0 < int(port) < 65_536:
        raise _wrong(path, f"names data centre {dc_id}, port {port}")
    return SessionString(dc_id=dc_id, host=literal, port=int(port), key=key)


def _entities(database: sqlite3.Connection) -> tuple[EntityRow, ...]:
    """The chats that it can address; ids are marked as Telethon marks them."""
    names = dict[int, str]()
    if columns_of(database, "usernames") >= {"id", "username"}:
        names.update(database.execute("select id, username from usernames"))
    return tuple(
        EntityRow(row["id"], row["access_hash"], row.get("username") or names.get(row["id"]))
        for row in (_rows(database, "peers") if columns_of(database, "peers") else ())
        if isinstance(row["id"], int) and isinstance(row["access_hash"], int) and row["access_hash"]
    )


def _wrong(path: Path, what: str) -> LoginFormatError:
    return LoginFormatError(path, f"is Pyrogram's or of its family, and {what}", OTHER)


OTHER: Final = "use another copy of it, or log in anew"
