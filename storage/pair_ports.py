"""What a store does for pairs and their messages, whatever it keeps them in; see ``ports``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from .records import Backfill, ChangeWanted, Mark, OutboxCounts, OutboxRow, PairRecord, PlanRow
from .tables.rings import RingVerdict


class PairPort(Protocol):
    """Pairs, and how far each has come."""

    def put_pair(self, record: PairRecord) -> None:
        """Store a pair; raises ``UnknownRecordError`` if its session is not registered."""
        ...

    def pair(self, pair_id: int) -> PairRecord | None:
        """Return one pair, if there is one with this id."""
        ...

    def pairs(self, session: str | None = None) -> list[PairRecord]:
        """Return the pairs of one session, or all, by id; a senseless row is logged, not raised."""
        ...

    def pairs_with(self, pair_ids: Sequence[int]) -> list[PairRecord]:
        """Return these pairs, as far as there are any; a senseless row is logged, not raised."""
        ...

    def set_pair_state(
        self, pair_id: int, *, enabled: bool, paused_reason: str | None = None
    ) -> None:
        """Pause or resume a pair; raises ``UnknownRecordError`` if there is none."""
        ...

    def set_pair_group(self, pair_id: int, group: int | None) -> None:
        """Put a pair into a worker group, or into none."""
        ...

    def move_pairs(self, pair_ids: Sequence[int], session: str) -> None:
        """Give pairs to another session, all of them or none; their outbox and marks stay.

        But for what was known by numbers that only mean something to the account: basic groups'.
        """
        ...

    def delete_pair(self, pair_id: int) -> bool:
        """Remove a pair with its outbox and marks; tell whether there was one."""
        ...

    def begin_anew(self, pair_id: int) -> None:
        """Forget how far a pair has come: its outbox, its marks, its backfill."""
        ...

    def forget_targets(self, pair_id: int) -> None:
        """Forget which message became which; what was not sent yet stays on its way."""
        ...

    def put_plans(self, rows: Iterable[PlanRow]) -> None:
        """Store decisions; each takes the place of an earlier one about the same pair."""
        ...

    def plans(self) -> list[PlanRow]:
        """Return all decisions, by pair; one whose plan does not open is logged and left out."""
        ...

    def forget_plans(self, pair_ids: Sequence[int]) -> None:
        """Forget what was decided about these pairs; the configuration is obeyed again."""
        ...

    def advance_mark(self, pair_id: int, chat: int, message_id: int) -> None:
        """Raise a pair's mark for a chat; an older message than the mark changes nothing."""
        ...

    def marks(self, pair_ids: Sequence[int]) -> list[Mark]:
        """Return the marks of these pairs, by pair and chat."""
        ...


class OutboxPort(Protocol):
    """Messages on their way, and what becomes of them after they were sent."""

    def enqueue(self, rows: Iterable[OutboxRow]) -> int:
        """Store messages to be sent and return how many were new; known ones are left alone."""
        ...

    def complete(
        self,
        pair_id: int,
        source_id: int,
        target_id: int | None,
        at: float,
        version: int | None = None,
    ) -> bool:
        """Note a delivery and drop the payload; tell whether the message was not yet done."""
        ...

    def fail(
        self, pair_id: int, source_id: int, reason: str, at: float, *, dead: bool = False
    ) -> bool:
        """Count a failed try; with ``dead`` give the message up. Done ones are left alone."""
        ...

    def retry(self, pair_id: int, source_id: int) -> bool:
        """Put a dead message back on its way, its tries counted anew."""
        ...

    def drop(self, pair_id: int, source_id: int) -> bool:
        """Remove a dead message for good."""
        ...

    def outbox_row(self, pair_id: int, source_id: int) -> OutboxRow | None:
        """Return one message's row, whatever its state."""
        ...

    def pending(self, pair_ids: Sequence[int]) -> list[OutboxRow]:
        """Return what is still to be sent by these pairs, by pair and source message."""
        ...

    def dead(self, pair_ids: Sequence[int] | None = None) -> list[OutboxRow]:
        """Return what was given up, for these pairs or for all."""
        ...

    def outbox_counts(self) -> OutboxCounts:
        """Return how many messages there are in each state."""
        ...

    def targets(self, pair_id: int, source_ids: Sequence[int]) -> dict[int, int]:
        """Return where delivered messages went: source message to target message."""
        ...

    def ring(
        self, pair_id: int, source: int, target: int, versions: Mapping[int, int], at: float
    ) -> dict[int, RingVerdict]:
        """Tell which messages a pair of a ring may carry on; those count as gone from now on."""
        ...

    def want_edit(self, pair_id: int, source_id: int, version: int) -> bool:
        """Note that a delivered message was edited; false when it was not, or is not delivered.

        What the copy says counts as unknown until the edit is made: it may be made unseen.
        """
        ...

    def want_removal(
        self, pair_ids: Sequence[int], source_ids: Sequence[int]
    ) -> list[ChangeWanted]:
        """Note that messages are gone at the source; returns those that had been forwarded."""
        ...

    def note_edited(self, pair_id: int, source_id: int, version: int) -> None:
        """The copy says what the message says now."""
        ...

    def note_removed(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """The copies are gone."""
        ...

    def note_refused(self, pair_id: int, source_id: int) -> None:
        """Only the account that has sent the copy may change it; wanted again at a move."""
        ...

    def may_say(self, pair_id: int, versions: Mapping[int, int]) -> None:
        """Note what copies may say that are about to be sent, beside what is known already."""
        ...

    def sayings(self, pair_ids: Sequence[int]) -> dict[tuple[int, int], frozenset[int]]:
        """Return what the copies of messages that wait may say, by pair and message."""
        ...

    def note_doubt(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """Note that nobody can be asked any more whether these have arrived."""
        ...

    def changes_wanted(self, pair_ids: Sequence[int]) -> list[ChangeWanted]:
        """Return the changes that were noted and not made, by pair and message."""
        ...

    def versions(self, pair_id: int, limit: int, below: int | None = None) -> dict[int, int | None]:
        """Return what the newest forwarded messages said when they were sent or last edited.

        ``None`` for one whose edit is wanted and not made yet, 0 where nobody knows what it said.
        """
        ...

    def last_targets(self, pair_ids: Sequence[int]) -> dict[int, int]:
        """Return the newest message that each pair is known to have put into its target."""
        ...

    def taken(self, pair_id: int, limit: int) -> set[int]:
        """Return the newest known copies of each pair that ends where this one does.

        Outside of channels, where each account counts for itself, those of its session only.
        """
        ...

    def filter_out(self, pair_id: int, source_ids: Sequence[int]) -> None:
        """Forget messages that stand in the outbox and are not to be sent after all."""
        ...

    def known(self, pair_id: int, source_ids: Sequence[int]) -> set[int]:
        """Return which of these messages the pair has dealt with, forgotten ones among them."""
        ...

    def put_backfill(self, row: Backfill) -> None:
        """Keep how far a pair has read its source's past; one at a time for each pair."""
        ...

    def backfills(self, pair_ids: Sequence[int]) -> list[Backfill]:
        """Return the backfills that are not through, by pair."""
        ...

    def end_backfill(self, pair_id: int) -> None:
        """A pair's backfill is through."""
        ...
