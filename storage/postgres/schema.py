"""The schema in PostgreSQL, made from the one in SQLite.

Owns how a table of SQLite's stands in PostgreSQL. There is one description, the migrations in
``storage.schema``: they are run on an empty database in memory, and what that has then is made
here. A step from one version to the next is the difference between the two.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

from ..schema import MIGRATIONS, SCHEMA_VERSION

FIRST: Final = 19  # the schema of the first Telewarden that had one in PostgreSQL
VERSIONS: Final = "telewarden_schema"
HIGHEST: Final = "highest_ids"
TYPES: Final = {
    "INTEGER": "bigint",
    "REAL": "double precision",
    "TEXT": 'text collate "C"',  # compared and ordered by its bytes, as in SQLite
    "BLOB": "bytea",
}
NUMBERED: Final = frozenset(
    {"user_sessions", "outbox", "accounts", "floods", "entities", "ring_messages"}
    | {"alert_news", "webhook_events"}
)
"""Tables whose rows statements call by ``rowid``, which SQLite gives each row by itself."""
DATA_STEPS: Final[dict[int, tuple[str, ...]]] = {}
"""What a step does to the rows that are there, beside what it does to tables, by its number."""

VERSION_TABLE: Final = (
    f"create table {VERSIONS} (one integer primary key default 1 check (one = 1),"
    " application bigint not null, version bigint not null)"
)
HIGHEST_TABLE: Final = (
    f"create table {HIGHEST} (name text primary key, seq bigint not null);"
    " create function note_highest_id() returns trigger language plpgsql as $$ begin"
    f" insert into {HIGHEST} (name, seq) select TG_TABLE_NAME, max(id) from fresh"
    " having max(id) is not null on conflict (name) do update"
    f" set seq = greatest({HIGHEST}.seq, excluded.seq); return null; end $$"
)


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
        indexes = {name: _index(sql) for kind, name, sql in known if kind == "index"}
    finally:
        conn.close()
    return Description(tables, indexes)


def migrate(conn: sqlite3.Connection, version: int = SCHEMA_VERSION) -> None:
    """Take an empty SQLite database to a version; the caller sees to transactions."""
    database = Database(conn, execute_plugins=False)
    for step in MIGRATIONS[:version]:
        step(database)


def creation(version: int = SCHEMA_VERSION) -> Iterator[str]:
    """The statements that make an empty schema of a version."""
    yield VERSION_TABLE
    yield HIGHEST_TABLE
    yield from between(Description({}, {}), described(version))


def between(old: Description, new: Description) -> Iterator[str]:
    """The statements that make one of another, newer one."""
    for name in old.indexes.keys() - new.indexes.keys():
        yield f'drop index "{name}"'
    for name in old.tables.keys() - new.tables.keys():
        yield f"drop table {name}"
    for name, table in new.tables.items():
        if name not in old.tables:
            yield from _made(table)
            continue
        before = {one.name for one in old.tables[name].columns}
        for column in table.columns:
            if column.name not in before:
                yield f"alter table {name} add column {_column(table, column)}"
    for name, sql in new.indexes.items():
        if name not in old.indexes:
            yield sql


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


def _index(sql: str) -> str:
    text = re.sub(r"\[(\w+)\]", r'"\1"', " ".join(sql.split()))
    # SQLite's indexes end in the rowid by themselves, and this one is read on from a row.
    return text.replace("outbox (ended_at)", "outbox (ended_at, rowid)")


def _made(table: Table) -> Iterator[str]:
    parts = [_column(table, one) for one in table.columns]
    if table.numbered:
        parts.append("rowid bigint generated by default as identity unique")
    parts.append(f"primary key ({', '.join(table.key)})")
    yield f"create table {table.name} ({', '.join([*parts, *table.references])})"
    if table.remembers_ids:
        yield (
            f"create trigger {table.name}_highest after insert on {table.name}"
            " referencing new table as fresh for each statement"
            " execute function note_highest_id()"
        )


def _column(table: Table, column: Column) -> str:
    text = f"{column.name} {TYPES[column.kind]}"
    if column.name == table.own_id:
        return f"{text} generated by default as identity"
    return f"{text} not null" if column.required or column.key else text
