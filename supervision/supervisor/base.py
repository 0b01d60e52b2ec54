"""What both supervisors do, in the order of a child's life: one crash is read down this page.

init, start, exit, decide, restart, stop, commands. A slot reports what is over: a crash in the turn
of the runner that met it (``runtime.loop_runner``, ``runtime.failures``), what took a while through
the loop's queue. So no handler ever waits for a child, and a stop always finds its turn (S14, S18,
S24; the rules by number are in ``docs/supervision-rules.md``). What follows from an end is decided
in ``policy.decision``; how one child is stopped, killed or abandoned is in ``termination``;
``static`` adds groups, ``dynamic`` children by command only.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, ClassVar, Final

from ...errors import (
    ChildAbandonedError,
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
    ChildUnavailableError,
    IntensityExceededError,
    InvalidSpecError,
)
from ..clock import Timer
from ..observe import events
from ..observe.events import Event
from ..policy.decision import (
    ABANDONED_BEFORE,
    Decision,
    Escalate,
    GiveUp,
    KeepDown,
    Past,
    RestartAfter,
    decide,
)
from ..policy.directive import Quarantine
from ..policy.exit_reason import Exit, ExitKind, Restart
from ..policy.restart_intensity import RestartIntensity, RestartWindow
from ..runtime.actor_tasks import runner_of
from ..runtime.child_slot import ChildSlot
from ..runtime.future import Answer
from ..runtime.loop_actor import LoopActor
from ..runtime.states import ChildState, StartResult
from ..runtime.tree_context import Slot
from ..spec.child_spec import AutoShutdown, ChildSpec
from ..spec.supervisor_spec import check_siblings
from .changes import Changes
from .child import (
    ABANDONED_AT_STOP,
    NEXT_ATTEMPT,
    Child,
    child_info,
    child_of,
    count,
    start_error,
)
from .messages import (
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChild,
    WhichChildren,
)
from .termination import ChildTermination

# looked up once: a member looked up in its class is slow before Python 3.12
STARTING: Final = ChildState.STARTING
STOPPING: Final = ChildState.STOPPING
RESTARTING: Final = ChildState.RESTARTING
ERROR: Final = ExitKind.ERROR
IGNORED: Final = ExitKind.IGNORED
START_FAILED: Final = ExitKind.START_FAILED

COMING: Final = frozenset({RESTARTING, ChildState.IDLE})


class BaseSupervisor(LoopActor):
    """Starts, watches, restarts and stops children, and answers commands.

    Questions are answered at any time. Changes to one child are made one after the other, in the
    order in which they came; a change to another child need not wait for them.
    """

    is_supervisor: ClassVar[bool] = True
    _telewarden_slot: ChildSlot

    # init

    def __init__(
        self, intensity: RestartIntensity, auto_shutdown: AutoShutdown, *, groups: bool = False
    ) -> None:
        super().__init__()
        self._groups = groups
        """Whether siblings are restarted together; if not, ``static`` is not asked."""
        self._children: dict[str, Child] = {}
        self._restart_window = RestartWindow(intensity)
        if self._telewarden_slot.spec.intensity is None:
            self._telewarden_slot.restart_window = self._restart_window  # to be looked at
        self._auto_shutdown = auto_shutdown
        self._over = False
        """Whether it is ending, so that nothing is started any more."""
        self._deferred: list[tuple[Child, int, Exit, float]] = []
        """Exits that are decided about when no group is being stopped."""
        self._stops = 0
        """How many children are being stopped by command."""
        self._termination = ChildTermination(self.clock, exited=self.child_exited, tell=self._tell)
        self._limits = self._termination.limits
        self._changes = Changes(
            make=self._make, may_begin=self._may_begin, done=self._continue_soon
        )

    def _add_child(self, spec: ChildSpec) -> Child:
        child = self._children[spec.id] = child_of(self._telewarden_slot, spec)
        child.slot.supervisor = self
        return child

    # start: ``True`` it runs, an ``Exit`` it failed, ``None`` the slot will report it

    def _launch(self, child: Child) -> StartResult:
        result = child.slot.start()
        if result is True:
            self._mark_running(child)
        elif result is None:
            self._limits.limit_start(child)
        else:
            child.slot.on_exited(result)
        return result

    def child_started(self, slot: Slot, _incarnation: int) -> None:
        """A start that had been left open succeeded."""
        child = self._known(slot)
        if child is not None and slot.state is STARTING:
            child.cancel_timer()
            self._mark_running(child)
            child.tell_waiters(None)
        self._continue()

    def _mark_running(self, child: Child) -> None:
        slot = child.slot
        slot.on_started()
        number = slot.incarnation
        slot.context.events.publish(
            events.ChildStarted(
                at=slot.since, child=slot.path, incarnation=number, restarted=number > 1
            )
        )
        if child.spec.stuck_after is not None:
            self._limits.limit_messages(child, child.spec.stuck_after)

    # exit

    def child_exited(self, slot: Slot, _incarnation: int, exit_: Exit) -> None:
        """An incarnation ended: call its waiters, or decide what follows."""
        child = self._known(slot)
        if child is not None and child.slot.alive:
            self._note_exit(child, exit_)
        self._continue()

    def _note_exit(self, child: Child, exit_: Exit) -> None:
        slot = child.slot
        child.cancel_timer()
        uptime = 0.0 if slot.state is STARTING else self.clock.now() - slot.since
        child.was_asked = slot.state is STOPPING
        slot.on_exited(exit_)
        if isinstance(exit_.error, ChildAbandonedError):
            self._termination.count_abandoned(slot, exit_.error.seconds)
        if not child.tell_waiters(exit_):
            self._decide_or_defer(child, exit_, uptime)

    def _decide_or_defer(self, child: Child, exit_: Exit, uptime: float) -> None:
        """Decide what follows from an exit that no waiter took, now or after a group's stop."""
        if self._groups and self._defers_exits and not self._over:
            self._deferred.append((child, child.slot.incarnation, exit_, uptime))
        else:
            self._follow_exit(child, exit_, uptime)

    def _follow_exit(self, child: Child, exit_: Exit, uptime: float) -> None:
        self._publish_failure(child, exit_, uptime)
        if self._over:
            return
        if exit_.kind is IGNORED:
            self._ignored(child)
        elif exit_.kind is START_FAILED:
            self._retry_next(child, exit_)
        else:
            self._carry_out(child, exit_, self._decide(child, exit_, uptime))

    @property
    def _defers_exits(self) -> bool:
        """Whether it is no time to decide about an exit."""
        return False

    def _handle_deferred(self) -> None:
        if self._defers_exits:
            return
        deferred, self._deferred = self._deferred, []
        for child, incarnation, exit_, uptime in deferred:
            if child.slot.incarnation == incarnation and child.slot.state is ChildState.IDLE:
                self._decide_or_defer(child, exit_, uptime)

    def _publish_failure(self, child: Child, exit_: Exit, uptime: float) -> None:
        slot = child.slot
        if exit_.kind is ERROR:
            at, number = self.clock.now(), slot.incarnation
            slot.context.events.publish(
                events.ChildFailed(
                    at=at, child=slot.path, incarnation=number, exit=exit_, uptime=uptime
                )
            )
        elif exit_.kind is START_FAILED:
            self._publish(events.ChildStartFailed, child, exit=exit_)

    def _known(self, slot: Slot) -> Child | None:
        child = self._children.get(slot.id)
        return child if child is not None and child.slot is slot else None

    # decide: ``policy.decision`` does, purely; here it is recorded and carried out

    def _decide(self, child: Child, exit_: Exit, uptime: float) -> Decision:
        now, causes, spec = self.clock.now(), self._telewarden_slot.context.causes, child.spec

        def joins(cause: Hashable) -> bool:
            return causes is not None and causes.failed(cause, child.slot.path, now)

        past = Past(child.streak, child.restart_window, self._restart_window)
        decision = decide(
            exit_, spec.restart, past, now=now, uptime=uptime, backoff=spec.backoff, joins=joins
        )
        self._record_crash(child, exit_, decision)
        return decision

    def _record_crash(self, child: Child, exit_: Exit, decision: Decision | None) -> None:
        """Keep crashes, and whatever else counts towards a child's own intensity."""
        past = child.slot.context.past
        if past is None or (isinstance(decision, RestartAfter) and not decision.in_a_row):
            return  # a wait that was dictated is no crash, and costs nothing
        counts = child.restart_window is not None and not isinstance(decision, KeepDown)
        if exit_.is_failure or counts:
            past.record(child.slot.path, exit_.reason, self.clock.now())

    def _carry_out(self, child: Child, exit_: Exit, decision: Decision) -> None:
        match decision:
            case RestartAfter():
                self._publish_restart(child, exit_, decision)
                self._restart(child, decision)
            case KeepDown(forget):
                self._keep_down(child, exit_, forget=forget)
                self._release_waiting(child)
            case Quarantine(reason):
                self._quarantine(child, reason)
                self._release_waiting(child)
            case GiveUp(restarts, period):
                self._give_up(child, restarts, period)
            case Escalate(error):
                self._shut_down(Exit(ERROR, error))

    def _publish_restart(self, child: Child, exit_: Exit, restart: RestartAfter) -> None:
        child.slot.restarts += 1
        child.cause = restart.cause
        child.slot.context.events.publish(
            events.ChildRestarting(
                at=self.clock.now(),
                child=child.slot.path,
                reason=exit_.reason,
                delay=restart.delay,
                dictated=restart.dictated,
                in_a_row=restart.in_a_row,
                cause="" if restart.cause is None else str(restart.cause),
            )
        )

    # restart

    def _restart(self, child: Child, restart: RestartAfter) -> None:
        """Start the next incarnation of a child, and of those restarted with it, now or later."""
        if self._restart_group_of(child, restart):
            return
        if restart.waits:
            child.slot.enter(RESTARTING, why=restart.why, until=self._until(restart))
            child.timer = self._when(restart, child, partial(self._restart_due, child))
        else:
            self._restart_now(child)

    def _restart_group_of(
        self,
        child: Child,  # noqa: ARG002 - a child is alone here
        restart: RestartAfter,  # noqa: ARG002 - as above
    ) -> bool:
        """Restart a child together with others, if there are any; ``static`` knows of groups."""
        return False

    def _until(self, restart: RestartAfter) -> float | None:
        return None if restart.cause is not None else self.clock.now() + restart.delay

    def _when(self, restart: RestartAfter, child: Child, due: Callable[[], object]) -> Timer:
        """Call ``due`` after the delay, or when a shared cause lets the child go."""
        causes = self._telewarden_slot.context.causes
        if restart.cause is None or causes is None:
            return self.clock.call_later(restart.delay, due)
        return causes.hold(restart.cause, child.slot, due)

    def _restart_due(self, child: Child) -> None:
        child.timer = None
        if self._known(child.slot) and child.slot.state is RESTARTING and not self._over:
            self._restart_now(child)

    def _restart_now(self, child: Child) -> None:
        result = self._launch(child)
        if isinstance(result, Exit):
            self._decide_or_defer(child, result, 0.0)

    def _retry_next(self, child: Child, exit_: Exit) -> None:
        """Decide about a restart that failed in the loop's next round.

        Until then whatever else is waiting gets its turn: a stop, a question, a command that calls
        it off.
        """
        child.slot.enter(RESTARTING, why=NEXT_ATTEMPT, until=self.clock.now())
        host = child.slot.context.host
        host.call_next_turn(self._retry, child, child.slot.incarnation, exit_)

    def _retry(self, child: Child, incarnation: int, exit_: Exit) -> None:
        slot = child.slot
        if self._over or self._known(slot) is not child or slot.incarnation != incarnation:
            return
        if slot.state is RESTARTING and slot.why == NEXT_ATTEMPT:
            self._carry_out(child, exit_, self._decide(child, exit_, 0.0))

    # stay down

    def _keep_down(self, child: Child, exit_: Exit, *, forget: bool) -> None:
        self._publish(events.ChildStopped, child, exit=exit_)
        if forget:
            self._forget(child)
        else:
            child.slot.enter(ChildState.STOPPED, why=exit_.reason)
        self._check_auto_shutdown(child)

    def _quarantine(self, child: Child, reason: str) -> None:
        child.slot.enter(ChildState.QUARANTINED, why=reason)
        self._tell(events.ChildQuarantined, child=child.slot.path, reason=reason)

    def _release_waiting(self, child: Child) -> None:
        """The one that others may have waited for is not coming."""

    def _ignored(self, child: Child) -> None:
        self._publish(events.ChildIgnored, child)
        self._keep_stopped(child)

    def _keep_stopped(self, child: Child) -> None:
        """A child was stopped on purpose, or has nothing to do: keep what its kind keeps."""
        child.cancel_timer()
        if child.spec.restart is Restart.TEMPORARY:
            self._forget(child)
        elif child.slot.state is not ChildState.QUARANTINED:
            child.slot.enter(ChildState.STOPPED, why="asked to")

    def _forget(self, child: Child) -> None:
        child.cancel_timer()
        if self._children.get(child.id) is child:
            del self._children[child.id]
        child.slot.forget()
        self._tell(events.ChildForgotten, child=child.slot.path)

    # stop: the supervisor itself, with all children

    def _check_auto_shutdown(self, child: Child) -> None:
        """End when the significant children have ended by themselves (S26)."""
        if not child.spec.significant or self._auto_shutdown is AutoShutdown.NEVER:
            return
        others = (c for c in self._children.values() if c.spec.significant and c is not child)
        waits = self._auto_shutdown is AutoShutdown.ALL_SIGNIFICANT
        ended = (c.slot.state is ChildState.STOPPED or c.waits_for_sibling for c in others)
        if not waits or all(ended):
            self._shut_down(Exit(ExitKind.SHUTDOWN, detail="significant children have ended"))

    def _give_up(self, child: Child, restarts: int, period: float) -> None:
        """The intensity is exceeded (S6): an orderly end, for its own supervisor to judge."""
        offender = child.slot.path
        self._tell(
            events.IntensityExceeded,
            child=self.path,
            offender=offender,
            restarts=restarts,
            period=period,
        )
        cause = IntensityExceededError(offender, restarts=restarts, period=period)
        self._shut_down(Exit(ExitKind.SHUTDOWN, cause))

    def _shut_down(self, exit_: Exit) -> None:
        self._over = True
        runner_of(self._telewarden_slot).leave(exit_)

    async def on_stop(self) -> None:  # type: ignore[override]  # hooks may be async
        """Stop all children before ending."""
        self._over = True
        await self._stop_all()
        self._changes.refuse_all(ChildUnavailableError(self.path, "it is stopping"))

    async def on_failure(self, *_: object) -> None:  # type: ignore[override]  # as above
        """Stop all children even when the supervisor itself has failed (S25)."""
        await self.on_stop()

    @abc.abstractmethod
    async def _stop_all(self) -> None:
        """Stop the children, as this kind of supervisor does."""

    # commands: questions at any time, changes to a child in their order (S9, S13, S27, S29)

    def on_receive(self, message: object) -> Any:
        """Answer a question or make a change; see ``messages``."""
        match message:
            case WhichChildren():
                return tuple(child_info(child) for child in self._children.values())
            case WhichChild(id_):
                return child_info(self._get(id_))
            case CountChildren():
                return count(self._children.values())
            case GetChildSpec(id_):
                return self._get(id_).spec
            case StartChild(spec):
                return self._changes.submit(str(getattr(spec, "id", None)), message)
            case TerminateChild(id_) | RestartChild(id_) | DeleteChild(id_):
                return self._changes.submit(str(id_), message)
            case _:
                return super().on_receive(message)

    def _make(self, message: object) -> Any:
        match message:
            case StartChild(spec):
                return self._start_child(spec)
            case TerminateChild(id_):
                return self._terminate_child(self._get(id_))
            case RestartChild(id_, force):
                return self._restart_child(self._get(id_), force=force)
            case DeleteChild(id_):
                return self._delete_child(self._get(id_))

    def _may_begin(self, id_: str, message: object) -> bool:
        """Whether a change can be made now; one to a child that starts waits for how that goes."""
        if self._is_busy:
            return False
        child = self._children.get(id_)
        if child is None or child.slot.state is not STARTING:
            return True
        match message:  # these break a start off, and need not know how it goes
            case TerminateChild() | RestartChild(force=True):
                return True
        return False

    @property
    def _is_busy(self) -> bool:
        """Whether no change at all can be made now."""
        return False

    def _continue(self) -> None:
        """Make the changes whose time has come, and then a group's next attempt."""
        if self._changes.waiting and not self._over:
            self._changes.advance()
        if self._groups:
            self._continue_groups()

    def _continue_groups(self) -> None:
        """Start the group whose time has come."""

    def _continue_soon(self) -> None:
        self._telewarden_slot.context.host.call_soon(self._continue)

    def _start_child(self, spec: ChildSpec) -> Answer:
        self._check(spec)
        known = self._children.get(spec.id)
        if known is not None:
            if known.slot.alive:
                raise ChildRunningError(known.slot.path, known.slot.ref)
            raise ChildPresentError(known.slot.path)
        self._check_room()
        child = self._add_child(spec)
        child.slot.added = True
        return self._start_and_answer(child, keep=False)

    def _check(self, spec: ChildSpec) -> None:
        """Refuse a description that does not fit here."""
        if not isinstance(spec, ChildSpec):
            raise InvalidSpecError("StartChild.spec", spec, "a ChildSpec")
        check_siblings(spec, {*self._children, spec.id})

    def _check_room(self) -> None:
        """Refuse one child more than there may be."""

    def _start_and_answer(self, child: Child, *, keep: bool) -> Answer:
        answer = self._changes.new_answer()
        result = self._launch(child)
        if result is None:
            child.waiters.append(lambda exit_: self._answer_start(child, answer, exit_, keep=keep))
        else:
            exit_ = None if result is True else result
            self._answer_start(child, answer, exit_, keep=keep)
        return answer

    def _answer_start(
        self, child: Child, answer: Answer, exit_: Exit | None, *, keep: bool
    ) -> None:
        if answer.done:
            return
        stopped = exit_ is not None and exit_.kind is ExitKind.SHUTDOWN and child.was_asked
        if exit_ is None or (stopped and not self._over):
            # a group that is being restarted takes it along: its reference is good all the same
            answer.set(child.slot.ref)
        elif exit_.kind is IGNORED:
            self._ignored(child)
            answer.set(None)
        else:
            self._publish(events.ChildStartFailed, child, exit=exit_)
            if not keep:
                self._forget(child)
            elif exit_.kind is ExitKind.ABANDONED:
                self._quarantine(child, ABANDONED_BEFORE)
            else:
                child.slot.enter(ChildState.STOPPED, why=exit_.reason)
            answer.fail(start_error(child.slot, exit_))

    def _terminate_child(self, child: Child) -> Answer:
        answer = self._changes.new_answer()
        self._stop_by_command(child, partial(self._terminated, child, answer))
        return answer

    def _stop_by_command(self, child: Child, then: Callable[[Exit], object]) -> None:
        def stopped(exit_: Exit) -> None:
            self._stops -= 1
            then(exit_)
            self._handle_deferred()

        self._stops += 1
        exit_ = self._termination.begin(child, stopped)
        if exit_ is not None:
            stopped(exit_)

    def _terminated(self, child: Child, answer: Answer, exit_: Exit) -> None:
        if exit_.kind is ExitKind.ABANDONED and child.spec.restart is not Restart.TEMPORARY:
            self._quarantine(child, ABANDONED_AT_STOP)
        else:
            self._keep_stopped(child)
        if not answer.done:
            answer.set(exit_)

    def _restart_child(self, child: Child, *, force: bool) -> Answer:
        if not force:
            self._refuse_active(child)
        if not child.slot.alive:
            return self._start_again(child)
        answer = self._changes.new_answer()
        self._stop_by_command(child, partial(self._start_stopped, child, answer))
        return answer

    def _start_stopped(self, child: Child, answer: Answer, exit_: Exit) -> None:
        if exit_.kind is ExitKind.ABANDONED:
            self._quarantine(child, ABANDONED_AT_STOP)
            answer.fail(exit_.error or RuntimeError(exit_.reason))
        elif not self._over:
            self._start_again(child).forward_to(answer)

    def _start_again(self, child: Child) -> Answer:
        child.cancel_timer()
        child.reset_failures()
        if child.slot.state is ChildState.QUARANTINED:
            self._tell(events.ChildReleased, child=child.slot.path)
        return self._start_and_answer(child, keep=True)

    def _delete_child(self, child: Child) -> None:
        self._refuse_active(child)
        self._forget(child)

    def _refuse_active(self, child: Child) -> None:
        if child.slot.alive:
            raise ChildRunningError(child.slot.path, child.slot.ref)
        if child.slot.state in COMING and not child.waits_for_sibling:
            raise ChildRestartingError(child.slot.path)

    def _get(self, id_: str) -> Child:
        try:
            return self._children[id_]
        except (KeyError, TypeError):  # whatever an id is compared with
            raise ChildNotFoundError(f"{self.path}/{id_}") from None

    # telling

    def _publish(self, event: Callable[..., Event], child: Child, **facts: Any) -> None:
        slot = child.slot
        self._tell(event, child=slot.path, incarnation=slot.incarnation, **facts)

    def _tell(self, event: Callable[..., Event], **facts: Any) -> None:
        self._telewarden_slot.context.events.publish(event(at=self.clock.now(), **facts))
