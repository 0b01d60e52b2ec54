"""The connection port: what the tables' modules ask of a database, whichever it is.

Owns the protocol alone. Statements are SQL that SQLite and PostgreSQL read alike, but for a few
words of SQLite's that its PostgreSQL counterpart translates; placeholders are ``?`` or ``:name``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import StorageError

Params = Sequence[object] | Mapping[str, object]


class Rows(Protocol):
    """What a statement has brought about."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, as a tuple; ``None`` after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left, as tuples."""
        ...


class Statements(Protocol):
    """What runs statements."""

    def execute(self, sql: str, params: Params = (), /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, sql: str, rows: Sequence[Params], /) -> object:
        """Run one statement for each of many rows."""
        ...


class Connection(Statements, Protocol):
    """One connection to a database; ``mapped`` makes an error of ours of what it raises.

    ``begin``, ``commit`` and ``rollback`` are the outermost transaction's; parts of it are
    savepoints, which are statements.
    """

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What statements raise."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether one is open that can still be stored."""
        ...

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        ...

    def mapped(self, exc: Exception) -> StorageError:
        """The Telewarden error that one of ``errors`` means here."""
        ...

    def begin(self) -> None:
        """Begin a transaction, with the right to write if there is one."""
        ...

    def commit(self) -> None:
        """Store the transaction."""
        ...

    def undo(self, savepoint: str | None) -> None:
        """Undo the transaction, or what followed a savepoint, if that can be; raises nothing."""
        ...

    def touch(self) -> None:
        """Write the smallest thing there is, in a transaction that is open."""
        ...

    def sync(self) -> bool:
        """Let no power cut undo what is committed; tell whether that was done."""
        ...

    def checkpoint(self) -> None:
        """Bring everything committed onto the disk itself, so that it survives a power cut."""
        ...

    def count_on(self, table: str, column: str) -> None:
        """Have a column that counts by itself go on behind its highest value."""
        ...

    def damage(self) -> str | None:
        """What is wrong with what is stored, as far as the database finds out by itself."""
        ...

    def size(self) -> tuple[int, int | None]:
        """How many bytes it takes, and how many of them are free, where that is known."""
        ...

    def wipe(self) -> bool:
        """Leave nothing of what was replaced beside the database; tell whether that was done."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether there is a table of that name."""
        ...

    def close(self) -> None:
        """Close it; a second time does nothing."""
        ...
