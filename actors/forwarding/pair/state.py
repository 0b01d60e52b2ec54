"""The state of one pair: its mark, its queue, what is in flight. Pure.

The mark (``seen``) is raised when a message enters the outbox, in the same transaction, so that
"at or below the mark" always means "in the outbox or done". While a pair is behind, live messages
are held back until history is read through: order within a pair is the source's, and the mark
never jumps over a message that was missed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ....errors import PatternTooSlowError
from ....storage import Backfill
from ....telegram import Incoming, PairReport, RichText, content_hash, origin_of
from ....telegram.addressing.names import masked
from ...messages import History, PairPlan
from ...pair_handlers import PairHandler
from ...refusals import Refusals
from ...rules import Rules, is_long
from .batching import Albums, Change, Item, Wait, copies_together, forwards_together
from .chats import PairChats
from .comparison import Comparison
from .doubts import Doubts
from .pair_queue import PairQueue
from .revisions import Revisions
from .shown import shown
from .state_table import Certainty, PairEvent, Reading, Standing, Tenure, step

HELD_LIMIT: Final = 1000  # live messages held back; past that history is read once more instead
PROTECTED: Final = ("PROTECTED", "CHAT_FORWARDS_RESTRICTED")  # how reasons of such pauses begin
TARGETS_KEPT: Final = 500  # which message became which; older ones are looked up in the outbox
TIDY_ABOVE: Final = 100  # revisions; so many may be of messages that are not on their way any more


class PairState:
    """One pair's progress, owned by its worker group.

    Args:
        plan: what the pair is to do.
        seen: the newest message that is in the outbox or done; ``None`` for a new pair.
        target: its target's marked id, where that is known.
    """

    # What others read, and nobody else sets
    plan: Final[PairPlan] = shown("_plan")
    rules: Final[Rules] = shown("_rules")  # the plan's
    handler: Final[PairHandler | None] = shown("_handler")  # ``None`` for Telegram
    chats: Final[PairChats] = shown("_chats")
    source: Final[int | None] = shown("_chats.source")
    target: Final[int | None] = shown("_chats.target")  # 0 with a handler
    standing: Final[Standing] = shown("_standing")
    reading: Final[Reading] = shown("_standing.reading")
    paused: Final[str | None] = shown("_paused")  # why
    question: Final[History | None] = shown("_question")  # under way, to catch up
    filling: Final[History | None] = shown("_filling")  # the same for the past
    backfill: Final[Backfill | None] = shown("_backfill")
    seen: Final[int | None] = shown("_seen")
    send_as: Final[int | None] = shown("_send_as")  # where that is known
    sought: Final[bool] = shown("_sought")
    upgraded: Final[int | None] = shown("_upgraded")
    pauses: Final[int] = shown("_pauses")
    slow: Final[int] = shown("_slow")
    coming: Final[Collection[int]] = shown("_coming")
    owed: Final[Sequence[int]] = shown("_owed")
    targets: Final[Mapping[int, int]] = shown("_targets")
    last_target: Final[int] = shown("_last_target")

    def __init__(
        self, *, plan: PairPlan, seen: int | None = None, target: int | None = None
    ) -> None:
        self._standing = Standing()
        self.albums, self.revisions = Albums(), Revisions()
        self.refusals = Refusals()  # the unknown ones that it has met in a row
        self.comparison, self.doubts = Comparison(plan.id), Doubts(self._step)
        self.queue = PairQueue(self._step)
        self._handler: PairHandler | None = None
        self._returned_badly = False  # the handler has returned what is no number
        self._send_as: int | None = None
        self.replan(plan)
        self._chats = PairChats(target=target)
        self._sought = False  # since its source was last read, its chats were looked for anew
        self._upgraded: int | None = None  # the supergroup that its source is by now
        self._seen, self._last_target = seen, 0  # and the newest copy
        self._paused: str | None = None
        self._question: History | None = None
        self._filling: History | None = None
        self._backfill: Backfill | None = None  # how far the past has been read, while it is
        self._misread = 0  # how often in a row the source could not be read
        self._pauses = 0  # how often in a row the pair was paused, or found as bad as before
        self._slow = 0  # how many messages in a row a pattern was not through with in time
        self._delivered = self._repeated = self._dead = 0
        self._overflown = 0  # the oldest live message that was dropped, too many being held
        self._held: list[Incoming] = []  # live messages, until history is read
        self._coming: set[int] = set()  # messages that are being written into the outbox
        self._owed: list[int] = []  # messages of the outbox that are read before they are sent
        self._unheard: set[int] = set()  # on their way when Telegram would not tell what changed
        self._targets: OrderedDict[int, int] = OrderedDict()  # which message became which

    @property
    def leaving(self) -> bool:
        """Whether nothing more is begun, so that another group can take the pair over."""
        return self._standing.tenure is Tenure.LEAVING

    @property
    def unsure(self) -> bool:
        """Whether something may have arrived unseen that only the same account can find out."""
        return self._handler is None and self._standing.certainty is Certainty.UNCERTAIN

    @property
    def in_doubt(self) -> int:
        """How many messages may have arrived unseen that only the same account can find out."""
        return len(self.doubts.messages) if self._handler is None else 0

    @property
    def asking(self) -> bool:
        """Whether an answer is on its way that may be older than what is told meanwhile."""
        return not (
            self._question is None and self._filling is None and self.comparison.question is None
        )

    def _step(self, event: PairEvent) -> None:
        self._standing = step(self._standing, event)
        if self._standing.reading is not Reading.CATCHING_UP:
            self._question = None

    # What an earlier run has left, and what it is to do

    def replan(self, plan: PairPlan) -> None:
        """Go on by this plan; its chats are the same."""
        self._plan, self._rules = plan, Rules.of(plan.rules)
        self._send_as = None  # until it is found

    def give_handler(self, handler: PairHandler | None) -> None:
        """Have ``handler`` deliver."""
        self._handler, self._returned_badly = handler, False

    def adopt(
        self,
        *,
        seen: int | None,
        last_target: int,
        dead: int,
        owed: Iterable[int],
        backfill: Backfill | None,
    ) -> None:
        """Go on where an earlier run has stopped."""
        self._seen, self._last_target, self._dead = seen, last_target, dead
        self._owed, self._backfill = list(owed), backfill

    def move_to(self, chats: PairChats) -> None:
        """Its chats are these."""
        self._chats = chats

    def upgrade(self, to: int) -> None:
        """Its source is a supergroup by now; followed when all of the old one is done."""
        self._upgraded = to

    # From its chats to what is said there now

    def found(self) -> None:
        """Its chats can be addressed."""
        self._step(PairEvent.FOUND)

    def speak_as(self, peer: int | None) -> None:
        """Send in the name of this peer; ``None`` for the account's own."""
        self._send_as = peer

    @property
    def knows_its_name(self) -> bool:
        """Whether it is known in whose name it sends."""
        return self._plan.send_as is None or self._send_as is not None

    def lose_chats(self) -> None:
        """Telegram does not take one of its chats by what is known of it."""
        self._step(PairEvent.LOST)
        self._sought = True

    def ask(self, question: History) -> None:
        """A question was sent, to catch up."""
        self._step(PairEvent.ASKED)
        self._question = question

    def answered(self) -> None:
        """There is an answer, or why there is none."""
        self._step(PairEvent.ANSWERED)

    def read_well(self) -> None:
        """The source could be read."""
        self._misread, self._sought = 0, False

    def read_badly(self) -> int:
        """It could not be, or not yet; returns how often in a row."""
        self._misread += 1
        return self._misread

    def give_up_seeking(self) -> None:
        """Its chats were looked for in vain."""
        self._sought = False

    def start_mark(self, newest: int, *, since: bool = False) -> int:
        """Start with what is said behind ``newest``, or is held already; returns the mark.

        With ``since`` what is held does not count: all behind ``newest`` is read.
        """
        first = self._overflown or min((one.id for one in self._held), default=newest + 1)
        self._seen = mark = newest if since else min(newest, first - 1)
        return mark

    def unsee(self, source_id: int) -> None:
        """From this message on all is read again when the pair goes on."""
        self._seen = source_id - 1

    def ask_past(self, question: History) -> None:
        """A question was sent, to read its past."""
        self._filling = question

    def past_answered(self) -> None:
        """There is an answer, and what follows from it is done."""
        self._filling = None

    def read_past(self, row: Backfill | None) -> None:
        """Its past is read as far as that; ``None``: to the end."""
        self._backfill = row

    def caught_up(self) -> None:
        """History is read to its end: what comes from now on is live."""
        self._step(PairEvent.CAUGHT_UP)

    def begin_migration(self) -> None:
        """It is being written down that the pair begins anew in its supergroup."""
        self._step(PairEvent.MIGRATION_BEGUN)

    def defer_migration(self) -> None:
        """There is something left to do in the old chat."""
        if self.reading is Reading.MIGRATING:  # it may have been paused meanwhile
            self._step(PairEvent.MIGRATION_DEFERRED)

    def migrated(self, to: int) -> None:
        """Go on at the start of its supergroup."""
        self.reset_progress()
        self._chats = replace(self._chats, source=to, known=(to, self.target or 0))
        self._seen = 0
        self._step(PairEvent.MIGRATED)

    def reset_progress(self) -> None:
        """Its source is another chat than before: nothing of that one is to be done any more."""
        self._step(PairEvent.INTERRUPTED)
        self._seen = self._backfill = self._upgraded = None
        self._dead, self._owed = 0, []
        self.queue.clear()
        self._held.clear()
        self.revisions.clear()
        self._unheard.clear()
        self.forget_targets()

    def forget_targets(self) -> None:
        """Its target is another chat than before."""
        self._targets.clear()
        self.doubts.clear()
        self.comparison.adopt(())
        self._last_target = 0

    def interrupt(self, until: float) -> tuple[Item, ...]:
        """The session came or went: something may be missed, and what was under way is void.

        Returns what waits again. What a handler does has nothing to do with the session.
        """
        items: tuple[Item, ...] = ()
        if self._handler is None:
            items = self.queue.end()
            self.doubt(items, until)
        self._step(PairEvent.INTERRUPTED)
        self._filling = None
        self.queue.retry()
        self.comparison.void()
        return items

    # What may have arrived

    def doubt(self, items: Iterable[Item], until: float) -> None:
        """They may have been done, or may yet be ``until`` then: the answer was lost."""
        self.doubts.doubt(one.id for one in items if isinstance(one, Incoming))
        for item in items:
            if isinstance(item, Change) and item.message is not None and self._handler is None:
                self.doubts.belate(item.source_id, until)

    def sure(self, source_id: int) -> None:
        """It is known what became of a message."""
        self.doubts.known(source_id)
        if source_id in self._unheard:
            self._unheard.discard(source_id)
            self.comparison.want()

    def orphan(
        self, source_id: int, message: Incoming | None = None, *, unwanted: bool = False
    ) -> None:
        """A message may have arrived, and its account is of no help: its copy is looked for.

        It is gone at the source, or unwanted by now, or was sent by another account.
        """
        after = 0 if self.doubts.is_retried(source_id) else self._last_target
        self.doubts.seek(source_id, after, message, unwanted=unwanted)
        self.sure(source_id)

    def texts(self, messages: tuple[Incoming, ...], *, short: bool = False) -> dict[int, RichText]:
        """What is sent in place of the messages' own texts; raises what a rule raises."""
        return self._rules.texts(messages, short=short) if self._plan.copies else {}

    def shorter(self, messages: tuple[Incoming, ...]) -> dict[int, RichText]:
        """What is sent of the long ones where Telegram does not take all; as ``texts``."""
        long = {one.id for one in messages if is_long(one)}
        if not long or self._handler is not None:
            return {}
        texts = self.texts(messages, short=True)
        return {one: text for one, text in texts.items() if one in long}

    def version_there(self, message: Incoming, texts: Mapping[int, RichText]) -> int:
        """By what a message's copy is known: what it says, or for a forward its origin."""
        if not self._plan.copies:
            return origin_of(message)
        return content_hash(message, texts.get(message.id))

    # What is told of messages that are on their way

    def on_its_way(self, source_id: int) -> bool:
        """Whether a message is held back, being written, or waits; whatever waits for it."""
        return (
            source_id in self._coming
            or source_id in self.held_back()
            or any(isinstance(one, Incoming) and one.id == source_id for one in self.queue)
        )

    def held_back(self) -> set[int]:
        """The messages that are held; one that was told again, and is seen by now, is not."""
        return {one.id for one in self._held if one.id > (self._seen or 0)}

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
                self.revisions.lossy = False
                self.comparison.want(older=True)
            self.revisions.keep(self._in_hand().__contains__)

    def _in_hand(self) -> set[int]:
        """The messages that are on their way, and those whose changes are."""
        return {
            *self._coming,
            *self._owed,
            *self.doubts.sought,
            *self.queue.asked,
            *(one.id for one in self._held),
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
        self._pauses += 1
        self._held.clear()
        self._overflown = 0

    def resume(self) -> None:
        """Work again; nothing that comes counts as seen before history is read."""
        if (self._paused or "").startswith(PROTECTED):
            self._forget_protection()
        self._step(PairEvent.RESUMED)
        self._paused, self._slow = None, 0
        self.queue.reset_tries()
        self.comparison.want()

    def _forget_protection(self) -> None:
        """What waits was told as protected, and may not be any more: it is read anew."""
        self.comparison.want_edits(self.queue.take_edits())
        self.revisions.forget_edits()
        self._read_waiting_again()

    def trust(self) -> None:
        """It works, or a person says so: the next pause is a first one."""
        self._pauses = 0

    def looked_at(self, *, well: bool) -> None:
        """A pause is over for a look at what is wrong, which has changed something or not."""
        self._pauses += -1 if well else 1

    # From what is said to what is done

    def hold(self, message: Incoming) -> None:
        """Keep a live message until history is read through."""
        if len(self._held) >= HELD_LIMIT:
            self._overflown = min(one.id for one in self._held)
            self._held.clear()
        if not self._overflown:
            self._held.append(message)

    def read_again(self) -> None:
        """Telegram will not tell what became of what waits: it is read anew before it is copied.

        What is said meanwhile is held, so that it comes behind.
        """
        self._unheard |= {one.id for one in self.queue.busy if isinstance(one, Incoming)}
        if self._plan.copies:
            self._unheard |= self._coming
            self.revisions.forget_edits()  # within a second, what is read now is newer
            self._filling = None  # its answer may be older, too
            self._read_waiting_again()

    def _read_waiting_again(self) -> None:
        self._owed[:0] = self.queue.take_messages()
        self._step(PairEvent.INTERRUPTED)

    def take_overflow(self) -> bool:
        """Whether live messages were dropped, and have to be read; tells it once."""
        overflown, self._overflown = self._overflown, 0
        return overflown > 0

    def release(self) -> list[Incoming]:
        """The live messages that were held back."""
        held, self._held = self._held, []
        return held

    def admit(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The messages that are new, oldest first, as they are now; from now on they are seen."""
        fresh = []
        for message in sorted(messages, key=lambda one: one.id):
            if message.id > (self._seen or 0):
                self._seen = message.id
                fresh.append(message)
        return self.as_they_are(fresh)

    def as_they_are(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The same messages in their newest revisions; without those that are gone."""
        if not self.revisions:
            return tuple(messages)
        newest = map(self.revisions.newest, messages)
        return tuple(message for message in newest if message is not None)

    def judged(self, error: Exception | None = None) -> None:
        """The rules were applied to a message, or could not be."""
        self._slow = 0 if error is None else self._slow + isinstance(error, PatternTooSlowError)

    def accept(self, source_id: int, version: int) -> None:
        """A message is being written into the outbox."""
        self._coming.add(source_id)
        self.doubts.add_possible_versions({source_id: version})

    def unhear(self, source_id: int) -> None:
        """A message came in part: it is read before it is judged again and sent."""
        if self._plan.copies or self._rules.judges:
            self._unheard.add(source_id)

    def stored(self, source_ids: Iterable[int]) -> None:
        """These are in the outbox, or have been before."""
        self._coming.difference_update(source_ids)

    def owes_unheard(self, source_ids: Sequence[int]) -> bool:
        """Whether these are to be read anew before they are sent, as from now on they are owed."""
        unheard = not self._unheard.isdisjoint(source_ids)
        self._unheard.difference_update(source_ids)
        if unheard:
            self.owe(source_ids)
        return unheard

    def owe(self, source_ids: Iterable[int]) -> None:
        """Read these before they are sent."""
        self._owed += source_ids

    def read_owed(self, count: int) -> None:
        """The first of those that were owed have been read."""
        del self._owed[:count]

    def next_items(self, now: float) -> tuple[Item, ...] | Wait | None:
        """What may be done now; one thing at a time, so that order holds."""
        if self._paused is not None or (self.leaving and not self.unsure):
            return None
        together = None  # what is refused for a reason nobody knows is tried one by one
        if self._handler is None and not self.refusals.met:
            together = copies_together if self._plan.copies else forwards_together
        more = self.reading is not Reading.LIVE or self._backfill is not None or bool(self._coming)
        return self.queue.next(self.albums, now=now, together=together, more_to_come=more)

    def waiting(self, source_ids: Iterable[int]) -> list[Incoming]:
        """Of these messages the ones that wait, are not under way and have not been handed over."""
        wanted = frozenset(source_ids)
        return [
            item
            for item in self.queue
            if isinstance(item, Incoming) and item.id in wanted and not self._is_fixed(item)
        ]

    def _is_fixed(self, item: Incoming) -> bool:
        return self.doubts.handed(item.id) is not None or self.queue.is_busy(item)

    def note_target(self, source_id: int, target_id: int, *, newest: bool = True) -> None:
        """Remember which message became which; without ``newest`` others may stand before it."""
        self._targets[source_id] = target_id
        if newest:
            self._last_target = max(self._last_target, target_id)
        if len(self._targets) > TARGETS_KEPT:
            self._targets.popitem(last=False)

    def returns_badly(self) -> bool:
        """The handler has returned what is no number; tells whether it is the first time."""
        first, self._returned_badly = not self._returned_badly, True
        return first

    def count(self, *, delivered: int = 0, repeated: int = 0, dead: int = 0) -> None:
        """Add to the numbers of the report."""
        self._delivered += delivered
        self._repeated += repeated
        self._dead = max(0, self._dead + dead)

    def report(self) -> PairReport:
        """How the pair is, as a value."""
        return PairReport(
            id=self._plan.id,
            source=masked(self._plan.source),
            target=masked(self._plan.target),
            mode=self._plan.mode,
            waiting=len(self.queue) + len(self._held) + len(self._owed) + len(self._coming),
            delivered=self._delivered,
            repeated=self._repeated,
            dead=self._dead,
            paused=self._paused,
            ready=self.target is not None and self.reading is Reading.LIVE,
        )
