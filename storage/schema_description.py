"""What the schema consists of, as SQLite describes it: tables, their columns and keys, indexes.

Owns the description, made by running the migrations on an empty database in memory. Whoever makes
the schema elsewhere, or copies all that is in it, goes by that.
"""

from __future__ import annotations

import functools
import sqlite3
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

from .schema import MIGRATIONS, SCHEMA_VERSION

NUMBERED: Final = frozenset(
    {"user_sessions", "outbox", "accounts", "floods", "entities", "ring_messages"}
    | {"alert_news", "webhook_events"}
)
"""Tables whose rows statements call by ``rowid``, which SQLite gives each row by itself."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQLite describes it; ``key`` is its place in the primary key, or 0."""

    name: str
    kind: str
    required: bool
    key: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table as SQLite describes it."""

    name: str
    columns: tuple[Column, ...]
    references: tuple[str, ...]
    remembers_ids: bool

    @property
    def key(self) -> list[str]:
        """The columns of its primary key, in its order."""
        return [one.name for one in sorted(self.columns, key=lambda one: one.key) if one.key]

    @property
    def own_id(self) -> str | None:
        """The column that SQLite fills in by itself where it is left out."""
        keys = [one for one in self.columns if one.key]
        return keys[0].name if len(keys) == 1 and keys[0].kind == "INTEGER" else None

    @property
    def numbered(self) -> bool:
        """Whether its rows have a ``rowid`` of their own."""
        return self.name in NUMBERED


@dataclass(frozen=True, slots=True)
class Description:
    """What a version of the schema consists of."""

    tables: dict[str, Table]
    indexes: dict[str, str]


@functools.cache
def described(version: int = SCHEMA_VERSION) -> Description:
    """The tables and indexes that SQLite has after so many migrations."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(conn, version)
        known = conn.execute(
            "select type, name, sql from sqlite_master"
            " where name not like 'sqlite_%' and sql is not null order by rowid"
        ).fetchall()
        tables = {name: _table(conn, name, sql) for kind, name, sql in known if kind == "table"}
        indexes = {name: sql for kind, name, sql in known if kind == "index"}
    finally:
        conn.close()
    return Description(tables, indexes)


def migrate(conn: sqlite3.Connection, version: int = SCHEMA_VERSION) -> None:
    """Take an empty SQLite database to a version; the caller sees to transactions."""
    database = Database(conn, execute_plugins=False)
    for step in MIGRATIONS[:version]:
        step(database)


def _table(conn: sqlite3.Connection, name: str, sql: str) -> Table:
    columns = tuple(
        Column(column, kind.upper(), bool(required), key)
        for _, column, kind, required, _, key in conn.execute(f"pragma table_info({name})")
    )
    references = tuple(
        f"foreign key ({source}) references {target} ({column}) on update {update}"
        for _, _, target, source, column, update, *_ in conn.execute(
            f"pragma foreign_key_list({name})"
        )
    )
    return Table(name, columns, references, "autoincrement" in sql.lower())
