"""A worker group's sending: from the outbox to the target, and what came of it.

Owns the order: one thing is done at a time for each pair, and the next only when it is known what
became of it. A message is written to the outbox before it is sent, an edit or a deletion noted
before it is made. Leaves pace, floods and the client to the session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from ..storage import OutboxRow, Store
from ..telegram import (
    Action,
    CopyChanged,
    DeadLettered,
    ErrorClass,
    Forwarded,
    Incoming,
    Receipt,
    RichText,
    Shipment,
    Verdict,
    random_id_for,
    version_of,
)
from .albums import Change, Item, Wait
from .desk import Desk, why
from .group_notes import Looked, Retry, Stored, Wanted, WriteTicks
from .group_trouble import Trouble
from .handling import hand_over
from .messages import Deliver, Delivered, Undelivered
from .pairstate import PairState, UnderWay

__all__ = ["GONE_BEFORE", "RETRY_AFTER", "Sending"]

logger = logging.getLogger(__name__)

GONE_BEFORE: Final = "deleted at the source before it was sent"
TICK_AFTER: Final = 0.01  # seconds
TRIES: Final = 3  # for one message that fails for no reason of its own, then it is put aside
RETRY_AFTER: Final = 2.0  # seconds; Telegram's own trouble (RPC_CALL_FAIL) is over in a moment
RETRIES_GROW: Final = 30  # times; so the longest pause is a minute
GENERAL: Final = 1  # the topic of every forum in which a message stands that names none


class Sending:
    """Sends for the pairs of one group."""

    def __init__(self, desk: Desk, trouble: Trouble) -> None:
        self._desk, self._trouble = desk, trouble
        self._ticks: list[Tick] = []

    # Ticks: each wakes the journal's thread, which costs more than writing it down does. One that
    # a crash takes along is made up for: Telegram refuses the repeat.

    def tick(self, work: Tick) -> None:
        """Write down what is done with the next thing that is written, or in a moment."""
        self._ticks.append(work)
        if len(self._ticks) == 1:
            self._desk.actor.after(TICK_AFTER, WriteTicks())

    def write_ticks(self) -> None:
        """Write down now what is done."""
        ticks, self._ticks = self._ticks, []
        if ticks:
            self._desk.kit.journal.post(lambda store: _write(store, ticks))

    # Into the outbox

    def accept(self, state: PairState, messages: Sequence[Incoming]) -> None:
        """Write messages down, with the mark, and send them when that is on the disk."""
        if not messages:
            return
        pair, chat, seen = state.plan.id, messages[0].chat, state.seen or 0
        wanted = self.wanted(state, messages)
        rows = [self.row(pair, message) for message in wanted]

        ticks, self._ticks = self._ticks, []

        def work(store: Store) -> None:
            _write(store, ticks)
            if rows:
                store.enqueue(rows)
            store.advance_mark(pair, chat, seen)

        if not wanted:
            self._desk.kit.journal.post(work)
            return
        self._desk.actor.pipe(
            self._desk.kit.journal.do_in_order(work), done=lambda _: Stored(pair, wanted)
        )

    def wanted(self, state: PairState, messages: Sequence[Incoming]) -> tuple[Incoming, ...]:
        """What the pair's filters let through; albums are judged when they are whole."""
        if state.rules.wanted is None:
            return tuple(messages)
        return tuple(
            message
            for message in messages
            if message.grouped_id is not None or state.rules.lets_through((message,))
        )

    def row(self, pair: int, message: Incoming) -> OutboxRow:
        """A message's row in the outbox."""
        return OutboxRow(
            pair_id=pair,
            source_chat=message.chat,
            source_id=message.id,
            random_id=random_id_for(pair, message.chat, message.id),
            enqueued_at=self._desk.kit.now(),
        )

    def stored(self, message: Stored) -> None:
        """What was accepted is on the disk: it may go."""
        state = self._desk.pairs.get(message.pair)
        if state is not None:
            state.queue.extend(message.messages)
            self.pump(state)

    # Edits and deletions at the source

    def edited(self, state: PairState, message: Incoming) -> None:
        """A message changed: what waits goes as it is now, what was sent is edited."""
        waiting = state.waiting_message(message.id)
        if waiting is not None:
            state.swap(waiting, message)
        elif state.plan.edits and state.plan.copies:
            self._want_edits(state, {message.id: message})

    def deleted(self, state: PairState, source_ids: Sequence[int]) -> None:
        """Messages are gone: what waits is put aside, what was sent is deleted."""
        sent = []
        for source_id in source_ids:
            waiting = state.waiting_message(source_id)
            if waiting is not None:
                state.swap(waiting, None)
                self.put_aside(state, source_id, GONE_BEFORE)
            else:
                sent.append(source_id)
        if sent and state.plan.deletes:
            self._want_removals(state, sent)

    def compared(self, state: PairState, versions: dict[int, int], now: Sequence[Incoming]) -> None:
        """After a gap: what was sent is set beside the source as it is now."""
        found = {message.id: message for message in now}
        gone = [source_id for source_id in versions if source_id not in found]
        if gone and state.plan.deletes:
            self._want_removals(state, gone)
        if state.plan.edits and state.plan.copies:
            changed = {
                one: found[one]
                for one, version in versions.items()
                if one in found and version_of(found[one]) != version
            }
            if changed:
                self._want_edits(state, changed)

    def changes_noted(self, message: Wanted) -> None:
        """Changes are on the disk: they may be made."""
        state = self._desk.pairs.get(message.pair)
        if state is not None:
            for change in message.changes:
                state.put_change(change)
            self.pump(state)

    def _want_edits(self, state: PairState, messages: dict[int, Incoming]) -> None:
        self.write_ticks()
        pair = state.plan.id
        versions = {one: version_of(message) for one, message in messages.items()}

        def work(store: Store) -> tuple[Change, ...]:
            return tuple(
                Change(one, messages[one])
                for one, version in versions.items()
                if store.want_edit(pair, one, version)
            )

        self._desk.actor.pipe(
            self._desk.kit.journal.do_in_order(work), done=lambda changes: Wanted(pair, changes)
        )

    def _want_removals(self, state: PairState, source_ids: Sequence[int]) -> None:
        self.write_ticks()
        pair = state.plan.id

        def work(store: Store) -> tuple[Change, ...]:
            return tuple(Change(one.source_id) for one in store.want_removal((pair,), source_ids))

        self._desk.actor.pipe(
            self._desk.kit.journal.do_in_order(work), done=lambda changes: Wanted(pair, changes)
        )

    # Out of the outbox

    def pump(self, state: PairState) -> None:
        """Do what is next for a pair, if it may be done now."""
        while True:
            if state.handler is None and (not self._desk.online or state.target is None):
                return
            items = state.next_items(self._desk.now())
            if items is None:
                return
            if isinstance(items, Wait):
                self._desk.actor.after(items.seconds, Retry(state.plan.id))
                return
            if not self._filtered_out(state, items):
                break
        ticket = self._desk.ticket()
        state.under_way = UnderWay(ticket, items)
        unknown = [one for one in _needed(state, items) if one not in state.targets]
        if not unknown:
            self._send(state, ticket, items)
            return
        pair = state.plan.id
        self.write_ticks()
        self._desk.actor.pipe(
            self._desk.kit.journal.do_in_order(lambda store: store.targets(pair, unknown)),
            done=lambda found: Looked(pair, ticket, items, found),
        )

    def _filtered_out(self, state: PairState, items: tuple[Item, ...]) -> bool:
        """Take an album that the filters do not let through off the queue."""
        messages = [item for item in items if isinstance(item, Incoming)]
        if not messages or messages[0].grouped_id is None or state.rules.lets_through(messages):
            return False
        pair, ids = state.plan.id, [message.id for message in messages]
        for message in messages:
            state.queue.remove(message)
        self._desk.kit.journal.post(lambda store: store.filter_out(pair, ids))
        return True

    def looked(self, message: Looked) -> None:
        """It is known which messages are concerned at the target."""
        state = self._desk.pairs.get(message.pair)
        if state is None or not _current(state, message.ticket):
            return
        for source_id, target_id in message.targets.items():
            state.note_target(source_id, target_id)
        self._send(state, message.ticket, message.items)

    def _send(self, state: PairState, ticket: int, items: tuple[Item, ...]) -> None:
        if isinstance(items[0], Change) and items[0].source_id not in state.targets:
            self._settle(state, ticket, Receipt())  # it never got there, or is long forgotten
        elif state.handler is not None:
            deadline = self._desk.kit.settings.call_deadline
            hand_over(self._desk.actor, state, ticket, items, deadline=deadline)
        elif state.target is not None:
            self._desk.tell_session(
                Deliver(
                    pair=state.plan.id,
                    ticket=ticket,
                    shipment=_shipment(state, state.target, items),
                    reply_to=self._desk.actor.actor_ref,
                )
            )

    # What came of it

    def delivered(self, answer: Delivered) -> None:
        """It is at its target, or as much of it as would be taken."""
        state = self._desk.pairs.get(answer.pair)
        if state is not None and _current(state, answer.ticket):
            self._settle(state, answer.ticket, answer.receipt)

    def _settle(self, state: PairState, ticket: int, receipt: Receipt) -> None:
        items = state.settle(ticket)
        state.pauses, state.unsure = 0, False
        for item in items:
            if isinstance(item, Change):
                self._changed(state, item)
            elif item.id in receipt.refused:
                self.put_aside(state, item.id, why(receipt.refused[item.id]))
            else:
                self._arrived(state, item, receipt.target_ids.get(item.id))
        state.repeated += receipt.repeated
        self.pump(state)

    def _arrived(self, state: PairState, message: Incoming, target_id: int | None) -> None:
        state.delivered += 1
        if target_id is not None:
            state.note_target(message.id, target_id)
        pair, now = state.plan.id, self._desk.kit.now()
        version = version_of(message) if state.plan.copies else 0
        self.tick(lambda store: store.complete(pair, message.id, target_id, now, version))
        self._desk.kit.publish(
            Forwarded(
                session=self._desk.session,
                at=now,
                pair=pair,
                source_id=message.id,
                target_id=target_id,
                repeated=False,
                lag=max(0.0, now - message.date.timestamp()),
            )
        )

    def _changed(self, state: PairState, change: Change) -> None:
        self.write_ticks()
        pair, source_id, message = state.plan.id, change.source_id, change.message
        if message is None:
            self._desk.kit.journal.post(lambda store: store.note_removed(pair, (source_id,)))
        else:
            version = version_of(message)
            self._desk.kit.journal.post(lambda store: store.note_edited(pair, source_id, version))
        self._desk.kit.publish(
            CopyChanged(
                session=self._desk.session,
                at=self._desk.kit.now(),
                pair=pair,
                source_id=source_id,
                gone=message is None,
            )
        )

    def undelivered(self, answer: Undelivered) -> None:
        """It is not at its target: what follows is a table by the kind of trouble."""
        state, verdict = self._desk.pairs.get(answer.pair), answer.verdict
        if state is None or not _current(state, answer.ticket) or state.under_way is None:
            return
        items, state.under_way = state.under_way.items, None
        match verdict.kind:
            case ErrorClass.PAIR if verdict.action is not Action.RESOLVE_PEER or state.attempts:
                self._trouble.pause(state, why(verdict))
            case ErrorClass.MESSAGE | ErrorClass.BUG:
                self._try_again_or_put_aside(state, items, verdict)
            case _ if self._desk.online or state.handler is not None:
                state.unsure = True
                state.attempts += 1
                pause = RETRY_AFTER * min(state.attempts, RETRIES_GROW)
                self._desk.actor.after(pause, Retry(answer.pair))
            case _:
                state.unsure = True  # SessionUp brings it on its way again

    def _try_again_or_put_aside(
        self, state: PairState, items: tuple[Item, ...], verdict: Verdict
    ) -> None:
        state.attempts += 1
        once_is_enough = verdict.action is Action.DROP_MESSAGE
        if state.attempts < TRIES and not once_is_enough:
            self._desk.actor.after(RETRY_AFTER, Retry(state.plan.id))
            return
        ticket = self._desk.ticket()
        state.under_way = UnderWay(ticket, items)
        for item in state.settle(ticket):
            if isinstance(item, Change):
                logger.warning(
                    "change not made pair=%d message=%d reason=%s",
                    state.plan.id,
                    item.source_id,
                    verdict.name,
                )
                self._forget_change(state, item)
            else:
                self.put_aside(state, item.id, why(verdict))
        self.pump(state)

    def _forget_change(self, state: PairState, change: Change) -> None:
        self.write_ticks()
        pair, source_id = state.plan.id, change.source_id
        if change.message is None:
            self._desk.kit.journal.post(lambda store: store.note_removed(pair, (source_id,)))
        else:
            version = version_of(change.message)
            self._desk.kit.journal.post(lambda store: store.note_edited(pair, source_id, version))

    def put_aside(self, state: PairState, source_id: int, reason: str) -> None:
        """Make a dead letter of a message; it can be sent again or dropped by hand."""
        state.dead += 1
        pair, now = state.plan.id, self._desk.kit.now()
        self._desk.kit.journal.post(
            lambda store: store.fail(pair, source_id, reason, now, dead=True)
        )
        self._desk.kit.publish(
            DeadLettered(
                session=self._desk.session,
                at=now,
                pair=pair,
                source_id=source_id,
                reason=reason,
            )
        )


Tick = Callable[[Store], object]


def _write(store: Store, ticks: Sequence[Tick]) -> None:
    for tick in ticks:
        tick(store)


def _current(state: PairState, ticket: int) -> bool:
    return state.under_way is not None and state.under_way.ticket == ticket


def _needed(state: PairState, items: tuple[Item, ...]) -> list[int]:
    """Source messages whose copies must be known before these can be done."""
    first = items[0]
    if isinstance(first, Change):
        return [first.source_id]
    if first.reply_to is None or not state.plan.replies or not state.plan.copies:
        return []
    return [first.reply_to]


def _shipment(state: PairState, target: int, items: tuple[Item, ...]) -> Shipment:
    first = items[0]
    if isinstance(first, Change):
        return _change(state, target, first)
    messages = tuple(item for item in items if isinstance(item, Incoming))
    copies = state.plan.copies
    return Shipment(
        deed="copy" if copies else "forward",
        target=target,
        messages=messages,
        random_ids=tuple(random_id_for(state.plan.id, one.chat, one.id) for one in messages),
        texts=state.rules.texts(messages) if copies else {},
        answers=answered(state, first),
        topic=_topic(state, first),
        after=state.last_target,
    )


def _change(state: PairState, target: int, change: Change) -> Shipment:
    ids = (state.targets[change.source_id],)
    if change.message is None:
        return Shipment(deed="delete", target=target, target_ids=ids)
    texts: dict[int, RichText] = state.rules.texts((change.message,))
    return Shipment(
        deed="edit", target=target, messages=(change.message,), texts=texts, target_ids=ids
    )


def answered(state: PairState, message: Incoming) -> int | None:
    """The message in the target that a message answers, if it is known."""
    if message.reply_to is None or not state.plan.replies or not state.plan.copies:
        return None
    return state.targets.get(message.reply_to)


def _topic(state: PairState, message: Incoming) -> int | None:
    return state.plan.topics.get(message.topic or GENERAL, state.plan.topic)
