"""Copying between PostgreSQL and SQLite, row by row; what is sealed is copied as it is.

Owns in which order tables go, and what a row's number is on the other side.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from ..schema import APPLICATION_ID, SCHEMA_VERSION
from .schema import HIGHEST, Table, described, migrate

PIECE: Final = 1_000  # rows at a time


def copy_to_sqlite(source: psycopg.Connection[Any], target: sqlite3.Connection) -> None:
    """Fill an empty SQLite database with all that is in the other, as of one moment."""
    target.execute(f"pragma application_id = {APPLICATION_ID}")
    target.execute("begin")
    migrate(target)
    source.execute("begin isolation level repeatable read read only")
    try:
        for table in described().tables.values():
            for rows in _pieces(source, table):
                target.executemany(_insert(table), rows)
        for name, seq in source.execute(f"select name, seq from {HIGHEST}").fetchall():
            target.execute("delete from sqlite_sequence where name = ?", (name,))
            target.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (name, seq))
    finally:
        source.execute("rollback")
    target.execute(f"pragma user_version = {SCHEMA_VERSION}")
    target.execute("commit")


def columns_of(table: Table) -> list[str]:
    """The columns that are copied: all, and the row's number where others ask by it."""
    return [*(one.name for one in table.columns), *(["rowid"] if table.numbered else [])]


def _insert(table: Table) -> str:
    names = columns_of(table)
    return f"insert into {table.name} ({', '.join(names)}) values ({', '.join('?' * len(names))})"


def _pieces(source: psycopg.Connection[Any], table: Table) -> Iterator[list[tuple[Any, ...]]]:
    order = "rowid" if table.numbered else ", ".join(table.key)
    wanted = f"select {', '.join(columns_of(table))} from {table.name} order by {order}"
    source.execute(f"declare rows no scroll cursor for {wanted}".encode())
    while rows := source.execute(f"fetch {PIECE} from rows".encode()).fetchall():
        yield rows
    source.execute("close rows")
