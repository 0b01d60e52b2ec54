"""A worker group's delivery: from the outbox to the target, and the result.

Owns the order: one request, or one run of copies of which each waits for the one before, is under
way for a pair, and the next begins when it is known what became of it. Leaves the outbox to
``outbox``, what is noted of edits and deletions to ``changes``, and pace, floods and the client to
the session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from ...storage import RingVerdict, Store
from ...telegram import (
    Action,
    CopyShortened,
    ErrorClass,
    Forwarded,
    Incoming,
    Receipt,
    RichText,
    StarsPaid,
    Verdict,
    content_hash,
)
from ..messages import Deliver, Delivered, Returned, Undelivered
from ..refusals import reason_of
from .changes import CopyChanges
from .context import GroupContext, why, why_not
from .handler_runner import as_before, keep, run_handler
from .outbox import OutboxWriter
from .pair.batching import Change, Item, Wait
from .pair.pair_queue import UnderWay
from .pair.state import PROTECTED, PairState
from .pausing import PairPausing
from .shipping import needed, not_let_through, packed, rounds

logger = logging.getLogger(__name__)

GONE_BEFORE: Final = "deleted at the source before it was sent"
NO_SOURCE: Final = "MESSAGE_ID_INVALID"  # what Telegram says of a forward whose source is gone
TAKEN: Final = 1000  # newest copies of each pair in a target; what is looked for is new
TRIES: Final = 3  # for one message that fails for no reason of its own, then it is put aside
ONCE: Final = frozenset(
    {
        Action.DROP_MESSAGE,
        Action.LEAVE_MESSAGE,
        Action.REFETCH_MESSAGE,  # it was read anew for its one more try
    }
)
RETRY_AFTER: Final = 2.0  # seconds; Telegram's own trouble (RPC_CALL_FAIL) is over in a moment
RING_AGAIN: Final = 0.25  # seconds until a message that may be a copy of ours is looked at again
LOOK_AGAIN: Final = 0.25  # seconds until a copy is looked for again that was another's
RETRIES_GROW: Final = 30  # times; so the longest pause is a minute


class Delivery:
    """Sends for the pairs of one group."""

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        pausing: PairPausing,
        changes: CopyChanges,
    ) -> None:
        self._context, self._outbox, self._pausing = context, outbox, pausing
        self._changes = changes

    def stored(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """What was accepted is on the disk: it may go."""
        self.enqueue(state, messages)
        self.send_next(state)

    def enqueue(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """Let messages of the outbox wait to be sent, each as it is by now."""
        ids = [one.id for one in messages]
        state.stored(ids)
        if state.owes_unheard(ids):
            self._context.read_again(state)
        elif state.owed:  # they come behind what is just being read again
            state.owe(ids)
        else:
            state.queue.enqueue(messages)
            self.bring_up_to_date(state, messages)

    def bring_up_to_date(self, state: PairState, items: Sequence[Item]) -> None:
        """Let what was told of these, which wait, be true of them."""
        for item in items:
            if isinstance(item, Incoming) and self._follows(state, item):
                newest = state.revisions.newest(item)
                if newest is not item:
                    state.queue.swap(item, newest)
                if newest is None:
                    self._refused(state, item, GONE_BEFORE)

    def _follows(self, state: PairState, item: Incoming) -> bool:
        return state.revisions.knows(item.id) and state.doubts.handed(item.id) is None

    # Edits and deletions at the source

    def edited(self, state: PairState, message: Incoming) -> None:
        """A message changed: what is on its way goes as it is now, what was sent is edited."""
        if not state.told_edited(message):
            return  # told before, and something newer since
        for waiting in state.waiting((message.id,)):
            state.queue.swap(waiting, message)
        self._withdraw(state, (message.id,))
        if state.plan.edits and state.plan.copies and not state.on_its_way(message.id):
            self._changes.want_edits(state, {message.id: message})

    def deleted(self, state: PairState, source_ids: Sequence[int]) -> None:
        """Messages are gone: what is on its way is put aside, what was sent is deleted."""
        state.told_gone(source_ids)
        self._withdraw(state, source_ids)
        waiting = {one.id: one for one in state.waiting(source_ids)}
        for one in waiting.values():
            state.queue.swap(one, None)
            self._refused(state, one, GONE_BEFORE)
        # Whether these have arrived is just being asked, or they have not been sent; see revisions.
        unsent = {*waiting, *state.owed, *state.doubts.sought}
        unsent |= {*state.coming, *state.held_back()}
        sent = [one for one in source_ids if one not in unsent]
        if sent and state.plan.deletes:
            self._changes.want_removals(state, sent)

    def _withdraw(self, state: PairState, source_ids: Sequence[int]) -> None:
        """What waits for its turn with these is not to go as it was handed over."""
        ids = frozenset(source_ids)
        if any(isinstance(one, Incoming) and one.id in ids for one in state.queue.busy):
            self._context.take_back(state)

    # Out of the outbox

    def send_next(self, state: PairState) -> None:
        """Do what is next for a pair, if it may be done now."""
        while True:
            known = state.target is not None and state.knows_its_name
            if state.handler is None and not (self._context.online and known):
                return
            items = state.next_items(self._context.now())
            if items is None:
                state.tidy()
                return
            if isinstance(items, Wait):
                self._context.set_pair_timer(items.seconds, state, self.retry)
                return
            if self._began(state, self._as_they_are(state, items)):
                return

    def _as_they_are(self, state: PairState, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """A change is made as the message is by now."""
        change = items[0]
        if not isinstance(change, Change) or change.message is None:
            return as_before(state, items)
        newest = state.revisions.newest(change.message)
        if newest is None or newest is change.message:
            return items  # one that is gone is deleted by the change behind this one
        present = Change(change.source_id, newest)
        state.queue.swap(change, present)
        return (present,)

    def _began(self, state: PairState, items: tuple[Item, ...]) -> bool:
        """Begin with these, unless the pair's rules keep them out or fail."""
        messages = tuple(one for one in map(_message_of, items) if one is not None)
        try:
            if self._kept_out(state, items):
                return False
            short = self._context.short and state.handler is None
            texts = state.texts(messages, short=short)
            shorter = {} if short else state.shorter(messages)
        except Exception as error:  # noqa: BLE001 - a rule is the user's; so is its trouble
            self._spoilt(state, items, error)
            return False
        ticket = self._context.ticket()
        state.queue.begin(UnderWay(ticket, items, texts, shorter))
        posts = state.handler is None and not isinstance(items[0], Change)
        fresh = _fresh(state, messages, texts, shorter) if posts else ()
        self._look_up(state, ticket, items, fresh, keep(state, items))
        return True

    def _look_up(
        self,
        state: PairState,
        ticket: int,
        items: tuple[Item, ...],
        fresh: Sequence[Mapping[int, int]],
        kept: Mapping[int, bytes],
    ) -> None:
        """Find what is concerned at the target, and have on the disk what copies may now say."""
        unknown = [one for one in needed(state, items) if one not in state.targets]
        around, doubtful = rounds(state, items), _may_be_there(state, items)
        if not (unknown or fresh or around or kept or doubtful):
            self._send(state, ticket, items)
            return
        pair, source, target = state.plan.id, state.source or 0, state.target or 0
        now = self._context.services.stamp()

        def work(store: Store) -> tuple[dict[int, int], Mapping[int, RingVerdict], Collection[int]]:
            ring = store.ring(pair, source, target, around, now) if around else {}
            for versions in fresh:
                store.add_possible_versions(pair, versions)
            store.hand_over(pair, kept)
            others = store.copies_at_target(pair, TAKEN) if doubtful else ()
            return store.targets(pair, unknown) if unknown else {}, ring, others

        self._outbox.ask(
            state, work, lambda state, found: self._found(state, ticket, items, *found)
        )

    def _kept_out(self, state: PairState, items: tuple[Item, ...]) -> bool:
        """Take off the queue what the filters do not let through, as it is by now."""
        change = items[0]
        if isinstance(change, Change):
            if change.message is None or state.rules.lets_stay(change.message):
                return False
            self._changes.unwanted(state, change, change.message)
            return True
        unwanted = not_let_through(state, items)
        self._take_out(state, unwanted, unwanted=True)
        return bool(unwanted)

    def _take_out(
        self, state: PairState, messages: Sequence[Incoming], *, unwanted: bool = False
    ) -> None:
        """These are not sent after all; one that may have been is looked for."""
        doubtful = [one for one in messages if state.doubts.has(one.id) and state.target]
        for message in messages:
            state.queue.take_out(message)
            if message in doubtful:
                state.orphan(message.id, unwanted=unwanted)
            else:
                state.sure(message.id)
        if doubtful:
            self._context.read_again(state)
        if doubtful and unwanted:
            pair, sought = state.plan.id, [one.id for one in doubtful]
            self._write_first(state, lambda store: store.record_unwanted(pair, sought))
        self.filter_out(state, [one.id for one in messages if one not in doubtful])

    def filter_out(self, state: PairState, source_ids: Sequence[int]) -> None:
        """These have not arrived, and are not to."""
        pair = state.plan.id
        if source_ids:
            self._write_first(state, lambda store: store.filter_out(pair, source_ids))

    def _write_first(self, state: PairState, work: Callable[[Store], object]) -> None:
        """Write down that some are not sent, before anything that was said after them is.

        Else whoever begins anew in between would send them behind that.
        """

        def written(present: PairState, _: object) -> None:
            if present is state:
                state.queue.release()
                self.send_next(state)

        state.queue.hold()
        self._outbox.ask(state, work, written)

    def _spoilt(self, state: PairState, items: tuple[Item, ...], error: Exception) -> None:
        """A rule cannot be applied to one of these; the others go on."""
        state.judged(error)
        spoilt = tuple(one for one in items if _fails(state, one)) or items
        for item in state.queue.give_up(spoilt):
            if isinstance(item, Change):
                self._changes.not_made(state, item, why_not(error))
            else:
                self.put_aside(state, item.id, why_not(error))
        self._pausing.look_at_patterns(state)

    def _found(
        self,
        state: PairState,
        ticket: int,
        items: tuple[Item, ...],
        targets: Mapping[int, int],
        ring: Mapping[int, RingVerdict],
        others: Collection[int],
    ) -> None:
        """It is known which messages are concerned at the target, and which may go round."""
        if not state.queue.is_current(ticket):
            return
        if _may_be_there(state, items):
            state.queue.tell_apart(self._context.taken(state).union(others))
        for source_id, target_id in targets.items():
            state.note_target(source_id, target_id, newest=False)
        verdicts = ring.values()
        if "stay" in verdicts:
            state.queue.end()
            came = [one for one in items if isinstance(one, Incoming)]
            if came[0].grouped_id is None:
                came = [one for one in came if ring[one.id] == "stay"]
            self._take_out(state, came)
            self.send_next(state)
        elif sure := _before_a_wait(items, ring):
            state.queue.end(but=len(sure))
            self._send(state, ticket, sure)
        else:
            state.queue.end()
            self._context.set_pair_timer(RING_AGAIN, state, self.retry)

    def _send(self, state: PairState, ticket: int, items: tuple[Item, ...]) -> None:
        assert state.queue.under_way is not None  # noqa: S101 - the callers looked
        if isinstance(items[0], Change) and items[0].source_id not in state.targets:
            self._settle(state, ticket, Receipt())  # it never got there, or is long forgotten
        elif state.handler is not None:
            deadline = self._context.services.settings.call_deadline
            texts = state.queue.under_way.texts
            run_handler(self._context, state, ticket, items, texts, deadline=deadline)
        elif state.target is not None:
            self._context.tell_session(
                Deliver(
                    pair=state.plan.id,
                    ticket=ticket,
                    shipment=packed(state, state.target, state.queue.under_way),
                    reply_to=self._context.actor.actor_ref,
                )
            )

    # What came of it

    def delivered(self, answer: Delivered) -> None:
        """It is at its target, or as much of it as would be taken."""
        state = self._context.pairs.get(answer.pair)
        if state is not None and state.queue.is_current(answer.ticket):
            if answer.receipt.repeated and self._taken_meanwhile(state, answer.receipt):
                state.doubt(state.queue.end(), self._context.late_until())
                self._wait_and_retry(state, LOOK_AGAIN)
            else:
                self._settle(state, answer.ticket, answer.receipt)

    def _taken_meanwhile(self, state: PairState, receipt: Receipt) -> bool:
        """Whether a copy that was looked for has turned out to be one of another message."""
        return not self._context.taken(state).isdisjoint(receipt.target_ids.values())

    def returned(self, message: Returned) -> None:
        """Only some of it is under way now, or nothing; the others may still change."""
        state = self._context.pairs.get(message.pair)
        if state is not None and state.queue.is_current(message.ticket):
            self.bring_up_to_date(state, state.queue.end(but=message.count))
            if state.queue.under_way is None:
                self.send_next(state)

    def _settle(self, state: PairState, ticket: int, receipt: Receipt) -> None:
        under_way = state.queue.under_way
        texts = {} if under_way is None else under_way.texts
        cut = {*receipt.shortened, *(one for one, text in texts.items() if text.shortened)}
        self._context.short |= bool(receipt.shortened)
        state.trust()
        full = ""
        for item in state.queue.settle(ticket, receipt):
            if isinstance(item, Change):
                self._changes.made(state, item, cut=item.source_id in cut)
            elif item.id in receipt.refused:
                verdict = receipt.refused[item.id]
                self._refused(state, item, why(verdict))
                full = reason_of(verdict) if state.refusals.note(verdict) else ""
            else:
                self._reached_target(state, item, receipt, cut=item.id in cut)
        state.count(repeated=receipt.repeated)
        if receipt.stars:
            session, pair = self._context.session, state.plan.id
            logger.info("stars paid session=%s pair=%d stars=%d", session, pair, receipt.stars)
            self._context.publish(StarsPaid, state, stars=receipt.stars)
        if full:
            self._pausing.pause(state, full)
        self.send_next(state)

    def _reached_target(
        self, state: PairState, message: Incoming, receipt: Receipt, *, cut: bool
    ) -> None:
        state.count(delivered=1)
        state.refusals.clear()
        state.sure(message.id)
        target_id = receipt.target_ids.get(message.id)
        if target_id is not None:
            state.note_target(message.id, target_id)
        now = self._context.services.stamp()
        self._changes.reached_target(
            state, message, target_id, now, outdated=message.id in receipt.outdated
        )
        self._context.publish(
            Forwarded,
            state,
            at=now,
            source_id=message.id,
            target_id=target_id,
            repeated=False,
            lag=max(0.0, now - message.date.timestamp()),
        )
        if cut:
            self._context.publish(CopyShortened, state, source_id=message.id)

    def undelivered(self, answer: Undelivered) -> None:
        """It is not at its target: what follows is a table by the kind of trouble."""
        state, verdict = self._context.pairs.get(answer.pair), answer.verdict
        if state is None or not state.queue.is_current(answer.ticket):
            return
        items = state.queue.end()
        self._failed(state, items, verdict)
        self.bring_up_to_date(state, [one for one in items if one in state.queue])

    def _failed(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        match verdict.kind:
            case ErrorClass.PAIR if state.upgraded and verdict.name.startswith(PROTECTED):
                self._give_up(state, items, verdict)  # a group that is none any more stays so
            case ErrorClass.PAIR if (
                verdict.action is not Action.RESOLVE_PEER or state.queue.attempts
            ):
                self._pausing.pause(state, why(verdict))
            case ErrorClass.BUG if state.refusals.would_fill(verdict):
                self._pausing.pause(state, reason_of(verdict))
            case ErrorClass.MESSAGE | ErrorClass.BUG:
                self._try_again_or_put_aside(state, items, verdict)
            case _ if verdict.action is Action.PARK_ACTION and isinstance(items[0], Change):
                self._edit_later(state, items)
            case _ if self._context.online or state.handler is not None:
                state.doubt(items, self._context.late_until())
                self._try_later(state, items, verdict)
            case _:
                state.doubt(
                    items, self._context.late_until()
                )  # SessionUp brings it on its way again

    def _try_again_or_put_aside(
        self, state: PairState, items: tuple[Item, ...], verdict: Verdict
    ) -> None:
        content = verdict.kind is ErrorClass.MESSAGE and verdict.action is Action.DEAD_LETTER
        once_is_enough = content or verdict.action in ONCE
        if state.queue.failed() < TRIES and not once_is_enough:
            self._wait_and_retry(state, RETRY_AFTER)
            return
        self._give_up(state, items, verdict)

    def _try_later(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        """Wait out what is no fault of the message; a handler's error may be one."""
        if state.handler is not None and verdict.wait is not None:
            self._wait_and_retry(state, verdict.wait, why=verdict.advice)
            return
        attempts = state.queue.failed()
        if state.handler is not None and attempts >= self._context.services.settings.handler_tries:
            self._give_up(state, items, verdict)
        else:
            pause = RETRY_AFTER * min(attempts, RETRIES_GROW)
            self._wait_and_retry(state, pause, why=f"another try, after {attempts}: {verdict.name}")

    def _edit_later(self, state: PairState, items: tuple[Item, ...]) -> None:
        """Only these wait, whose edits stay noted; what is behind them goes on."""
        for item in state.queue.give_up(items):
            if isinstance(item, Change):
                pauses = RETRY_AFTER, RETRY_AFTER * RETRIES_GROW
                self._changes.later(state, item.source_id, *pauses)
        self.send_next(state)

    def _wait_and_retry(self, state: PairState, pause: float, *, why: str = "") -> None:
        """Nothing of the pair is tried before the pause is over, whatever is said meanwhile."""
        state.queue.retry(self._context.now() + pause, why=why)
        self._context.set_pair_timer(pause, state, self.retry)

    def retry(self, state: PairState) -> None:
        """The pause after what failed, or before what is not complete, is over."""
        state.queue.retry()
        self.send_next(state)

    def _give_up(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        for item in state.queue.give_up(items):
            if not isinstance(item, Change):
                self._refused(state, item, why(verdict))
                state.refusals.note(verdict)
            elif verdict.action is Action.LEAVE_MESSAGE:
                self._changes.left_to_its_author(state, item)
            else:
                self._changes.not_made(state, item, verdict.name)
        self.send_next(state)

    def _refused(self, state: PairState, message: Incoming, reason: str) -> None:
        """It will not be taken any more; one that is gone may have been before, unseen."""
        gone = (GONE_BEFORE,) if state.plan.copies else (GONE_BEFORE, NO_SOURCE)
        if state.doubts.has(message.id) and state.target and reason.startswith(gone):
            state.orphan(message.id)
            self._context.read_again(state)
        else:
            self.put_aside(state, message.id, reason)

    def put_aside(self, state: PairState, source_id: int, reason: str) -> None:
        """Make a dead letter of a message; it can be sent again or dropped by hand."""
        state.count(dead=1)
        state.sure(source_id)
        pair, now = state.plan.id, self._context.services.stamp()
        self._write_first(state, lambda store: store.fail(pair, source_id, reason, now, dead=True))
        self._context.put_aside(state, at=now, source_id=source_id, reason=reason)


def _before_a_wait(items: tuple[Item, ...], ring: Mapping[int, RingVerdict]) -> tuple[Item, ...]:
    """Those that may go on in a ring before the first of which that is not known yet.

    Another pair may be waiting for what becomes of one of these; an album goes whole.
    """
    waits = [isinstance(one, Incoming) and ring.get(one.id) == "wait" for one in items]
    if not any(waits):
        return items
    first = items[0]
    album = isinstance(first, Incoming) and first.grouped_id is not None
    return () if album else items[: waits.index(True)]


def _may_be_there(state: PairState, items: tuple[Item, ...]) -> bool:
    """Whether any of these may have arrived unseen, so that it would be looked for."""
    doubts = state.handler is None and bool(state.doubts.messages)
    return doubts and any(isinstance(one, Incoming) and state.doubts.has(one.id) for one in items)


def _fresh(
    state: PairState,
    messages: tuple[Incoming, ...],
    texts: Mapping[int, RichText],
    shorter: Mapping[int, RichText],
) -> tuple[dict[int, int], ...]:
    """What copies are about to say, whole or cut, that they never said before."""
    whole = {one.id: state.version_there(one, texts) for one in messages}
    cut = {one.id: content_hash(one, shorter[one.id]) for one in messages if one.id in shorter}
    return tuple(
        filter(
            None,
            (state.doubts.add_possible_versions(whole), state.doubts.add_possible_versions(cut)),
        )
    )


def _message_of(item: Item) -> Incoming | None:
    return item.message if isinstance(item, Change) else item


def _fails(state: PairState, item: Item) -> bool:
    """Whether a rule cannot be applied to this one by itself."""
    message = _message_of(item)
    if message is None:
        return False
    try:
        state.rules.lets_through((message,))
        state.texts((message,))
    except Exception:  # noqa: BLE001 - what it is has been told
        return True
    return False
