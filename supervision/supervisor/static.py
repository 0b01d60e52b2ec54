"""A supervisor with a fixed list of children, restarted alone or as a group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from ..policy.exit_reason import Exit, ExitKind, Restart
from ..policy.strategy import Strategy, concerned
from ..runtime.actor_tasks import life_of
from ..runtime.states import Phase
from ..spec.child_spec import ChildSpec
from ..spec.supervisor_spec import SupervisorSpec, check_significance
from .call_handlers import LEFT_BEHIND, Commanded
from .child import SIBLING, Again, Child, Conclusion, Isolate, Leave
from .restarts import start_error

__all__ = ["Supervisor"]

ONE_FOR_ONE: Final = Strategy.ONE_FOR_ONE
WAITABLE: Final = frozenset({Phase.IDLE, Phase.STOPPED, Phase.RESTARTING})


class Supervisor(Commanded):
    """Starts its children in order, restarts them by its strategy, stops them in reverse.

    A group restart runs as one round beside the mailbox: questions are answered meanwhile, commands
    wait until it is over or has failed, and a stop breaks it off. What fails is tried again when
    they have been carried out: one of them may call it off. A child that ends while a later one is
    being started is seen to at once: the later one may be waiting for it.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        super().__init__(spec.budget, spec.auto_shutdown)
        self._spec = spec
        self._round: asyncio.Task[None] | None = None
        self._is_starting = False
        self._is_booting = False
        self._fallen: list[tuple[Child, int, Exit, float]] = []
        self._later: list[Callable[[], object]] = []
        """Attempts to start a group that are due when nothing else is under way."""

    async def on_start(self) -> None:  # type: ignore[override]  # hooks may be async
        """Start all children, each when the one before it runs (S12)."""
        self._settle_in()
        self._is_booting = self._spec.strategy is not Strategy.ONE_FOR_ONE
        try:
            await self._start_in_turn(tuple(self._children.values()))
        except BaseException:  # also a cancelled start: none of the children may stay
            self._over = True
            await self._stop_all()
            raise
        self._is_booting = False
        self._see_to_fallen()

    def _settle_in(self) -> None:
        """Take over the described children's places, in order; those added later are forgotten."""
        places = self._telewarden_place.children
        described = {spec.id for spec in self._spec.children}
        for place in tuple(places.values()):
            if place.id not in described:
                place.forget()
        for spec in self._spec.children:
            self._adopt(spec)
            places[spec.id] = places.pop(spec.id)

    async def _start_in_turn(self, children: Iterable[Child]) -> None:
        """Start one child after the other, each in the call that tells that the one before runs."""
        done = asyncio.get_running_loop().create_future()
        self._start_next(iter(children), done)
        await done

    def _start_next(self, waiting: Iterator[Child], done: asyncio.Future[None]) -> None:
        for child in waiting:
            if child.place.runner.haunted:
                self._isolate(child, "its last incarnation has not come to an end yet")
                continue
            outcome = self._launch(child)
            if outcome is None:
                child.waiters.append(partial(self._start_told, child, waiting, done))
                return
            if outcome is not True and not self._start_went_well(child, outcome, done):
                return
        done.set_result(None)

    def _start_told(
        self,
        child: Child,
        waiting: Iterator[Child],
        done: asyncio.Future[None],
        exit_: Exit | None,
    ) -> None:
        if not done.done() and (exit_ is None or self._start_went_well(child, exit_, done)):
            self._start_next(waiting, done)

    def _start_went_well(self, child: Child, exit_: Exit, done: asyncio.Future[None]) -> bool:
        if exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            return True
        self._announce(child, exit_, 0.0)
        self._put_on_record(child, exit_, None)
        done.set_exception(start_error(child.place, exit_))
        return False

    def _check(self, spec: ChildSpec) -> None:
        super()._check(spec)
        check_significance(spec, self._spec.auto_shutdown)

    # group restarts

    def _is_occupied(self) -> bool:
        return self._round is not None or bool(self._fallen)

    def _fell(self, child: Child, exit_: Exit, uptime: float) -> None:
        if self._over or not (self._is_booting or self._is_stopping):
            super()._fell(child, exit_, uptime)
        else:
            self._fallen.append((child, child.place.incarnation, exit_, uptime))

    @property
    def _is_stopping(self) -> bool:
        """Whether a group, or one of a group's children, is being stopped on purpose."""
        if self._round is not None:
            return not self._is_starting
        return self._stops > 0 and self._spec.strategy is not ONE_FOR_ONE

    def _restart(self, child: Child, again: Again) -> None:
        if self._spec.strategy is ONE_FOR_ONE:  # whatever the number of siblings
            super()._restart(child, again)
            return
        ids = self._concerned(child)
        if len(ids) == 1:
            super()._restart(child, again)
        else:
            self._begin_round(ids, child, again)

    def _concerned(self, failed: Child) -> tuple[str, ...]:
        return concerned(self._spec.strategy, tuple(self._children), failed.id)

    def _begin_round(self, ids: tuple[str, ...], failed: Child | None, again: Again) -> None:
        if self._over:
            return
        if self._round is not None:
            self._round.cancel()
        self._is_starting = False
        self._round = task = self._do_beside(self._go_round(ids, failed, again))
        task.add_done_callback(self._round_over)

    async def _go_round(self, ids: tuple[str, ...], failed: Child | None, again: Again) -> None:
        for id_ in reversed(ids):
            await self._stop_for_group(id_)
        if again.waits and failed is not None:
            self._wait_as_group(ids, failed, again)
        else:
            await self._start_in_order(ids)

    async def _stop_for_group(self, id_: str) -> None:
        child = self._children.get(id_)
        if child is None or child.place.phase is Phase.QUARANTINED:
            return
        if child.still_waits(self.clock.now()):
            return
        exit_ = await self._bring_down(child)
        if child.place.alive or self._children.get(id_) is not child:
            return
        if exit_.kind is ExitKind.ABANDONED:
            self._isolate(child, LEFT_BEHIND)
        elif child.spec.restart is Restart.TEMPORARY:
            self._forget(child)
        elif child.waits_for_sibling:
            child.place.enter(Phase.IDLE)  # it has its turn in this round
        else:
            child.place.expect()

    async def _start_in_order(self, ids: tuple[str, ...]) -> None:
        for at, id_ in enumerate(ids):
            child = self._children.get(id_)
            if child is None or child.place.alive or child.place.phase is Phase.QUARANTINED:
                continue
            if waits := child.still_waits(self.clock.now()):
                self._wait_as_group(ids[at:], child, waits)
                return
            self._is_starting = True
            exit_ = await self._start(child)
            self._is_starting = False
            if not self._went_well(child, exit_, ids[at:]):
                return

    def _went_well(self, child: Child, exit_: Exit | None, ids: tuple[str, ...]) -> bool:
        """Whether the round goes on after this start, the first of ``ids``."""
        if exit_ is None:
            return True
        if exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            return True
        if exit_.kind is ExitKind.ABANDONED:
            super()._fell(child, exit_, 0.0)
            return not self._over
        self._announce(child, exit_, 0.0)
        self._await(child, ids)
        self._try_later(child, exit_)
        return False

    def _try_again(self, child: Child, incarnation: int, exit_: Exit) -> None:
        if self._spec.strategy is ONE_FOR_ONE or self._is_quiet:
            super()._try_again(child, incarnation, exit_)
        else:
            self._later.append(partial(self._try_again, child, incarnation, exit_))

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing is under way that has to be over before a group's next attempt."""
        return not (self._is_occupied() or self._changing)

    def _round_over(self, task: asyncio.Task[None]) -> None:
        if self._round is not task:
            return
        self._round = None
        if task.cancelled() or self._over:
            return
        error = task.exception()
        if error is not None:  # a fault of ours: fail in order, and be restarted
            life_of(self._telewarden_place).crash(error)
            return
        self._see_to_fallen()
        self._go_on()

    def _see_to_fallen(self) -> None:
        if self._is_booting or self._is_stopping:
            return
        fallen, self._fallen = self._fallen, []
        for child, incarnation, exit_, uptime in fallen:
            place = child.place
            if place.incarnation == incarnation and place.phase is Phase.IDLE:
                self._fell(child, exit_, uptime)

    def _go_on(self) -> None:
        """Make the changes whose time has come, and then a group's next attempt."""
        super()._go_on()
        if self._later and self._is_quiet and not self._over:
            later, self._later = self._later, []
            for call in later:
                self._telewarden_place.realm.host.post_next(call)

    # waiting as a group

    def _await(self, failed: Child, ids: tuple[str, ...]) -> None:
        """Hold back those of ``ids`` that are down, until ``failed`` can be started."""
        now = self.clock.now()
        for id_ in ids:
            child = self._children.get(id_)
            if child is None or child is failed or child.still_waits(now):
                continue
            if child.place.phase in WAITABLE:
                child.place.enter(Phase.RESTARTING, why=SIBLING)
                child.awaited = failed

    def _wait_as_group(self, ids: tuple[str, ...], failed: Child, again: Again) -> None:
        self._await(failed, ids)
        failed.disarm()
        failed.place.enter(Phase.RESTARTING, why=again.why, until=self._until(again))
        failed.timer = self._when(again, failed, partial(self._group_due, failed))

    def _group_due(self, failed: Child) -> None:
        failed.timer = None
        self._group_goes(failed, failed.place.incarnation)

    def _group_goes(self, failed: Child, incarnation: int) -> None:
        """Start a group that has waited long enough, when nothing else is under way."""
        place = failed.place
        if self._over or place.incarnation != incarnation or place.phase is not Phase.RESTARTING:
            return
        if failed.timer is not None or failed.waits_for_sibling:
            return  # it waits for something else by now
        if self._known(place) is not failed:
            return
        failed.gate = None  # it has been let go
        if not self._is_quiet:
            self._later.append(partial(self._group_goes, failed, incarnation))
        elif (earlier := self._keeps_waiting(failed)) is not None:
            place.enter(Phase.RESTARTING, why=SIBLING)
            failed.awaited = earlier
        else:
            place.enter(Phase.IDLE)
            self._begin_round(self._concerned(failed), failed, Again(0.0))

    def _keeps_waiting(self, failed: Child) -> Child | None:
        """A child that could not be started either, and in whose group ``failed`` is."""
        children = self._children.values()
        waiting = (c for c in children if c is not failed and c.place.phase is Phase.RESTARTING)
        direct = (c for c in waiting if not c.waits_for_sibling)
        return next((c for c in direct if failed.id in self._concerned(c)), None)

    def _waiting_for(self, failed: Child) -> list[Child]:
        children = self._children.values()
        return [c for c in children if c.waits_for_sibling and c.awaited is failed]

    def _carry_out(self, child: Child, exit_: Exit, conclusion: Conclusion) -> None:
        super()._carry_out(child, exit_, conclusion)
        if isinstance(conclusion, Isolate | Leave) and self._round is None and not self._over:
            # the one they waited for is not coming: the others need not wait
            others = tuple(other.id for other in self._waiting_for(child))
            if others:
                self._begin_round(others, None, Again(0.0))

    def _put_away(self, child: Child) -> None:
        super()._put_away(child)
        if not self._over:
            self._call_off(child)

    def _call_off(self, failed: Child) -> None:
        """Let those rest that wait for a child that somebody has stopped (as OTP does)."""
        for child in self._waiting_for(failed):
            child.place.enter(Phase.STOPPED, why=f"{failed.id}, which it waited for, was stopped")
            self._call_off(child)

    async def _stop_all(self) -> None:
        if self._round is not None and self._round is not asyncio.current_task():
            self._round.cancel()
        await self._bring_down_in_turn(reversed(tuple(self._children.values())))
