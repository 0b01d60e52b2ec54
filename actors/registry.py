"""The registry: who exists, what is in progress, and who runs it. One actor, no locks.

Owns the list of sessions and operations, and starts a subtree for each session. It stands after
the supervisor of the sessions, so that when that one is restarted, empty, the registry is
restarted too and fills it again.

Changes that arrive while others are being written wait, are tried together on a draft, and are
written as one transaction; only then does the next snapshot show them and are the askers answered.
Reads never come here: they look at the snapshot.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

import pykka

from ..errors import ChildUnavailableError, JournalUnavailableError
from ..storage import Store
from ..supervision import Answer, Event, EventStream, LoopActor, Subscription, TimerHandle
from ..telegram import SessionReport
from . import declaring
from .draft import Draft
from .entries import RegistryLimits, SessionEntry, Standing
from .following import FOLLOWED, Followed
from .journal import Journal
from .kit import Kit
from .messages import Forget, Roster, SessionIntroduced, SessionRefAsked, SweepEvery
from .registry_facts import HealthChanged, OperationStuck
from .registry_loading import Loaded, first_snapshot, followed, load
from .registry_messages import (
    AuditAsked,
    CleanOperations,
    DeclareSessions,
    DeleteSession,
    Deletion,
    LendPairs,
    MovePairs,
    RegistryWrite,
    ServeAgain,
    StandingNoted,
)
from .registry_notes import (
    NotStarted,
    NotWritten,
    Read,
    Ready,
    Started,
    StoppedFor,
    Tidy,
    Written,
)
from .registry_snapshot import Board, RegistrySnapshot
from .registry_writes import Interrupt, Outcome, Refusal, Request, try_all
from .roster import SessionRoster
from .subtrees import SessionPlan, Subtrees

__all__ = ["RegistryActor"]

logger = logging.getLogger(__name__)

GROUP: Final = 1024  # changes in one transaction; trying them keeps the loop for ten milliseconds
OWN: Final = "configuration"  # who declares what the configuration says
WARDEN: Final = "warden"  # who follows recoveries and logins


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
        make_kit: builds what sessions share, from the monitor's reference.
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
        make_kit: Callable[..., Kit] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._journal, self._board, self._events, self._wall = Journal(journal), board, events, wall
        self._limits = limits or RegistryLimits()
        # What was decided since the warden started outlives a restart of the registry.
        self._again = board.plans is not None
        self._roster = SessionRoster(plans if board.plans is None else board.plans.values())
        self._monitor = monitor
        self._subtrees: Subtrees | None = None
        if sessions is not None and make_kit is not None:
            kit = make_kit(journal=journal, monitor=monitor)
            self._subtrees = Subtrees(sessions, self.actor_ref, kit)
        self._waiting: deque[Request] = deque()
        self._writing: list[Request] = []
        self._alone = 0
        self._busy: dict[str, str] = {}
        self._following: dict[tuple[str, str], int] = {}
        self._last_id = 0
        self._stuck: set[int] = set()
        self._tidying: TimerHandle | None = None
        self._hearing: Subscription | None = None

    async def on_start(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        """Read what was there and write down what is declared; only then is it started."""
        self._roster.settle(await self._journal.do(lambda store: store.pairs()))
        planned = tuple(self._roster.plans)
        self._show_all(await self._journal.do(lambda store: load(store, planned)))
        draft = self._draft()
        for outcome in try_all(draft, self._first_changes()):
            if outcome.error is not None:
                raise outcome.error
        await self._journal.do(draft.write)
        self._adopt(draft)
        self._board.plans = self._roster.plans
        self._hearing = self._events.subscribe(self._hear, FOLLOWED)
        self._tidy_from_now_on()
        self.actor_ref.tell(Ready(self.incarnation))

    def on_receive(self, message: object) -> object:
        match message:
            case RegistryWrite():
                return self._take(message)
            case StandingNoted():
                self._noted(message.report)
            case Written():
                self._written(message)
            case NotWritten():
                self._not_written(message)
            case SessionIntroduced():
                self._roster.introduced(message.session, message.ref)
            case SessionRefAsked():
                return self._roster.where(message.session)
            case Roster():
                return tuple(self._roster.refs.values())
            case AuditAsked():
                return self._audit(message)
            case LendPairs():
                self._roster.lend(message.pairs)
            case ServeAgain():
                self._roster.take_back(message.pairs)
            case MovePairs():
                self._move(message)
            case Ready():
                self._start_all(message.incarnation)
            case Started():
                self._started(message)
            case NotStarted():
                logger.error(
                    "session not started session=%s error=%s", message.session, message.error
                )
            case StoppedFor():
                self._stopped(message)
            case Read():
                message.outcome.settle()
            case Tidy():
                self._tidy()
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        self._leave("the registry is stopping")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002 - Pykka's signature
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        self._leave("it failed; what it holds is read again from the disk")

    def _leave(self, why: str) -> None:
        if self._hearing is not None:
            self._hearing.close()
        for request in (*self._writing, *self._waiting):
            Outcome(request.answer, error=ChildUnavailableError(self.place, why)).settle()
        self._roster.fail_all(ChildUnavailableError(self.place, why))

    # Starting

    def _show_all(self, loaded: Loaded) -> None:
        """Put on the board what the database holds."""
        for record in loaded.records:
            if self._again or record.name not in self._roster.plans:
                self._roster.put(record)
        before = self._board.now
        if not self._again:
            before = RegistrySnapshot(revision=before.revision, limits=self._limits)
        self._last_id = loaded.last_id
        self._following = followed(loaded.operations, WARDEN)
        self._board.now = first_snapshot(
            loaded,
            before,
            pairs=self._roster.pairs,
            limits=before.limits,
            now=self._wall(),
        )

    def _first_changes(self) -> list[Request]:
        """At a warden's start: what the configuration says, and what ran before has failed."""
        if self._again:
            return []
        declared = tuple(plan.record for plan in self._roster.plans.values())
        return [
            Request(Interrupt(who=WARDEN)),
            Request(DeclareSessions(records=declared, who=OWN)),
        ]

    def _start_all(self, incarnation: int) -> None:
        if incarnation == self.incarnation:
            for plan in self._roster.plans.values():
                self._start(plan)

    def _start(self, plan: SessionPlan) -> None:
        name = plan.record.name
        if self._subtrees is not None and name not in self._busy:
            self.pipe(
                self._subtrees.start(plan),
                done=lambda ref: Started(name, ref),
                failed=lambda error: NotStarted(name, error),
            )

    def _started(self, message: Started) -> None:
        logger.debug("session started session=%s", message.session)
        if message.ref is not None:
            self._roster.introduced(message.session, message.ref)

    def _move(self, message: MovePairs) -> None:
        """Let the pairs change hands."""
        for name in self._roster.hand_over(message.plans, message.to):
            self._show(name)

    # Changes

    def _take(self, write: RegistryWrite) -> Answer:
        answer = Answer()
        self._waiting.append(Request(write, answer))
        if not self._writing:
            self._write_next()
        return answer

    def _write_next(self) -> None:
        """Try and write what waits, unless something is being written."""
        while self._waiting and isinstance(self._waiting[0].write, DeleteSession):
            self._plan_deletion(self._waiting.popleft())
        if not self._waiting:
            return
        requests = self._group()
        draft = self._draft()
        outcomes = try_all(draft, requests)
        self._writing = requests
        self.pipe(
            self._journal.do(draft.write),
            done=lambda _: Written(draft, outcomes),
            failed=NotWritten,
        )

    def _group(self) -> list[Request]:
        """The next changes to be written together; a deletion is always alone."""
        if self._alone:
            self._alone -= 1
            return [self._waiting.popleft()]
        group: list[Request] = []
        while self._waiting and len(group) < GROUP:
            kind = type(self._waiting[0].write)
            if kind is DeleteSession or (kind is Deletion and group):
                break
            group.append(self._waiting.popleft())
            if kind is Deletion:
                break
        return group

    def _draft(self) -> Draft:
        return Draft(
            self._board.now,
            now=self._wall(),
            last_id=self._last_id,
            busy=self._busy,
            pairs=self._roster.pairs,
            following=self._following,
        )

    def _written(self, message: Written) -> None:
        self._writing = []
        self._adopt(message.draft)
        for outcome in message.outcomes:
            outcome.settle()
        self._write_next()

    def _adopt(self, draft: Draft) -> None:
        """What the draft says is on disk: let everybody see it."""
        self._last_id, self._following = draft.last_id, draft.following
        self._note_plans(draft)
        before = self._board.now.limits
        self._board.now = draft.applied_to(self._board.now)
        if draft.limits is not before:
            self._tidy_from_now_on()
            if self._monitor is not None:
                self._monitor.tell(SweepEvery(draft.limits.sessions_every))
        for event in draft.events:
            self._events.publish(event)

    def _not_written(self, message: NotWritten) -> None:
        """Nothing was kept. One bad change must not cost the others theirs: each once more alone.

        Where it is not known whether it was kept, the disk is asked: this incarnation ends.
        """
        requests, self._writing = self._writing, []
        if isinstance(message.error, JournalUnavailableError):
            self._waiting.extendleft(reversed(requests))
            raise message.error
        if len(requests) == 1:
            write, answer = requests[0].write, requests[0].answer
            if isinstance(write, Deletion):
                self._stay(write)
            logger.error("change not written change=%s error=%s", type(write), message.error)
            Outcome(answer, error=message.error).settle()
        else:
            self._waiting.extendleft(reversed(requests))
            self._alone = len(requests)
        self._write_next()

    def _note_plans(self, draft: Draft) -> None:
        """New sessions get a subtree; the others hear of a change at their next start."""
        for name, record in draft.changed_records():
            if record is None:
                self._forget(name, draft)
                continue
            fresh = self._roster.put(record)
            if fresh is not None:
                self._start(fresh)

    # Deleting

    def _plan_deletion(self, request: Request) -> None:
        write = request.write
        assert isinstance(write, DeleteSession)  # noqa: S101 - the caller looked
        try:
            deletion = declaring.plan_deletion(self._draft(), write)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the asker's answer
            refusal = Refusal(who=write.who, name=write.name, error=error)
            self._waiting.appendleft(Request(refusal, request.answer))
            return
        self._roster.lend(frozenset(deletion.moves))
        # Whoever is to take its pairs must still be there, with room, when they come.
        self._busy |= dict.fromkeys(deletion.moves.values(), "given pairs")
        self._busy[write.name] = "deleted"
        if self._subtrees is None:
            self._waiting.append(Request(deletion, request.answer))
            return
        self.pipe(
            self._subtrees.retire(write.name, self._roster.refs.get(write.name), deletion.moves),
            done=lambda _: StoppedFor(deletion, request.answer, None),
            failed=lambda error: StoppedFor(deletion, request.answer, error),
        )

    def _stopped(self, message: StoppedFor) -> None:
        """The session has stopped, and is forgotten; or has not, and stays."""
        deletion, error = message.deletion, message.error
        write: RegistryWrite = deletion
        if error is not None:
            self._stay(deletion)
            write = Refusal(who=deletion.who, name=deletion.name, error=error)
        self._waiting.append(Request(write, message.answer))
        if not self._writing:
            self._write_next()

    def _free(self, deletion: Deletion) -> None:
        """A deletion is over, well or not: those that it concerned can be changed again."""
        for name in (deletion.name, *deletion.moves.values()):
            self._busy.pop(name, None)

    def _forget(self, name: str, draft: Draft) -> None:
        self._free(Deletion(name=name, moves=draft.moves))
        if self._monitor is not None:
            self._monitor.tell(Forget(name))
        for grown in self._roster.remove(name, draft.moves):
            self._show(grown)

    def _stay(self, deletion: Deletion) -> None:
        """A session is not deleted after all: it has its pairs, and runs."""
        self._free(deletion)
        self._roster.take_back(frozenset(deletion.moves))
        self._start(self._roster.plans[deletion.name])

    # How the sessions are

    def _noted(self, report: SessionReport) -> None:
        entry = self._board.now.sessions.get(report.session)
        if entry is None:
            return
        standing = Standing(
            health=report.health,
            phase=report.phase,
            reason=report.reason,
            since=report.since,
            until=report.until,
            user_id=report.user_id,
        )
        before = entry.standing
        if standing == before:
            return
        self._put(replace(entry, standing=standing))
        if standing.health is not before.health:
            self._events.publish(
                HealthChanged(
                    at=self._wall(),
                    session=report.session,
                    before=before.health,
                    after=standing.health,
                    reason=report.reason,
                )
            )

    def _show(self, name: str) -> None:
        entry = self._board.now.sessions.get(name)
        if entry is not None:
            self._put(replace(entry, pairs=len(self._roster.pairs.get(name, ()))))

    def _put(self, entry: SessionEntry) -> None:
        now = self._board.now
        self._board.now = RegistrySnapshot(
            revision=now.revision + 1,
            sessions=now.sessions.with_changes({entry.name: entry}),
            operations=now.operations,
            deleted=now.deleted,
            limits=now.limits,
        )

    # Operations

    def _hear(self, event: Event) -> None:
        self.actor_ref.tell(Followed(event=event))

    def _tidy_from_now_on(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        every = self._board.now.limits.tidy_every
        self._tidying = self.every(every, Tidy(), phase=every)

    def _tidy(self) -> None:
        """Forget what has expired, and tell once of what makes no progress."""
        now, snapshot = self._wall(), self._board.now
        limits, running = snapshot.limits, set()
        expired = False
        for operation in snapshot.operations.values():
            expired = expired or limits.expired(operation, now)
            if operation.stuck(now, limits.stuck_after):
                running.add(operation.id)
                if operation.id not in self._stuck:
                    self._events.publish(OperationStuck(at=now, operation=operation))
        self._stuck = running
        if expired:
            self._take(CleanOperations(who="registry"))

    # The audit trail

    def _audit(self, asked: AuditAsked) -> Answer:
        answer = Answer()

        def read(store: Store) -> object:
            return tuple(
                store.audit_trail(
                    who=asked.who,
                    what=asked.what,
                    subject=asked.subject,
                    since=asked.since,
                    limit=asked.limit,
                )
            )

        self.pipe(
            self._journal.do(read),
            done=lambda rows: Read(Outcome(answer, rows)),
            failed=lambda error: Read(Outcome(answer, error=error)),
        )
        return answer
