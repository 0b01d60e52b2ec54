"""One worker group: up to 30 pairs of one session, from "it was said" to "it was delivered".

Owns the pairs' progress. A message is written to the outbox before it is sent, sent with a
random_id that is a function of pair and message, and ticked off when Telegram has it; a repeat is
refused by Telegram and counted as delivered. After any gap (restart, lost connection, a session's
crash) the source's history is read from the group's own mark, not from Telethon's.

Leaves to the session: the client, floods, pacing. Leaves to the journal: the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pykka

from ..storage import OutboxRow, PairRecord, Store
from ..supervision import LoopActor
from ..telegram import (
    Action,
    Arrived,
    CaughtUp,
    DeadLettered,
    ErrorClass,
    Forwarded,
    GroupReport,
    Incoming,
    PairPaused,
    Verdict,
    random_id_for,
)
from .group_notes import Loaded, LocateAgain, ReadAgain, Recheck, Retry, Rows, Stored
from .kit import Kit
from .messages import (
    CatchUp,
    Deliver,
    Delivered,
    GroupReady,
    History,
    HistoryRead,
    Introduce,
    Locate,
    Located,
    PairPlan,
    Report,
    Reported,
    SessionDown,
    SessionUp,
    Undelivered,
)
from .pairstate import PairState

__all__ = ["WorkerGroupActor"]

logger = logging.getLogger(__name__)

TRIES: Final = 3  # for one message that fails for no reason of its own, then it is put aside
OWED_AT_ONCE: Final = 100  # messages; what Telegram gives for one question
RETRY_AFTER: Final = 2.0  # seconds; Telegram's own trouble (RPC_CALL_FAIL) is over in a moment
RECHECK_AFTER: Final = 3600.0  # seconds; a lost right comes back when a person gives it back


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
        self._name, self._session, self._ref, self._kit = name, session, session_ref, kit
        self._pairs = {plan.id: PairState(plan=plan) for plan in plans}
        self._online = False
        self._loaded = False

    def on_start(self) -> None:
        for state in self._pairs.values():
            plan = state.plan
            state.source = plan.source if isinstance(plan.source, int) else None
            state.target = plan.target if isinstance(plan.target, int) else None
            state.paused = None if plan.enabled else "paused in the configuration"
        self.pipe(self._kit.journal.do(self._load), done=Loaded)
        self.every(self._kit.settings.groups_every, CatchUp())

    def on_receive(self, message: object) -> object:
        match message:
            case Arrived():
                self._arrived(message.message)
            case Delivered():
                self._delivered(message)
            case Undelivered():
                self._undelivered(message)
            case Stored():
                self._stored(message)
            case HistoryRead():
                self._history_read(message)
            case SessionUp():
                self._session_up()
            case SessionDown():
                self._session_down()
            case Located():
                self._located(message)
            case LocateAgain():
                self._locate()
            case ReadAgain():
                self._catch_up([self._pairs[message.pair]])
            case CatchUp():
                self._catch_up(self._pairs.values())
            case Loaded():
                self._settle_in(message.rows)
            case Retry():
                self._retry(message)
            case Recheck():
                self._recheck(message.pair)
            case Introduce():
                self._introduce()
            case Report():
                return self._report()
            case _:
                return super().on_receive(message)
        return None

    # Starting, and coming back

    def _load(self, store: Store) -> Rows:
        ids = tuple(self._pairs)
        records = {record.id: record for record in store.pairs(self._session) if record.id in ids}
        marks = {(mark.pair_id, mark.chat): mark.message_id for mark in store.marks(ids)}
        return Rows(records=records, marks=marks, owed=store.pending(ids))

    def _settle_in(self, rows: Rows) -> None:
        for pair_id, state in self._pairs.items():
            record = rows.records.get(pair_id)
            if record is not None:
                self._adopt(state, record)
            if state.source is not None:
                state.seen = rows.marks.get((pair_id, state.source))
        for row in rows.owed:
            self._pairs[row.pair_id].owed.append(row.source_id)
        self._loaded = True
        self._introduce()

    def _introduce(self) -> None:
        if self._loaded:
            self._ref.tell(GroupReady(group=self._name, ref=self.actor_ref))
            self._report()

    def _adopt(self, state: PairState, record: PairRecord) -> None:
        """Take over what an earlier run has found out, where the plan does not say otherwise."""
        if isinstance(state.plan.source, str):
            state.source = record.source
        if isinstance(state.plan.target, str):
            state.target = record.target
        if state.paused is None and record.paused_reason:
            state.paused = record.paused_reason
            self.after(RECHECK_AFTER, Recheck(state.plan.id))

    def _session_up(self) -> None:
        self._online = True
        for state in self._pairs.values():
            state.interrupt()
        self._locate()

    def _session_down(self) -> None:
        self._online = False
        for state in self._pairs.values():
            state.interrupt()

    def _locate(self) -> None:
        """Let the session make sure that every chat can be addressed; it asks for unknown ones."""
        chats = {chat for state in self._pairs.values() for chat in state.chats}
        if chats:
            self._ref.tell(Locate(chats=tuple(chats), reply_to=self.actor_ref))

    def _located(self, message: Located) -> None:
        again = False
        for state in self._pairs.values():
            lost = next((chat for chat in state.chats if chat in message.problems), None)
            if lost is None:
                self._found(state, message.ids)
            elif message.problems[lost].kind is ErrorClass.PAIR:
                self._pause(state, f"{lost}: {_why(message.problems[lost])}")
            else:
                again = True
        if again and self._online:
            self.after(RETRY_AFTER, LocateAgain())

    def _found(self, state: PairState, ids: Mapping[int | str, int]) -> None:
        source, target = ids.get(state.plan.source), ids.get(state.plan.target)
        if source is None or target is None:
            return  # an answer to an older question
        if (source, target) != (state.source, state.target):
            state.source, state.target = source, target
            self._write_down(state)
        self._catch_up([state])
        self._pump(state)

    def _catch_up(self, states: Iterable[PairState]) -> None:
        """Read what was said since the mark; a pair without one starts with what comes now."""
        if not self._online:
            return
        for state in states:
            if state.source is None or state.paused is not None or state.reading is not None:
                continue
            state.behind = True
            state.reading = self._next_reading(state, state.source)
            self._ref.tell(state.reading)

    def _next_reading(self, state: PairState, source: int) -> History:
        common: dict[str, Any] = {
            "pair": state.plan.id,
            "chat": source,
            "reply_to": self.actor_ref,
        }
        if state.owed:
            return History(ids=tuple(state.owed[:OWED_AT_ONCE]), **common)
        return History(after=state.seen or 0, newest_only=state.seen is None, **common)

    def _history_read(self, message: HistoryRead) -> None:
        state = self._pairs[message.pair]
        if state.reading is not message.request:  # an answer from before the last gap
            return
        state.reading = None
        if message.verdict is not None:
            self._read_failed(state, message.verdict)
        elif message.request.ids:
            self._owed_found(state, message)
        elif message.request.newest_only:
            self._start_mark(state, message.request.chat, message.newest)
        else:
            self._missed_found(state, message)

    def _read_failed(self, state: PairState, verdict: Verdict) -> None:
        if verdict.kind is ErrorClass.PAIR:
            self._pause(state, _why(verdict))
        elif self._online:
            self.after(max(RETRY_AFTER, verdict.wait or 0.0), ReadAgain(state.plan.id))

    def _owed_found(self, state: PairState, message: HistoryRead) -> None:
        """Messages that an earlier run wrote down and may not have sent: they go first."""
        found = {one.id: one for one in message.messages}
        for source_id in message.request.ids:
            if source_id in found:
                state.queue.append(found[source_id])
            else:
                self._put_aside(state, source_id, "deleted at the source before it was sent")
        state.owed = state.owed[len(message.request.ids) :]
        self._catch_up([state])

    def _start_mark(self, state: PairState, chat: int, newest: int) -> None:
        """A new pair starts with what is said from now on, which may be held back already."""
        first = min((one.id for one in state.held), default=newest + 1)
        state.seen = mark = min(newest, first - 1)
        pair = state.plan.id
        self._kit.journal.post(lambda store: store.advance_mark(pair, chat, mark))
        self._go_live(state)

    def _missed_found(self, state: PairState, message: HistoryRead) -> None:
        fresh = state.admit(message.messages)
        self._accept(state, fresh)
        if fresh:
            self._tell_caught_up(state, len(fresh))
        if message.more or state.overflown:
            state.overflown = False
            self._catch_up([state])
        else:
            self._go_live(state)

    def _go_live(self, state: PairState) -> None:
        state.behind = False
        self._accept(state, state.admit(state.release()))
        self._pump(state)

    def _tell_caught_up(self, state: PairState, missed: int) -> None:
        self._kit.publish(
            CaughtUp(session=self._session, at=self._kit.now(), pair=state.plan.id, missed=missed)
        )

    # A message's way

    def _arrived(self, message: Incoming) -> None:
        for state in self._pairs.values():
            if state.source != message.chat or state.paused is not None:
                continue  # a paused pair reads its source's history when it goes on
            if state.behind:
                state.hold(message)
            else:
                self._accept(state, state.admit((message,)))

    def _accept(self, state: PairState, messages: tuple[Incoming, ...]) -> None:
        """Write the messages down, with the mark, and send them when that is on the disk."""
        if not messages:
            return
        pair, chat = state.plan.id, messages[0].chat
        rows = [self._row(pair, message) for message in messages]
        seen = state.seen or 0

        def work(store: Store) -> None:
            store.enqueue(rows)
            store.advance_mark(pair, chat, seen)

        self.pipe(self._kit.journal.do(work), done=lambda _: Stored(pair, messages))

    def _row(self, pair: int, message: Incoming) -> OutboxRow:
        return OutboxRow(
            pair_id=pair,
            source_chat=message.chat,
            source_id=message.id,
            random_id=random_id_for(pair, message.chat, message.id),
            enqueued_at=self._kit.now(),
        )

    def _stored(self, message: Stored) -> None:
        state = self._pairs[message.pair]
        state.queue.extend(message.messages)
        self._pump(state)

    def _pump(self, state: PairState) -> None:
        message = state.next_message()
        if message is None or not self._online or state.target is None:
            return
        state.on_its_way = message.id
        self._ref.tell(
            Deliver(
                pair=state.plan.id,
                mode=state.plan.mode,
                target=state.target,
                message=message,
                random_id=random_id_for(state.plan.id, message.chat, message.id),
                reply_to=self.actor_ref,
            )
        )

    def _delivered(self, answer: Delivered) -> None:
        state = self._pairs[answer.pair]
        message = state.settle(answer.source_id)
        if message is None:
            return
        state.delivered += 1
        state.repeated += answer.repeated
        now = self._kit.now()
        self._kit.journal.post(
            lambda store: store.complete(answer.pair, answer.source_id, answer.target_id, now)
        )
        self._kit.publish(
            Forwarded(
                session=self._session,
                at=now,
                pair=answer.pair,
                source_id=answer.source_id,
                target_id=answer.target_id,
                repeated=answer.repeated,
                lag=max(0.0, now - message.date.timestamp()),
            )
        )
        self._pump(state)

    def _undelivered(self, answer: Undelivered) -> None:
        state, verdict = self._pairs[answer.pair], answer.verdict
        if state.on_its_way != answer.source_id:
            return
        state.on_its_way = None
        match verdict.kind:
            case ErrorClass.PAIR if verdict.action is not Action.RESOLVE_PEER or state.attempts:
                self._pause(state, _why(verdict))
            case ErrorClass.MESSAGE | ErrorClass.BUG:
                self._try_again_or_put_aside(state, answer)
            case _ if self._online:
                state.attempts += 1
                self.after(RETRY_AFTER * min(state.attempts, 30), Retry(answer.pair))
            case _:
                pass  # SessionUp brings it on its way again

    def _try_again_or_put_aside(self, state: PairState, answer: Undelivered) -> None:
        state.attempts += 1
        once_is_enough = answer.verdict.action is Action.DROP_MESSAGE
        if state.attempts < TRIES and not once_is_enough:
            self.after(RETRY_AFTER, Retry(answer.pair))
            return
        state.on_its_way = answer.source_id
        state.settle(answer.source_id)
        self._put_aside(state, answer.source_id, _why(answer.verdict))
        self._pump(state)

    def _put_aside(self, state: PairState, source_id: int, reason: str) -> None:
        state.dead += 1
        pair, now = state.plan.id, self._kit.now()
        self._kit.journal.post(lambda store: store.fail(pair, source_id, reason, now, dead=True))
        self._kit.publish(
            DeadLettered(
                session=self._session, at=now, pair=pair, source_id=source_id, reason=reason
            )
        )

    def _retry(self, message: Retry) -> None:
        self._pump(self._pairs[message.pair])

    # A pair's own trouble

    def _pause(self, state: PairState, reason: str) -> None:
        if state.paused is not None:
            return
        state.pause(reason)
        pair = state.plan.id
        self._write_down(state)
        self._kit.publish(
            PairPaused(session=self._session, at=self._kit.now(), pair=pair, reason=reason)
        )
        self.after(RECHECK_AFTER, Recheck(pair))

    def _write_down(self, state: PairState) -> None:
        """Keep what is known of a pair; one whose chats were not found yet is not kept."""
        if state.source is not None and state.target is not None:
            work = _put_pair(state.plan, state.source, state.target, state.paused)
            self._kit.journal.post(work)

    def _recheck(self, pair: int) -> None:
        state = self._pairs[pair]
        if not state.plan.enabled or state.paused is None:
            return
        state.paused, state.attempts = None, 0
        self._write_down(state)
        if self._online:
            self._locate()

    def _report(self) -> GroupReport:
        """How the group is; told to the monitor as well as to whoever asks."""
        report = GroupReport(
            session=self._session,
            group=self._name,
            online=self._online,
            pairs=tuple(state.report() for state in self._pairs.values()),
        )
        self._kit.monitor.tell(Reported(report=report, ref=self.actor_ref))
        return report


PairWork = Callable[[Store], None]


def _why(verdict: Verdict) -> str:
    return f"{verdict.name}: {verdict.advice}"


def _put_pair(plan: PairPlan, source: int, target: int, paused: str | None) -> PairWork:
    record = PairRecord(
        id=plan.id,
        session=plan.session,
        source=source,
        target=target,
        mode=plan.mode,
        enabled=plan.enabled,
        paused_reason=paused,
    )
    return lambda store: store.put_pair(record)
