"""Data access for edits, deletions and backfills of messages in the outbox.

Owns the columns ``version`` and ``change`` of ``outbox``, ``sent_versions`` and ``backfills``. A
change is wanted before it is made, so that a crash between the two loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from ..records import IN_DOUBT, UNWANTED, Backfill, PendingChange
from .connection import TableAccess

CHANNELS: Final = -1_000_000_000_000  # marked ids below it are channels'
GONE: Final = "gone"  # the copy has been deleted; nothing more becomes of it


Wanted = Literal["edit", "delete"]


class ChangeRows(TableAccess):
    """Edits, deletions and backfills."""

    def mark_edit_pending(self, pair_id: int, source_id: int, version: int) -> bool:
        """Note that a delivered message was edited; false when it was not, or is not delivered.

        What the copy says counts as unknown until the edit is made: it may be made unseen.
        """
        done = self._run(
            "update outbox set change = 'edit', version = null"
            " where pair_id = ? and source_id = ? and state = 'done'"
            " and coalesce(change, 'edit') in ('edit', 'edit refused')"
            " and coalesce(version, 0) <> ?",
            (pair_id, source_id, version),
        )
        return done.rowcount > 0

    def mark_removal_pending(
        self, pair_ids: Sequence[int], source_ids: Sequence[int]
    ) -> list[PendingChange]:
        """Note that messages are gone at the source; returns those that had been forwarded."""
        found: list[PendingChange] = []
        with self.transaction():
            for pair_id in pair_ids:
                for source_id in source_ids:
                    done = self._run(
                        "update outbox set change = 'delete' where pair_id = ? and source_id = ?"
                        " and state in ('pending', 'done') and coalesce(change, '') <> 'gone'",
                        (pair_id, source_id),
                    )
                    if done.rowcount:
                        found.append(PendingChange(pair_id, source_id, "delete"))
        return found

    def record_edit(self, pair_id: int, source_id: int, version: int) -> None:
        """The copy says what the message says now."""
        self._run(
            "update outbox set version = ?, change = null"
            " where pair_id = ? and source_id = ? and change = 'edit'",
            (version, pair_id, source_id),
        )

    def record_removal(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """The copies are gone."""
        self._run_many(
            "update outbox set change = ? where pair_id = ? and source_id = ?",
            [(GONE, pair_id, source_id) for source_id in source_ids],
        )

    def record_change_refused(self, pair_id: int, source_id: int) -> None:
        """Only the account that has sent the copy may change it; wanted again at a move."""
        self._run(
            "update outbox set change = change || ' refused'"
            " where pair_id = ? and source_id = ? and change in ('edit', 'delete')",
            (pair_id, source_id),
        )

    def add_possible_versions(self, pair_id: int, versions: Mapping[int, int]) -> None:
        """Note what copies may say that are about to be sent, beside what is known already."""
        self._run_many(
            "insert into sent_versions (pair_id, source_id, version)"
            " select ?, source_id, ? from outbox"
            " where pair_id = ? and source_id = ? and state = 'pending' on conflict do nothing",
            [(pair_id, version, pair_id, one) for one, version in versions.items()],
        )

    def possible_versions(self, pair_ids: Sequence[int]) -> dict[tuple[int, int], frozenset[int]]:
        """Return what the copies of messages that wait may say, by pair and message."""
        ids = sorted(set(pair_ids))
        rows = self._in_chunks(
            "select pair_id, source_id, version from outbox"
            " where state = 'pending' and version is not null and pair_id in ({})",
            ids,
        )
        rows += self._in_chunks(
            "select pair_id, source_id, sent_versions.version from sent_versions"
            " join outbox using (pair_id, source_id)"
            " where state = 'pending' and pair_id in ({})",
            ids,
        )
        found: dict[tuple[int, int], frozenset[int]] = {}
        for pair_id, source_id, version in rows:
            key = pair_id, source_id
            found[key] = found.get(key, frozenset()) | {version}
        return found

    def record_doubt(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """Note that nobody can be asked any more whether these have arrived."""
        self._run_many(
            "update outbox set reason = ? where pair_id = ? and source_id = ?"
            " and state = 'pending' and coalesce(reason, '') <> ?",
            [(IN_DOUBT, pair_id, source_id, UNWANTED) for source_id in source_ids],
        )

    def record_unwanted(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """Note that these are not to be sent any more; whether they have arrived is to be found."""
        self._run_many(
            "update outbox set reason = ? where pair_id = ? and source_id = ?"
            " and state = 'pending'",
            [(UNWANTED, pair_id, source_id) for source_id in source_ids],
        )

    def pending_changes(self, pair_ids: Sequence[int]) -> list[PendingChange]:
        """Return the changes that were noted and not made, by pair and message."""
        rows = self._in_chunks(
            "select pair_id, source_id, change from outbox where change in ('edit', 'delete')"
            " and state <> 'dead' and pair_id in ({}) order by pair_id, source_id",
            sorted(set(pair_ids)),
        )
        return [PendingChange(*row) for row in rows]

    def versions(self, pair_id: int, limit: int, below: int | None = None) -> dict[int, int | None]:
        """Return what the newest forwarded messages said when they were sent or last edited.

        ``None`` for one whose edit is wanted and not made yet, 0 where nobody knows what it said.
        """
        rows = self._all(
            "select source_id, case when coalesce(change, '') <> 'edit' then coalesce(version, 0)"
            " end from outbox where pair_id = ? and state = 'done' and target_id is not null"
            " and coalesce(change, 'edit') in ('edit', 'edit refused')"
            " and (? is null or source_id < ?) order by source_id desc limit ?",
            (pair_id, below, below, limit),
        )
        return dict(rows)

    def last_targets(self, pair_ids: Sequence[int]) -> dict[int, int]:
        """Return the newest message that each pair is known to have put into its target."""
        rows = self._in_chunks(
            "select pair_id, message_id from last_targets where pair_id in ({})",
            sorted(set(pair_ids)),
        )
        return dict(rows)

    def copies_at_target(self, pair_id: int, limit: int) -> set[int]:
        """Return the newest known copies of each pair that ends where this one does.

        Outside of channels, where each account counts for itself, those of its session only.
        """
        ends = self._all(
            "select other.id from pairs other join pairs own on own.id = ?"
            " where other.target = own.target and (own.target < ? or other.session = own.session)",
            (pair_id, CHANNELS),
        )
        return {
            row[0]
            for end in ends
            for row in self._all(
                "select target_id from outbox where pair_id = ? and target_id is not null"
                " order by source_id desc limit ?",
                (end[0], limit),
            )
        }

    def filter_out(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """Forget messages that stand in the outbox and are not to be sent after all."""
        self._run_many(
            "delete from sent_versions where pair_id = ? and source_id = ?",
            [(pair_id, source_id) for source_id in source_ids],
        )
        self._run_many(
            "delete from outbox where pair_id = ? and source_id = ? and state = 'pending'",
            [(pair_id, source_id) for source_id in source_ids],
        )

    def handled(self, pair_id: int, source_ids: Sequence[int]) -> set[int]:
        """Return which of these messages the pair has dealt with.

        Those that stand in the outbox, whatever their state, and those in the stretch of which
        delivered ones have been forgotten (``prune_outbox``).
        """
        rows = self._in_chunks(
            "select source_id from outbox where source_id in ({}) and pair_id = ?",
            sorted(set(source_ids)),
            pair_id,
        )
        known = {row[0] for row in rows}
        pruned = self._one("select oldest, newest from pruned where pair_id = ?", (pair_id,))
        if pruned is not None:
            known |= {one for one in source_ids if pruned[0] <= one <= pruned[1]}
        return known

    def put_backfill(self, row: Backfill) -> None:
        """Keep how far a pair has read its source's past; one at a time for each pair."""
        self._run(
            "insert into backfills (pair_id, after, until, found, since)"
            " values (?, ?, ?, ?, ?) on conflict (pair_id) do update set"
            " after = excluded.after, until = excluded.until,"
            " found = excluded.found, since = excluded.since",
            (row.pair_id, row.after, row.until, row.found, row.since),
        )

    def backfills(self, pair_ids: Sequence[int]) -> list[Backfill]:
        """Return the backfills that are not through, by pair."""
        rows = self._in_chunks(
            "select pair_id, after, until, found, since from backfills where pair_id in ({})"
            " order by pair_id",
            sorted(set(pair_ids)),
        )
        return [Backfill(*row) for row in rows]

    def end_backfill(self, pair_id: int) -> None:
        """A pair's backfill is through."""
        self._run("delete from backfills where pair_id = ?", (pair_id,))
