"""What every supervisor does: start, watch, stop and count its children, and answer commands.

It carries out what ``child.conclude`` decides for one child alone. It never waits inside a handler:
a start or an end is reported, a delay is a timer, and what takes longer runs as work beside the
mailbox. Reports come through the loop's queue, so that a stop always finds its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Final

from ..errors import (
    BudgetExhaustedError,
    ChildAbandonedError,
    ChildStartError,
    ChildUnavailableError,
)
from .budget import RestartBudget, RestartLedger
from .child import Again, Child, Conclusion, Escalate, GiveUp, Isolate, Leave, conclude
from .events import (
    BudgetExhausted,
    ChildAbandoned,
    ChildFailed,
    ChildForgotten,
    ChildIgnored,
    ChildQuarantined,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStopped,
    Event,
)
from .exits import Exit, ExitKind, Restart
from .loopactor import LoopActor
from .place import Outcome, Phase, Place
from .reply import Answer
from .spec import AutoShutdown, ChildSpec, Shutdown

__all__ = ["Overseer", "start_error"]

OFF: Final = Exit(ExitKind.SHUTDOWN)


class Overseer(LoopActor):
    """The common part of ``Supervisor`` and ``DynamicSupervisor``."""

    is_supervisor: ClassVar[bool] = True

    def __init__(self, budget: RestartBudget, auto_shutdown: AutoShutdown) -> None:
        super().__init__()
        self._ledger = RestartLedger(budget)
        self._auto_shutdown = auto_shutdown
        self._children: dict[str, Child] = {}
        self._answers: set[Answer] = set()
        self._over = False

    # what its places report

    def started(self, place: Place, incarnation: int) -> None:  # noqa: ARG002 - the place checks it
        """A start that had been left open succeeded."""
        child = self._known(place)
        if child is not None and place.phase is Phase.STARTING:
            child.disarm()
            self._is_up(child)
            child.tell_waiters(None)

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:  # noqa: ARG002 - as above
        """An incarnation ended: tell who waits for that, or decide what follows."""
        child = self._known(place)
        if child is None or not place.alive:
            return
        child.disarm()
        uptime = self._uptime(place)
        place.went_down(exit_)
        if isinstance(exit_.error, ChildAbandonedError):
            self._count_abandoned(place, exit_.error.seconds)
        if not child.tell_waiters(exit_):
            self._fell(child, exit_, uptime)

    def _known(self, place: Place) -> Child | None:
        child = self._children.get(place.id)
        return child if child is not None and child.place is place else None

    def _uptime(self, place: Place) -> float:
        return 0.0 if place.phase is Phase.STARTING else self.clock.now() - place.since

    # starting

    def _adopt(self, spec: ChildSpec) -> Child:
        """Make a record for a child, in the place it had under an earlier incarnation."""
        home = self._telewarden_place
        place = home.children.get(spec.id)
        if place is None:
            place = home.children[spec.id] = Place(home.realm, spec, home)
        place.watcher = self
        child = self._children[spec.id] = Child(place)
        return child

    def _launch(self, child: Child) -> Outcome:
        outcome = child.place.begin()
        if outcome is True:
            self._is_up(child)
        elif outcome is None:
            self._limit_start(child)
        else:
            child.place.went_down(outcome)
        return outcome

    async def _start(self, child: Child) -> Exit | None:
        """Start a child and wait until it runs (``None``) or has failed to."""
        outcome = self._launch(child)
        if outcome is None:
            return await self._wait_for(child)
        return None if outcome is True else outcome

    def _is_up(self, child: Child) -> None:
        place = child.place
        place.went_up()
        self._publish(
            ChildStarted,
            child=place.path,
            incarnation=place.incarnation,
            restarted=place.incarnation > 1,
        )

    def _limit_start(self, child: Child) -> None:
        within = child.spec.start_within
        if within is not None:
            late = partial(self._start_late, child, child.place.incarnation, within)
            child.timer = self.clock.call_later(within, late)

    def _start_late(self, child: Child, incarnation: int, seconds: float) -> None:
        place = child.place
        if place.incarnation != incarnation or not place.alive:
            return
        late = Exit(ExitKind.START_FAILED, TimeoutError(f"no start within {seconds:g} s"))
        if place.runner.abort_start(late):
            grace = child.spec.failure_timeout
            child.timer = self.clock.call_later(
                grace, partial(self._abandon, child, incarnation, grace)
            )
        else:
            self._abandon(child, incarnation, seconds)

    # stopping

    async def _bring_down(self, child: Child) -> Exit:
        """Stop a child within its limit, whatever it is doing; return how it ended."""
        place = child.place
        child.disarm()
        if not place.alive:
            return place.last_exit or OFF
        begun = self.clock.now()
        exit_ = await self._make_stop(child)
        place.realm.log_stop(place.path, exit_, self.clock.now() - begun)
        self._publish(ChildStopped, child=place.path, incarnation=place.incarnation, exit=exit_)
        return exit_

    async def _make_stop(self, child: Child) -> Exit:
        place, within = child.place, child.spec.stop_within
        if within is Shutdown.IMMEDIATE or within == 0:
            return self._kill(child)
        place.phase = Phase.STOPPING
        exit_ = place.runner.halt()
        if exit_ is not None:
            place.went_down(exit_)
            child.tell_waiters(exit_)
            return exit_
        if isinstance(within, float | int):
            late = partial(self._abandon, child, place.incarnation, within)
            child.timer = self.clock.call_later(within, late)
        return await self._wait_for(child) or OFF

    async def _wait_for(self, child: Child) -> Exit | None:
        told: asyncio.Future[Exit | None] = asyncio.get_running_loop().create_future()
        child.waiters.append(partial(_tell, told))
        return await told

    def _kill(self, child: Child) -> Exit:
        place = child.place
        if place.runner.kill():
            exit_ = Exit(ExitKind.SHUTDOWN, detail="killed")
            place.went_down(exit_)
            child.tell_waiters(exit_)
            return exit_
        exit_ = Exit(ExitKind.ABANDONED, ChildAbandonedError(place.path, 0.0))
        self.ended(place, place.incarnation, exit_)
        return exit_

    def _abandon(self, child: Child, incarnation: int, seconds: float) -> None:
        """Fence an incarnation off that did not come to an end in time (S15)."""
        place = child.place
        if place.incarnation != incarnation or not place.alive:
            return
        place.runner.fence()
        cause = ChildAbandonedError(place.path, seconds)
        self.ended(place, incarnation, Exit(ExitKind.ABANDONED, cause))

    def _count_abandoned(self, place: Place, seconds: float) -> None:
        place.realm.abandoned += 1
        self._publish(
            ChildAbandoned,
            child=place.path,
            incarnation=place.incarnation,
            seconds=seconds,
            abandoned=place.realm.abandoned,
        )

    # what follows from an end

    def _fell(self, child: Child, exit_: Exit, uptime: float) -> None:
        """A child ended and nobody waited for it: decide, and carry it out."""
        self._announce(child, exit_, uptime)
        if self._over:
            return
        if exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            return
        conclusion = conclude(child, exit_, group=self._ledger, now=self.clock.now(), uptime=uptime)
        self._carry_out(child, exit_, conclusion)

    def _announce(self, child: Child, exit_: Exit, uptime: float) -> None:
        place = child.place
        if exit_.kind is ExitKind.START_FAILED:
            self._publish(
                ChildStartFailed, child=place.path, incarnation=place.incarnation, exit=exit_
            )
        elif exit_.kind is ExitKind.ERROR:
            self._publish(
                ChildFailed,
                child=place.path,
                incarnation=place.incarnation,
                exit=exit_,
                uptime=uptime,
            )

    def _carry_out(self, child: Child, exit_: Exit, conclusion: Conclusion) -> None:
        match conclusion:
            case Again():
                self._announce_restart(child, exit_, conclusion)
                self._restart(child, conclusion)
            case Leave(forget):
                self._leave_down(child, exit_, forget=forget)
            case Isolate(reason):
                self._isolate(child, reason)
            case GiveUp(spent, within):
                self._give_up(child, spent, within)
            case Escalate(error):
                self._go(Exit(ExitKind.ERROR, error))

    def _announce_restart(self, child: Child, exit_: Exit, again: Again) -> None:
        child.place.restarts += 1
        self._publish(
            ChildRestarting,
            child=child.place.path,
            reason=exit_.reason,
            delay=again.delay,
            dictated=again.dictated,
            in_a_row=again.in_a_row,
        )

    def _restart(self, child: Child, again: Again) -> None:
        """Start the next incarnation of one child, now or later."""
        if not again.delay:
            self._relaunch(child)
            return
        why = "dictated" if again.dictated else "backoff"
        until = self.clock.now() + again.delay
        child.place.enter(Phase.RESTARTING, why=why, until=until)
        child.timer = self.clock.call_later(again.delay, partial(self._due, child))

    def _due(self, child: Child) -> None:
        child.timer = None
        if self._known(child.place) and child.place.phase is Phase.RESTARTING and not self._over:
            self._relaunch(child)

    def _relaunch(self, child: Child) -> None:
        outcome = self._launch(child)
        if isinstance(outcome, Exit):
            # through the queue, not by recursion: a stop or a command gets its turn in between
            host, incarnation = child.place.realm.host, child.place.incarnation
            host.post(self._start_failed, child, incarnation, outcome)

    def _start_failed(self, child: Child, incarnation: int, exit_: Exit) -> None:
        place = child.place
        if self._known(place) and place.incarnation == incarnation and place.phase is Phase.IDLE:
            self._fell(child, exit_, 0.0)

    def _leave_down(self, child: Child, exit_: Exit, *, forget: bool) -> None:
        place = child.place
        self._publish(ChildStopped, child=place.path, incarnation=place.incarnation, exit=exit_)
        if forget:
            self._forget(child)
        else:
            place.enter(Phase.STOPPED, why=exit_.reason)
        self._consider_going(child)

    def _ignored(self, child: Child) -> None:
        self._publish(ChildIgnored, child=child.place.path, incarnation=child.place.incarnation)
        self._put_away(child)

    def _isolate(self, child: Child, reason: str) -> None:
        child.place.enter(Phase.QUARANTINED, why=reason)
        self._publish(ChildQuarantined, child=child.place.path, reason=reason)

    def _put_away(self, child: Child) -> None:
        """A child was stopped on purpose, or has nothing to do: keep what its kind keeps."""
        child.disarm()
        if child.spec.restart is Restart.TEMPORARY:
            self._forget(child)
        elif child.place.phase is not Phase.QUARANTINED:
            child.place.enter(Phase.STOPPED, why="asked to")

    def _forget(self, child: Child) -> None:
        child.disarm()
        if self._children.get(child.id) is child:
            del self._children[child.id]
        child.place.forget()
        self._publish(ChildForgotten, child=child.place.path)

    def _consider_going(self, child: Child) -> None:
        """End when the significant children have ended by themselves (S26)."""
        if not child.spec.significant or self._auto_shutdown is AutoShutdown.NEVER:
            return
        others = (c for c in self._children.values() if c.spec.significant and c is not child)
        waits = self._auto_shutdown is AutoShutdown.ALL_SIGNIFICANT
        if not waits or all(c.place.phase is Phase.STOPPED for c in others):
            self._go(Exit(ExitKind.SHUTDOWN, detail="significant children have ended"))

    def _give_up(self, child: Child, spent: int, within: float) -> None:
        offender = child.place.path
        self._publish(
            BudgetExhausted, child=self.place, offender=offender, spent=spent, within=within
        )
        cause = BudgetExhaustedError(offender, spent=spent, within=within)
        self._go(Exit(ExitKind.SHUTDOWN, cause))

    def _go(self, exit_: Exit) -> None:
        self._over = True
        self._cell.leave(exit_)

    # the end of the supervisor itself

    async def on_stop(self) -> None:  # type: ignore[override]  # hooks may be async
        """Stop all children before ending."""
        self._over = True
        await self._stop_all()
        self._settle_answers()

    async def on_failure(self, *_: object) -> None:  # type: ignore[override]  # as above
        """Stop all children even when the supervisor itself has failed (S25)."""
        await self.on_stop()

    async def _stop_all(self) -> None:
        raise NotImplementedError

    def _settle_answers(self) -> None:
        for answer in tuple(self._answers):
            answer.fail(ChildUnavailableError(self.place, "it is stopping"))

    # helpers

    def _owe(self) -> Answer:
        """An answer that is certain to be given, by the end of this incarnation at the latest."""
        answer = Answer()
        self._answers.add(answer)
        answer.when_done(lambda: self._answers.discard(answer))
        return answer

    def _work_on(self, coroutine: Coroutine[Any, Any, Any]) -> Answer:
        """Do something that takes a while beside the mailbox; the answer is its result."""
        answer = self._owe()
        self._do_beside(self._give(coroutine, answer))
        return answer

    async def _give(self, coroutine: Coroutine[Any, Any, Any], answer: Answer) -> None:
        try:
            answer.set(await coroutine)
        except asyncio.CancelledError:
            answer.fail(ChildUnavailableError(self.place, "it is stopping"))
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            answer.fail(error)

    def _do_beside(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._cell.tasks.add(task)
        task.add_done_callback(self._cell.tasks.discard)
        return task

    def _publish(self, event: Callable[..., Event], **facts: Any) -> None:
        self._telewarden_place.realm.events.publish(event(at=self.clock.now(), **facts))


def _tell(told: asyncio.Future[Exit | None], exit_: Exit | None) -> None:
    if not told.done():
        told.set_result(exit_)


def start_error(place: Place, exit_: Exit) -> ChildStartError:
    """Name the child that did not start, however deep it lives, and why (S12)."""
    cause = exit_.error or RuntimeError(exit_.reason)
    return cause if isinstance(cause, ChildStartError) else ChildStartError(place.path, cause)
