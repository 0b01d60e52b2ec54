"""A supervisor with a fixed list of children, restarted alone or as a group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from typing import Any, Final

from ..policy.decision import RestartAfter
from ..policy.exit_reason import Exit, ExitKind, Restart
from ..policy.strategy import Strategy, affected
from ..runtime.actor_tasks import runner_of
from ..runtime.states import ChildState
from ..spec.child_spec import ChildSpec
from ..spec.supervisor_spec import SupervisorSpec, check_significance
from .base import BaseSupervisor
from .child import ABANDONED_AT_STOP, SIBLING, Child, start_error
from .termination import resolve

WAITABLE: Final = frozenset({ChildState.IDLE, ChildState.STOPPED, ChildState.RESTARTING})


class Supervisor(BaseSupervisor):
    """Starts its children in order, restarts them by its strategy, stops them in reverse.

    A group restart runs as one round beside the mailbox: questions are answered meanwhile, commands
    wait until it is over or has failed, and a stop breaks it off. What fails is tried again when
    they have been carried out: one of them may call it off. A child that ends while a later one is
    being started is seen to at once: the later one may be waiting for it.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        groups = spec.strategy is not Strategy.ONE_FOR_ONE
        super().__init__(spec.intensity, spec.auto_shutdown, groups=groups)
        self._spec = spec
        self._round: asyncio.Task[None] | None = None
        self._is_starting = False
        self._is_booting = False
        self._later: list[Callable[[], object]] = []
        """Attempts to start a group that are due when nothing else is under way."""

    async def on_start(self) -> None:  # type: ignore[override]  # hooks may be async
        """Start all children, each when the one before it runs (S12)."""
        self._add_described()
        self._is_booting = self._groups
        try:
            await self._start_in_turn(tuple(self._children.values()))
        except BaseException:  # also a cancelled start: none of the children may stay
            self._over = True
            await self._stop_all()
            raise
        self._is_booting = False
        self._handle_deferred()

    def _add_described(self) -> None:
        """Take over the described children's slots, in order; those added later are forgotten."""
        slots = self._telewarden_slot.children
        described = {spec.id for spec in self._spec.children}
        for slot in tuple(slots.values()):
            if slot.id not in described:
                slot.forget()
        for spec in self._spec.children:
            self._add_child(spec)
            slots[spec.id] = slots.pop(spec.id)

    async def _start_in_turn(self, children: Iterable[Child]) -> None:
        """Start one child after the other, each in the call that tells that the one before runs."""
        done = asyncio.get_running_loop().create_future()
        self._start_next(iter(children), done)
        await done

    def _start_next(self, waiting: Iterator[Child], done: asyncio.Future[None]) -> None:
        for child in waiting:
            if child.slot.runner.has_zombies:
                self._quarantine(child, "its last incarnation has not come to an end yet")
                continue
            result = self._launch(child)
            if result is None:
                child.waiters.append(partial(self._start_told, child, waiting, done))
                return
            if result is not True and not self._start_went_well(child, result, done):
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
        self._publish_failure(child, exit_, 0.0)
        self._record_crash(child, exit_, None)
        done.set_exception(start_error(child.slot, exit_))
        return False

    def _check(self, spec: ChildSpec) -> None:
        super()._check(spec)
        check_significance(spec, self._spec.auto_shutdown)

    # group restarts

    @property
    def _is_busy(self) -> bool:
        return self._round is not None or bool(self._deferred)

    @property
    def _defers_exits(self) -> bool:
        return self._is_booting or self._is_stopping

    @property
    def _is_stopping(self) -> bool:
        """Whether a group, or one of a group's children, is being stopped on purpose."""
        if self._round is not None:
            return not self._is_starting
        return self._stops > 0

    def _affected(self, child: Child) -> tuple[str, ...]:
        """The ids of those restarted with ``child``, itself included."""
        return affected(self._spec.strategy, tuple(self._children), child.id)

    def _restart_group_of(self, child: Child, restart: RestartAfter) -> bool:
        ids = self._affected(child) if self._groups else ()
        if len(ids) < 2:
            return False
        self._restart_group(ids, child, restart)
        return True

    def _restart_group(
        self, ids: tuple[str, ...], failed: Child | None, restart: RestartAfter
    ) -> None:
        """Stop those of ``ids`` backwards and start them again."""
        if self._over:
            return
        if self._round is not None:
            self._round.cancel()
        self._is_starting = False
        self._round = task = self._run_task(self._run_round(ids, failed, restart))
        task.add_done_callback(self._round_over)

    def _run_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        tasks = runner_of(self._telewarden_slot).tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def _run_round(
        self, ids: tuple[str, ...], failed: Child | None, restart: RestartAfter
    ) -> None:
        for id_ in reversed(ids):
            await self._stop_for_group(id_)
        if restart.waits and failed is not None:
            self._wait_as_group(ids, failed, restart)
        else:
            await self._start_in_order(ids)

    async def _stop_for_group(self, id_: str) -> None:
        child = self._children.get(id_)
        if child is None or child.slot.state is ChildState.QUARANTINED:
            return
        if child.still_waits(self.clock.now()):
            return
        exit_ = await self._termination.stop_and_wait(child)
        if child.slot.alive or self._children.get(id_) is not child:
            return
        if exit_.kind is ExitKind.ABANDONED:
            self._quarantine(child, ABANDONED_AT_STOP)
        elif child.spec.restart is Restart.TEMPORARY:
            self._forget(child)
        elif child.waits_for_sibling:
            child.slot.enter(ChildState.IDLE)  # it has its turn in this round
        else:
            child.slot.expect()

    async def _start_in_order(self, ids: tuple[str, ...]) -> None:
        for at, id_ in enumerate(ids):
            child = self._children.get(id_)
            if child is None or child.slot.alive or child.slot.state is ChildState.QUARANTINED:
                continue
            if waits := child.still_waits(self.clock.now()):
                self._wait_as_group(ids[at:], child, waits)
                return
            self._is_starting = True
            exit_ = await self._start_and_wait(child)
            self._is_starting = False
            if not self._went_well(child, exit_, ids[at:]):
                return

    async def _start_and_wait(self, child: Child) -> Exit | None:
        """Start a child and wait until it runs (``None``) or has failed to."""
        result = self._launch(child)
        if result is None:
            told: asyncio.Future[Exit | None] = asyncio.get_running_loop().create_future()
            child.waiters.append(partial(resolve, told))
            return await told
        return None if result is True else result

    def _went_well(self, child: Child, exit_: Exit | None, ids: tuple[str, ...]) -> bool:
        """Whether the round goes on after this start, the first of ``ids``."""
        if exit_ is None:
            return True
        if exit_.kind is ExitKind.IGNORED:
            self._ignored(child)
            return True
        if exit_.kind is ExitKind.ABANDONED:
            self._follow_exit(child, exit_, 0.0)
            return not self._over
        self._publish_failure(child, exit_, 0.0)
        self._hold_back(child, ids)
        self._retry_next(child, exit_)
        return False

    def _retry(self, child: Child, incarnation: int, exit_: Exit) -> None:
        if not self._groups or self._is_quiet:
            super()._retry(child, incarnation, exit_)
        else:
            self._later.append(partial(self._retry, child, incarnation, exit_))

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing is under way that has to be over before a group's next attempt."""
        return not (self._is_busy or self._changes.in_progress)

    def _round_over(self, task: asyncio.Task[None]) -> None:
        if self._round is not task:
            return
        self._round = None
        if task.cancelled() or self._over:
            return
        error = task.exception()
        if error is not None:  # a fault of ours: fail in order, and be restarted
            runner_of(self._telewarden_slot).crash(error)
            return
        self._handle_deferred()
        self._continue()

    def _continue_groups(self) -> None:
        if self._later and self._is_quiet and not self._over:
            later, self._later = self._later, []
            for call in later:
                self._telewarden_slot.context.host.call_next_turn(call)

    # waiting as a group

    def _hold_back(self, failed: Child, ids: tuple[str, ...]) -> None:
        """Hold back those of ``ids`` that are down, until ``failed`` can be started."""
        now = self.clock.now()
        for id_ in ids:
            child = self._children.get(id_)
            if child is None or child is failed or child.still_waits(now):
                continue
            if child.slot.state in WAITABLE:
                child.slot.enter(ChildState.RESTARTING, why=SIBLING)
                child.awaited = failed

    def _wait_as_group(self, ids: tuple[str, ...], failed: Child, restart: RestartAfter) -> None:
        self._hold_back(failed, ids)
        failed.cancel_timer()
        failed.slot.enter(ChildState.RESTARTING, why=restart.why, until=self._until(restart))
        failed.timer = self._when(restart, failed, partial(self._group_due, failed))

    def _group_due(self, failed: Child) -> None:
        failed.timer = None
        self._start_group(failed, failed.slot.incarnation)

    def _start_group(self, failed: Child, incarnation: int) -> None:
        """Start a group that has waited long enough, when nothing else is under way."""
        slot = failed.slot
        if self._over or slot.incarnation != incarnation or slot.state is not ChildState.RESTARTING:
            return
        if failed.timer is not None or failed.waits_for_sibling:
            return  # it waits for something else by now
        if self._known(slot) is not failed:
            return
        failed.cause = None  # it has been let go
        if not self._is_quiet:
            self._later.append(partial(self._start_group, failed, incarnation))
        elif (earlier := self._keeps_waiting(failed)) is not None:
            slot.enter(ChildState.RESTARTING, why=SIBLING)
            failed.awaited = earlier
        else:
            slot.enter(ChildState.IDLE)
            self._restart_group(self._affected(failed), failed, RestartAfter(0.0))

    def _keeps_waiting(self, failed: Child) -> Child | None:
        """A child that could not be started either, and in whose group ``failed`` is."""
        children = self._children.values()
        waiting = (c for c in children if c is not failed and c.slot.state is ChildState.RESTARTING)
        direct = (c for c in waiting if not c.waits_for_sibling)
        return next((c for c in direct if failed.id in self._affected(c)), None)

    def _waiting_for(self, failed: Child) -> list[Child]:
        children = self._children.values()
        return [c for c in children if c.waits_for_sibling and c.awaited is failed]

    def _release_waiting(self, child: Child) -> None:
        if self._round is None and not self._over:
            others = tuple(other.id for other in self._waiting_for(child))
            if others:
                self._restart_group(others, None, RestartAfter(0.0))

    def _keep_stopped(self, child: Child) -> None:
        super()._keep_stopped(child)
        if not self._over:
            self._call_off(child)

    def _call_off(self, failed: Child) -> None:
        """Keep those down that wait for a child which a command has stopped (as OTP does)."""
        for child in self._waiting_for(failed):
            child.slot.enter(
                ChildState.STOPPED, why=f"{failed.id}, which it waited for, was stopped"
            )
            self._call_off(child)

    async def _stop_all(self) -> None:
        if self._round is not None and self._round is not asyncio.current_task():
            self._round.cancel()
        await self._stop_in_turn(reversed(tuple(self._children.values())))

    async def _stop_in_turn(self, children: Iterable[Child]) -> None:
        """Stop one child after the other, for good.

        The next stop is begun from the exit callback of the one before; a task for each child would
        cost a wake-up.
        """
        waiting, done = iter(children), asyncio.get_running_loop().create_future()

        def go_on(_: Exit | None = None) -> None:
            if done.done():
                return
            for child in waiting:
                if self._termination.begin(child, go_on, for_good=True) is None:
                    return
            done.set_result(None)

        go_on()
        await done
