"""What follows when a child ends, for one child alone; and the end of the supervisor itself.

It carries out what ``child.conclude`` decides. A delay is a timer, and what takes longer than a
moment runs as work beside the mailbox.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from ...errors import BudgetExhaustedError, ChildStartError, ChildUnavailableError
from ..clock import Timer
from ..observe.events import (
    BudgetExhausted,
    ChildFailed,
    ChildForgotten,
    ChildIgnored,
    ChildQuarantined,
    ChildRestarting,
    ChildStartFailed,
    ChildStopped,
)
from ..policy.exit_reason import Exit, ExitKind, Restart
from ..policy.restart_intensity import RestartBudget, RestartLedger
from ..runtime.actor_tasks import life_of
from ..runtime.child_slot import Place
from ..runtime.future import Answer
from ..runtime.states import Phase
from ..spec.child_spec import AutoShutdown
from .child import (
    NEXT_ATTEMPT,
    Again,
    Child,
    Conclusion,
    Escalate,
    GiveUp,
    Isolate,
    Leave,
    conclude,
)
from .lifecycle import Keeper

__all__ = ["Overseer", "start_error"]


ERROR: Final = ExitKind.ERROR
IGNORED: Final = ExitKind.IGNORED
START_FAILED: Final = ExitKind.START_FAILED


class Overseer(Keeper):
    """The common part of ``Supervisor`` and ``DynamicSupervisor``."""

    def __init__(self, budget: RestartBudget, auto_shutdown: AutoShutdown) -> None:
        super().__init__()
        self._ledger = RestartLedger(budget)
        if self._telewarden_place.spec.budget is None:
            self._telewarden_place.ledger = self._ledger  # to be looked at
        self._auto_shutdown = auto_shutdown
        self._answers: set[Answer] = set()
        self._over = False

    # what follows from an end

    def _fell(self, child: Child, exit_: Exit, uptime: float) -> None:
        """A child ended and nobody waited for it: decide, and carry it out."""
        self._announce(child, exit_, uptime)
        if self._over:
            return
        if exit_.kind is IGNORED:
            self._ignored(child)
        elif exit_.kind is START_FAILED:
            self._try_later(child, exit_)
        else:
            self._carry_out(child, exit_, self._conclude(child, exit_, uptime))

    def _try_later(self, child: Child, exit_: Exit) -> None:
        """Decide about a restart that failed in the loop's next round.

        Until then whatever else is waiting gets its turn: a stop, a question, a command that calls
        it off.
        """
        child.place.enter(Phase.RESTARTING, why=NEXT_ATTEMPT, until=self.clock.now())
        incarnation, host = child.place.incarnation, child.place.realm.host
        host.post_next(self._try_again, child, incarnation, exit_)

    def _try_again(self, child: Child, incarnation: int, exit_: Exit) -> None:
        place = child.place
        if self._over or self._known(place) is not child or place.incarnation != incarnation:
            return
        if place.phase is Phase.RESTARTING and place.why == NEXT_ATTEMPT:
            self._carry_out(child, exit_, self._conclude(child, exit_, 0.0))

    def _conclude(self, child: Child, exit_: Exit, uptime: float) -> Conclusion:
        now, gates = self.clock.now(), self._telewarden_place.realm.gates
        found = conclude(child, exit_, group=self._ledger, now=now, uptime=uptime, gates=gates)
        self._put_on_record(child, exit_, found)
        return found

    def _announce(self, child: Child, exit_: Exit, uptime: float) -> None:
        place = child.place
        if exit_.kind is ERROR:
            place.realm.events.publish(
                ChildFailed(
                    at=self.clock.now(),
                    child=place.path,
                    incarnation=place.incarnation,
                    exit=exit_,
                    uptime=uptime,
                )
            )
        elif exit_.kind is START_FAILED:
            self._publish(
                ChildStartFailed, child=place.path, incarnation=place.incarnation, exit=exit_
            )

    def _put_on_record(self, child: Child, exit_: Exit, found: Conclusion | None) -> None:
        """Keep crashes, and whatever else a child's own budget had to pay for."""
        past = child.place.realm.past
        if past is None or (isinstance(found, Again) and not found.in_a_row):
            return  # a wait that was dictated is no crash, and costs nothing
        paid = child.ledger is not None and not isinstance(found, Leave)
        if exit_.is_failure or paid:
            past.record(child.place.path, exit_.reason, self.clock.now())

    def _carry_out(self, child: Child, exit_: Exit, conclusion: Conclusion) -> None:
        if isinstance(conclusion, Again):
            self._announce_restart(child, exit_, conclusion)
            self._restart(child, conclusion)
            return
        match conclusion:
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
        child.gate = again.gate
        child.place.realm.events.publish(
            ChildRestarting(
                at=self.clock.now(),
                child=child.place.path,
                reason=exit_.reason,
                delay=again.delay,
                dictated=again.dictated,
                in_a_row=again.in_a_row,
                cause="" if again.gate is None else str(again.gate),
            )
        )

    def _restart(self, child: Child, again: Again) -> None:
        """Start the next incarnation of one child, now or later."""
        if not again.waits:
            self._relaunch(child)
            return
        child.place.enter(Phase.RESTARTING, why=again.why, until=self._until(again))
        child.timer = self._when(again, child, partial(self._due, child))

    def _until(self, again: Again) -> float | None:
        return None if again.gate is not None else self.clock.now() + again.delay

    def _when(self, again: Again, child: Child, due: Callable[[], object]) -> Timer:
        """Call ``due`` after the delay, or when a shared cause lets the child go."""
        gates = self._telewarden_place.realm.gates
        if again.gate is None or gates is None:
            return self.clock.call_later(again.delay, due)
        return gates.hold(again.gate, child.place, due)

    def _due(self, child: Child) -> None:
        child.timer = None
        if self._known(child.place) and child.place.phase is Phase.RESTARTING and not self._over:
            self._relaunch(child)

    def _relaunch(self, child: Child) -> None:
        outcome = self._launch(child)
        if isinstance(outcome, Exit):
            self._fell(child, outcome, 0.0)

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
        if not waits or all(c.place.phase is Phase.STOPPED or c.waits_for_sibling for c in others):
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
        life_of(self._telewarden_place).leave(exit_)

    # the end of the supervisor itself

    async def on_stop(self) -> None:  # type: ignore[override]  # hooks may be async
        """Stop all children before ending."""
        self._over = True
        await self._stop_all()
        self._settle_answers()

    async def on_failure(self, *_: object) -> None:  # type: ignore[override]  # as above
        """Stop all children even when the supervisor itself has failed (S25)."""
        await self.on_stop()

    @abc.abstractmethod
    async def _stop_all(self) -> None:
        """Stop the children, as this kind of supervisor does."""

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

    def _do_beside(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        life_of(self._telewarden_place).tasks.add(task)
        task.add_done_callback(life_of(self._telewarden_place).tasks.discard)
        return task


def start_error(place: Place, exit_: Exit) -> ChildStartError:
    """Name the child that did not start, however deep it lives, and why (S12)."""
    cause = exit_.error or RuntimeError(exit_.reason)
    return cause if isinstance(cause, ChildStartError) else ChildStartError(place.path, cause)
