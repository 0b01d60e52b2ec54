"""A worker group's delivery: from the outbox to the target, and the result.

Owns the order: one request, or one run of copies of which each waits for the one before, is under
way for a pair, and the next begins when it is known what became of it. An edit or a deletion is
noted on the disk before it is made. Leaves the outbox to ``outbox``, and pace, floods and
the client to the session.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ...errors import PatternTooSlowError
from ...storage import PendingChange, Store
from ...telegram import (
    Action,
    CopyChanged,
    CopyShortened,
    DeadLettered,
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
from .batching import Change, Item, Wait
from .context import GroupContext, why, why_not
from .handler_runner import as_before, keep, run_handler
from .internal import ChangesRecorded, OutboxStored, ReadAgain, RedoEdits, Retry, TargetsResolved
from .outbox import OutboxWriter
from .pair import UNKNOWN, PairState, UnderWay
from .pausing import PairPausing
from .shipping import needed, not_let_through, packed, rounds

logger = logging.getLogger(__name__)

GONE_BEFORE: Final = "deleted at the source before it was sent"
NO_SOURCE: Final = "MESSAGE_ID_INVALID"  # what Telegram says of a forward whose source is gone
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
RETRIES_GROW: Final = 30  # times; so the longest pause is a minute


class Delivery:
    """Sends for the pairs of one group."""

    def __init__(self, context: GroupContext, outbox: OutboxWriter, pausing: PairPausing) -> None:
        self._context, self._outbox, self._pausing = context, outbox, pausing

    def stored(self, message: OutboxStored) -> None:
        """What was accepted is on the disk: it may go."""
        state = self._context.pairs.get(message.pair)
        if state is not None:
            self.enqueue(state, message.messages)
            self.send_next(state)

    def enqueue(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """Let messages of the outbox wait to be sent, each as it is by now."""
        ids = [one.id for one in messages]
        state.coming.difference_update(ids)
        if not state.unheard.isdisjoint(ids):
            state.unheard.difference_update(ids)
            state.owed += ids
            self._context.actor.actor_ref.tell(ReadAgain(state.plan.id))
        elif state.owed:  # they come behind what is just being read again
            state.owed += ids
        else:
            state.queue.extend(messages)
            self.bring_up_to_date(state, messages)

    def bring_up_to_date(self, state: PairState, items: Sequence[Item]) -> None:
        """Let what was told of these, which wait, be true of them."""
        for item in items:
            if isinstance(item, Incoming) and self._follows(state, item):
                newest = state.revisions.newest(item)
                if newest is not item:
                    state.swap(item, newest)
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
            state.swap(waiting, message)
        self._withdraw(state, (message.id,))
        if state.plan.edits and state.plan.copies and not state.on_its_way(message.id):
            self._want_edits(state, {message.id: message})

    def deleted(self, state: PairState, source_ids: Sequence[int]) -> None:
        """Messages are gone: what is on its way is put aside, what was sent is deleted."""
        state.told_gone(source_ids)
        self._withdraw(state, source_ids)
        waiting = {one.id: one for one in state.waiting(source_ids)}
        for one in waiting.values():
            state.swap(one, None)
            self._refused(state, one, GONE_BEFORE)
        # Whether these have arrived is just being asked, or they have not been sent; see revisions.
        unsent = {*waiting, *state.owed, *state.doubts.sought}
        unsent |= {*state.coming, *state.held_back()}
        sent = [one for one in source_ids if one not in unsent]
        if sent and state.plan.deletes:
            self._want_removals(state, sent)

    def _withdraw(self, state: PairState, source_ids: Sequence[int]) -> None:
        """What waits for its turn with these is not to go as it was handed over."""
        items, ids = () if state.under_way is None else state.under_way.items, frozenset(source_ids)
        if any(isinstance(one, Incoming) and one.id in ids for one in items):
            self._context.take_back(state)

    def orphan(self, state: PairState, source_id: int, target_id: int, *, gone: bool) -> None:
        """A message had arrived unseen; if it is gone at the source, its copy goes too."""
        state.sure(source_id)
        state.targets[source_id] = target_id  # last_target stays: others are looked for behind it
        pair, now, deletes = (
            state.plan.id,
            self._context.services.stamp(),
            gone and state.plan.deletes,
        )
        asked = (source_id,)

        def work(store: Store) -> ChangesRecorded:
            store.complete(pair, source_id, target_id, now, newest=False)
            found = store.mark_removal_pending((pair,), asked) if deletes else ()
            return ChangesRecorded(pair, tuple(Change(one.source_id) for one in found), asked)

        self._ask_for(state, asked, work)

    def compared(self, state: PairState, versions: dict[int, int], now: Sequence[Incoming]) -> None:
        """After a gap: what was sent is set beside the source as it is now."""
        found = {message.id: message for message in state.as_they_are(now)}
        gone = [source_id for source_id in versions if source_id not in found]
        if gone and state.plan.deletes:
            self._want_removals(state, gone)
        if state.plan.edits and state.plan.copies:
            changed = {
                one: found[one]
                for one, version in versions.items()
                if one in found and version not in (UNKNOWN, content_hash(found[one]))
            }
            if changed:
                self._want_edits(state, changed)

    def changes_noted(self, message: ChangesRecorded) -> None:
        """Changes are on the disk: they may be made."""
        state = self._context.pairs.get(message.pair)
        if state is not None:
            state.asked -= Counter(message.asked)
            for change in message.changes:
                state.put_change(change)
            self.send_next(state)

    def _want_edits(self, state: PairState, messages: dict[int, Incoming]) -> None:
        pair, asked = state.plan.id, tuple(messages)
        versions = {one: content_hash(message) for one, message in messages.items()}

        def work(store: Store) -> ChangesRecorded:
            wanted = (one for one in versions if store.mark_edit_pending(pair, one, versions[one]))
            return ChangesRecorded(pair, tuple(Change(one, messages[one]) for one in wanted), asked)

        self._ask_for(state, asked, work)

    def _want_removals(self, state: PairState, source_ids: Sequence[int]) -> None:
        pair, asked = state.plan.id, tuple(source_ids)

        def work(store: Store) -> ChangesRecorded:
            found = store.mark_removal_pending((pair,), asked)
            return ChangesRecorded(pair, tuple(Change(one.source_id) for one in found), asked)

        self._ask_for(state, asked, work)

    def _ask_for(
        self, state: PairState, asked: tuple[int, ...], work: Callable[[Store], ChangesRecorded]
    ) -> None:
        state.asked.update(asked)
        self._outbox.ask(work)

    # Out of the outbox

    def send_next(self, state: PairState) -> None:
        """Do what is next for a pair, if it may be done now."""
        while True:
            if state.handler is None and (not self._context.online or state.target is None):
                return
            items = state.next_items(self._context.now())
            if items is None:
                state.tidy()
                return
            if isinstance(items, Wait):
                self._context.set_timer(items.seconds, Retry(state.plan.id))
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
        state.swap(change, present)
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
        state.begin(UnderWay(ticket, items, texts, shorter))
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
        around = rounds(state, items)
        if not (unknown or fresh or around or kept):
            self._send(state, ticket, items)
            return
        pair, source, target = state.plan.id, state.source or 0, state.target or 0
        now = self._context.services.stamp()

        def work(store: Store) -> TargetsResolved:
            ring = store.ring(pair, source, target, around, now) if around else {}
            for versions in fresh:
                store.add_possible_versions(pair, versions)
            store.hand_over(pair, kept)
            targets = store.targets(pair, unknown) if unknown else {}
            return TargetsResolved(pair, ticket, items, targets, ring)

        self._outbox.ask(work)

    def _kept_out(self, state: PairState, items: tuple[Item, ...]) -> bool:
        """Take off the queue what the filters do not let through, as it is by now."""
        change = items[0]
        if isinstance(change, Change):
            if change.message is None or state.rules.lets_stay(change.message):
                return False
            self._unwanted(state, change, change.message)
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
            state.queue.remove(message)
            if message in doubtful:
                state.orphan(message.id, unwanted=unwanted)
            else:
                state.sure(message.id)
        if doubtful:
            self._context.actor.actor_ref.tell(ReadAgain(state.plan.id))
        self.filter_out(state, [one.id for one in messages if one not in doubtful])

    def filter_out(self, state: PairState, source_ids: Sequence[int]) -> None:
        """These have not arrived, and are not to."""
        pair = state.plan.id
        if source_ids:
            self._outbox.tick(lambda store: store.filter_out(pair, source_ids))

    def _unwanted(self, state: PairState, change: Change, message: Incoming) -> None:
        """An edit makes a message unwanted: its copy goes, or stays as it was."""
        state.give_up((change,))
        if state.plan.unwanted == "delete":
            self._want_removals(state, [change.source_id])
        else:
            pair, version = state.plan.id, content_hash(message)
            self._outbox.tick(lambda store: store.record_edit(pair, change.source_id, version))

    def _spoilt(self, state: PairState, items: tuple[Item, ...], error: Exception) -> None:
        """A rule cannot be applied to one of these; the others go on."""
        state.slow += isinstance(error, PatternTooSlowError)
        spoilt = tuple(one for one in items if _fails(state, one)) or items
        for item in state.give_up(spoilt):
            if isinstance(item, Change):
                self._not_made(state, item, why_not(error))
            else:
                self.put_aside(state, item.id, why_not(error))
        self._pausing.look_at_patterns(state)

    def looked(self, message: TargetsResolved) -> None:
        """It is known which messages are concerned at the target."""
        state = self._context.pairs.get(message.pair)
        if state is None or not _current(state, message.ticket):
            return
        for source_id, target_id in message.targets.items():
            state.note_target(source_id, target_id)
        if self._goes_round(state, message):
            self._send(state, message.ticket, message.items)

    def _goes_round(self, state: PairState, message: TargetsResolved) -> bool:
        """Whether all of these may go on in their ring, if they are in one."""
        verdicts = message.ring.values()
        if "stay" in verdicts:
            state.end()
            came = [one for one in message.items if isinstance(one, Incoming)]
            if came[0].grouped_id is None:
                came = [one for one in came if message.ring[one.id] == "stay"]
            self._take_out(state, came)
            self.send_next(state)
        elif "wait" in verdicts:
            state.end()
            self._context.set_timer(RING_AGAIN, Retry(state.plan.id))
        return not {"stay", "wait"}.intersection(verdicts)

    def _send(self, state: PairState, ticket: int, items: tuple[Item, ...]) -> None:
        assert state.under_way is not None  # noqa: S101 - the callers looked
        if isinstance(items[0], Change) and items[0].source_id not in state.targets:
            self._settle(state, ticket, Receipt())  # it never got there, or is long forgotten
        elif state.handler is not None:
            deadline = self._context.services.settings.call_deadline
            texts = state.under_way.texts
            run_handler(self._context.actor, state, ticket, items, texts, deadline=deadline)
        elif state.target is not None:
            self._context.tell_session(
                Deliver(
                    pair=state.plan.id,
                    ticket=ticket,
                    shipment=packed(state, state.target, state.under_way),
                    reply_to=self._context.actor.actor_ref,
                )
            )

    # What came of it

    def delivered(self, answer: Delivered) -> None:
        """It is at its target, or as much of it as would be taken."""
        state = self._context.pairs.get(answer.pair)
        if state is not None and _current(state, answer.ticket):
            self._settle(state, answer.ticket, answer.receipt)

    def returned(self, message: Returned) -> None:
        """Only some of it is under way now, or nothing; the others may still change."""
        state = self._context.pairs.get(message.pair)
        if state is not None and _current(state, message.ticket):
            self.bring_up_to_date(state, state.end(but=message.count))
            if state.under_way is None:
                self.send_next(state)

    def _settle(self, state: PairState, ticket: int, receipt: Receipt) -> None:
        texts = {} if state.under_way is None else state.under_way.texts
        cut = {*receipt.shortened, *(one for one, text in texts.items() if text.shortened)}
        self._context.short |= bool(receipt.shortened)
        state.pauses, full = 0, ""
        for item in state.settle(ticket, receipt):
            if isinstance(item, Change):
                self._changed(state, item, cut=item.source_id in cut)
            elif item.id in receipt.refused:
                verdict = receipt.refused[item.id]
                self._refused(state, item, why(verdict))
                full = reason_of(verdict) if state.refusals.note(verdict) else ""
            else:
                self._arrived(state, item, receipt, cut=item.id in cut)
        state.repeated += receipt.repeated
        if receipt.stars:
            self._tell_paid(state, receipt.stars)
        if full:
            self._pausing.pause(state, full)
        self.send_next(state)

    def _tell_paid(self, state: PairState, stars: int) -> None:
        now, pair, session = self._context.services.stamp(), state.plan.id, self._context.session
        logger.info("stars paid session=%s pair=%d stars=%d", session, pair, stars)
        self._context.services.publish(StarsPaid(session=session, at=now, pair=pair, stars=stars))

    def _tell_shortened(self, state: PairState, source_id: int) -> None:
        self._context.services.publish(
            CopyShortened(
                session=self._context.session,
                at=self._context.services.stamp(),
                pair=state.plan.id,
                source_id=source_id,
            )
        )

    def _arrived(self, state: PairState, message: Incoming, receipt: Receipt, *, cut: bool) -> None:
        state.delivered += 1
        state.refusals.clear()
        state.sure(message.id)
        target_id = receipt.target_ids.get(message.id)
        if target_id is not None:
            state.note_target(message.id, target_id)
        now = self._context.services.stamp()
        self._complete(state, message, target_id, now, outdated=message.id in receipt.outdated)
        self._context.services.publish(
            Forwarded(
                session=self._context.session,
                at=now,
                pair=state.plan.id,
                source_id=message.id,
                target_id=target_id,
                repeated=False,
                lag=max(0.0, now - message.date.timestamp()),
            )
        )
        if cut:
            self._tell_shortened(state, message.id)

    def _complete(
        self,
        state: PairState,
        message: Incoming,
        target_id: int | None,
        now: float,
        *,
        outdated: bool,
    ) -> None:
        """Note a delivery, and that the copy is to be edited if the source was meanwhile."""
        pair, says = state.plan.id, content_hash(message)
        newest = state.revisions.newest(message) or message
        version, edits = content_hash(newest), state.plan.edits and state.plan.copies
        known = None if outdated else says  # it had arrived unseen, and says something earlier
        last = not state.doubts.sought  # whoever looks next must not begin behind what is sought

        def complete(store: Store) -> None:
            store.complete(pair, message.id, target_id, now, known, newest=last)

        if not edits or known == version:
            self._outbox.tick(complete)
            return
        asked = (message.id,)

        def work(store: Store) -> ChangesRecorded:
            complete(store)
            wanted = store.mark_edit_pending(pair, message.id, version)
            return ChangesRecorded(pair, (Change(message.id, newest),) if wanted else (), asked)

        self._ask_for(state, asked, work)

    def _changed(self, state: PairState, change: Change, *, cut: bool) -> None:
        self._note_changed(state, change)
        self._context.services.publish(
            CopyChanged(
                session=self._context.session,
                at=self._context.services.stamp(),
                pair=state.plan.id,
                source_id=change.source_id,
                gone=change.message is None,
            )
        )
        if cut:
            self._tell_shortened(state, change.source_id)

    def _note_changed(self, state: PairState, change: Change) -> None:
        pair, source_id, message = state.plan.id, change.source_id, change.message
        if message is None:
            self._outbox.tick(lambda store: store.record_removal(pair, (source_id,)))
        elif late := state.doubts.belated_for(source_id, self._context.now()):
            self._context.actor.after(late, RedoEdits(pair))  # it stays noted until then
        elif not state.has_change(source_id):  # otherwise it stays noted for the next one
            state.doubts.settle_edit(source_id)
            version = content_hash(message)
            self._outbox.tick(lambda store: store.record_edit(pair, source_id, version))

    def make_again(self, pair: int) -> None:
        """An older edit may have been carried out behind a newer one: see that this one stands."""
        state = self._context.pairs.get(pair)
        if state is not None:
            due = state.doubts.take_belated(self._context.now())
            again = [one for one in due if not state.has_change(one)]
            state.changes += [PendingChange(pair, one, "edit") for one in again]
            state.compare = state.compare or bool(again)

    def _not_made(self, state: PairState, change: Change, reason: str) -> None:
        """A change is not tried again."""
        state.doubts.settle_edit(change.source_id)
        logger.warning(
            "change not made pair=%d message=%d reason=%s",
            state.plan.id,
            change.source_id,
            reason.partition(":")[0],
        )
        self._note_changed(state, change)

    def _left_to_its_author(self, state: PairState, change: Change) -> None:
        """The copy is another account's, who had the pair before; it may have it again."""
        pair, source_id = state.plan.id, change.source_id
        logger.info("change left to another account pair=%d message=%d", pair, source_id)
        state.doubts.settle_edit(source_id)
        if not state.has_change(source_id):
            self._outbox.tick(lambda store: store.record_change_refused(pair, source_id))

    def undelivered(self, answer: Undelivered) -> None:
        """It is not at its target: what follows is a table by the kind of trouble."""
        state, verdict = self._context.pairs.get(answer.pair), answer.verdict
        if state is None or not _current(state, answer.ticket):
            return
        items = state.end()
        self._failed(state, items, verdict)
        self.bring_up_to_date(state, [one for one in items if one in state.queue])

    def _failed(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        match verdict.kind:
            case ErrorClass.PAIR if verdict.action is not Action.RESOLVE_PEER or state.attempts:
                self._pausing.pause(state, why(verdict))
            case ErrorClass.BUG if state.refusals.would_fill(verdict):
                self._pausing.pause(state, reason_of(verdict))
            case ErrorClass.MESSAGE | ErrorClass.BUG:
                self._try_again_or_put_aside(state, items, verdict)
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
        state.attempts += 1
        content = verdict.kind is ErrorClass.MESSAGE and verdict.action is Action.DEAD_LETTER
        once_is_enough = content or verdict.action in ONCE
        if state.attempts < TRIES and not once_is_enough:
            self._wait_and_retry(state, RETRY_AFTER)
            return
        self._give_up(state, items, verdict)

    def _try_later(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        """Wait out what is no fault of the message; a handler's error may be one."""
        state.attempts += 1
        if (
            state.handler is not None
            and state.attempts >= self._context.services.settings.handler_tries
        ):
            self._give_up(state, items, verdict)
        else:
            pause = RETRY_AFTER * min(state.attempts, RETRIES_GROW)
            self._wait_and_retry(state, pause)

    def _wait_and_retry(self, state: PairState, pause: float) -> None:
        """Nothing of the pair is tried before the pause is over, whatever is said meanwhile."""
        state.retry_at = self._context.now() + pause
        self._context.set_timer(pause, Retry(state.plan.id))

    def retry(self, state: PairState) -> None:
        """The pause after what failed, or before what is not complete, is over."""
        state.retry_at = 0.0
        self.send_next(state)

    def _give_up(self, state: PairState, items: tuple[Item, ...], verdict: Verdict) -> None:
        for item in state.give_up(items):
            if not isinstance(item, Change):
                self._refused(state, item, why(verdict))
                state.refusals.note(verdict)
            elif verdict.action is Action.LEAVE_MESSAGE:
                self._left_to_its_author(state, item)
            else:
                self._not_made(state, item, verdict.name)
        self.send_next(state)

    def _refused(self, state: PairState, message: Incoming, reason: str) -> None:
        """It will not be taken any more; one that is gone may have been before, unseen."""
        gone = (GONE_BEFORE,) if state.plan.copies else (GONE_BEFORE, NO_SOURCE)
        if state.doubts.has(message.id) and state.target and reason.startswith(gone):
            state.orphan(message.id)
            self._context.actor.actor_ref.tell(ReadAgain(state.plan.id))
        else:
            self.put_aside(state, message.id, reason)

    def put_aside(self, state: PairState, source_id: int, reason: str) -> None:
        """Make a dead letter of a message; it can be sent again or dropped by hand."""
        state.dead += 1
        state.sure(source_id)
        pair, now = state.plan.id, self._context.services.stamp()
        self._outbox.note(lambda store: store.fail(pair, source_id, reason, now, dead=True))
        self._context.services.publish(
            DeadLettered(
                session=self._context.session,
                at=now,
                pair=pair,
                source_id=source_id,
                reason=reason,
            )
        )


def _current(state: PairState, ticket: int) -> bool:
    return state.under_way is not None and state.under_way.ticket == ticket


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
