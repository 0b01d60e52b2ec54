"""Copying of a whole store into another, be it a file or on a server, compared row by row.

Owns the order in which rows are read. What is sealed is copied as it is, with the wrapped data
keys: the copy opens with the same master key.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from ..errors import StorageFailedError
from .schema_description import Table, described
from .tables.connection import TableAccess, placeholders

PIECE: Final = 1_000  # rows at a time
SEQUENCES: Final = "sqlite_sequence"


class CopyingRows(TableAccess):
    """All rows, whatever they are."""

    def replace_all(self, source: CopyingRows) -> int:
        """Put all that is in ``source`` in the place of all that is here; returns how many rows.

        In one transaction, at whose end both are read again and compared. Sealed values open here
        only when the store is opened anew: their keys are those of the source.

        Raises:
            StorageFailedError: a row is not the same; nothing has changed.
        """
        copied = 0
        tables = tuple(described().tables.values())
        with source.transaction(), self.transaction():
            for table in reversed(tables):
                self._run(f"delete from {table.name}")
            for table in tables:
                copied += self._take_over(table, source)
            self._take_over_ids(source)
            for table in tables:
                self._compare(table, source)
            self._wipe_when_stored()
        return copied

    def _take_over(self, table: Table, source: CopyingRows) -> int:
        names, copied = _columns(table), 0
        store = f"insert into {table.name} ({', '.join(names)}) values ({placeholders(names)})"
        for rows in source._pieces(table):
            self._run_many(store, rows)
            copied += len(rows)
        for column in _counted(table):
            with self._mapped():
                self._conn.count_on(table.name, column)
        return copied

    def _take_over_ids(self, source: CopyingRows) -> None:
        """The highest ids that were ever given, where they are remembered."""
        known = [table.name for table in described().tables.values() if table.remembers_ids]
        for name in known:
            self._run(f"delete from {SEQUENCES} where name = ?", (name,))
            for (seq,) in source._all(f"select seq from {SEQUENCES} where name = ?", (name,)):
                self._run(f"insert into {SEQUENCES} (name, seq) values (?, ?)", (name, seq))

    def _compare(self, table: Table, source: CopyingRows) -> None:
        for mine, theirs in zip_longest(self._pieces(table), source._pieces(table)):
            if mine != theirs:
                raise StorageFailedError(
                    self._place, f"table {table.name} is not what it is in {source._place}"
                )

    def _pieces(self, table: Table) -> Iterator[list[tuple[Any, ...]]]:
        """All rows of a table, by their key."""
        key, names = ", ".join(table.key), _columns(table)
        wanted, behind = f"select {', '.join(names)} from {table.name}", ""
        places = [names.index(one) for one in table.key]
        last: list[Any] = []
        while rows := self._all(f"{wanted}{behind} order by {key} limit {PIECE}", last):
            yield rows
            behind = f" where ({key}) > ({placeholders(places)})"
            last = [rows[-1][place] for place in places]


def _columns(table: Table) -> list[str]:
    """All columns, and the row's number where others ask by it."""
    return [*(one.name for one in table.columns), *(["rowid"] if table.numbered else [])]


def _counted(table: Table) -> list[str]:
    """Columns that count on by themselves."""
    own = [table.own_id] if table.own_id else []
    return [*own, *(["rowid"] if table.numbered else [])]
