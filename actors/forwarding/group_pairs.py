"""Assignment of pairs to a worker group: loaded, changed in place, let go at rest.

The session says which pairs are the group's; what an earlier run or another group has written
down of a pair is read before the pair begins. A pair is let go when nothing of it is on its way.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import pykka

from ...errors import PairBusyError, PairInDoubtError, UnknownRecordError
from ...errors.root import counted
from ...storage import (
    IN_DOUBT,
    RETRIED,
    UNWANTED,
    Backfill,
    OutboxRow,
    PairRecord,
    PendingChange,
    Store,
)
from ...supervision import Answer
from ...telegram import GroupReport, Incoming, PairReport, from_bytes
from ...telegram.reports import Wait, WaitKind
from ..messages import GroupReady, PairPlan, Reported
from ..pair_handlers import TELEGRAM, PairHandler
from .context import GroupContext
from .delivery import Delivery
from .messages import ReleasePair
from .outbox import OutboxWriter
from .pair.chats import PairChats
from .pair.state import PairState
from .pair.state_table import Reading
from .pause_reasons import CONFIGURED, NOT_JOINED, by_plan, other_of
from .pausing import TOO_SLOW, PairPausing

LOOK_EVERY: Final = 0.05  # seconds between two looks whether a pair has come to rest
LEAVE_WITHIN: Final = 10.0  # seconds that a pair gets which goes to another group of its session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPairs:
    """What the database knows of these pairs."""

    ids: tuple[int, ...]
    records: dict[int, PairRecord]
    marks: dict[tuple[int, int], int]
    owed: list[OutboxRow]
    possible_versions: Mapping[tuple[int, int], frozenset[int]]
    changes: list[PendingChange]
    last_targets: dict[int, int]
    backfills: list[Backfill]
    dead: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Release:
    """A pair that is to be let go when it has come to rest.

    With an ``answer`` it goes to another account, and only if all that it sent is known to have
    arrived. Without one it goes to another group of the same account, at ``until`` at the latest.
    """

    pair: int
    until: float
    answer: Answer | None
    accept_doubt: bool = False


class GroupPairs:
    """The pairs of one group, and how they come and go.

    Args:
        context: what the group's parts share.
        outbox, delivery, pausing: the group's other parts.
        begin: called with pairs that have been taken in.
    """

    def __init__(
        self,
        context: GroupContext,
        outbox: OutboxWriter,
        delivery: Delivery,
        pausing: PairPausing,
        begin: Callable[[Iterable[PairState]], None],
    ) -> None:
        self._context, self._outbox, self._begin = context, outbox, begin
        self._delivery, self._pausing = delivery, pausing
        self._coming: dict[int, PairPlan] = {}
        self._served = False
        self._waits = PairWaits(context.session)

    @property
    def settled(self) -> bool:
        """Whether it is known which pairs these are, and how an earlier run left them."""
        return self._served and not self._coming

    def introduce(self, *, again: bool = False) -> None:
        """Tell the session which pairs are here, and the monitor how they are."""
        context = self._context
        ready = GroupReady(
            group=context.name, ref=context.actor.actor_ref, pairs=tuple(context.pairs), again=again
        )
        context.tell_session(ready)
        self.report()

    def report(self) -> GroupReport:
        """How the group is; told to the monitor as well as to whoever asks."""
        context = self._context
        report = GroupReport(
            session=context.session,
            group=context.name,
            online=context.online,
            pairs=tuple(
                replace(
                    self._waits.report(state, online=context.online, now=context.services.now()),
                    deaf_since=context.deaf.get(state.source or 0),
                )
                for state in context.pairs.values()
            ),
        )
        with contextlib.suppress(pykka.ActorDeadError):  # the warden stops
            context.services.monitor.tell(Reported(report=report, ref=context.actor.actor_ref))
        return report

    # Coming

    def serve(self, plans: Iterable[PairPlan]) -> None:
        """Have these pairs, and no others."""
        self._served, pairs = True, self._context.pairs
        wanted = {plan.id: plan for plan in plans}
        for state in tuple(pairs.values()):
            if state.plan.id not in wanted:
                self._leave(state)
            elif wanted[state.plan.id] != state.plan:
                self._replan(state, wanted[state.plan.id])
        fresh = tuple(one for one in wanted if one not in pairs and one not in self._coming)
        self._coming = {one: wanted[one] for one in (*self._coming, *fresh) if one in wanted}
        if fresh:
            self._load(fresh)

    def _load(self, ids: tuple[int, ...]) -> None:
        sessions = {one: self._coming[one].session for one in ids}

        def work(store: Store) -> StoredPairs:
            _change_hands(store, sessions)
            return StoredPairs(
                ids=ids,
                records={one.id: one for one in store.pairs_with(ids)},
                marks={(mark.pair_id, mark.chat): mark.message_id for mark in store.marks(ids)},
                owed=store.pending(ids),
                possible_versions=store.possible_versions(ids),
                changes=store.pending_changes(ids),
                last_targets=store.last_targets(ids),
                backfills=store.backfills(ids),
                dead=Counter(row.pair_id for row in store.dead(ids)),
            )

        loading = self._context.services.journal.do_in_order(work)
        self._context.actor.pipe(loading, then=self._settle_in)

    def _settle_in(self, rows: StoredPairs) -> None:
        """The disk's answer: these pairs go on where they were left."""
        states = []
        for one in rows.ids:
            plan = self._coming.pop(one, None)
            if plan is not None:
                states.append(self._taken_in(plan, rows))
        self.introduce(again=True)
        self._begin(states)

    def _taken_in(self, plan: PairPlan, rows: StoredPairs) -> PairState:
        state = PairState(plan=plan)
        if not plan.enabled:
            state.trust()
        self._give_handler(state)
        self._adopt(state, rows)
        self._context.pairs[plan.id] = state
        return state

    def _adopt(self, state: PairState, rows: StoredPairs) -> None:
        """Take over what an earlier run has found out, where the plan does not say otherwise."""
        pair, plan, record = state.plan.id, state.plan, rows.records.get(state.plan.id)
        if record is None:
            state.move_to(PairChats.adopted(plan))
        else:
            known, named = (record.source, record.target), (record.source_name, record.target_name)
            state.move_to(PairChats.adopted(plan, known, named))
        before = None if record is None else record.paused_reason
        paused = by_plan(before, enabled=plan.enabled)
        if paused:
            self._pausing.adopt(state, paused)
        owed = [row for row in rows.owed if row.pair_id == pair]
        state.adopt(
            seen=None if state.source is None else rows.marks.get((pair, state.source)),
            last_target=rows.last_targets.get(pair, 0),
            dead=rows.dead.get(pair, 0),
            owed=[row.source_id for row in owed],
            backfill=next((one for one in rows.backfills if one.pair_id == pair), None),
        )
        changes = [change for change in rows.changes if change.pair_id == pair]
        state.comparison.adopt(changes)
        payloads = {} if state.handler is None else {row.source_id: row.payload for row in owed}
        edits = [one.source_id for one in changes if one.change == "edit"]
        state.doubts.adopt(
            {one: said for (of, one), said in rows.possible_versions.items() if of == pair},
            owed=state.owed,
            foreign=[row.source_id for row in owed if row.reason == IN_DOUBT],
            unwanted=[row.source_id for row in owed if row.reason == UNWANTED],
            retried=[row.source_id for row in owed if row.reason == RETRIED],
            handed={one: from_bytes(kept) for one, kept in payloads.items() if kept is not None},
            # Whoever noted these may have sent them, too, and Telegram may carry them out late.
            belated=dict.fromkeys(
                edits if state.handler is None else (), self._context.late_until()
            ),
        )

    def _give_handler(self, state: PairState) -> None:
        plan, handlers = state.plan, self._context.services.handlers
        ours = plan.handler == TELEGRAM
        state.give_handler(None if ours else handlers.make(plan.handler, plan.options))

    def _replan(self, state: PairState, plan: PairPlan) -> None:
        """Let a pair go on by another plan; its chats are the same."""
        before = state.plan
        state.replan(plan)
        if (before.handler, before.options) != (plan.handler, plan.options):
            self._close_handler(state)
            self._give_handler(state)
        self._context.take_back(state)  # it was made up by the plan before
        if not plan.enabled:
            self._pausing.switch_off(state)
        elif (
            other_of(state.paused) == CONFIGURED
            or self._pausing.settled_by(plan, state)
            or (state.paused == TOO_SLOW and before.rules != plan.rules)
            or (plan.join and not before.join and other_of(state.paused).startswith(NOT_JOINED))
        ):
            self._pausing.settle(state)
        self._context.write_down(state)
        self._begin([state])  # among the others it may be another way now

    # Going

    def let_go(self, state: PairState, order: ReleasePair) -> Answer:
        """Let a pair go to another account, or fail: that one could not find out what arrived."""
        answer = Answer()
        state.leave()
        self._context.take_back(state)
        wait = 0.0 if order.ended and state.handler is None else order.within
        until = self._context.now() + wait
        self.release(Release(order.pair, until, answer, order.accept_doubt))
        return answer

    def _leave(self, state: PairState) -> None:
        """Let a pair go to another group of this account; Telegram would refuse it a repeat."""
        if not state.leaving:
            state.leave()
            self._context.take_back(state)
            until = self._context.now() + LEAVE_WITHIN
            self.release(Release(state.plan.id, until, None))

    def release(self, message: Release) -> None:
        """Let a pair go once it is at rest; what is not known to have arrived keeps it here."""
        state, answer = self._context.pairs.get(message.pair), message.answer
        if state is None:
            if answer is not None:
                answer.fail(UnknownRecordError("pair", message.pair))
            return
        state.leave()  # whoever else asked for it may have given up meanwhile
        late = self._context.now() >= message.until
        known = answer is None or not state.unsure
        given_up = message.accept_doubt and (late or not self._context.online)
        if (state.queue.under_way is None and known) or given_up or (late and answer is None):
            self._gone(state)
            if answer is not None:
                self._leave_in_doubt(state)
                answer.set(state.plan)
        elif not late:
            self._context.actor.after(LOOK_EVERY, then=partial(self.release, message))
        elif answer is not None:
            state.stay()
            self._delivery.send_next(state)
            doubt = 0 if self._context.online else state.in_doubt
            pair, session = message.pair, self._context.session
            answer.fail(PairInDoubtError(pair, session, doubt) if doubt else PairBusyError(pair))

    def _leave_in_doubt(self, state: PairState) -> None:
        """Whoever has the pair next looks in the target for what may have arrived."""
        pair, ids = state.plan.id, tuple(state.doubts.messages)
        ids = (*ids, *(one.id for one in state.queue.busy if isinstance(one, Incoming)))
        if state.handler is None and ids:
            self._context.services.journal.post(lambda store: store.record_doubt(pair, ids))

    def _gone(self, state: PairState) -> None:
        self._context.take_back(state)
        state.left()
        del self._context.pairs[state.plan.id]
        self._waits.forget(state.plan.id)
        self._context.services.graph.put(state.plan.id, None)
        self._outbox.flush()
        self._close_handler(state)
        self.introduce(again=True)

    # Handlers

    def _close_handler(self, state: PairState) -> None:
        if state.handler is not None:
            self._context.actor.pipe(close_handlers([state.handler]), then=lambda _: None)

    def handlers(self) -> list[PairHandler]:
        """The handlers that pairs have."""
        states = self._context.pairs.values()
        return [state.handler for state in states if state.handler is not None]


async def close_handlers(handlers: Iterable[PairHandler]) -> None:
    """Let go of what handlers have open; one that cannot is let go of anyway."""
    for handler in handlers:
        with contextlib.suppress(Exception):
            await handler.close()


def _change_hands(store: Store, sessions: Mapping[int, str]) -> None:
    """Give pairs that the configuration has another session for to that one.

    What the other account may have sent without an answer is looked for in the target.
    """
    held = store.pairs_with(tuple(sessions))
    taken = [one.id for one in held if one.session != sessions[one.id]]
    for one in taken:
        store.move_pairs((one,), sessions[one])
    for pair, source_id in store.possible_versions(taken) if taken else ():
        store.record_doubt(pair, (source_id,))


Found = tuple[WaitKind, str, object]
"""The kind, in words, and what tells this wait from the next of its kind."""


class PairWaits:
    """The waits of one group's pairs; each look keeps since when it has found them.

    Args:
        session: whose pairs they are.
    """

    def __init__(self, session: str) -> None:
        self._session = session
        self._since: dict[tuple[int, WaitKind, object], float] = {}

    def report(self, state: PairState, *, online: bool, now: float) -> PairReport:
        """A pair's report with what it waits for; ``now`` is in epoch seconds."""
        pair, found = state.plan.id, tuple(_found(state, online))
        keys = {(pair, kind, mark) for kind, _, mark in found}
        since = {key: self._since.get(key, now) for key in keys}
        self._since = {key: at for key, at in self._since.items() if key[0] != pair} | since
        who = f"pair {pair} of {self._session}"
        waits = tuple(
            Wait(who=who, kind=kind, what=what, since=since[pair, kind, mark])
            for kind, what, mark in found
        )
        return replace(state.report(), waits=waits)

    def forget(self, pair: int) -> None:
        """A pair is gone."""
        self._since = {key: at for key, at in self._since.items() if key[0] != pair}


def _found(state: PairState, online: bool) -> Iterator[Found]:
    if state.paused is not None:
        yield WaitKind.PAUSED, state.paused, state.paused
        return
    if state.handler is not None and state.queue.under_way is not None:
        count = len(state.queue.under_way.items)
        what = f"its handler, with {_messages(count)}; {_messages(len(state.queue))} in the queue"
        yield WaitKind.HANDLER, what, state.queue.under_way.ticket
    if not online:
        return  # its session says what that waits for
    if state.reading is not Reading.LIVE:
        what = f"its source's history is read first; {_messages(len(state.held_back()))} held back"
        yield WaitKind.BEHIND, what, None
    if state.backfill is not None:
        what = f"its past is read; message {state.backfill.after} of {state.backfill.until}"
        yield WaitKind.BACKFILL, what, None
    if state.handler is None and state.queue.under_way is not None:
        what = f"its turn to send, or Telegram's answer; {_messages(len(state.queue))} in the queue"
        yield WaitKind.PACE, what, state.queue.under_way.ticket
    elif state.queue.rests_as and state.queue:
        yield WaitKind.RETRY, state.queue.rests_as, state.queue.rests_as
    elif state.queue.attempts and state.queue:
        yield WaitKind.RETRY, f"another try, after {state.queue.attempts}", state.queue.attempts


def _messages(count: int) -> str:
    return counted(count, "message")
