"""The registry actor: which sessions and operations exist, and who runs them.

Owns the list of sessions and operations, and starts a subtree for each session. It stands after
the supervisor of the sessions, so that when that one is restarted, empty, the registry is
restarted too and fills it again.

Changes that arrive while others are being written wait, are tried together, and are written as one
transaction; only then does the next snapshot show them and are the askers answered.
Reads never come here: they look at the snapshot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pykka

from ...errors import (
    ChildUnavailableError,
    JournalUnavailableError,
    PairsAssignedError,
    PairsNotMovedError,
)
from ...supervision import Answer, Event, EventStream, LoopActor, Subscription, TimerHandle
from ...telegram import HealthVerdict, SessionReport
from ..context import Services
from ..forwarding.pause_reasons import other_of
from ..journal import Journal
from ..messages import (
    Forget,
    PairPlan,
    Roster,
    SessionIntroduced,
    SessionRefAsked,
    SettingsChanged,
    SweepEvery,
    VerdictsAsked,
    VerdictsTold,
)
from ..pair_graph import PAIR_FAULTS, PairGraph, faults_of, way_of
from . import messages
from .changes import sessions as changes_sessions
from .changes.apply import Refusal, Request, attempt, first_changes
from .changes.operation_tracker import (
    TRACKED_KINDS,
    OperationObserved,
    PhaseSeen,
    active_by_owner,
    is_stale,
)
from .changes.pair_transaction import PairTransaction
from .changes.transaction import Transaction
from .changes.write_pipeline import WritePipeline
from .events import HealthChanged, OperationStuck, RegistryEvent, SessionChanged
from .internal import Ready, Tidy
from .loading import Loaded, audit_rows, first_snapshot, load, stored_verdicts, untold
from .model import RegistryLimits
from .pair_plans import effective_plans
from .roster import SessionRoster
from .session_lifecycle import RunningSessions
from .session_specs import SessionPlan, SessionTrees
from .snapshot import Board, RegistrySnapshot
from .verdict_rows import verdict_row

logger = logging.getLogger(__name__)


class RegistryActor(LoopActor):
    """Knows every session and operation of the warden and starts what belongs to it.

    Args:
        journal: the one writer of the database.
        board: where the snapshots are put; it outlives this incarnation.
        events: where facts are published, and where those of the sessions come from.
        limits: how much it holds, until somebody reconfigures it.
        plans: the sessions of the configuration.
        sessions: the supervisor of all sessions; without one, none is started.
        monitor: the health monitor.
        make_services: builds what sessions share, from the monitor's reference.
        wall: tells the time in epoch seconds.
    """

    def __init__(
        self,
        *,
        journal: pykka.ActorRef[Any],
        board: Board,
        events: EventStream,
        limits: RegistryLimits | None = None,
        plans: Sequence[SessionPlan] = (),
        sessions: pykka.ActorRef[Any] | None = None,
        monitor: pykka.ActorRef[Any] | None = None,
        make_services: Callable[..., Services] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._journal, self._board, self._events, self._wall = Journal(journal), board, events, wall
        self._limits = limits or RegistryLimits()
        # What was decided since the warden started outlives a restart of the registry.
        self._again = board.plans is not None
        if not self._again:
            board.declared = {pair.id: pair for plan in plans for pair in plan.pairs}
        self._roster = SessionRoster(plans if board.plans is None else board.plans.values())
        self._monitor = monitor
        subtrees: SessionTrees | None = None
        if sessions is not None and make_services is not None:
            services = make_services(journal=journal, monitor=monitor)
            services = replace(services, graph=board.located)
            subtrees = SessionTrees(sessions, self.actor_ref, services)
        self._running = RunningSessions(self._roster, subtrees, self.pipe, self._stopped)
        self._pipeline = WritePipeline(self._transaction)
        self._following: dict[tuple[str, str], int] = {}
        self._last_id, self._last_pair = 0, 0
        self._tidying: TimerHandle | None = None
        self._hearing: Subscription | None = None

    async def on_start(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        """Read what was there and write down what is declared; only then is it started."""
        planned, before = tuple(self._roster.plans), self._board.current
        self._show_all(await self._journal.do(lambda store: load(store, planned)))
        if not self._again:
            await self._enter_ways(self._board.located)
        transaction = self._transaction()
        declared = [plan.record for plan in self._roster.plans.values()]
        for request in () if self._again else first_changes(declared):
            attempt(transaction, request)
            if request.error is not None:
                raise request.error
        await self._journal.do(transaction.write)
        self._adopt(transaction)
        self._tell(transaction)
        if self._again:
            for event in untold(before, self._board.current, at=self._wall()):
                self._events.publish(event)
        self._board.plans = self._roster.plans
        self._hearing = self._events.subscribe(self._hear, TRACKED_KINDS)
        self._tidy_from_now_on()
        self.actor_ref.tell(Ready(self.incarnation))

    def on_receive(self, message: object) -> object:
        match message:
            case messages.DeleteSession():
                return self._plan_deletion(message)
            case messages.RegistryWrite():
                return self._take(message)
            case messages.StatusReported():
                self._noted(message.report)
            case VerdictsTold():
                self._keep_verdicts(message)
            case VerdictsAsked():
                return tuple(self._board.verdicts.values())
            case SessionIntroduced():
                self._roster.introduced(message.session, message.ref)
            case SettingsChanged():
                self._roster.tell_settings(message)
                if self._monitor is not None:
                    self._monitor.tell(message)
            case SessionRefAsked():
                return self._roster.where(message.session)
            case Roster():
                self._tell_how_often()  # who asks is the monitor, and has just started
                return tuple(self._roster.refs.values())
            case messages.AuditAsked():
                return self._audit(message)
            case messages.PairPlansAsked():
                return self._roster.plans_of(message.session)
            case messages.PairPlanAsked():
                return self._roster.plan_of(message.pair)
            case messages.BeginTransfer():
                self._roster.begin_transfer(message.pairs)
            case messages.ServeAgain():
                self._roster.abort_transfer(message.pairs)
            case Ready():
                if message.incarnation == self.incarnation:
                    self._running.start_all()
            case Tidy():
                self._tidy()
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        self._leave("the registry is stopping")

    def on_failure(self, *_exc_info: object) -> None:
        self._leave("it failed; what it holds is read again from the disk")

    def _leave(self, why: str) -> None:
        if self._hearing is not None:
            self._hearing.close()
        for request in self._pipeline.drop_all():
            request.settle(ChildUnavailableError(self.path, why))
        self._roster.fail_all(ChildUnavailableError(self.path, why))

    # Starting

    def _show_all(self, loaded: Loaded) -> None:
        """Put on the board what the database holds."""
        for record in loaded.records:
            if self._again or record.name not in self._roster.plans:
                self._roster.put(record)
        plans, over = effective_plans(self._board.declared, loaded.plans)
        for pair in self._roster.plan_pairs(plans.values()):
            logger.error("pair has no session pair=%d; register its session or remove it", pair)
        for fault in faults_of(self._roster.graph.ways):
            logger.warning("pairs are not fine together why=%s", fault.reason)
        if over:
            logger.info("pairs are as configured again pairs=%s", over)
            self._journal.post(lambda store: store.forget_plans(over))
        before = self._board.current
        if not self._again:
            before = RegistrySnapshot(revision=before.revision, limits=self._limits)
        self._last_id = loaded.last_id
        self._last_pair = max((row.id for row in loaded.plans), default=0)
        self._following = active_by_owner(loaded.operations)
        self._board.verdicts = stored_verdicts(loaded, self._roster.plans)
        self._board.current = first_snapshot(
            loaded,
            before,
            pairs=self._roster.pairs,
            limits=before.limits,
            now=self._wall(),
        )

    async def _enter_ways(self, located: PairGraph) -> None:
        """Have the ways of pairs that worked before, whoever comes online first.

        Otherwise a pair that was paused because of another could take its place.
        """
        served = self._roster.served
        records = await self._journal.do(lambda store: store.pairs_with(tuple(served)))
        for record in records:
            plan = served[record.id]
            named = (str(plan.source), str(plan.target))
            unfit = other_of(record.paused_reason).startswith(PAIR_FAULTS)
            if named == (record.source_name, record.target_name) and not unfit:
                way = way_of(plan, source=record.source, target=record.target)
                located.put(plan.id, way)

    # Changes

    def _take(self, write: messages.RegistryWrite) -> Request:
        request = Request(write)
        self._pipeline.take(request)
        self._write_next()
        return request

    def _write_next(self) -> None:
        transaction = self._pipeline.next()
        if transaction is not None:
            writing = self._journal.do(transaction.write, waits=self._wait_for_disk)
            self.pipe(writing, then=lambda _: self._written(), otherwise=self._not_written)

    def _wait_for_disk(self, why: Exception) -> None:
        """Whoever asks meanwhile gets no answer in time, and should know why."""
        self._board.waits_for = str(why)

    def _transaction(self, before: Transaction | None = None) -> Transaction:
        return Transaction(
            self._board.current,
            before=before,
            now=self._wall(),
            last_id=self._last_id,
            busy=self._running.busy,
            pairs=PairTransaction(
                self._roster,
                declared=self._board.declared if before is None else before.pairs.declared,
                last_id=self._last_pair,
                before=None if before is None else before.pairs,
                located=self._board.located,
            ),
            following=self._following,
        )

    def _written(self) -> None:
        """Show it, let the disk work on what comes next, then answer."""
        transaction, requests = self._pipeline.written()
        self._board.waits_for = ""
        self._adopt(transaction)
        self._pipeline.shown(self._board.current)
        self._write_next()
        self._tell(transaction)
        for request in requests:
            request.settle()

    def _adopt(self, transaction: Transaction) -> None:
        """What the transaction says is on disk: let everybody see it."""
        self._last_id, self._following = transaction.last_id, transaction.following
        before = self._board.current
        self._board.current = transaction.applied_to(before)
        self._board.declared = transaction.pairs.declared
        self._note_plans(transaction)
        self._last_pair = max(self._last_pair, *transaction.pairs.changes, 0)
        self._forget_ways(transaction.pairs.changes)
        for name in self._roster.change_pairs(transaction.pairs.changes):
            self._show(name)
        if transaction.limits is not before.limits:
            self._tidy_from_now_on()
            self._tell_how_often()

    def _forget_ways(self, changes: Mapping[int, PairPlan | None]) -> None:
        for pair, plan in changes.items():
            if plan is None:
                self._board.located.put(pair, None)

    def _tell_how_often(self) -> None:
        if self._monitor is not None:
            self._monitor.tell(SweepEvery(self._board.current.limits.sessions_every))

    def _tell(self, transaction: Transaction) -> None:
        heard = self._events.has_subscribers(SessionChanged)
        for change in transaction.events:
            if isinstance(change, RegistryEvent):
                self._events.publish(change)
            elif heard:  # otherwise there is no need to make an event of it
                self._events.publish(changes_sessions.changed_event(change))

    def _not_written(self, error: BaseException) -> None:
        """Nothing was kept; where not even that is known, this incarnation ends and looks."""
        self._board.waits_for = ""
        if isinstance(error, JournalUnavailableError):
            raise error
        blamed = self._pipeline.refused()
        if blamed is not None:
            write = blamed.write
            if isinstance(write, messages.Deletion):
                self._running.keep(write)
            # That its pairs are on record is an answer; that the disk takes nothing is a trouble.
            level = logging.INFO if isinstance(error, PairsAssignedError) else logging.ERROR
            logger.log(level, "change not written change=%s error=%s", type(write).__name__, error)
            blamed.settle(error)
        self._write_next()

    def _note_plans(self, transaction: Transaction) -> None:
        """New sessions get a subtree; the others hear of a change at their next start."""
        for name in transaction.deleted:
            if transaction.entries[name] is None:
                self._forget(name, transaction)
        for name in transaction.left:
            if self._monitor is not None:
                self._monitor.tell(Forget(name))
            self._running.leave(name)
        for name in transaction.added.union(transaction.changed.get("phone", ())):
            entry = transaction.entries[name]
            fresh = None if entry is None else self._roster.put(entry.record)
            if fresh is not None:
                self._running.start(fresh)

    # Deleting

    def _plan_deletion(self, write: messages.DeleteSession) -> Answer:
        try:
            deletion = changes_sessions.plan_deletion(self._pipeline.view(), write)
        except Exception as error:
            if write.dry_run:
                raise
            return self._take(Refusal(who=write.who, name=write.name, error=error))
        answer = Answer()
        if self._running.stop_for_deletion(deletion, answer):
            return answer
        if not deletion.dry_run:
            return self._take(deletion)
        answer.set(messages.Deleted(name=deletion.name, moved=deletion.moves))
        return answer

    def _stopped(
        self, deletion: messages.Deletion, answer: Answer, error: BaseException | None
    ) -> None:
        """The session has stopped, and is forgotten; or has not, and stays."""
        if isinstance(error, PairsNotMovedError) and error.unfit:
            if not deletion.dry_run:
                self._running.free(deletion.name, deletion.moves)
            try:
                other = changes_sessions.plan_again(self._pipeline.view(), deletion, error)
            except PairsNotMovedError as refused:
                error = refused
            else:
                self._running.stop_for_deletion(other, answer)
                return
        self._end_deletion(deletion, error, answer)

    def _end_deletion(
        self, deletion: messages.Deletion, error: BaseException | None, answer: Answer
    ) -> None:
        if deletion.dry_run:
            if error is not None:
                answer.fail(error)
            else:
                answer.set(messages.Deleted(name=deletion.name, moved=deletion.moves))
            return
        write: messages.RegistryWrite = deletion
        if error is not None:
            self._running.keep(deletion)
            write = Refusal(who=deletion.who, name=deletion.name, error=error)
        self._take(write).forward_to(answer)

    def _forget(self, name: str, transaction: Transaction) -> None:
        if self._monitor is not None:
            self._monitor.tell(Forget(name))
        self._running.forget(name, transaction.deleted.get(name, {}))

    # How the sessions are

    def _noted(self, report: SessionReport) -> None:
        if self._following and is_stale(report, self._following, self._board.current.operations):
            seen = PhaseSeen(
                session=report.session, at=report.since, after=report.phase, reason=report.reason
            )
            self._take(OperationObserved(event=seen))
        before = self._board.current.sessions.get(report.session)
        entry = None if before is None else before.reported(report)
        if before is None or entry is None or entry == before:
            return
        self._board.put(entry)
        if entry.health is not before.health:
            self._events.publish(
                HealthChanged(
                    at=self._wall(),
                    session=report.session,
                    before=before.health,
                    after=entry.health,
                    reason=report.reason,
                )
            )

    def _keep_verdicts(self, verdicts: VerdictsTold) -> None:
        """Show the health monitor's verdicts, and have them outlive this process."""
        put = tuple(one for one in verdicts.put if one.session in self._roster.plans)
        changes: dict[tuple[str, str], HealthVerdict | None] = dict.fromkeys(verdicts.gone)
        changes |= {one.key: one for one in put}
        self._board.verdicts = self._board.verdicts.with_changes(changes)
        rows = tuple(verdict_row(one) for one in put)
        self._journal.post(lambda store: store.keep_verdicts(rows, verdicts.gone))

    def _show(self, name: str) -> None:
        entry = self._board.current.sessions.get(name)
        if entry is not None:
            self._board.put(replace(entry, pairs=len(self._roster.pairs.get(name, ()))))

    # Operations

    def _hear(self, event: Event) -> None:
        self.actor_ref.tell(OperationObserved(event=event))

    def _tidy_from_now_on(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        every = self._board.current.limits.tidy_every
        self._tidying = self.every(every, Tidy(), phase=every)

    def _tidy(self) -> None:
        """Forget what has expired, and tell once of what makes no progress."""
        now, snapshot = self._wall(), self._board.current
        operations, limits = tuple(snapshot.operations.values()), snapshot.limits
        stuck = {one.id: one for one in operations if one.stuck(now, limits.stuck_after)}
        for id_ in stuck.keys() - self._board.stuck:
            self._events.publish(OperationStuck(at=now, operation=stuck[id_]))
        self._board.stuck = frozenset(stuck)
        if any(limits.expired(one, now) for one in operations):
            self._take(messages.CleanOperations(who="registry"))

    # The audit trail

    def _audit(self, asked: messages.AuditAsked) -> Answer:
        answer = Answer()
        self.pipe(audit_rows(asked, self._journal), then=answer.set, otherwise=answer.fail)
        return answer
