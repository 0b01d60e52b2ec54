"""A supervisor with a fixed list of children, restarted alone or as a group."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from .child import Again, Child, Conclusion, Isolate, Leave
from .clock import Timer
from .commanded import CHANGES, Commanded
from .errands import life_of
from .exits import Exit, ExitKind, Restart
from .groupspec import SupervisorSpec, check_significance
from .overseer import start_error
from .phases import Phase
from .reply import Answer
from .spec import ChildSpec
from .strategy import Retry, Strategy, concerned, retry

__all__ = ["Supervisor"]

ONE_FOR_ONE: Final = Strategy.ONE_FOR_ONE
WAITABLE: Final = frozenset({Phase.IDLE, Phase.STOPPED, Phase.RESTARTING})


class Supervisor(Commanded):
    """Starts its children in order, restarts them by its strategy, stops them in reverse.

    A group restart runs as one round beside the mailbox: questions are answered meanwhile, commands
    wait until it is over, and a stop breaks it off. A child that ends while a later one is being
    started is seen to at once: the later one may be waiting for it.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        super().__init__(spec.budget, spec.auto_shutdown)
        self._spec = spec
        self._round: asyncio.Task[None] | None = None
        self._is_starting = False
        self._is_booting = False
        self._fallen: list[tuple[Child, int, Exit, float]] = []
        self._commands: list[tuple[object, Answer]] = []
        self._group_timer: Timer | None = None
        self._group_waiting: tuple[str, ...] = ()

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
        check_significance(spec, self._spec.auto_shutdown)
        super()._check(spec)

    # group restarts

    def on_receive(self, message: object) -> Any:
        """Carry out a command, or keep it until the round that is going on is over."""
        if self._round is None or type(message) not in CHANGES:
            return super().on_receive(message)
        answer = self._owe()
        self._commands.append((message, answer))
        return answer

    def _fell(self, child: Child, exit_: Exit, uptime: float) -> None:
        in_a_stop = self._round is not None and not self._is_starting
        if self._over or not (in_a_stop or self._is_booting):
            super()._fell(child, exit_, uptime)
        else:
            self._fallen.append((child, child.place.incarnation, exit_, uptime))

    def _restart(self, child: Child, again: Again) -> None:
        if self._spec.strategy is ONE_FOR_ONE:  # whatever the number of siblings
            super()._restart(child, again)
            return
        ids = concerned(self._spec.strategy, tuple(self._children), child.id)
        if len(ids) == 1:
            super()._restart(child, again)
        else:
            self._begin_round(Retry(stop=ids, start=ids), child, again)

    def _begin_round(self, plan: Retry, failed: Child | None, again: Again) -> None:
        if self._over:
            return
        self._call_off_wait()
        if self._round is not None:
            self._round.cancel()
        self._is_starting = False
        self._round = task = self._do_beside(self._go_round(plan, failed, again))
        task.add_done_callback(self._round_over)

    async def _go_round(self, plan: Retry, failed: Child | None, again: Again) -> None:
        for id_ in reversed(plan.stop):
            await self._stop_for_group(id_)
        if again.waits and failed is not None:
            self._wait_as_group(plan.start, failed, again)
        else:
            await self._start_in_order(plan.start)

    async def _stop_for_group(self, id_: str) -> None:
        child = self._children.get(id_)
        if child is None or child.place.phase is Phase.QUARANTINED:
            return
        if child.still_waits(self.clock.now()):
            return
        exit_ = await self._bring_down(child)
        if exit_.kind is ExitKind.ABANDONED:
            self._isolate(child, "it did not stop and was left behind")
        elif child.spec.restart is Restart.TEMPORARY:
            self._forget(child)

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
            if not self._went_well(child, exit_, ids):
                return

    def _went_well(self, child: Child, exit_: Exit | None, ids: tuple[str, ...]) -> bool:
        """Whether the round goes on after this start."""
        if exit_ is None:
            return True
        if exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            return True
        self._announce(child, exit_, 0.0)
        return self._answer_failed_start(child, exit_, self._conclude(child, exit_, 0.0), ids)

    def _answer_failed_start(
        self, child: Child, exit_: Exit, conclusion: Conclusion, ids: tuple[str, ...]
    ) -> bool:
        if not isinstance(conclusion, Again):
            self._carry_out(child, exit_, conclusion)
            return isinstance(conclusion, Isolate | Leave)
        self._announce_restart(child, exit_, conclusion)
        plan = retry(self._spec.strategy, ids, child.id)
        # in the loop's next round: a stop or a question gets its turn before the next attempt
        host = self._telewarden_place.realm.host
        host.post_next(self._retry_round, plan, child, child.place.incarnation, conclusion)
        return False

    def _retry_round(self, plan: Retry, child: Child, incarnation: int, again: Again) -> None:
        """Begin the next attempt, unless somebody else's end has begun one meanwhile."""
        is_over = self._round is None or self._round.done()
        if is_over and child.place.incarnation == incarnation and child.place.phase is Phase.IDLE:
            self._begin_round(plan, child, again)

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
        if self._round is None:
            self._catch_up()

    def _see_to_fallen(self) -> None:
        """Decide about those that ended when it was no time to."""
        fallen, self._fallen = self._fallen, []
        for child, incarnation, exit_, uptime in fallen:
            place = child.place
            if place.incarnation == incarnation and place.phase is Phase.IDLE:
                self._fell(child, exit_, uptime)

    def _catch_up(self) -> None:
        """Carry out the commands that came while the group was being restarted."""
        commands, self._commands = self._commands, []
        for message, answer in commands:
            try:
                result = self.on_receive(message)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                answer.fail(error)
                continue
            if isinstance(result, Answer):
                result.pass_on(answer)
            else:
                answer.set(result)

    # waiting as a group

    def _wait_as_group(self, ids: tuple[str, ...], failed: Child, again: Again) -> None:
        until = self._until(again)
        for id_ in ids:
            child = self._children.get(id_)
            if child is not None and not child.place.alive and child.place.phase in WAITABLE:
                why = again.why if child is failed else "sibling"
                child.place.enter(Phase.RESTARTING, why=why, until=until)
        self._group_waiting = ids
        self._group_timer = self._when(again, failed, partial(self._group_due, ids, failed))

    def _group_due(self, ids: tuple[str, ...], failed: Child) -> None:
        self._group_timer, self._group_waiting = None, ()
        failed.gate = None  # it has been let go
        self._begin_round(Retry(stop=(), start=ids), failed, Again(0.0))

    def _call_off_wait(self) -> None:
        if self._group_timer is not None:
            self._group_timer.cancel()
            self._group_timer = None
        self._group_waiting = ()

    def _put_away(self, child: Child) -> None:
        super()._put_away(child)
        waiting = self._group_waiting
        if child.id in waiting and not self._over:
            # the one they waited for is not coming: the others need not wait
            others = tuple(id_ for id_ in waiting if id_ != child.id)
            self._begin_round(Retry(stop=(), start=others), None, Again(0.0))

    async def _stop_all(self) -> None:
        self._call_off_wait()
        if self._round is not None and self._round is not asyncio.current_task():
            self._round.cancel()
        await self._bring_down_in_turn(reversed(tuple(self._children.values())))
