"""Data access for the registered sessions, their declared settings, and verdicts on them.

Owns the declared columns of ``user_sessions``; the sealed ones belong to ``credentials``. Owns
``health_verdicts`` as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from ...errors import InvalidRecordError, PairsAssignedError
from ..records import SessionRecord, VerdictRow
from .connection import from_json, mapping_from_json, signed, to_json, unsigned
from .operations import OperationRows
from .row_mapping import RowMapping

logger = logging.getLogger(__name__)

SESSIONS: Final = RowMapping(
    SessionRecord,
    "user_sessions",
    decode={
        "metadata": mapping_from_json,
        "key_id": lambda stored: None if stored is None else unsigned(stored),
    },
)

VERDICTS: Final = RowMapping(
    VerdictRow,
    "health_verdicts",
    encode={"why": to_json, "steps": to_json},
    decode={"why": from_json, "steps": from_json},  # whoever reads them sees what is damaged
)
PUT_VERDICT: Final = VERDICTS.upsert("session", "worker_group")


class SessionRows(OperationRows):
    """The sessions of one installation."""

    def put_session(self, record: SessionRecord) -> None:
        """Store what ``record`` declares; the credential and the first ``created`` are kept."""
        self.declare_sessions((record,))

    def session(self, name: str) -> SessionRecord | None:
        """Return the session called ``name``, if there is one."""
        row = self._one(SESSIONS.select + " where name = ?", (name,))
        return None if row is None else self._read(row, self._accounts(name))

    def sessions(self) -> list[SessionRecord]:
        """Return all sessions, most urgent first (priority 1), then by name.

        A row that damage made senseless is left out and logged: it must not cost the others.
        """
        found, accounts = [], self._accounts()
        for row in self._all(SESSIONS.select + " order by priority, name"):
            try:
                found.append(self._read(row, accounts))
            except InvalidRecordError as exc:
                logger.error("session row damaged field=%s", exc.field)
        return found

    def key_id_of(self, name: str) -> int | None:
        """Return which key a session's login has, be that login damaged or not."""
        row = self._one("select key_id from user_sessions where name = ?", (name,))
        return None if row is None or row[0] is None else unsigned(row[0])

    def sessions_with_key(self, key_id: int) -> list[str]:
        """Return the names of the sessions whose login has this key: one, or none.

        Two are what damage, or a copied row, has made of it.
        """
        rows = self._all(
            "select name from user_sessions where key_id = ? order by name", (signed(key_id),)
        )
        return [name for (name,) in rows]

    def clear_cache(self, name: str) -> None:
        """Forget what a session has learnt of Telegram, and how far it has heard."""
        with self.transaction():
            self._run("delete from entities where session = ?", (name,))
            self._run("delete from update_states where session = ?", (name,))

    def delete_session(self, name: str) -> bool:
        """Forget a session, what it had heard and its floods; tell whether there was one.

        Its backups, latches and audit rows stay. With pairs it raises ``PairsAssignedError``.
        """
        with self.transaction():
            (pairs,) = self._one("select count(*) from pairs where session = ?", (name,)) or (0,)
            if pairs:
                raise PairsAssignedError(name, pairs)
            self.clear_cache(name)
            self._forget_account(name)
            self._run("delete from floods where account = ?", (name,))
            self._run("delete from future_tokens where session = ?", (name,))
            self._run("delete from health_verdicts where session = ?", (name,))
            return self._run("delete from user_sessions where name = ?", (name,)).rowcount > 0

    def verdicts(self) -> list[VerdictRow]:
        """Return the health monitor's verdicts that stand."""
        order = " order by session, worker_group"
        return [VERDICTS.from_row(row) for row in self._all(VERDICTS.select + order)]

    def keep_verdicts(self, rows: Iterable[VerdictRow], gone: Iterable[tuple[str, str]]) -> None:
        """Keep some verdicts, and forget those on others (session and group)."""
        with self.transaction():
            self._run_many(PUT_VERDICT, [VERDICTS.to_row(row) for row in rows])
            self._run_many(
                "delete from health_verdicts where session = ? and worker_group = ?", list(gone)
            )

    def _shift_verdicts(self, seconds: float) -> None:
        """Let verdicts have stood, and steps be ago, as long as before in another count."""
        moved = (
            replace(
                row,
                since=row.since + seconds,
                steps=[[step, times, at + seconds, *rest] for step, times, at, *rest in row.steps],
            )
            for row in self.verdicts()
        )
        self.keep_verdicts(list(moved), ())

    def _read(self, row: tuple[Any, ...], accounts: dict[str, bytes] | None) -> SessionRecord:
        record = SESSIONS.from_row(row)
        account = self._account(record.name, record.user_id, accounts)
        return record if account == record.user_id else replace(record, user_id=account)
