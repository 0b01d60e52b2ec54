"""Data access for entities, update states, flood waits and login codes of a session.

Owns ``entities``, ``update_states``, ``floods`` and ``login_codes``. Deadlines only move on: a
restart or a shorter answer never lets a call go early.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..records import Entity, FloodRow, UpdateState
from .connection import TableAccess, placeholders
from .row_mapping import RowMapping

ANY_CHAT: Final = 0  # a key column cannot be null, and no chat has this id
ENTITIES: Final = RowMapping(Entity, "entities")
UPDATE_STATES: Final = RowMapping(UpdateState, "update_states")
FLOODS: Final = RowMapping(
    FloodRow, "floods", decode={"chat": lambda chat: None if chat == ANY_CHAT else chat}
)
ENTITIES_KEPT: Final = 5_000  # a session; about 1 MB once a client has read them


class TelegramRows(TableAccess):
    """Entities, update states, flood deadlines and login codes spent."""

    def put_entities(self, name: str, entities: Iterable[Entity]) -> None:
        """Store what a session needs to address chats and users; the latest answer stays."""
        self._run_many(
            "insert into entities (session, id, access_hash, username, seen)"
            " values (?, ?, ?, ?, ?) on conflict (session, id) do update set"
            " access_hash = excluded.access_hash,"
            " username = coalesce(excluded.username, entities.username),"
            " seen = max(excluded.seen, entities.seen)",
            [(name, *ENTITIES.to_row(one)) for one in entities],
        )

    def entities(self, name: str, limit: int = ENTITIES_KEPT) -> list[Entity]:
        """Return a session's entities, those seen last first."""
        rows = self._all(
            ENTITIES.select + " where session = ? order by seen desc, id limit ?",
            (name, limit),
        )
        return [ENTITIES.from_row(row) for row in rows]

    def put_update_states(self, name: str, states: Iterable[UpdateState]) -> None:
        """Store how far a session has heard; the latest answer stays."""
        self._run_many(
            "insert into update_states (session, entity_id, pts, qts, date, seq)"
            " values (?, ?, ?, ?, ?, ?) on conflict (session, entity_id) do update set"
            " pts = excluded.pts, qts = excluded.qts, date = excluded.date, seq = excluded.seq",
            [(name, *UPDATE_STATES.to_row(one)) for one in states],
        )

    def update_states(self, name: str) -> list[UpdateState]:
        """Return how far a session has heard, the account (0) among its channels."""
        rows = self._all(UPDATE_STATES.select + " where session = ? order by entity_id", (name,))
        return [UPDATE_STATES.from_row(row) for row in rows]

    def drop_update_state(self, name: str, entity_id: int) -> None:
        """Forget how far a session has heard in one channel, so that it starts anew there."""
        self._run(
            "delete from update_states where session = ? and entity_id = ?", (name, entity_id)
        )

    def put_flood(
        self, account: str, method: str, chat: int | None, until: float, seconds: float
    ) -> None:
        """Store until when a call must wait; a deadline already later than this one stays."""
        self._run(
            "insert into floods (account, method, chat, until, seconds) values (?, ?, ?, ?, ?)"
            " on conflict (account, method, chat) do update set"
            " until = excluded.until, seconds = excluded.seconds"
            " where excluded.until > floods.until",
            (account, method, ANY_CHAT if chat is None else chat, until, seconds),
        )

    def floods(self, *accounts: str) -> list[FloodRow]:
        """Return the deadlines of these accounts, or of all, the nearest first."""
        wanted = f" where account in ({placeholders(accounts)})" if accounts else ""
        rows = self._all(f"{FLOODS.select}{wanted} order by until, account, method, chat", accounts)
        return [FLOODS.from_row(row) for row in rows]

    def clear_expired(self, now: float, *, limit: int = 10_000) -> int:
        """Forget the deadlines that have passed, at most ``limit``; return how many."""
        done = self._run(
            "delete from floods where rowid in"
            " (select rowid from floods where until <= ? order by until limit ?)",
            (now, limit),
        )
        return done.rowcount

    def record_login_code(self, phone: str, at: float) -> None:
        """Note that a login code was asked for, which Telegram rations by phone and day."""
        self._run("insert into login_codes (phone, at) values (?, ?)", (phone, at))

    def login_codes(self, phone: str, since: float) -> list[float]:
        """Return when login codes were asked for since ``since``, oldest first."""
        rows = self._all(
            "select at from login_codes where phone = ? and at >= ? order by at", (phone, since)
        )
        return [row[0] for row in rows]
