"""Data access for the crash history and the audit trail.

Owns ``crashes`` and ``audit``. Callers give text without secrets; nothing is cleaned here.
"""

from __future__ import annotations

from typing import Final

from ..records import AuditRow, CrashRow
from .connection import TableAccess, from_json, to_json
from .row_mapping import RowMapping

CRASHES: Final = RowMapping(CrashRow, "crashes")
AUDIT: Final = RowMapping(
    AuditRow,
    "audit",
    encode={"before": to_json, "after": to_json},
    decode={"before": from_json, "after": from_json},
)


class HistoryRows(TableAccess):
    """The crash history, which outlives the process, and the audit trail."""

    def record_crash(self, path: str, reason: str, at: float) -> None:
        """Note that the child at ``path`` of the tree failed."""
        self._run(CRASHES.insert(), (path, reason, at))

    def crashes(self, path: str | None = None, since: float = 0.0) -> list[CrashRow]:
        """Return the failures of one child, or of all, since ``since``, oldest first."""
        rows = self._all(
            CRASHES.select + " where (? is null or path = ?) and at >= ? order by at, id",
            (path, path, since),
        )
        return [CRASHES.from_row(row) for row in rows]

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
        row = AuditRow(
            who=who, what=what, subject=subject, before=before, after=after, outcome=outcome, at=at
        )
        self._run(AUDIT.insert(), AUDIT.to_row(row))

    def audit_rows(self, *, since: float = 0.0, limit: int = 1_000) -> list[AuditRow]:
        """Return the latest changes since ``since``, newest first."""
        rows = self._all(AUDIT.select + " where at >= ? order by id desc limit ?", (since, limit))
        return [AUDIT.from_row(row) for row in rows]
