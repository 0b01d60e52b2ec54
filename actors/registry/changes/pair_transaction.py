"""The pairs' part of a registry transaction, and its write."""

from __future__ import annotations

from collections.abc import Mapping

from ....errors import UnknownRecordError
from ....storage import Store
from ...messages import PairPlan
from ...pair_graph import Fault, PairGraph, way_of
from ..pair_plans import decision, fingerprint
from ..roster import SessionRoster


class PairTransaction:
    """The pairs as they would be.

    Args:
        roster: who serves what now.
        declared: what the configuration says of the pairs that it has.
        last_id: the highest number that a pair added while running ever had.
        located: the pairs whose chats have been found.
        before: the transaction that is being written; this one stands on it.
    """

    def __init__(
        self,
        roster: SessionRoster,
        *,
        declared: Mapping[int, PairPlan],
        last_id: int,
        located: PairGraph,
        before: PairTransaction | None = None,
    ) -> None:
        self._roster, self._declared, self._last_id = roster, declared, last_id
        self._before, self._located = before, located
        self.changes: dict[int, PairPlan | None] = {}
        self._earlier = declared
        self._left: frozenset[int] = frozenset()
        self._obsolete: tuple[int, ...] = ()

    def settle(self) -> None:
        """The transaction before this one is on disk, and the roster says so."""
        self._before = None

    @property
    def in_transfer(self) -> frozenset[int]:
        """The pairs that their sessions have let go of, or are about to."""
        return self._roster.in_transfer

    def _changed(self) -> dict[int, PairPlan | None]:
        return self.changes if self._before is None else {**self._before.changes, **self.changes}

    def find(self, pair: int) -> PairPlan | None:
        """The pair as it would be, if there is one."""
        changed = self._changed()
        return changed[pair] if pair in changed else self._roster.served.get(pair)

    def plan(self, pair: int) -> PairPlan:
        """The pair as it would be.

        Raises:
            UnknownRecordError: there is none of that number.
        """
        found = self.find(pair)
        if found is None:
            raise UnknownRecordError("pair", pair)
        return found

    def fault(self, plan: PairPlan, places: Mapping[int | str, int] | None = None) -> Fault | None:
        """What would be wrong with a pair together with the others, by names and by chats.

        ``places`` are its own chats, as far as they have been found.
        """
        way, changed = way_of(plan), self._changed()
        if way is None:
            return None
        ways = {pair: None if one is None else way_of(one) for pair, one in changed.items()}
        fault = self._roster.graph.fault(way, ways)
        if fault is not None:
            return fault
        source, target = ((places or {}).get(chat) for chat in (plan.source, plan.target))
        found = way_of(plan, names=self._located.names, source=source, target=target)
        return None if found is None else self._located.fault(found)

    def next_id(self) -> int:
        """A number that no pair has or had: random ids, which Telegram knows, are made of it."""
        return 1 + max(
            (self._last_id, *self._roster.served, *self._declared, *self._changed()), default=0
        )

    def of(self, session: str) -> tuple[int, ...]:
        """The numbers of the pairs that a session would have."""
        now, changed = self._roster.pairs.get(session, ()), self._changed()
        if not changed:
            return now
        come = (one.id for one in changed.values() if one is not None and one.session == session)
        return (*(pair for pair in now if pair not in changed), *come)

    def count(self, session: str) -> int:
        """How many pairs a session would have."""
        return len(self.of(session))

    @property
    def declared(self) -> Mapping[int, PairPlan]:
        """What the configuration says of the pairs that it has."""
        return self._declared

    def redeclare(
        self,
        declared: Mapping[int, PairPlan],
        changes: Mapping[int, PairPlan | None],
        obsolete: tuple[int, ...],
    ) -> None:
        """Let the configuration say something else, and pairs be as follows from that.

        Of a pair that it has no more everything stays stored. ``obsolete`` decisions are forgotten.
        """
        self._earlier = self._declared
        self._declared, self._obsolete = declared, obsolete
        self._left = frozenset(pair for pair, plan in changes.items() if plan is None)
        self.changes.update(changes)

    def undo_redeclare(self, changes: dict[int, PairPlan | None]) -> None:
        """Let everything be as before ``redeclare``, when there were ``changes``."""
        self._declared, self._obsolete, self._left = self._earlier, (), frozenset()
        self.changes = changes

    def put(self, pair: int, plan: PairPlan | None) -> None:
        """Add a pair, change it, or take it out."""
        self._left -= {pair}
        self.changes[pair] = plan

    def write(self, store: Store) -> None:
        """Write it down; runs in the journal's thread, inside one transaction."""
        if not self.changes and not self._obsolete:
            return
        as_declared = set(self._left)
        for pair, plan in self.changes.items():
            if pair in self._left:
                continue
            if plan is None:
                store.delete_pair(pair)
            elif store.pair(pair) is not None:  # one whose chats were never found has no row
                store.move_pairs((pair,), plan.session)
            if plan is not None and plan == self._declared.get(pair):
                as_declared.add(pair)
        store.forget_plans([*self._obsolete, *as_declared])
        store.put_plans(
            decision(pair, plan, self._fingerprint(pair))
            for pair, plan in self.changes.items()
            if pair not in as_declared
        )

    def _fingerprint(self, pair: int) -> str | None:
        says = self._declared.get(pair)
        return None if says is None else fingerprint(says)
