"""Opening of a database in PostgreSQL: ours, not too new, sealed with this master key.

Owns what happens before the first row is read, and making the schema where there is none. What is
refused is left exactly as it was.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from ...errors import (
    DatabaseDamagedError,
    ForeignDatabaseError,
    SchemaTooNewError,
    SchemaTooOldError,
    StorageNotFoundError,
)
from ..crypto.key_slots import open_slots, write_slots
from ..crypto.master_key import MasterKey
from ..crypto.vault import Vault
from ..database_url import DatabaseUrl
from ..schema import APPLICATION_ID, SCHEMA_VERSION
from ..schema_description import described
from .connection import PostgresConnection
from .schema import DATA_STEPS, FIRST, VERSIONS, between, creation

logger = logging.getLogger(__name__)

T = TypeVar("T")

OURS: Final = "user_sessions"  # a table by which one of another program's would be noticed


def open_or_create(url: DatabaseUrl, master: MasterKey) -> tuple[PostgresConnection, Vault]:
    """Open the database for writing, making its tables, or bringing them up to date."""
    return _opened(PostgresConnection(url), lambda conn: _prepare(conn, url, master))


def open_read_only(
    url: DatabaseUrl, master: MasterKey | None
) -> tuple[PostgresConnection, Vault | None]:
    """Open the database for reading beside its writer; its tables must be there."""

    def look(conn: PostgresConnection) -> Vault | None:
        _version(conn, url)
        return None if master is None else open_slots(conn, url, master)

    return _opened(PostgresConnection(url, read_only=True), look)


def open_short_writer(url: DatabaseUrl) -> tuple[PostgresConnection, None]:
    """Open the database for a short write beside its owner; its tables stay as they are."""

    def look(conn: PostgresConnection) -> None:
        _version(conn, url)

    return _opened(PostgresConnection(url), look)


def _opened(
    conn: PostgresConnection, look: Callable[[PostgresConnection], T]
) -> tuple[PostgresConnection, T]:
    try:
        with _mapped(conn):
            return conn, look(conn)
    except BaseException:  # whatever it was, the connection must not stay open
        conn.close()
        raise


@contextmanager
def _mapped(conn: PostgresConnection) -> Iterator[None]:
    try:
        yield
    except conn.errors as exc:
        raise conn.mapped(exc) from exc


def _prepare(conn: PostgresConnection, url: DatabaseUrl, master: MasterKey) -> Vault:
    if not conn.has_table(VERSIONS):
        with _one_at_a_time(conn):
            if not conn.has_table(VERSIONS):  # another process was quicker
                _create(conn, url, master)
    found = _version(conn, url)
    vault = open_slots(conn, url, master)  # a wrong key changes nothing
    if found < SCHEMA_VERSION:
        with _one_at_a_time(conn):
            _migrate(conn, _version(conn, url))
    return vault


@contextmanager
def _one_at_a_time(conn: PostgresConnection) -> Iterator[None]:
    conn.begin()
    try:
        yield
        conn.commit()
    except BaseException:  # also Ctrl-C: it is made whole or not at all
        conn.undo(None)
        raise


def _create(conn: PostgresConnection, url: DatabaseUrl, master: MasterKey) -> None:
    if conn.has_table(OURS):
        raise ForeignDatabaseError(url)
    for statement in creation():
        conn.execute_script(statement)
    conn.execute(
        f"insert into {VERSIONS} (application, version) values (?, ?)",
        (APPLICATION_ID, SCHEMA_VERSION),
    )
    write_slots(conn, Vault(master))
    logger.info("database made place=%s schema=%d", url, SCHEMA_VERSION)


def _version(conn: PostgresConnection, url: DatabaseUrl) -> int:
    if not conn.has_table(VERSIONS):
        raise StorageNotFoundError(url)
    row = conn.execute(f"select application, version from {VERSIONS}").fetchone()
    if row is None:
        raise DatabaseDamagedError(url, f"its table {VERSIONS} is empty")
    application, version = row
    if application != APPLICATION_ID:
        raise ForeignDatabaseError(url)
    if version > SCHEMA_VERSION:
        raise SchemaTooNewError(url, found=version, known=SCHEMA_VERSION)
    if version < FIRST:
        raise SchemaTooOldError(url, found=version, known=SCHEMA_VERSION)
    return int(version)


def _migrate(conn: PostgresConnection, found: int) -> None:
    for number in range(found + 1, SCHEMA_VERSION + 1):
        for statement in between(described(number - 1), described(number)):
            conn.execute_script(statement)
        for statement in DATA_STEPS.get(number, ()):
            conn.execute_script(statement)
        conn.execute(f"update {VERSIONS} set version = ?", (number,))
        logger.debug("database migrated schema=%d", number)
