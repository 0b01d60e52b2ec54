"""Data access for the crash history and the audit trail.

Owns ``crashes`` and ``audit``. Callers give text without secrets; nothing is cleaned here.
"""

from __future__ import annotations

from ..records import AuditRow, CrashRow
from .connection import TableAccess, from_json, to_json


class HistoryRows(TableAccess):
    """The crash history, which outlives the process, and the audit trail."""

    def record_crash(self, path: str, reason: str, at: float) -> None:
        """Note that the child at ``path`` of the tree failed."""
        self._run("insert into crashes (path, reason, at) values (?, ?, ?)", (path, reason, at))

    def crashes(self, path: str | None = None, since: float = 0.0) -> list[CrashRow]:
        """Return the failures of one child, or of all, since ``since``, oldest first."""
        rows = self._all(
            "select path, reason, at from crashes where (? is null or path = ?) and at >= ?"
            " order by at, id",
            (path, path, since),
        )
        return [CrashRow(path=row[0], reason=row[1], at=row[2]) for row in rows]

    def audit(
        self,
        who: str,
        what: str,
        subject: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
        *,
        at: float,
    ) -> None:
        """Note a change: ``before`` and ``after`` are anything that JSON can hold."""
        self._run(
            "insert into audit (who, what, subject, before, after, outcome, at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (who, what, subject, to_json(before), to_json(after), outcome, at),
        )

    def audit_rows(self, *, since: float = 0.0, limit: int = 1_000) -> list[AuditRow]:
        """Return the latest changes since ``since``, newest first."""
        rows = self._all(
            "select who, what, subject, before, after, outcome, at from audit"
            " where at >= ? order by id desc limit ?",
            (since, limit),
        )
        return [
            AuditRow(
                who=row[0],
                what=row[1],
                subject=row[2],
                before=from_json(row[3]),
                after=from_json(row[4]),
                outcome=row[5],
                at=row[6],
            )
            for row in rows
        ]
