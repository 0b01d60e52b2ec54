"""Bulk writes of the registry: sessions, operations and audit rows.

Owns ``operations`` and ``registrations``, and asks ``audit`` questions. A group of changes goes in
as JSON and is taken apart by SQLite: one statement a table, however many rows, because between
two statements a busy thread may keep the interpreter for five milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

from ..records import AuditRow, Operation, OperationState, Part, SessionRecord
from .accounts import AccountRows
from .connection import from_json, to_json
from .history import AUDIT
from .row_mapping import RowMapping

T = TypeVar("T")

OPERATIONS: Final = RowMapping(
    Operation,
    "operations",
    encode={"parts": lambda parts: to_json([(one.number, one.text) for one in parts])},
    decode={"state": OperationState, "parts": lambda stored: _parts(from_json(stored))},
)
PUT_OPERATIONS: Final = OPERATIONS.upsert_many("id")
DECLARED: Final = RowMapping(
    SessionRecord,
    "user_sessions",
    without=("key_id", "dc_id"),
    encode={"metadata": lambda metadata: to_json(dict(metadata))},
)
DECLARE: Final = (
    f"{DECLARED.insert_many()} where true on conflict (name) do update set"
    " phone = excluded.phone, priority = excluded.priority,"
    " max_pairs = excluded.max_pairs, metadata = excluded.metadata,"
    " user_id = coalesce(excluded.user_id, user_sessions.user_id), updated = excluded.updated"
)
CHANGE: Final = {
    column: f"update user_sessions set {column} = wanted.value, updated = ?"  # noqa: S608 - of ours
    " from json_each(?) as wanted where name = wanted.key"
    for column in ("phone", "priority", "max_pairs", "metadata")
}
AUDIT_PAGE: Final = 5_000  # rows that are looked into at once: 0.05 s, if all of them match
HEAD: Final = itemgetter(0, 1, 5, 6)
"""Of an audit row: who, what, outcome, at."""
NOTE_RUN: Final = (
    "insert into audit (who, what, outcome, at, subject, before, after)"
    " select ?, ?, ?, ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]') from json_each(?) order by key"
)
NOTE_MIXED: Final = f"{AUDIT.insert_many()} order by key"
FEW_RUNS: Final = 4  # a statement costs as much as saying the head of twenty rows


class OperationRows(AccountRows):
    """Operations, run-time registrations and the audit trail, as the registry uses them."""

    def declare_sessions(self, records: Iterable[SessionRecord]) -> None:
        """Store what many records declare, as ``put_session`` does for one."""
        declared = tuple({one.name: one for one in records}.values())
        with self.transaction():
            self._run(DECLARE, (json.dumps([DECLARED.to_row(one) for one in declared]),))
            for record in declared:
                if record.user_id is not None:
                    self._bind_account(record.name, record.user_id)

    def change_sessions(
        self, columns: Mapping[str, Mapping[str, object]], *, updated: float
    ) -> None:
        """Store what has changed of many sessions, and nothing else of them.

        A statement for each column, with JSON of names and values, costs half of what writing the
        records anew does.

        Args:
            columns: ``phone``, ``priority``, ``max_pairs`` or ``metadata``, each with the new
                values by session; who is not there is passed over.
        """
        for column, values in columns.items():
            told = _metadata(values) if column == "metadata" else values
            self._run(CHANGE[column], (updated, json.dumps(told)))

    def put_registrations(self, names: Iterable[str]) -> None:
        """Note that these sessions were registered at run time, so that every start has them."""
        self._run(
            "insert into registrations (name) select value from json_each(?) where true"
            " on conflict (name) do nothing",
            (json.dumps(list(names)),),
        )

    def delete_registrations(self, names: Iterable[str]) -> None:
        """Forget that these sessions were registered at run time."""
        self._run(
            "delete from registrations where name in (select value from json_each(?))",
            (json.dumps(list(names)),),
        )

    def registrations(self) -> set[str]:
        """Return the names of the sessions that were registered at run time."""
        return {name for (name,) in self._all("select name from registrations")}

    def put_operations(self, records: Iterable[Operation]) -> None:
        """Store many operations as they are now."""
        last = {record.id: record for record in records}  # a statement writes a row once
        rows = [OPERATIONS.to_row(record) for record in last.values()]
        self._run(PUT_OPERATIONS, (_as_json(rows),))

    def delete_operations(self, ids: Iterable[int]) -> None:
        """Forget operations."""
        self._run(
            "delete from operations where id in (select value from json_each(?))",
            (json.dumps(list(ids)),),
        )

    def operations(self) -> list[Operation]:
        """Return all operations, oldest first."""
        rows = self._all(OPERATIONS.select + " order by id")
        return [OPERATIONS.from_row(row) for row in rows]

    def last_operation_id(self) -> int:
        """Return the highest id ever given, whether its operation is still stored or not."""
        row = self._one("select seq from sqlite_sequence where name = 'operations'")
        return 0 if row is None else int(row[0])

    def audit_many(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Note many changes at once, in order.

        Args:
            rows: who, what, subject, before, after, outcome, at; before and after are mappings,
                lists or ``None``. Tuples, not ``AuditRow``s: there is one for each change.
        """
        runs = [(head, [row[2:5] for row in run]) for head, run in groupby(rows, HEAD)]
        if len(runs) > FEW_RUNS:
            self._run(NOTE_MIXED, (_as_json(rows),))
            return
        for head, run in runs:  # what a group of changes has in common is said once
            self._run(NOTE_RUN, (*map(_readable, head), _as_json(run)))

    def audit_trail(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: float = 0.0,
        limit: int = 100,
    ) -> list[AuditRow]:
        """Return the newest changes that match, newest first; ``None`` matches everything."""
        found: list[AuditRow] = []
        below = self.audit_end()
        while below and len(found) < limit:
            page, below = self.audit_page(
                below, who=who, what=what, subject=subject, since=since, limit=limit - len(found)
            )
            found += page
        return found

    def audit_end(self) -> int:
        """Return the number above that of the newest row; 0 if there is none."""
        ((newest,),) = self._all("select max(id) from audit")
        return 0 if newest is None else int(newest) + 1

    def audit_page(
        self,
        below: int,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: float = 0.0,
        before: float | None = None,
        limit: int = 100,
    ) -> tuple[list[AuditRow], int]:
        """Look into the rows next below a number, however few of them match.

        Returns those that match, newest first, and the number to go on below; 0 at the end.
        """
        least = below - AUDIT_PAGE
        rows = self._all(
            AUDIT.select + " where id < ? and id >= ? and at >= ? and (? is null or at < ?)"
            " and (? is null or who = ?) and (? is null or what = ?) and (? is null or subject = ?)"
            " order by id desc limit ?",
            (below, least, since, before, before, who, who, what, what, subject, subject, limit),
        )
        ((older,),) = self._all("select max(id) from audit where id < ?", (least,))
        return [AUDIT.from_row(row) for row in rows], 0 if older is None else int(older) + 1


def _as_json(rows: object) -> str:
    """The rows as JSON that SQLite can hold, which knows no number that is none."""
    try:
        text = json.dumps(rows, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(rows, default=str), parse_constant=str)
        text = json.dumps(plain, ensure_ascii=False)
    return _readable(text)


def _readable(value: T) -> T:
    """The value as SQLite, and whoever reads it with other tools, can hold it.

    A NUL is left out. Half a character, as in a name that came from a terminal's broken bytes,
    becomes a question mark: SQLite would store it, and then no longer be able to read the table.
    """
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "").encode(errors="replace").decode()  # type: ignore[return-value]  # text stays text


def _metadata(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: to_json(dict(value)) for name, value in values.items()}


def _parts(stored: Any) -> tuple[Part, ...]:
    return tuple(Part(number, text) for number, text in stored) if isinstance(stored, list) else ()
