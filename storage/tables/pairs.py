"""Data access for pairs and their marks.

Owns ``pairs`` and ``marks``. What a pair's filters mean is for the worker groups to say.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from ...errors import InvalidRecordError, UnknownRecordError
from ..records import Mark, PairRecord
from .connection import TableAccess, mapping_from_json, to_json
from .row_mapping import RowMapping

logger = logging.getLogger(__name__)

CHANNELS: Final = -1_000_000_000_000  # marked ids from here down are channels'
BY_PEOPLE: Final = "paused "  # how a pause's reason begins that somebody has wanted
PAIRS: Final = RowMapping(
    PairRecord,
    "pairs",
    columns={"group": "group_id"},
    encode={"filters": lambda filters: to_json(dict(filters))},
    decode={"filters": mapping_from_json, "enabled": bool},
)
PUT_PAIR: Final = PAIRS.upsert("id")
MARKS: Final = RowMapping(Mark, "marks")


class PairRows(TableAccess):
    """Which chats are forwarded where, by which session."""

    def put_pair(self, record: PairRecord) -> None:
        """Store a pair; raises ``UnknownRecordError`` if its session is not registered."""
        with self.transaction():
            if self._one("select 1 from user_sessions where name = ?", (record.session,)) is None:
                raise UnknownRecordError("session", record.session)
            self._run(PUT_PAIR, PAIRS.to_row(record))

    def pair(self, pair_id: int) -> PairRecord | None:
        """Return one pair, if there is one with this id."""
        row = self._one(PAIRS.select + " where id = ?", (pair_id,))
        return None if row is None else PAIRS.from_row(row)

    def pairs(self, session: str | None = None) -> list[PairRecord]:
        """Return the pairs of one session, or all, by id; a senseless row is logged, not raised."""
        return _sensible(
            self._all(
                PAIRS.select + " where ? is null or session = ? order by id", (session, session)
            )
        )

    def pairs_with(self, pair_ids: Sequence[int]) -> list[PairRecord]:
        """Return these pairs, as far as there are any; a senseless row is logged, not raised."""
        return _sensible(
            self._in_chunks(PAIRS.select + " where id in ({}) order by id", sorted(set(pair_ids)))
        )

    def move_pairs(self, pair_ids: Sequence[int], session: str) -> None:
        """Give pairs to another session, all of them or none; their outbox and marks stay.

        What paused them was the account's trouble, and stays behind, unless people paused them.
        Outside of channels messages have other numbers for each account: which message of a basic
        group became which is forgotten, and a pair that reads from one begins anew.
        """
        with self.transaction():
            for pair_id in pair_ids:
                record = self.pair(pair_id)
                if record is None:
                    raise UnknownRecordError("pair", pair_id)
                if record.session != session:
                    self._changes_hands(record)
            if self._one("select 1 from user_sessions where name = ?", (session,)) is None:
                raise UnknownRecordError("session", session)
            self._run_many(
                "update pairs set session = :session, group_id = null, paused_reason = case"
                " when session = :session or paused_reason like :people || '%'"
                " then paused_reason end where id = :pair",
                [
                    {"session": session, "pair": pair_id, "people": BY_PEOPLE}
                    for pair_id in pair_ids
                ],
            )

    def _changes_hands(self, record: PairRecord) -> None:
        if record.source > CHANNELS:
            self.reset_progress(record.id)
        elif record.target > CHANNELS and record.target:
            self.forget_targets(record.id)
        # What was refused to one account, as another had sent the copy, may be the next one's.
        self._run(
            "update outbox set change = replace(change, ' refused', '')"
            " where pair_id = ? and change in ('edit refused', 'delete refused')",
            (record.id,),
        )

    def delete_pair(self, pair_id: int) -> bool:
        """Remove a pair with its outbox and marks; tell whether there was one."""
        with self.transaction():
            self.reset_progress(pair_id)
            return self._run("delete from pairs where id = ?", (pair_id,)).rowcount > 0

    def reset_progress(self, pair_id: int) -> None:
        """Forget how far a pair has come: its outbox, its marks, its backfill."""
        with self.transaction():
            self._run("delete from outbox where pair_id = ?", (pair_id,))
            self._run("delete from sent_versions where pair_id = ?", (pair_id,))
            self._run("delete from last_targets where pair_id = ?", (pair_id,))
            self._run("delete from pruned where pair_id = ?", (pair_id,))
            self._run("delete from marks where pair_id = ?", (pair_id,))
            self._run("delete from backfills where pair_id = ?", (pair_id,))

    def forget_targets(self, pair_id: int) -> None:
        """Forget which message became which; what was not sent yet stays on its way."""
        with self.transaction():
            self._run(
                "update outbox set target_id = null, version = null, change = null"
                " where pair_id = ?",
                (pair_id,),
            )
            self._run("delete from sent_versions where pair_id = ?", (pair_id,))
            self._run("delete from last_targets where pair_id = ?", (pair_id,))

    def advance_mark(self, pair_id: int, chat: int, message_id: int) -> None:
        """Raise a pair's mark for a chat; an older message than the mark changes nothing."""
        self._run(
            "insert into marks (pair_id, chat, message_id) values (?, ?, ?)"
            " on conflict (pair_id, chat) do update set message_id = excluded.message_id"
            " where excluded.message_id > marks.message_id",
            (pair_id, chat, message_id),
        )

    def marks(self, pair_ids: Sequence[int]) -> list[Mark]:
        """Return the marks of these pairs, by pair and chat."""
        rows = self._in_chunks(
            MARKS.select + " where pair_id in ({}) order by pair_id, chat",
            sorted(set(pair_ids)),
        )
        return [MARKS.from_row(row) for row in rows]


def _sensible(rows: list[tuple[Any, ...]]) -> list[PairRecord]:
    found = []
    for row in rows:
        try:
            found.append(PAIRS.from_row(row))
        except InvalidRecordError as exc:
            logger.error("pair row damaged pair=%s field=%s", row[0], exc.field)
    return found
