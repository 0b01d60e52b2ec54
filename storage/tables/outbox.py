"""Data access for the outbox: messages on their way through the pairs.

Owns ``outbox`` and ``last_targets``. A message stands here before anything is sent and is written
only once: who finds it a second time changes nothing. Done is final; only the dead can be retried
or dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ...errors import SealDamagedError
from ..records import RETRIED, OutboxCounts, OutboxRow
from .connection import TableAccess
from .outbox_changes import GONE
from .row_mapping import RowMapping

logger = logging.getLogger(__name__)

OUTBOX: Final = RowMapping(OutboxRow, "outbox", without=("payload_damaged",))
ENQUEUE: Final = f"{OUTBOX.insert()} on conflict do nothing"
PAYLOAD: Final = 5  # its place in a row


class OutboxRows(TableAccess):
    """Messages on their way: pending until delivered (done) or given up (dead)."""

    def enqueue(self, rows: Iterable[OutboxRow]) -> int:
        """Store messages to be sent and return how many were new; known ones are left alone."""
        added = 0
        with self.transaction():
            for row in rows:
                stored = OUTBOX.to_row(row)
                if row.payload is not None:
                    place = _outbox_row(row.pair_id, row.source_id)
                    stored[PAYLOAD] = self.vault.seal(place, row.payload)
                added += self._run(ENQUEUE, stored).rowcount
                if row.target_id is not None:
                    self._reach(row.pair_id, row.target_id)
        return added

    def hand_over(self, pair_id: int, payloads: Mapping[int, bytes]) -> None:
        """Keep messages as they are handed over, sealed, until it is known what became of them."""
        self._run_many(
            "update outbox set payload = ? where pair_id = ? and source_id = ?"
            " and state = 'pending'",
            [
                (self.vault.seal(_outbox_row(pair_id, one), payload), pair_id, one)
                for one, payload in payloads.items()
            ],
        )

    def complete(
        self,
        pair_id: int,
        source_id: int,
        target_id: int | None,
        at: float,
        version: int | None = None,
        *,
        newest: bool = True,
    ) -> bool:
        """Note a delivery and drop the payload; tell whether the message was not yet done.

        ``target_id`` is ``None`` where the message was delivered earlier, unseen; ``version`` is
        what it said, as a number, for telling edits later. With ``newest`` false others are still
        looked for that may stand before it: it is no end to look behind. A copy that counted as
        gone does not any more: that was before anybody knew where it is.
        """
        done = self._run(
            "update outbox set state = 'done', target_id = coalesce(?, target_id), reason = null,"
            " payload = null, version = ?, ended_at = ?, change = nullif(nullif(change, 'edit'), ?)"
            " where pair_id = ? and source_id = ? and state <> 'done'",
            (target_id, version, at, GONE, pair_id, source_id),
        )
        if done.rowcount:
            self._settle(pair_id, source_id)
            if target_id is not None:
                if newest:
                    self._reach(pair_id, target_id)
                self._run(
                    "update ring_messages set target_id = ? where pair_id = ? and source_id = ?"
                    " and target_id is null and source_chat ="
                    " (select source_chat from outbox where pair_id = ? and source_id = ?)",
                    (target_id, pair_id, source_id, pair_id, source_id),
                )
        return done.rowcount > 0

    def _settle(self, pair_id: int, source_id: int) -> None:
        self._run(
            "delete from sent_versions where pair_id = ? and source_id = ?", (pair_id, source_id)
        )

    def _reach(self, pair_id: int, target_id: int) -> None:
        # Kept apart, as nobody could look through millions of delivered messages at each start.
        self._run(
            "insert into last_targets (pair_id, message_id) values (?, ?)"
            " on conflict (pair_id) do update set message_id = excluded.message_id"
            " where excluded.message_id > last_targets.message_id",
            (pair_id, target_id),
        )

    def fail(
        self, pair_id: int, source_id: int, reason: str, at: float, *, dead: bool = False
    ) -> bool:
        """Count a failed try; with ``dead`` give the message up. Done ones are left alone."""
        with self.transaction():
            if dead:
                self._sync_when_stored()  # or it comes after all, behind what was said after it
            done = self._run(
                "update outbox set attempts = attempts + 1, reason = ?,"
                " state = case when ? = 1 then 'dead' else state end,"
                " payload = case when ? = 1 then null else payload end,"
                " ended_at = case when ? = 1 then ? else ended_at end"
                " where pair_id = ? and source_id = ? and state <> 'done'",
                (reason, dead, dead, dead, at, pair_id, source_id),
            )
        return done.rowcount > 0

    def retry(self, pair_id: int, source_id: int) -> bool:
        """Put a dead message back on its way, its tries counted anew."""
        done = self._run(
            "update outbox set state = 'pending', attempts = 0, reason = ?, ended_at = null"
            " where pair_id = ? and source_id = ? and state = 'dead'",
            (RETRIED, pair_id, source_id),
        )
        return done.rowcount > 0

    def drop(self, pair_id: int, source_id: int) -> bool:
        """Remove a dead message for good."""
        done = self._run(
            "delete from outbox where pair_id = ? and source_id = ? and state = 'dead'",
            (pair_id, source_id),
        )
        return done.rowcount > 0

    def outbox_row(self, pair_id: int, source_id: int) -> OutboxRow | None:
        """Return one message's row, whatever its state."""
        row = self._one(
            OUTBOX.select + " where pair_id = ? and source_id = ?",
            (pair_id, source_id),
        )
        return None if row is None else self._outbox(row)

    def pending(self, pair_ids: Sequence[int]) -> list[OutboxRow]:
        """Return what is still to be sent by these pairs, by pair and source message."""
        rows = self._in_chunks(
            OUTBOX.select
            + " where state = 'pending' and pair_id in ({}) order by pair_id, source_id",
            sorted(set(pair_ids)),
        )
        return [self._outbox(row) for row in rows]

    def dead(self, pair_ids: Sequence[int] | None = None) -> list[OutboxRow]:
        """Return what was given up, for these pairs or for all."""
        sql = OUTBOX.select + " where state = 'dead'"
        if pair_ids is None:
            rows = self._all(f"{sql} order by pair_id, source_id")
        else:
            rows = self._in_chunks(
                f"{sql} and pair_id in ({{}}) order by pair_id, source_id", sorted(set(pair_ids))
            )
        return [self._outbox(row) for row in rows]

    def outbox_counts(self) -> OutboxCounts:
        """Return how many messages there are in each state."""
        return OutboxCounts(**dict(self._all("select state, count(*) from outbox group by state")))

    def outbox_counts_of(self, pair_ids: Sequence[int]) -> dict[int, OutboxCounts]:
        """Return how many messages there are in each state, by pair; those with none are absent."""
        found: dict[int, dict[str, int]] = {}
        for pair_id, state, count in self._in_chunks(
            "select pair_id, state, count(*) from outbox where pair_id in ({})"
            " group by pair_id, state",
            sorted(set(pair_ids)),
        ):
            found.setdefault(pair_id, {})[state] = count
        return {pair_id: OutboxCounts(**counts) for pair_id, counts in found.items()}

    def targets(self, pair_id: int, source_ids: Sequence[int]) -> dict[int, int]:
        """Return where delivered messages went: source message to target message."""
        rows = self._in_chunks(
            "select source_id, target_id from outbox where target_id is not null"
            " and source_id in ({}) and pair_id = ?",
            sorted(set(source_ids)),
            pair_id,
        )
        return {row[0]: row[1] for row in rows}

    def _outbox(self, row: tuple[Any, ...]) -> OutboxRow:
        found = OUTBOX.from_row(row)
        if found.payload is None:
            return found
        try:
            place = _outbox_row(found.pair_id, found.source_id)
            return replace(found, payload=self.vault.open(place, found.payload))
        except SealDamagedError as exc:
            # The message itself is still at Telegram: one bad row must not hold up its pair.
            logger.warning("outbox payload damaged pair=%d why=%s", found.pair_id, exc.what)
            return replace(found, payload=None, payload_damaged=True)


def _outbox_row(pair_id: int, source_id: int) -> str:
    return f"outbox/{pair_id}/{source_id}"
