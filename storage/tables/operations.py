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

from ..records import AuditRow, OperationRecord, SessionRecord
from .accounts import AccountRows
from .connection import from_json, to_json

T = TypeVar("T")

OPERATIONS: Final = (
    "select id, kind, session, state, step, steps, description, parts, error, who,"
    " started, updated, ended from operations order by id"
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
NOTE_MIXED: Final = (
    "insert into audit (who, what, subject, before, after, outcome, at)"
    " select json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
    " json_extract(value, '$[4]'), json_extract(value, '$[5]'),"
    " json_extract(value, '$[6]') from json_each(?) order by key"
)
FEW_RUNS: Final = 4  # a statement costs as much as saying the head of twenty rows


class OperationRows(AccountRows):
    """Operations, run-time registrations and the audit trail, as the registry uses them."""

    def declare_sessions(self, records: Iterable[SessionRecord]) -> None:
        """Store what many records declare, as ``put_session`` does for one."""
        declared = tuple(records)
        with self.transaction():
            self._declare_all(declared)
            for record in declared:
                if record.user_id is not None:
                    self._bind_account(record.name, record.user_id)

    def _declare_all(self, records: Iterable[SessionRecord]) -> None:
        self._run(
            "insert into user_sessions"
            " (name, phone, priority, max_pairs, metadata, user_id, created, updated)"
            " select json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
            " json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
            " json_extract(value, '$[4]'), json_extract(value, '$[5]'),"
            " json_extract(value, '$[6]'), json_extract(value, '$[7]')"
            " from json_each(?) where true on conflict (name) do update set"
            " phone = excluded.phone, priority = excluded.priority,"
            " max_pairs = excluded.max_pairs, metadata = excluded.metadata,"
            " user_id = coalesce(excluded.user_id, user_id), updated = excluded.updated",
            (json.dumps([_session(record) for record in records]),),
        )

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
            "insert or ignore into registrations (name) select value from json_each(?)",
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

    def put_operations(self, records: Iterable[OperationRecord]) -> None:
        """Store many operations as they are now."""
        self._run(
            "insert or replace into operations (id, kind, session, state, step, steps,"
            " description, parts, error, who, started, updated, ended)"
            " select json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
            " json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
            " json_extract(value, '$[4]'), json_extract(value, '$[5]'),"
            " json_extract(value, '$[6]'), json_extract(value, '$[7]'),"
            " json_extract(value, '$[8]'), json_extract(value, '$[9]'),"
            " json_extract(value, '$[10]'), json_extract(value, '$[11]'),"
            " json_extract(value, '$[12]') from json_each(?)",
            (_as_json([_operation(record) for record in records]),),
        )

    def delete_operations(self, ids: Iterable[int]) -> None:
        """Forget operations."""
        self._run(
            "delete from operations where id in (select value from json_each(?))",
            (json.dumps(list(ids)),),
        )

    def operations(self) -> list[OperationRecord]:
        """Return all operations, oldest first."""
        return [_read_operation(row) for row in self._all(OPERATIONS)]

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
        limit: int = 100,
    ) -> tuple[list[AuditRow], int]:
        """Look into the rows next below a number, however few of them match.

        Returns those that match, newest first, and the number to go on below; 0 at the end.
        """
        least = below - AUDIT_PAGE
        rows = self._all(
            "select who, what, subject, before, after, outcome, at from audit"
            " where id < ? and id >= ? and at >= ? and (? is null or who = ?)"
            " and (? is null or what = ?) and (? is null or subject = ?)"
            " order by id desc limit ?",
            (below, least, since, who, who, what, what, subject, subject, limit),
        )
        ((older,),) = self._all("select max(id) from audit where id < ?", (least,))
        return [_read_audit(row) for row in rows], 0 if older is None else int(older) + 1


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


def _session(record: SessionRecord) -> Sequence[object]:
    return (
        record.name,
        record.phone,
        record.priority,
        record.max_pairs,
        to_json(dict(record.metadata)) if record.metadata else "{}",
        record.user_id,
        record.created,
        record.updated,
    )


def _operation(record: OperationRecord) -> Sequence[object]:
    return (
        record.id,
        record.kind,
        record.session,
        record.state,
        record.step,
        record.steps,
        record.description,
        to_json(list(record.parts)),
        record.error,
        record.who,
        record.started,
        record.updated,
        record.ended,
    )


def _read_operation(row: tuple[Any, ...]) -> OperationRecord:
    parts = from_json(row[7])
    return OperationRecord(
        id=row[0],
        kind=row[1],
        session=row[2],
        state=row[3],
        step=row[4],
        steps=row[5],
        description=row[6],
        parts=tuple((number, text) for number, text in parts) if isinstance(parts, list) else (),
        error=row[8],
        who=row[9],
        started=row[10],
        updated=row[11],
        ended=row[12],
    )


def _read_audit(row: tuple[Any, ...]) -> AuditRow:
    return AuditRow(
        who=row[0],
        what=row[1],
        subject=row[2],
        before=from_json(row[3]),
        after=from_json(row[4]),
        outcome=row[5],
        at=row[6],
    )
