"""Row mapping: SQL and rows of a table, made from the fields of the record that it holds.

Owns the lists of columns and the way between a record and its row. What a statement is for, and
what it says beside the columns, is for the table's own module to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from .connection import placeholders

R = TypeVar("R")
Conversion = Callable[[Any], Any]
NONE: Final[Mapping[str, Any]] = {}


class RowMapping(Generic[R]):
    """How one kind of record stands in a table.

    Args:
        record: the dataclass; its fields are the columns, in their order.
        table: the table's name.
        without: fields that are not stored.
        columns: the column of a field that is called otherwise.
        encode: how the value of a field is stored, where it is not stored as it is.
        decode: how the value of a field is read, likewise.
    """

    def __init__(
        self,
        record: Callable[..., R],
        table: str,
        *,
        without: Collection[str] = (),
        columns: Mapping[str, str] = NONE,
        encode: Mapping[str, Conversion] = NONE,
        decode: Mapping[str, Conversion] = NONE,
    ) -> None:
        names = [one.name for one in fields(record) if one.name not in without]  # type: ignore[arg-type]  # a dataclass
        self._record, self._table, self._names = record, table, names
        self._columns = [columns.get(name, name) for name in names]
        self._get = attrgetter(*names)
        self._encode = [(names.index(name), convert) for name, convert in encode.items()]
        self._decode = tuple(decode.items())
        self._list = ", ".join(self._columns)
        self.select: Final = f"select {self._list} from {table}"  # noqa: S608 - names of ours

    def insert(self) -> str:
        """A statement that stores one row."""
        return f"insert into {self._table} ({self._list}) values ({placeholders(self._names)})"  # noqa: S608 - names of ours

    def insert_many(self) -> str:
        """A statement that stores the rows of a JSON list of lists."""
        values = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(self._names)))
        return f"insert into {self._table} ({self._list}) select {values} from json_each(?)"  # noqa: S608 - names of ours

    def upsert(self, *key: str) -> str:
        """A statement that stores one row, in place of the one that has its ``key``."""
        return f"{self.insert()} {self._in_place(key)}"

    def upsert_many(self, *key: str) -> str:
        """A statement that stores the rows of a JSON list, in place of those with their ``key``."""
        return f"{self.insert_many()} where true {self._in_place(key)}"

    def _in_place(self, key: Sequence[str]) -> str:
        changed = ", ".join(f"{one} = excluded.{one}" for one in self._columns if one not in key)
        return f"on conflict ({', '.join(key)}) do update set {changed}"

    def to_row(self, record: R) -> list[Any]:
        """The row that holds a record."""
        row = list(self._get(record))
        for at, convert in self._encode:
            row[at] = convert(row[at])
        return row

    def from_row(self, row: Sequence[Any]) -> R:
        """The record that a row holds; raises what the record raises for senseless values."""
        values = dict(zip(self._names, row, strict=True))
        for name, convert in self._decode:
            values[name] = convert(values[name])
        return self._record(**values)
