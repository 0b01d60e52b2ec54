"""The connection port in PostgreSQL.

Owns one connection: what is sent in which words, transactions, and coming back after it was lost.
Values are put into the statement here (``ClientCursor``), so that their types are told by what they
are, and nothing is kept in the server's session: a pooler may give each transaction another one.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.string import TextLoader

from ...errors import StorageError
from ..connection_port import Params
from ..database_url import DatabaseUrl
from ..error_mapping import BUSY_TIMEOUT
from .error_mapping import READ_ONLY, ReadOnlyConnectionError, lost, map_postgres_error
from .schema import VERSIONS
from .translation import MARK, translated, with_nul

CONNECT_TIMEOUT: Final = 5  # seconds for each address; libpq takes no fraction
# A peer that is gone without a word is noticed within half a minute, and not in two hours.
KEEPALIVES: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
# A server that does not answer costs five seconds a try, and many may ask one after the other.
NOT_AGAIN_FOR: Final = 0.25  # seconds
TOGETHER: Final = 200  # statements in one message: a round trip costs as much as ten of them
WRITER: Final = 0x5457_4457  # the lock of a transaction that may write: one at a time, as in SQLite
ASK_EVERY: Final = 0.2  # seconds between two tries to learn what became of a commit
ASK_FOR: Final = 10.0  # seconds; as long as who waits for a write is patient
READING: Final = ("select", "with", "savepoint", "release", "rollback")
CHANGING: Final = ("INSERT", "UPDATE", "DELETE")
OFF: Final = "off"


class _Text(TextLoader):
    """Texts as they were given, NUL included."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()
        return with_nul(text) if MARK in text else text


class PostgresConnection:
    """A connection in autocommit mode, made anew where it was lost and no transaction is open.

    Args:
        url: where the database is.
        read_only: refuse what writes.
        pause: waits some seconds; between two tries to learn what became of a commit.
        clock: seconds.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        read_only: bool = False,
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._read_only = url, read_only
        self._pause, self._clock = pause, clock
        self._raw: psycopg.Connection[Any] | None = None
        self._changes = self._stored_changes = 0
        self._closed = self._durable = False
        self._not_before, self._why = 0.0, ""
        self.lock_timeout = BUSY_TIMEOUT  # seconds to wait for another writer

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What psycopg raises."""
        return (psycopg.Error,)

    @property
    def in_transaction(self) -> bool:
        """Whether one is open that can still be stored: an error undoes all of it here."""
        return self._status() is pq.TransactionStatus.INTRANS

    @property
    def changes(self) -> int:
        """How many rows have been changed so far."""
        return self._changes

    def mapped(self, exc: Exception) -> StorageError:
        """The Telewarden error that one of psycopg's means."""
        error = map_postgres_error(exc, self._url)
        if lost(exc) or (getattr(exc, "sqlstate", None) == READ_ONLY and not self._read_only):
            self._drop()  # also a server that only reads by now: another one may write
        return error

    def execute(self, sql: str, params: Params = (), /) -> psycopg.Cursor[Any]:
        """Run one statement, in SQLite's words."""
        if self._read_only and not sql.lstrip().lower().startswith(READING):
            raise ReadOnlyConnectionError("it is open for reading only")
        query = translated(sql)
        done = self._ready().execute(_ours(query.text), query.bound(params))
        self._count(done)
        return done

    def executemany(self, sql: str, rows: Sequence[Params], /) -> None:
        """Run one statement for each row, many in one message."""
        if self._read_only:
            raise ReadOnlyConnectionError("it is open for reading only")
        query, raw = translated(sql), self._ready()
        with psycopg.ClientCursor(raw) as cursor:
            for start in range(0, len(rows), TOGETHER):
                texts = [
                    cursor.mogrify(_ours(query.text), query.bound(row))
                    for row in rows[start : start + TOGETHER]
                ]
                cursor.execute(_ours(";".join(texts)))
                self._count(cursor)
                while cursor.nextset():
                    self._count(cursor)

    def execute_script(self, text: str) -> None:
        """Run statements in PostgreSQL's own words."""
        self._ready().execute(_ours(text))

    def begin(self) -> None:
        """Begin, and let no other writer in until the end; who only reads hinders nobody."""
        words = "begin isolation level repeatable read read only"  # all as of one moment
        if not self._read_only:
            limit = int(self.lock_timeout * 1000)
            words = f"begin; set local lock_timeout = {limit}; {_ONE_AT_A_TIME}"
        try:
            self._ready().execute(_ours(words))
        except BaseException:  # also Ctrl-C: what was begun is undone, and the error goes on
            self.undo(None)
            raise
        self._stored_changes = self._changes

    def commit(self) -> None:
        """Store the transaction; where the connection is lost over it, find out what became of it.

        Raises:
            psycopg.Error: nothing of it is stored, or that could not be learnt in time.
        """
        raw = self._ready()
        number = None
        if self._changes != self._stored_changes:
            row = raw.execute("select pg_current_xact_id_if_assigned()::text").fetchone()
            number = None if row is None else row[0]
        try:
            raw.execute("commit")
        except psycopg.Error as exc:
            if number is None or not lost(exc) or not self._was_stored(number):
                raise

    def undo(self, savepoint: str | None) -> None:
        """Undo all, or what followed a savepoint."""
        raw = self._raw
        if raw is None or self._status() is pq.TransactionStatus.IDLE:
            return
        # The error on its way out is the one to hear of, not one met while undoing.
        with contextlib.suppress(psycopg.Error):
            if savepoint is None:
                raw.execute("rollback")
            else:
                raw.execute(_ours(f"rollback to {savepoint}; release {savepoint}"))

    def touch(self) -> None:
        """Write the version that is there."""
        self.execute(f"update {VERSIONS} set version = version")

    def sync(self) -> bool:
        """Commit once with the log on the disk, where the server does not do so each time."""
        try:
            self.checkpoint()
        except psycopg.Error:
            return False
        return True

    def checkpoint(self) -> None:
        """Bring the log of all that was committed onto the disk."""
        raw = self._ready()
        if self._durable or self._read_only:
            return
        raw.execute(_ours(_SYNC))

    def count_on(self, table: str, column: str) -> None:
        """Set the column's sequence."""
        highest = f"select max({column}) from {table}"
        sequence = "pg_get_serial_sequence(%s, %s)"
        self._ready().execute(
            _ours(f"select setval({sequence}, coalesce(({highest}), 1), ({highest}) is not null)"),
            (table, column),
        )

    def damage(self) -> str | None:
        """Nothing is known: the server looks after its pages, and says so when one is read."""
        return None

    def size(self) -> tuple[int, int | None]:
        """Of the tables of this schema, with their indexes."""
        row = self._ready().execute(_ours(_SIZE)).fetchone()
        return 0 if row is None else int(row[0]), None

    def wipe(self) -> bool:
        """Nothing: what becomes of old pages and of the log is the server's to say."""
        return True

    def has_table(self, name: str) -> bool:
        """Whether there is a table of that name in the schema that is looked into first."""
        row = self._ready().execute("select to_regclass(%s)", (name,)).fetchone()
        return row is not None and row[0] is not None

    def close(self) -> None:
        """Close it for good."""
        self._closed = True
        self._drop()

    def _status(self) -> pq.TransactionStatus:
        if self._raw is None or self._raw.closed:
            return pq.TransactionStatus.IDLE
        return self._raw.info.transaction_status

    def _ready(self) -> psycopg.Connection[Any]:
        if self._raw is not None and not self._raw.closed:
            return self._raw
        if self._closed:
            raise psycopg.InterfaceError("it has been closed")
        self._raw = raw = self._connected()
        raw.adapters.register_loader("text", _Text)
        row = raw.execute("show synchronous_commit").fetchone()
        self._durable = row is not None and row[0] != OFF
        return raw

    def _connected(self) -> psycopg.Connection[Any]:
        if self._clock() < self._not_before:
            raise psycopg.OperationalError(self._why)
        try:
            return psycopg.connect(
                self._url.conninfo,
                autocommit=True,
                cursor_factory=psycopg.ClientCursor,
                prepare_threshold=None,
                **self._defaults(),
            )
        except psycopg.OperationalError as exc:
            self._not_before, self._why = self._clock() + NOT_AGAIN_FOR, str(exc)
            raise

    def _defaults(self) -> dict[str, Any]:
        given = conninfo_to_dict(self._url.conninfo)
        wanted: dict[str, Any] = {
            "client_encoding": "utf8",
            "application_name": "telewarden",
            "connect_timeout": CONNECT_TIMEOUT,
            **KEEPALIVES,
        }
        if self._url.password is not None:
            wanted["password"] = self._url.password
        if not self._read_only:
            wanted["target_session_attrs"] = "read-write"  # of several hosts, the one that may
        return {name: value for name, value in wanted.items() if name not in given}

    def _drop(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            with contextlib.suppress(psycopg.Error):
                raw.close()

    def _count(self, done: psycopg.Cursor[Any]) -> None:
        if done.statusmessage is not None and done.statusmessage.startswith(CHANGING):
            self._changes += max(done.rowcount, 0)

    def _was_stored(self, number: str) -> bool:
        """Ask the server what became of a transaction, as soon as it can be asked."""
        until = self._clock() + ASK_FOR
        self._drop()
        while True:
            with contextlib.suppress(psycopg.Error):
                asked = self._ready().execute("select pg_xact_status(%s::xid8)", (number,))
                row = asked.fetchone()
                if row is None or row[0] != "in progress":
                    return row is not None and row[0] == "committed"
            if self._clock() >= until:
                return False
            self._pause(ASK_EVERY)


def _ours(text: str) -> bytes:
    """A statement that is put together here, of words of ours; psycopg takes a text for foreign."""
    return text.encode()


_SYNC: Final = (
    f"begin; set local synchronous_commit = on; update {VERSIONS} set version = version; commit"
)
_SIZE: Final = (
    "select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class"
    " where relkind = 'r' and relnamespace = current_schema()::regnamespace"
)
_ONE_AT_A_TIME: Final = f"select pg_advisory_xact_lock({WRITER}, hashtext(current_schema()))"
