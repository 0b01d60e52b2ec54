"""Removal of expired rows, a bounded piece at a time.

Owns ``pruned``, and which rows of the other tables may go; how long each is kept is the caller's
to say. A piece looks at no more rows than its limit, so that a live write behind it waits for
milliseconds: what grows for ever is never read through.

Of a pair's delivered messages the stretch outlives their rows in which they were forgotten: from
which to which. All in it has been looked at once, as a pair reads without gaps; while it reads its
past there is a gap, and nothing of it is forgotten. So a backfill takes no forgotten message for
one that was never sent, and none that was never sent for a forgotten one.
"""

# ruff: noqa: S608 - what is put into the statements is this module's own

from __future__ import annotations

from typing import Final

from ..records import OutboxPruned
from .connection import TableAccess
from .telegram import ENTITIES_KEPT

PIECE: Final = 1_000  # rows; a few milliseconds of the journal's time

BEHIND: Final = (
    "from outbox indexed by outbox_ended where state = 'done'"
    " and (ended_at, rowid) > (:ended, :row)"
)
# A change that was noted and not made needs its row, and a pair that reads its past all of them.
GOING: Final = (
    f"{BEHIND} and (ended_at, rowid) <= (:last, :last_row)"
    " and coalesce(change, '') not in ('edit', 'delete')"
    " and pair_id not in (select pair_id from backfills)"
)
FIRST: Final = (float("-inf"), 0)


class PruningRows(TableAccess):
    """Removes delivered messages, history and what was learnt, when their time is over."""

    def prune_outbox(
        self, before: float, *, limit: int = PIECE, after: tuple[float, int] | None = None
    ) -> OutboxPruned:
        """Remove what was delivered before ``before``, looking at ``limit`` rows at most.

        What waits or is dead stays, and so does a message whose edit or deletion was noted and
        not made, and every message of a pair that is reading its past.

        Args:
            before: epoch seconds.
            after: where the piece before this one ended (``OutboxPruned.reached``).
        """
        ended, row = after or FIRST
        place = {"before": before, "ended": ended, "row": row, "skip": limit - 1}
        last = self._one(
            f"select ended_at, rowid {BEHIND} and ended_at < :before"
            " order by ended_at, rowid limit 1 offset :skip",
            place,
        )
        place["last"], place["last_row"] = last or (before, 0)
        with self.transaction():
            self._remember(place)
            gone = self._run(f"delete from outbox where rowid in (select rowid {GOING})", place)
        return OutboxPruned(removed=gone.rowcount, reached=last)

    def _remember(self, place: dict[str, float]) -> None:
        self._run(
            "insert into pruned (pair_id, oldest, newest)"
            f" select pair_id, min(source_id), max(source_id) {GOING} group by pair_id"
            " on conflict (pair_id) do update set"
            " oldest = min(pruned.oldest, excluded.oldest),"
            " newest = max(pruned.newest, excluded.newest)",
            place,
        )

    def prune_audit(self, before: float, *, limit: int = PIECE) -> int:
        """Remove changes noted before ``before`` among the ``limit`` oldest; return how many."""
        return self._prune_oldest("audit", before, limit)

    def prune_crashes(self, before: float, *, limit: int = PIECE) -> int:
        """Forget failures before ``before`` among the ``limit`` oldest; return how many."""
        return self._prune_oldest("crashes", before, limit)

    def prune_login_codes(self, before: float, *, limit: int = PIECE) -> int:
        """Forget codes asked for before ``before``, of the ``limit`` oldest; return how many."""
        return self._prune_oldest("login_codes", before, limit)

    def _prune_oldest(self, table: str, before: float, limit: int) -> int:
        # Ids rise with time, so the oldest are found without an index that each insert would pay.
        done = self._run(
            f"delete from {table} where id in (select id from"
            f" (select id, at from {table} order by id limit ?) as oldest where at < ?)",
            (limit, before),
        )
        return done.rowcount

    def prune_entities(self, name: str, keep: int = ENTITIES_KEPT, *, limit: int = PIECE) -> int:
        """Forget all but the ``keep`` entities seen last, ``limit`` at most; return how many."""
        crowded = "select 1 from entities where session = ? limit 1 offset ?"  # the index tells
        if self._one(crowded, (name, keep)) is None:
            return 0
        done = self._run(
            "delete from entities where rowid in (select rowid from entities where session = ?"
            " order by seen desc, id limit ? offset ?)",
            (name, limit, keep),
        )
        return done.rowcount

    def entity_owners(self, after: str = "", *, limit: int = PIECE) -> list[str]:
        """Return the sessions that have learnt something, by name, those behind ``after``."""
        rows = self._all(
            "with recursive owner(name) as (select min(session) from entities where session > ?"
            " union all select (select min(session) from entities where session > name)"
            " from owner where name is not null)"
            " select name from owner where name is not null limit ?",
            (after, limit),
        )
        return [name for (name,) in rows]
