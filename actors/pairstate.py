"""Where one pair stands: what it has seen, what waits, what is on its way. Pure.

The mark (``seen``) is raised when a message enters the outbox, in the same transaction, so that
"at or below the mark" always means "in the outbox or done". While a pair is behind, live messages
are held back until history is read through: order within a pair is the source's, and the mark
never jumps over a message that was missed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..storage import Backfill, ChangeWanted
from ..telegram import Incoming, PairReport, Receipt, version_of
from .albums import (
    Albums,
    Change,
    Item,
    Wait,
    copies_together,
    forwards_together,
    next_items,
)
from .handlers import PairHandler
from .messages import History, PairPlan
from .rules import Rules

__all__ = ["PairState", "UnderWay"]

HELD_LIMIT: Final = 1000  # live messages held back; past that history is read once more instead
NOTED: Final = -1  # in place of what a message said: an edit was noted and not made
TARGETS_KEPT: Final = 500  # which message became which; older ones are looked up in the outbox


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is being done for a pair; ``ticket`` tells this try from an earlier one."""

    ticket: int
    items: tuple[Item, ...]


@dataclass(slots=True, kw_only=True)
class PairState:
    """One pair's progress, owned by its worker group.

    Args:
        plan: what the pair is to do; ``rules`` are the plan's, read.
        source, target: its chats' marked ids, once they are known.
        known: what its chats were when it was last written down.
        named: by which name or number they were found then; only while the plan gives the same
            they stay the ones they were.
        located: its chats have been found since the group began; before that they may be others.
        seen: the newest message that is in the outbox or done; ``None`` for a new pair.
        behind: history has not been read up to now since the last gap.
        compare: sent messages have not been compared with the source since the last gap.
        deep: the older ones neither, though Telegram will not tell what became of them.
        compared, round: how many have been since the newest were looked at; how often they were.
        misread: how often in a row the source could not be read.
        sought: since it was last read, its chats have been looked for anew.
        upgraded: the supergroup that the source is by now; followed when all of it is done.
        following: that is being written down.
        compare_at: no sooner; after a question that failed, for the ``miscompared`` time in a row.
        reading, comparing, filling: the questions for history that are under way: what was
            missed, what was sent (``versions``) as it is now, the past.
        paused: why the pair does nothing; ``None`` while it works.
        under_way: what is being done at the target.
        owed: messages of an earlier run that are in the outbox and not done.
        expected: what their copies say, as numbers, as far as that is known.
        doubtful: messages that may have arrived without an answer.
        earlier: of these, what their copies may say, as numbers, where the message says something
            else by now.
        orphans: of all these, those that are gone at the source; with what their copies may say.
        changes: edits and deletions of an earlier run that were not made.
        backfill: how far the past has been read, while it is.
        pauses: how often the pair has been paused in a row.
        unsure: something may have been sent whose answer was lost; only the same account can
            find out.
        released: nothing more is begun, so that another session can take the pair over.
    """

    plan: PairPlan
    rules: Rules = field(default_factory=Rules)
    handler: PairHandler | None = None
    source: int | None = None
    target: int | None = None
    known: tuple[int, int] | None = None
    named: tuple[str | None, str | None] = (None, None)
    located: bool = False
    seen: int | None = None
    behind: bool = True
    compare: bool = True
    deep: bool = True
    compared: int = 0
    round: int = 0
    misread: int = 0
    sought: bool = False
    upgraded: int | None = None
    following: bool = False
    compare_at: float = 0.0
    miscompared: int = 0
    reading: History | None = None
    filling: History | None = None
    comparing: History | None = None
    versions: dict[int, int] = field(default_factory=dict)
    unsure: bool = False
    released: bool = False
    paused: str | None = None
    under_way: UnderWay | None = None
    attempts: int = 0
    pauses: int = 0
    delivered: int = 0
    repeated: int = 0
    dead: int = 0
    last_target: int = 0
    overflown: bool = False
    queue: deque[Item] = field(default_factory=deque)
    held: list[Incoming] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)
    expected: dict[int, int] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    earlier: dict[int, frozenset[int]] = field(default_factory=dict)
    orphans: dict[int, frozenset[int]] = field(default_factory=dict)
    changes: list[ChangeWanted] = field(default_factory=list)
    backfill: Backfill | None = None
    albums: Albums = field(default_factory=Albums)
    targets: OrderedDict[int, int] = field(default_factory=OrderedDict)

    @property
    def chats(self) -> tuple[int | str, ...]:
        """Source and target as they are looked for; a handler's pair has no target chat.

        What was found by the name or number that the plan gives stays the chat that it was.
        """
        planned = (self.plan.source, self.plan.target)[: 1 if self.plan.target == 0 else 2]
        return tuple(self._kept(side, chat) for side, chat in enumerate(planned))

    def _kept(self, side: int, planned: int | str) -> int | str:
        if self.known is None:
            return planned
        known, name = self.known[side], self.named[side]
        unnamed = name is None and (isinstance(planned, str) or planned == known)
        return known if unnamed or name == str(planned) else planned

    @property
    def names(self) -> dict[int, str]:
        """The names by which chats are known, by what they are looked for by."""
        planned = (self.plan.source, self.plan.target)
        return {
            chat: name
            for chat, name in zip(self.chats, planned, strict=False)
            if isinstance(chat, int) and isinstance(name, str)
        }

    def begin_anew(self) -> None:
        """Its source is another chat than before: nothing of that one is to be done any more."""
        self.seen, self.backfill, self.dead, self.unsure = None, None, 0, False
        self.upgraded = None
        self.owed, self.changes = [], []
        self.queue.clear()
        self.held.clear()
        self.forget_targets()

    def forget_targets(self) -> None:
        """Its target is another chat than before."""
        self.targets.clear()
        self.expected.clear()
        self.doubtful.clear()
        self.earlier.clear()
        self.orphans.clear()
        self.changes, self.last_target = [], 0

    def interrupt(self) -> None:
        """The session came or went: what was under way is void, and something may be missed."""
        if self.under_way is not None:
            self.doubt(self.under_way.items)
        self.under_way = self.reading = self.filling = None
        self.give_up_comparing()
        self.behind = True

    def give_up_comparing(self) -> None:
        """Look at the newest messages again; edits that were noted are not made yet."""
        noted = [one for one, version in self.versions.items() if version == NOTED]
        self.changes += [ChangeWanted(self.plan.id, one, "edit") for one in noted]
        self.comparing, self.versions, self.compare = None, {}, True

    def doubt(self, items: Iterable[Item]) -> None:
        """They may have been done: the answer was lost."""
        self.unsure = True
        self.doubtful |= {item.id for item in items if isinstance(item, Incoming)}

    def sure(self, source_id: int) -> None:
        """It is known what became of a message."""
        self.doubtful.discard(source_id)
        self.earlier.pop(source_id, None)

    def may_say(self, source_id: int, version: int) -> None:
        """A message that may have arrived was edited since; its copy says this, or what it did."""
        self.earlier[source_id] = self.earlier.get(source_id, frozenset()) | {version}

    def version_there(self, message: Incoming) -> int:
        """What a message's copy says, as a number."""
        if not self.plan.copies:
            return version_of(message)
        return version_of(message, self.rules.texts((message,)).get(message.id))

    def pause(self, reason: str) -> None:
        """Do nothing more; what is said meanwhile is read from history afterwards."""
        self.paused, self.behind = reason, True
        self.pauses += 1
        self.held.clear()

    def resume(self) -> None:
        """Work again."""
        self.paused, self.attempts = None, 0
        self.compare = True

    def hold(self, message: Incoming) -> None:
        """Keep a live message until history is read through."""
        if len(self.held) >= HELD_LIMIT:
            self.held.clear()
            self.overflown = True
        if not self.overflown:
            self.held.append(message)

    def release(self) -> list[Incoming]:
        """The live messages that were held back."""
        held, self.held = self.held, []
        return held

    def admit(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The messages that are new, oldest first; they count as seen from now on."""
        fresh = []
        for message in sorted(messages, key=lambda one: one.id):
            if message.id > (self.seen or 0):
                self.seen = message.id
                fresh.append(message)
        return tuple(fresh)

    def next_items(self, now: float) -> tuple[Item, ...] | Wait | None:
        """What may be done now; one thing at a time, so that order holds."""
        if self.under_way is not None or self.paused is not None:
            return None
        if self.released and not self.unsure:
            return None
        together = None
        if self.handler is None:
            together = copies_together if self.plan.copies else forwards_together
        coming = self.behind or self.backfill is not None
        return next_items(self.queue, self.albums, now=now, together=together, more_to_come=coming)

    def settle(self, ticket: int, receipt: Receipt) -> tuple[Item, ...]:
        """Take off the queue what is done; empty if the answer is to an older try.

        Messages that the receipt does not tell of stay under way.
        """
        if self.under_way is None or self.under_way.ticket != ticket:
            return ()
        items, self.under_way = self.under_way.items, None
        left = tuple(
            one for one in items if isinstance(one, Incoming) and not receipt.tells(one.id)
        )
        if left:
            self.under_way = UnderWay(ticket, left)
            items = tuple(one for one in items if one not in left)
        return self.give_up(items)

    def give_up(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Take items off the queue; nothing more is tried with them."""
        self.attempts = 0
        for item in items:
            self.queue.remove(item)
        return items

    def waiting_message(self, source_id: int) -> Incoming | None:
        """A message that waits and is not under way."""
        busy = self.under_way.items if self.under_way is not None else ()
        for item in self.queue:
            if isinstance(item, Incoming) and item.id == source_id and item not in busy:
                return item
        return None

    def swap(self, old: Incoming, new: Incoming | None) -> None:
        """Put ``new`` in the place of a message that waits, or take it out."""
        place = self.queue.index(old)
        if new is None:
            del self.queue[place]
        else:
            self.queue[place] = new

    def put_change(self, change: Change) -> None:
        """Queue an edit or a deletion; one that is older and not under way is replaced."""
        busy = self.under_way.items if self.under_way is not None else ()
        for place, item in enumerate(self.queue):
            if isinstance(item, Change) and item.source_id == change.source_id and item not in busy:
                self.queue[place] = change
                return
        self.queue.append(change)

    def note_target(self, source_id: int, target_id: int) -> None:
        """Remember which message became which."""
        self.targets[source_id] = target_id
        self.last_target = max(self.last_target, target_id)
        if len(self.targets) > TARGETS_KEPT:
            self.targets.popitem(last=False)

    def report(self) -> PairReport:
        """How the pair is, as a value."""
        return PairReport(
            id=self.plan.id,
            source=self.plan.source,
            target=self.plan.target,
            mode=self.plan.mode,
            waiting=len(self.queue) + len(self.held) + len(self.owed),
            delivered=self.delivered,
            repeated=self.repeated,
            dead=self.dead,
            paused=self.paused,
            ready=self.target is not None and not self.behind,
        )
