"""Data access for what metrics show of each session: backups, codes, dead keys, what waits.

One reading statement for all sessions; no row is written here.
"""

from __future__ import annotations

from typing import Final

from ..records import StoredFigures
from .connection import TableAccess, unsigned

FIGURES: Final = (
    "select name, key_id,"
    " (select max(at) from session_backups where name = user_sessions.name),"
    " (select count(*) from login_codes where phone = user_sessions.phone and at >= ?),"
    " key_id in (select key_id from latched_keys),"
    " (select min(enqueued_at) from pairs join outbox on pair_id = pairs.id"
    " where session = user_sessions.name and state = 'pending')"
    " from user_sessions"
)


class FigureRows(TableAccess):
    """Each session in numbers."""

    def figures(self, codes_since: float) -> list[StoredFigures]:
        """Return every session's figures; login codes count from ``codes_since`` on."""
        return [
            StoredFigures(
                name=name,
                key_id=None if key_id is None else unsigned(key_id),
                backed_up=backed_up,
                codes=codes,
                latched=bool(latched),
                waiting_since=waiting_since,
            )
            for name, key_id, backed_up, codes, latched, waiting_since in self._all(
                FIGURES, (codes_since,)
            )
        ]
