"""One worker group: up to 30 pairs of one session, from "it was said" to "it was delivered".

Owns the pairs' progress. A message is written to the outbox before it is sent, sent with a
random_id that is a function of pair and message, and ticked off when Telegram has it; a repeat is
refused by Telegram and counted as delivered. After any gap (restart, lost connection, a session's
crash) the source's history is read from the group's own mark, not from Telethon's.

This module is the mailbox; the work is in its parts: ``group_reading``, ``group_sending``,
``group_trouble``. Leaves to the session: the client, floods, pacing. Leaves to the journal: the
disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import pykka

from ..errors import (
    BackfillRunningError,
    JournalUnavailableError,
    PairBusyError,
    UnknownRecordError,
)
from ..storage import Store
from ..supervision import Answer, LoopActor
from ..telegram import Arrived, Deleted, Edited, GroupReport, PairReport
from .desk import Desk
from .group_notes import (
    Compare,
    Filled,
    Loaded,
    LocateAgain,
    Looked,
    ReadAgain,
    Recheck,
    ReleaseLater,
    Replied,
    Retry,
    Rows,
    Stored,
    Wanted,
    WriteTicks,
)
from .group_reading import Reading
from .group_sending import Sending
from .group_trouble import BY_HAND, CONFIGURED, Trouble
from .handlers import TELEGRAM
from .kit import Kit
from .messages import (
    AccessChecked,
    Backfill,
    CatchUp,
    Delivered,
    DropDead,
    GroupReady,
    HistoryRead,
    Introduce,
    Located,
    PairPlan,
    PausePair,
    ReleasePair,
    Report,
    Reported,
    ResumePair,
    RetryDead,
    SessionDown,
    SessionUp,
    Undelivered,
    Unlimited,
)
from .pairstate import PairState
from .rules import Rules

__all__ = ["WorkerGroupActor"]

CHANNELS: Final = -1_000_000_000_000  # marked ids from here down are channels'
LOOK_EVERY: Final = 0.05  # seconds between two looks whether a pair has come to rest


class WorkerGroupActor(LoopActor):
    """Forwards messages for its pairs.

    Args:
        name: the group's id under its session, ``"group-1"``.
        session: the session's name.
        plans: its pairs, 30 at most.
        session_ref: the session actor; its mailbox outlives its restarts.
        kit: what all actors of a warden share.
    """

    def __init__(
        self,
        *,
        name: str,
        session: str,
        plans: Sequence[PairPlan],
        session_ref: pykka.ActorRef[Any],
        kit: Kit,
    ) -> None:
        super().__init__()
        self._plans = plans
        self._desk = Desk(name=name, session=session, kit=kit, actor=self, ref=session_ref)
        self._trouble = Trouble(self._desk, lambda state: self._reading.locate([state]))
        self._sending = Sending(self._desk, self._trouble)
        self._reading = Reading(self._desk, self._sending, self._trouble)
        self._loaded = False

    @property
    def _pairs(self) -> dict[int, PairState]:
        return self._desk.pairs

    def on_start(self) -> None:
        for plan in self._plans:
            self._take_in(plan)
        self._load(tuple(self._pairs))
        self.every(self._desk.kit.settings.groups_every, CatchUp())

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        self._sending.write_ticks()
        await self._close_handlers(self._pairs.values())

    async def on_failure(self, *_exc_info: object) -> None:  # type: ignore[override]  # as above
        with contextlib.suppress(JournalUnavailableError):
            self._sending.write_ticks()
        await self._close_handlers(self._pairs.values())

    def on_receive(self, message: object) -> object:
        match message:
            case Arrived():
                self._reading.arrived(message.message)
            case Edited():
                for state in self._pairs.values():
                    if state.source == message.message.chat:
                        self._sending.edited(state, message.message)
            case Deleted():
                self._deleted(message)
            case Delivered():
                self._sending.delivered(message)
                self._fill(message.pair)
            case Undelivered():
                self._sending.undelivered(message)
            case Stored():
                self._sending.stored(message)
            case Wanted():
                self._sending.changes_noted(message)
            case Looked():
                self._sending.looked(message)
            case WriteTicks():
                self._sending.write_ticks()
            case Retry():
                self._with(message.pair, self._sending.pump)
            case SessionUp():
                self._session_up()
            case SessionDown():
                self._session_down()
            case Report():
                return self._report()
            case PausePair() | ResumePair() | Backfill() | RetryDead() | DropDead():
                return self._ordered(message)
            case ReleasePair():
                return self._let_go(message)
            case _:
                return self._read_or_looked(message)
        return None

    def _read_or_looked(self, message: object) -> object:
        match message:
            case HistoryRead():
                self._reading.history_read(message)
            case Located():
                self._reading.located(message)
            case LocateAgain():
                self._reading.locate()
            case ReadAgain():
                self._with(message.pair, lambda state: self._reading.catch_up([state]))
                self._fill(message.pair)
            case CatchUp():
                self._reading.catch_up(self._pairs.values())
                self._trouble.sweep()
            case Compare():
                self._reading.compare(message)
            case Filled():
                self._reading.filled(message)
            case Loaded():
                self._settle_in(message.rows)
            case Recheck():
                self._trouble.recheck(message.pair)
            case AccessChecked():
                self._trouble.rights_told(message.rights)
            case Unlimited():
                self._trouble.unlimited()
            case Introduce():
                self._introduce()
            case ReleaseLater():
                self._release(message)
            case Replied():
                self._replied(message)
            case _:
                return super().on_receive(message)
        return None

    # Starting, and coming back

    def _take_in(self, plan: PairPlan) -> PairState:
        state = PairState(plan=plan, rules=Rules.of(plan.rules))
        state.source = plan.source if isinstance(plan.source, int) else None
        state.target = plan.target if isinstance(plan.target, int) else None
        state.paused = None if plan.enabled else CONFIGURED
        if plan.handler != TELEGRAM:
            state.handler = self._desk.kit.handlers[plan.handler](plan.options)
        self._pairs[plan.id] = state
        return state

    def _load(self, ids: tuple[int, ...]) -> None:
        def work(store: Store) -> Rows:
            records = {one.id: one for one in store.pairs(self._desk.session) if one.id in ids}
            return Rows(
                ids=ids,
                records=records,
                marks={(mark.pair_id, mark.chat): mark.message_id for mark in store.marks(ids)},
                owed=store.pending(ids),
                changes=store.changes_wanted(ids),
                last_targets=store.last_targets(ids),
                backfills=store.backfills(ids),
            )

        self.pipe(self._desk.kit.journal.do_in_order(work), done=Loaded)

    def _settle_in(self, rows: Rows) -> None:
        states = [self._pairs[one] for one in rows.ids if one in self._pairs]
        for state in states:
            self._adopt(state, rows)
        for row in rows.owed:
            if row.pair_id in self._pairs:
                self._pairs[row.pair_id].owed.append(row.source_id)
                self._pairs[row.pair_id].unsure = True
        for change in rows.changes:
            if change.pair_id in self._pairs:
                self._pairs[change.pair_id].changes.append(change)
        for backfill in rows.backfills:
            if backfill.pair_id in self._pairs:
                self._pairs[backfill.pair_id].backfill = backfill
        self._loaded = True
        self._introduce()

    def _adopt(self, state: PairState, rows: Rows) -> None:
        """Take over what an earlier run has found out, where the plan does not say otherwise."""
        record = rows.records.get(state.plan.id)
        if record is not None:
            if isinstance(state.plan.source, str):
                state.source = record.source
            if isinstance(state.plan.target, str):
                state.target = record.target
            if state.paused is None and record.paused_reason:
                self._trouble.adopt(state, record.paused_reason)
        if state.source is not None:
            state.seen = rows.marks.get((state.plan.id, state.source))
        state.last_target = rows.last_targets.get(state.plan.id, 0)

    def _introduce(self, *, again: bool = False) -> None:
        if self._loaded:
            ready = GroupReady(
                group=self._desk.name, ref=self.actor_ref, pairs=tuple(self._pairs), again=again
            )
            self._desk.tell_session(ready)
            self._report()

    def _session_up(self) -> None:
        self._desk.online = True
        for state in self._pairs.values():
            state.interrupt()
        self._reading.locate()

    def _session_down(self) -> None:
        self._desk.online = False
        for state in self._pairs.values():
            if state.handler is None:
                state.interrupt()

    # What happens to one pair

    def _with(self, pair: int, work: Any) -> None:
        state = self._pairs.get(pair)
        if state is not None:
            work(state)

    def _fill(self, pair: int) -> None:
        state = self._pairs.get(pair)
        if state is not None and state.backfill is not None:
            self._reading.fill(state)

    def _deleted(self, message: Deleted) -> None:
        """Outside of channels Telegram does not say where; ids are the account's own there."""
        for state in self._pairs.values():
            if state.source is None:
                continue
            elsewhere = message.chat is None and state.source > CHANNELS
            if state.source == message.chat or elsewhere:
                self._sending.deleted(state, message.ids)

    async def _close_handlers(self, states: Any) -> None:
        for state in states:
            if state.handler is not None:
                with contextlib.suppress(Exception):  # it is being let go of in any case
                    await state.handler.close()

    # Orders

    def _state(self, pair: int) -> PairState:
        state = self._pairs.get(pair)
        if state is None:
            raise UnknownRecordError("pair", pair)
        return state

    def _ordered(
        self, order: PausePair | ResumePair | Backfill | RetryDead | DropDead
    ) -> PairReport | Answer:
        state = self._state(order.pair)
        match order:
            case PausePair():
                self._trouble.pause(state, order.reason or BY_HAND)
            case ResumePair():
                state.pauses = 0
                self._trouble.resume(state)
            case Backfill():
                if state.backfill is not None:
                    raise BackfillRunningError(order.pair, state.backfill.until)
                self._reading.backfill(state, after=order.after, since=order.since)
            case RetryDead():
                return self._retry_dead(order)
            case DropDead():
                return self._drop_dead(order)
        return state.report()

    def _retry_dead(self, order: RetryDead) -> Answer:
        answer, pair = Answer(), order.pair

        def work(store: Store) -> Replied:
            dead = _dead(store, pair, order.source_ids)
            ids = tuple(one for one in dead if store.retry(pair, one))
            return Replied(answer, pair, len(ids), ids)

        self.pipe(self._desk.kit.journal.do_in_order(work), done=lambda replied: replied)
        return answer

    def _drop_dead(self, order: DropDead) -> Answer:
        answer, pair = Answer(), order.pair

        def work(store: Store) -> Replied:
            ids = [one for one in _dead(store, pair, order.source_ids) if store.drop(pair, one)]
            return Replied(answer, pair, len(ids))

        self.pipe(self._desk.kit.journal.do_in_order(work), done=lambda replied: replied)
        return answer

    def _replied(self, message: Replied) -> None:
        state = self._pairs.get(message.pair)
        if state is not None and message.ids:
            state.owed.extend(message.ids)
            self._reading.catch_up([state])
        message.answer.set(message.count)

    def _let_go(self, order: ReleasePair) -> Answer:
        answer, state = Answer(), self._state(order.pair)
        state.released = True
        self._release(ReleaseLater(order.pair, self._desk.now() + order.within, answer))
        return answer

    def _release(self, message: ReleaseLater) -> None:
        """Let a pair go once it is at rest; what is not known to have arrived keeps it here."""
        state = self._pairs.get(message.pair)
        if state is None:
            message.answer.fail(UnknownRecordError("pair", message.pair))
        elif state.under_way is None and not state.unsure:
            del self._pairs[message.pair]
            self._sending.write_ticks()
            self._introduce(again=True)
            message.answer.set(state.plan)
        elif self._desk.now() >= message.until:
            state.released = False
            self._sending.pump(state)
            message.answer.fail(PairBusyError(message.pair))
        else:
            self.after(LOOK_EVERY, message)

    def _report(self) -> GroupReport:
        """How the group is; told to the monitor as well as to whoever asks."""
        report = GroupReport(
            session=self._desk.session,
            group=self._desk.name,
            online=self._desk.online,
            pairs=tuple(state.report() for state in self._pairs.values()),
        )
        with contextlib.suppress(pykka.ActorDeadError):
            self._desk.kit.monitor.tell(Reported(report=report, ref=self.actor_ref))
        return report


def _dead(store: Store, pair: int, wanted: Sequence[int]) -> list[int]:
    """The dead letters that are meant: these, or all."""
    dead = [row.source_id for row in store.dead((pair,))]
    return [one for one in dead if not wanted or one in wanted]
