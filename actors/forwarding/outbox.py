"""A worker group's writes to the database: group commit, in order.

One commit is under way at a time; what comes meanwhile goes with the next one, all of it
together. So writes stand on the disk in the order in which they were asked for, whatever the disk
does, and a busy group wakes the journal's thread once for many messages.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ...storage import OutboxRow, Store
from ...telegram import LAYER_DRIFT, UNREADABLE, Incoming, random_id_for
from .context import GroupContext, why_not
from .pair.state import PairState

SLOW_LIMIT: Final = 3  # messages in a row that a pattern is not through with; then its pair pauses
TICK_AFTER: Final = 0.01  # seconds
UNREAD: Final = (
    f"{LAYER_DRIFT}: the installed Telethon cannot read this message; upgrade it, restart, then"
    " retry the message."
)
BACKLOG: Final = 20  # messages that wait to be sent; then more may be gathered for one commit

Tick = Callable[[Store], object]
Ask = tuple[Callable[[Store], Any], Callable[[Any], object]]  # what to do, and what then
T = TypeVar("T")
Dead = tuple[int, str, float]  # a message, why it was given up, and when


class OutboxWriter:
    """Writes for the pairs of one group.

    Args:
        context: what the group's parts share.
        stored: called with a pair and those of its messages that are on the disk.
    """

    def __init__(
        self,
        context: GroupContext,
        stored: Callable[[PairState, tuple[Incoming, ...]], None],
    ) -> None:
        self._context, self._stored = context, stored
        self._ticks: list[Tick] = []
        self._asks: list[Ask] = []
        self._accepted: dict[int, Accepted] = {}
        self._timed = self._under_way = False

    # Ticks: what a crash takes along is made up for, as Telegram refuses the repeat.

    def tick(self, work: Tick) -> None:
        """Write down what is done with the next thing that is written, or in a moment."""
        self._ticks.append(work)
        self._soon()

    def note(self, work: Tick) -> None:
        """Write something down now, for whoever looks next."""
        self._ticks.append(work)
        self.flush()

    def _tick_due(self) -> None:
        self._timed = False
        if self._asks:
            self._go()
        else:
            self.flush()

    def flush(self) -> None:
        """Write down now what is done."""
        ticks, self._ticks = self._ticks, []
        if ticks:
            self._context.services.journal.post(lambda store: _write(store, ticks))

    def close(self, *, failed: bool = False) -> None:
        """The group ends: leave everything with the journal. Its next life finds it there."""
        # Behind a commit that may have failed: a mark would pass what is not in the outbox. What is
        # not written is read from history, or compared.
        asks = () if self._under_way and failed else [work for work, _ in self._asks]
        works, self._ticks, self._asks = [*self._ticks, *asks], [], []
        if works:
            self._context.services.journal.post(lambda store: _write(store, works))

    # Asks: the group goes on when they are on the disk.

    def ask(
        self,
        state: PairState,
        work: Callable[[Store], T],
        then: Callable[[PairState, T], object],
    ) -> None:
        """Do ``work`` for a pair behind all that was asked for before.

        ``then`` is called with the pair, if it is still here, and what ``work`` returned.
        """
        self._asks.append((work, self._for(state.plan.id, then)))
        self._go()

    def accept(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """Put messages into the outbox, and raise the mark; on the disk they may go."""
        if not messages:
            return
        entries = self.entries(state, messages)  # all of it is built before anything is to be kept
        if entries.left:
            state.unsee(min(entries.left))  # read again when the pair goes on
        self.tell_dead(state, entries.dead)
        pair = state.plan.id
        accepted = self._accepted.get(pair)
        if accepted is None:
            accepted = self._accepted[pair] = Accepted(pair, messages[0].chat)
            self._asks.append((accepted.write, self._for(pair, self._stored)))
        accepted.seen = state.seen or 0
        accepted.entries.add(entries)
        if len(state.queue) < BACKLOG:
            self._go()
        else:
            self._soon()

    def entries(self, state: PairState, messages: Sequence[Incoming]) -> Entries:
        """What of these messages goes into the outbox; albums are judged when they are whole.

        One that cannot be read, or that a rule of the pair cannot be applied to, goes as a dead
        letter. Behind the third in
        a row that a pattern is not through with, the others are left: each holds up everybody.
        """
        entries = Entries()
        for message in messages:
            if state.slow >= SLOW_LIMIT:
                entries.left.append(message.id)
                continue
            if message.kind == UNREADABLE:
                entries.give_up(self._row(state, message, None), UNREAD)
                continue
            try:
                if message.grouped_id is None and not state.rules.lets_through((message,)):
                    continue
                version = state.version_there(message, state.texts((message,)))
            except Exception as error:  # noqa: BLE001 - a rule is the user's; so is its trouble
                entries.give_up(self._row(state, message, None), why_not(error))
                state.judged(error)
            else:
                state.judged()
                entries.messages.append(message)
                entries.rows.append(self._row(state, message, version))
                state.accept(message.id, version)
                if message.partial:
                    state.unhear(message.id)
        return entries

    def tell_dead(self, state: PairState, dead: Sequence[Dead]) -> None:
        """Count and tell dead letters."""
        state.count(dead=len(dead))
        for source_id, reason, at in dead:
            self._context.put_aside(state, at=at, source_id=source_id, reason=reason)

    def _for(self, pair: int, then: Callable[[PairState, T], object]) -> Callable[[T], object]:
        return lambda answer: self._context.with_pair(pair, lambda state: then(state, answer))

    def _soon(self) -> None:
        if not self._timed:
            self._timed = True
            self._context.actor.after(TICK_AFTER, then=self._tick_due)

    def _go(self) -> None:
        if self._under_way:
            return
        self._under_way = True
        ticks, self._ticks = self._ticks, []
        asks, self._asks = self._asks, []
        self._accepted.clear()

        def work(store: Store) -> list[Any]:
            _write(store, ticks)
            return [ask(store) for ask, _ in asks]

        self._context.actor.pipe(
            self._context.services.journal.do_in_order(work),
            then=lambda answers: self.committed([then for _, then in asks], answers),
        )

    def committed(self, steps: Sequence[Callable[[Any], object]], answers: Sequence[Any]) -> None:
        """A commit is done: the next may begin, and whoever asked goes on."""
        self._under_way = False
        if self._asks:
            self._go()
        for then, one in zip(steps, answers, strict=True):
            then(one)

    def _row(self, state: PairState, message: Incoming, version: int | None) -> OutboxRow:
        return OutboxRow(
            pair_id=state.plan.id,
            source_chat=message.chat,
            source_id=message.id,
            random_id=random_id_for(state.plan.id, message.chat, message.id),
            enqueued_at=self._context.services.stamp(),
            version=version,
        )


@dataclass(slots=True)
class Entries:
    """Messages with their rows in the outbox; some of the rows are of dead letters."""

    messages: list[Incoming] = field(default_factory=list)
    rows: list[OutboxRow] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def give_up(self, row: OutboxRow, reason: str) -> None:
        """Have a message as a dead letter."""
        self.rows.append(row)
        self.dead.append((row.source_id, reason, row.enqueued_at))

    def without(self, known: Container[int]) -> Entries:
        """The same without those that are in the outbox, or were."""
        return Entries(
            [one for one in self.messages if one.id not in known],
            [one for one in self.rows if one.source_id not in known],
            [one for one in self.dead if one[0] not in known],
        )

    def add(self, other: Entries) -> None:
        """Have the other's, too."""
        self.messages += other.messages
        self.rows += other.rows
        self.dead += other.dead

    def write(self, store: Store, pair: int) -> None:
        """Store the rows."""
        if self.rows:
            store.enqueue(self.rows)
        for source_id, reason, at in self.dead:
            store.fail(pair, source_id, reason, at, dead=True)


class Accepted:
    """What of one pair goes into the outbox with the next commit."""

    __slots__ = ("chat", "entries", "pair", "seen")

    def __init__(self, pair: int, chat: int) -> None:
        self.pair, self.chat, self.seen = pair, chat, 0
        self.entries = Entries()

    def write(self, store: Store) -> tuple[Incoming, ...]:
        """Store the rows and the mark in one transaction, whoever's it is."""
        self.entries.write(store, self.pair)
        store.advance_mark(self.pair, self.chat, self.seen)
        return tuple(self.entries.messages)


def _write(store: Store, works: Sequence[Tick]) -> None:
    for work in works:
        work(store)
