"""The state of one pair: its mark, its queue, what is in flight. Pure.

The mark (``seen``) is raised when a message enters the outbox, in the same transaction, so that
"at or below the mark" always means "in the outbox or done". While a pair is behind, live messages
are held back until history is read through: order within a pair is the source's, and the mark
never jumps over a message that was missed.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ...storage import Backfill, PendingChange
from ...telegram import Incoming, PairReport, Receipt, RichText, content_hash, origin_of
from ..messages import History, PairPlan
from ..pair_handlers import PairHandler
from ..refusals import Refusals
from ..rules import Rules, is_long
from .batching import (
    Albums,
    Change,
    Item,
    Wait,
    copies_together,
    forwards_together,
    next_items,
)
from .doubts import Doubts
from .pair_states import Certainty, PairEvent, Reading, Standing, Tenure, step
from .revisions import Revisions, is_older

HELD_LIMIT: Final = 1000  # live messages held back; past that history is read once more instead
PROTECTED: Final = ("PROTECTED", "CHAT_FORWARDS_RESTRICTED")  # how reasons of such pauses begin
NOTED: Final = -1  # in place of what a message said: an edit was noted and not made
UNKNOWN: Final = 0  # the same: nobody knows; its copy had arrived unseen and is not to be edited
TARGETS_KEPT: Final = 500  # which message became which; older ones are looked up in the outbox
TIDY_ABOVE: Final = 100  # revisions; so many may be of messages that are not on their way any more


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is being done for a pair; ``ticket`` tells this try from an earlier one.

    ``texts`` are sent in place of the messages' own, ``shorter`` where Telegram finds them too
    long.
    """

    ticket: int
    items: tuple[Item, ...]
    texts: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    shorter: Mapping[int, RichText] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class PairState:
    """One pair's progress, owned by its worker group.

    Args:
        plan: what the pair is to do; ``rules`` are the plan's, read.
        returned_badly: the handler has returned what is no number.
        source, target: its chats' marked ids, once they are known.
        known: what its chats were when it was last written down.
        named: by which name or number they were found then; only while the plan gives the same
            they stay the ones they were.
        seen: the newest message that is in the outbox or done; ``None`` for a new pair.
        compare: sent messages have not been compared with the source since the last gap.
        deep: the older ones neither, though Telegram will not tell what became of them.
        compared, round: how many have been since the newest were looked at; how often they were.
        misread: how often in a row the source could not be read.
        sought: since it was last read, its chats have been looked for anew.
        upgraded: the supergroup that the source is by now; followed when all of it is done.
        compare_at: no sooner; after a question that failed, for the ``miscompared`` time in a row.
        comparing, filling: the questions for history that are under way beside ``question``: what
            was sent (``versions``) as it is now, the past.
        coming: messages that are being written into the outbox.
        owed: messages of an earlier run that are in the outbox and not done.
        revisions: what was told meanwhile of messages that are on their way.
        unheard: messages that were being written, or under way, when Telegram would not tell what
            changed: the former are read again before they go, the latter compared once they are
            there.
        asked: how many changes of a message are just being noted on the disk.
        changes: edits and deletions of an earlier run that were not made.
        backfill: how far the past has been read, while it is.
        attempts, retry_at: how often what is next has failed in a row; it is not tried sooner.
        pauses: how often in a row the pair was paused, or found as bad as before.
        refusals: the unknown refusals that it has met in a row.
        slow: how many messages in a row a pattern of the pair was not through with in time.
        overflown: the oldest live message that was dropped because too many were held; 0 for none.
        doubts: what may have arrived unseen.
    """

    plan: PairPlan
    rules: Rules = field(default_factory=Rules)
    handler: PairHandler | None = None
    returned_badly: bool = False
    source: int | None = None
    target: int | None = None
    known: tuple[int, int] | None = None
    named: tuple[str | None, str | None] = (None, None)
    seen: int | None = None
    compare: bool = True
    deep: bool = True
    compared: int = 0
    round: int = 0
    misread: int = 0
    sought: bool = False
    upgraded: int | None = None
    compare_at: float = 0.0
    miscompared: int = 0
    filling: History | None = None
    comparing: History | None = None
    versions: dict[int, int] = field(default_factory=dict)
    attempts: int = 0
    retry_at: float = 0.0
    pauses: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    slow: int = 0
    delivered: int = 0
    repeated: int = 0
    dead: int = 0
    last_target: int = 0
    overflown: int = 0
    queue: deque[Item] = field(default_factory=deque)
    held: list[Incoming] = field(default_factory=list)
    coming: set[int] = field(default_factory=set)
    owed: list[int] = field(default_factory=list)
    revisions: Revisions = field(default_factory=Revisions)
    unheard: set[int] = field(default_factory=set)
    asked: Counter[int] = field(default_factory=Counter)
    changes: list[PendingChange] = field(default_factory=list)
    backfill: Backfill | None = None
    albums: Albums = field(default_factory=Albums)
    targets: OrderedDict[int, int] = field(default_factory=OrderedDict)
    doubts: Doubts = field(init=False)
    _standing: Standing = field(default=Standing(), init=False)
    _question: History | None = field(default=None, init=False)
    _paused: str | None = field(default=None, init=False)
    _under_way: UnderWay | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.doubts = Doubts(self._step)

    @property
    def standing(self) -> Standing:
        """Where the pair stands in its table of states."""
        return self._standing

    @property
    def reading(self) -> Reading:
        """How far its source has been read."""
        return self._standing.reading

    @property
    def question(self) -> History | None:
        """What was asked of its history to catch up, while that is under way."""
        return self._question

    @property
    def paused(self) -> str | None:
        """Why the pair does nothing; ``None`` while it works."""
        return self._paused

    @property
    def under_way(self) -> UnderWay | None:
        """What is being done at the target."""
        return self._under_way

    @property
    def leaving(self) -> bool:
        """Whether nothing more is begun, so that another group can take the pair over."""
        return self._standing.tenure is Tenure.LEAVING

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

    @property
    def unsure(self) -> bool:
        """Whether something may have arrived unseen that only the same account can find out."""
        return self.handler is None and self._standing.certainty is Certainty.UNCERTAIN

    @property
    def in_doubt(self) -> int:
        """How many messages may have arrived unseen that only the same account can find out."""
        return len(self.doubts.messages) if self.handler is None else 0

    @property
    def asking(self) -> bool:
        """Whether an answer is on its way that may be older than what is told meanwhile."""
        return not (self._question is None and self.filling is None and self.comparing is None)

    def _step(self, event: PairEvent) -> None:
        self._standing = step(self._standing, event)
        if self._standing.reading is not Reading.CATCHING_UP:
            self._question = None

    # From its chats to what is said there now

    def found(self) -> None:
        """Its chats can be addressed."""
        self._step(PairEvent.FOUND)

    def lose_chats(self) -> None:
        """Telegram does not take one of its chats by what is known of it."""
        self._step(PairEvent.LOST)
        self.sought = True

    def ask(self, question: History) -> None:
        """A question was sent, to catch up."""
        self._step(PairEvent.ASKED)
        self._question = question

    def answered(self) -> None:
        """There is an answer, or why there is none."""
        self._step(PairEvent.ANSWERED)

    def caught_up(self) -> None:
        """History is read to its end: what comes from now on is live."""
        self._step(PairEvent.CAUGHT_UP)

    def begin_migration(self) -> None:
        """It is being written down that the pair begins anew in its supergroup."""
        self._step(PairEvent.MIGRATION_BEGUN)

    def defer_migration(self) -> None:
        """There is something left to do in the old chat."""
        self.misread += 1
        if self.reading is Reading.MIGRATING:  # it may have been paused meanwhile
            self._step(PairEvent.MIGRATION_DEFERRED)

    def migrated(self, to: int) -> None:
        """Go on at the start of its supergroup."""
        self.reset_progress()
        self.source, self.known, self.seen = to, (to, self.target or 0), 0
        self._step(PairEvent.MIGRATED)

    def reset_progress(self) -> None:
        """Its source is another chat than before: nothing of that one is to be done any more."""
        self._step(PairEvent.INTERRUPTED)
        self.seen, self.backfill, self.dead = None, None, 0
        self.upgraded = None
        self.owed, self.changes = [], []
        self.queue.clear()
        self.held.clear()
        self.revisions.clear()
        self.unheard.clear()
        self.forget_targets()

    def forget_targets(self) -> None:
        """Its target is another chat than before."""
        self.targets.clear()
        self.doubts.clear()
        self.changes, self.last_target = [], 0

    def interrupt(self, until: float) -> tuple[Item, ...]:
        """The session came or went: something may be missed, and what was under way is void.

        Returns what waits again. What a handler does has nothing to do with the session.
        """
        items: tuple[Item, ...] = ()
        if self.handler is None:
            items = self.end()
            self.doubt(items, until)
        self._step(PairEvent.INTERRUPTED)
        self.filling, self.retry_at = None, 0.0
        self.give_up_comparing()
        return items

    def give_up_comparing(self) -> None:
        """Look at the newest messages again; edits that were noted are not made yet."""
        noted = [one for one, version in self.versions.items() if version == NOTED]
        self.changes += [PendingChange(self.plan.id, one, "edit") for one in noted]
        self.comparing, self.versions, self.compare = None, {}, True

    # What may have arrived

    def doubt(self, items: Iterable[Item], until: float) -> None:
        """They may have been done, or may yet be ``until`` then: the answer was lost."""
        self.doubts.doubt(one.id for one in items if isinstance(one, Incoming))
        for item in items:
            if isinstance(item, Change) and item.message is not None and self.handler is None:
                self.doubts.belate(item.source_id, until)

    def sure(self, source_id: int) -> None:
        """It is known what became of a message."""
        self.doubts.known(source_id)
        if source_id in self.unheard:
            self.unheard.discard(source_id)
            self.compare = True

    def orphan(
        self, source_id: int, message: Incoming | None = None, *, unwanted: bool = False
    ) -> None:
        """A message may have arrived, and its account is of no help: its copy is looked for.

        It is gone at the source, or unwanted by now, or was sent by another account.
        """
        self.doubts.seek(source_id, self.last_target, message, unwanted=unwanted)
        self.sure(source_id)

    def texts(self, messages: tuple[Incoming, ...], *, short: bool = False) -> dict[int, RichText]:
        """What is sent in place of the messages' own texts; raises what a rule raises."""
        return self.rules.texts(messages, short=short) if self.plan.copies else {}

    def shorter(self, messages: tuple[Incoming, ...]) -> dict[int, RichText]:
        """What is sent of the long ones where Telegram does not take all; as ``texts``."""
        long = {one.id for one in messages if is_long(one)}
        if not long or self.handler is not None:
            return {}
        texts = self.texts(messages, short=True)
        return {one: text for one, text in texts.items() if one in long}

    def version_there(self, message: Incoming, texts: Mapping[int, RichText]) -> int:
        """By what a message's copy is known: what it says, or for a forward its origin."""
        if not self.plan.copies:
            return origin_of(message)
        return content_hash(message, texts.get(message.id))

    # What is told of messages that are on their way

    def on_its_way(self, source_id: int) -> bool:
        """Whether a message is held back, being written, or waits; whatever waits for it."""
        return (
            source_id in self.coming
            or source_id in self.held_back()
            or any(isinstance(one, Incoming) and one.id == source_id for one in self.queue)
        )

    def held_back(self) -> set[int]:
        """The messages that are held; one that was told again, and is seen by now, is not."""
        return {one.id for one in self.held if one.id > (self.seen or 0)}

    def told_edited(self, message: Incoming) -> bool:
        """An edit was told; tells whether it is news, as far as anybody remembers."""
        one = message.id
        if self.asking or self.revisions.knows(one) or one in self._in_hand():
            return self.revisions.edited(message)
        return True

    def told_gone(self, source_ids: Iterable[int]) -> None:
        """Deletions were told."""
        in_hand = None if self.asking else self._in_hand()
        for one in source_ids:
            if in_hand is None or one in in_hand or self.revisions.knows(one):
                self.revisions.gone(one)
            self.doubts.gone(one)

    def tidy(self) -> None:
        """Forget what was told of messages that are not on their way any more."""
        if self.revisions and not self.asking:
            if self.revisions.lossy:
                self.revisions.lossy, self.compare, self.deep = False, True, True
            self.revisions.keep(self._in_hand().__contains__)

    def _in_hand(self) -> set[int]:
        """The messages that are on their way, and those whose changes are."""
        return {
            *self.coming,
            *self.owed,
            *self.doubts.sought,
            *self.asked,
            *(one.id for one in self.held),
            *(one.id if isinstance(one, Incoming) else one.source_id for one in self.queue),
        }

    # Leaving

    def leave(self) -> None:
        """Begin nothing more; only what may have arrived is tried again."""
        if not self.leaving:
            self._step(PairEvent.RELEASE_ASKED)

    def stay(self) -> None:
        """It did not come to rest in time: go on."""
        self._step(PairEvent.KEPT)

    def left(self) -> None:
        """The group has the pair no more."""
        self._step(PairEvent.LEFT)

    # Pauses

    def pause(self, reason: str) -> None:
        """Do nothing more; what is said meanwhile is read from history afterwards."""
        self._step(PairEvent.PAUSED)
        self._paused = reason
        self.pauses += 1
        self.held.clear()
        self.overflown = 0

    def resume(self) -> None:
        """Work again; nothing that comes counts as seen before history is read."""
        if (self._paused or "").startswith(PROTECTED):
            self._forget_protection()
        self._step(PairEvent.RESUMED)
        self._paused, self.attempts, self.retry_at, self.slow = None, 0, 0.0, 0
        self.compare = True

    def _forget_protection(self) -> None:
        """What waits was told as protected, and may not be any more: it is read anew."""
        edits = [one for one in self.queue if isinstance(one, Change) and one.message is not None]
        self.changes += [PendingChange(self.plan.id, one.source_id, "edit") for one in edits]
        self.queue = deque(one for one in self.queue if one not in edits)
        self.revisions.forget_edits()
        self._read_waiting_again()

    # From what is said to what is done

    def hold(self, message: Incoming) -> None:
        """Keep a live message until history is read through."""
        if len(self.held) >= HELD_LIMIT:
            self.overflown = min(one.id for one in self.held)
            self.held.clear()
        if not self.overflown:
            self.held.append(message)

    def read_again(self) -> None:
        """Telegram will not tell what became of what waits: it is read anew before it is copied.

        What is said meanwhile is held, so that it comes behind.
        """
        if self._under_way is not None:
            self.unheard |= {one.id for one in self._under_way.items if isinstance(one, Incoming)}
        if self.plan.copies:
            self.unheard |= self.coming
            self.revisions.forget_edits()  # within a second, what is read now is newer
            self.filling = None  # its answer may be older, too
            self._read_waiting_again()

    def _read_waiting_again(self) -> None:
        waiting = [
            one for one in self.queue if isinstance(one, Incoming) and not self._is_busy(one)
        ]
        again = {one.id for one in waiting}
        self.queue = deque(
            one for one in self.queue if isinstance(one, Change) or one.id not in again
        )
        self.owed = [*(one.id for one in waiting), *self.owed]
        self._step(PairEvent.INTERRUPTED)

    def release(self) -> list[Incoming]:
        """The live messages that were held back."""
        held, self.held = self.held, []
        return held

    def admit(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The messages that are new, oldest first, as they are now; from now on they are seen."""
        fresh = []
        for message in sorted(messages, key=lambda one: one.id):
            if message.id > (self.seen or 0):
                self.seen = message.id
                fresh.append(message)
        return self.as_they_are(fresh)

    def as_they_are(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The same messages in their newest revisions; without those that are gone."""
        if not self.revisions:
            return tuple(messages)
        newest = map(self.revisions.newest, messages)
        return tuple(message for message in newest if message is not None)

    def next_items(self, now: float) -> tuple[Item, ...] | Wait | None:
        """What may be done now; one thing at a time, so that order holds."""
        if self._under_way is not None or self._paused is not None:
            return None
        if now < self.retry_at or (self.leaving and not self.unsure):
            return None
        together = None  # what is refused for a reason nobody knows is tried one by one
        if self.handler is None and not self.refusals.met:
            together = copies_together if self.plan.copies else forwards_together
        more = self.reading is not Reading.LIVE or self.backfill is not None or bool(self.coming)
        return next_items(self.queue, self.albums, now=now, together=together, more_to_come=more)

    def settle(self, ticket: int, receipt: Receipt) -> tuple[Item, ...]:
        """Take off the queue what is done; empty if the answer is to an older try.

        Messages that the receipt does not tell of stay under way.
        """
        if self._under_way is None or self._under_way.ticket != ticket:
            return ()
        items = self._under_way.items
        left = tuple(
            one for one in items if isinstance(one, Incoming) and not receipt.tells(one.id)
        )
        self._keep_under_way(left)
        return self.give_up(tuple(one for one in items if one not in left))

    def begin(self, under_way: UnderWay) -> None:
        """Something is on its way to the target."""
        self._step(PairEvent.BEGUN)
        self._under_way = under_way

    def end(self, *, but: int = 0) -> tuple[Item, ...]:
        """It is not any more, except for the first ``but`` items; returns what waits again."""
        if self._under_way is None:
            return ()
        items = self._under_way.items
        self._keep_under_way(items[:but])
        return items[but:]

    def _keep_under_way(self, items: tuple[Item, ...]) -> None:
        if items and self._under_way is not None:
            self._under_way = replace(self._under_way, items=items)
        else:
            self._step(PairEvent.ENDED)
            self._under_way = None

    def give_up(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Take items off the queue; nothing more is tried with them."""
        self.attempts, self.retry_at = 0, 0.0
        for item in items:
            self.queue.remove(item)
        return items

    def waiting(self, source_ids: Iterable[int]) -> list[Incoming]:
        """Of these messages the ones that wait, are not under way and have not been handed over."""
        wanted = frozenset(source_ids)
        return [
            item
            for item in self.queue
            if isinstance(item, Incoming) and item.id in wanted and not self._is_fixed(item)
        ]

    def _is_fixed(self, item: Incoming) -> bool:
        return self.doubts.handed(item.id) is not None or self._is_busy(item)

    def _is_busy(self, item: Item) -> bool:
        return self._under_way is not None and any(one is item for one in self._under_way.items)

    def swap(self, old: Item, new: Item | None) -> None:
        """Put ``new`` in the place of what waits, or take it out."""
        place = self.queue.index(old)
        if new is None:
            del self.queue[place]
        else:
            self.queue[place] = new

    def put_change(self, change: Change) -> None:
        """Queue an edit or a deletion; of those that wait for one message the newest is made.

        What is just being made is not made twice.
        """
        made = False
        for place, item in enumerate(self.queue):
            if isinstance(item, Change) and item.source_id == change.source_id:
                if not self._is_busy(item):
                    self.queue[place] = _newest(item, change)
                    return
                made = _same(item, change)
        if not made:
            self.queue.append(change)

    def has_change(self, source_id: int) -> bool:
        """Whether another change of a message is to be made, or is being noted."""
        return self.asked[source_id] > 0 or any(
            isinstance(one, Change) and one.source_id == source_id for one in self.queue
        )

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
            waiting=len(self.queue) + len(self.held) + len(self.owed) + len(self.coming),
            delivered=self.delivered,
            repeated=self.repeated,
            dead=self.dead,
            paused=self._paused,
            ready=self.target is not None and self.reading is Reading.LIVE,
        )


def _newest(waiting: Change, change: Change) -> Change:
    """Which of two changes of one message is to be made; what is gone stays gone."""
    if waiting.message is None or change.message is None:
        return Change(change.source_id)
    return waiting if is_older(change.message, waiting.message) else change


def _same(made: Change, change: Change) -> bool:
    if made.message is None or change.message is None:
        return made.message is None
    return content_hash(made.message) == content_hash(change.message)
