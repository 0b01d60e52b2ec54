"""How an incarnation in the loop comes to its end: hooks, timers, unfinished work, then the report.

Everything here runs in the loop's thread. An end is reported only when whatever the incarnation
had going has come to an end too, or has taken too long to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias

from pykka._envelope import Envelope

from ...errors import ChildAbandonedError, ChildUnavailableError
from ..observe.stacks import task_stack
from ..policy.directive import Verdict
from ..policy.exit_reason import Exit, ExitKind
from .child_slot import Place, answer
from .failures import directive_for, run_failure_hook, run_stop_hook
from .fencing import TERM, Term
from .future import Answer

if TYPE_CHECKING:
    from ..clock import Timer
    from .loop_actor import LoopActor

__all__ = ["LoopLife", "Step"]

logger = logging.getLogger(__name__)

Step: TypeAlias = Callable[[Any, BaseException | None], object]
"""Told the result or the error of a coroutine."""


class LoopLife:
    """The life of one incarnation after the other in a loop-hosted place."""

    __slots__ = (
        "_ending",
        "_envelope",
        "_ghosts",
        "_halting",
        "_late",
        "_owed",
        "_place",
        "_serving",
        "_task",
        "actor",
        "incarnation",
        "tasks",
        "term",
        "timers",
    )

    def __init__(self, place: Place) -> None:
        self._place = place
        self.actor: LoopActor | None = None
        self.incarnation = 0
        self.term = Term(place.path, 0)
        self.tasks: set[asyncio.Task[Any]] = set()
        """Work that the incarnation has going on beside its mailbox."""
        self.timers: set[Timer] = set()
        self._serving = False
        self._task: asyncio.Task[None] | None = None
        self._envelope: Envelope[Any] | None = None
        self._halting: Exit | None = None
        self._ending: Exit | None = None
        self._late: Timer | None = None
        self._ghosts: tuple[asyncio.Task[Any], ...] = ()
        self._owed: set[Answer] | None = None  # made for the first: most actors answer at once

    def crash(self, error: BaseException) -> None:
        """End the incarnation with an error that did not come from one of its messages."""
        directive = directive_for(self._place, error)
        if directive is not Verdict.RESUME:
            self._crash(error, Exit(ExitKind.ERROR, error, directive=directive))

    def _crash(self, error: BaseException, exit_: Exit) -> None:
        actor = self.actor
        if actor is None or self._ending is not None or self._halting is not None:
            return
        if self._task is not None or self._envelope is not None:
            self._set_step_aside(exit_.reason)
        actor.actor_stopped.set()
        hook = run_failure_hook(self._place, actor, error)
        if self._end(exit_, hook, at_once=True) is not None:
            self._place.report_ended(self.incarnation, exit_)

    def leave(self, exit_: Exit) -> None:
        """Stop by itself, in order, for a reason of its own."""
        if self._ending is None and self._halting is None:
            self._halting = exit_
            self._finish(exit_)

    def halt(self) -> Exit | None:
        """Stop it now, before any waiting message; a running ``async def`` handler is cancelled."""
        if self._halting is None and self._ending is None and self.actor is not None:
            self._halting = Exit(ExitKind.SHUTDOWN)
            if self._task is not None:
                self._task.cancel()
            else:
                return self._finish(self._halting, at_once=True)
        return None

    def retire(self) -> None:
        """A cell runs on nothing of its own."""

    def abort_start(self, exit_: Exit) -> bool:
        """Cancel ``on_start``."""
        if self._task is None or self._ending is not None:
            return False
        self._halting = exit_
        self._task.cancel()
        return True

    def kill(self) -> bool:
        """Cancel whatever it does; no hook is called."""
        busy = [task for task in (self._task, *self.tasks) if task is not None]
        self._envelope_lost("it was killed")
        self.fence()
        return not busy

    def fence(self) -> None:
        """Cancel what can be cancelled and listen to it no more."""
        self._envelope_lost("it was left behind")
        self._ghosts = tuple(task for task in (self._task, *self.tasks) if task is not None)
        for ghost in self._ghosts:
            ghost.cancel()
        self._task = None
        self.term.fenced = True
        self._place.realm.fences += 1
        self.incarnation = -1
        self._let_go()

    @property
    def haunted(self) -> bool:
        """Whether a task that was left behind is still there."""
        return any(not ghost.done() for ghost in self._ghosts)

    @property
    def busy_with(self) -> object | None:
        """The task of the ``async def`` handler that waits, if there is one."""
        return None if self._envelope is None else self._task

    def break_off(self, error: Exception) -> bool:
        """Cancel the handler that waits; its incarnation ends as if it had raised ``error``."""
        self._crash(error, Exit(ExitKind.ERROR, error, directive=directive_for(self._place, error)))
        return True

    def stack(self) -> str:
        """Where the handler that waits is in the code."""
        return task_stack(self._task)

    def rest(self) -> None:
        """Nothing to give back: a cell costs nothing while it is empty."""

    def _set_step_aside(self, why: str) -> None:
        """Whatever handler is waiting is to be cancelled, and awaited, with the other work."""
        task, self._task = self._task, None
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        self._envelope_lost(why)

    def _owe(self, later: Answer) -> None:
        """Somebody waits for what will be answered later: at the end at the latest."""
        if self._owed is None:
            self._owed = set()
        later.stand_in(self._owed)

    def _refuse_owed(self, owed: set[Answer]) -> None:
        """Whoever still waits for an answer of this incarnation's will get none."""
        for one in owed.copy():  # another thread may be answering one of them
            one.refuse(ChildUnavailableError(self._place.path, "it ended before it had the answer"))

    def _envelope_lost(self, why: str) -> None:
        envelope, self._envelope = self._envelope, None
        if envelope is not None:
            answer(envelope, error=ChildUnavailableError(self._place.path, why))

    def _finish(self, exit_: Exit, *, at_once: bool = False) -> Exit | None:
        actor = self.actor
        assert actor is not None  # noqa: S101 - an incarnation ends once
        self._serving = False
        self._set_step_aside("it is stopping")
        actor.actor_stopped.set()
        hook = run_stop_hook(self._place, actor)
        return self._end(exit_, hook, at_once=at_once)

    def _end(self, exit_: Exit, hook: Any = None, *, at_once: bool = False) -> Exit | None:
        """Take everything down that the incarnation had going, then report its end."""
        self._serving = False
        self._ending = exit_
        self._cancel_timers()
        awaited = hook if type(hook) is CoroutineType else None
        if awaited is None and not self.tasks:
            self._let_go()
            if at_once:
                return exit_
            host = self._place.realm.host
            host.post(self._place.report_ended, self.incarnation, exit_)
            return None
        # a shutdown is timed by whoever asked for it; a supervisor's children have their own limits
        if exit_.kind is not ExitKind.SHUTDOWN and not self._place.spec.supervises:
            clock = self._place.realm.clock
            self._late = clock.call_later(self._place.spec.failure_timeout, self._too_late)
        self._step(self._take_down(awaited), self._taken_down)
        if awaited is not None:  # a kill may come before its first step
            self._task.add_done_callback(lambda _: awaited.close())  # type: ignore[union-attr]
        return None

    async def _take_down(self, hook: Coroutine[Any, Any, Any] | None) -> None:
        for task in self.tasks:
            task.cancel()
        if hook is not None:
            try:
                await hook
            except BaseException:  # S4: as in a hook that is not a coroutine
                logger.warning("hook failed child=%s", self._place.path, exc_info=True)
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(tuple(self.tasks))

    def _taken_down(self, *_: object) -> None:
        assert self._ending is not None  # noqa: S101 - set when the end began
        exit_ = self._ending
        self._let_go()
        self._place.report_ended(self.incarnation, exit_)

    def _too_late(self) -> None:
        """A failed incarnation could not be proven off: nothing may take its place."""
        assert self._ending is not None  # noqa: S101 - set when the end began
        seconds = self._place.spec.failure_timeout
        cause = ChildAbandonedError(self._place.path, seconds)
        cause.__cause__ = self._ending.error
        incarnation = self.incarnation
        self.fence()
        self._place.report_ended(incarnation, Exit(ExitKind.ABANDONED, cause))

    def _let_go(self) -> None:
        self._serving = False
        self._cancel_timers()
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.actor = None
        owed, self._owed = self._owed, None
        if owed:
            self._refuse_owed(owed)

    def _cancel_timers(self) -> None:
        if self.timers:
            timers, self.timers = self.timers, set()
            for timer in timers:
                timer.cancel()

    # coroutines

    def _step(self, coroutine: Coroutine[Any, Any, Any], done: Step) -> None:
        """Run a coroutine of the incarnation to its end; the mailbox waits meanwhile."""
        task = asyncio.get_running_loop().create_task(
            self._contained(coroutine, done),
            name=f"{self._place.path}#{self.incarnation}",
        )
        self._task = task
        task.add_done_callback(lambda task: self._never_ran(task, coroutine, done))

    async def _contained(self, coroutine: Coroutine[Any, Any, Any], done: Step) -> None:
        TERM.set(self.term)
        try:
            outcome: tuple[Any, BaseException | None] = (await coroutine, None)
        except BaseException as error:  # noqa: BLE001 - S4: not even SystemExit may leave the actor
            outcome = (None, error)
        task = self._task  # another one, or none, when this was set aside; and then no loop, maybe
        if task is not None and task is asyncio.current_task():
            self._task = None
            done(*outcome)

    def _never_ran(
        self, task: asyncio.Task[None], coroutine: Coroutine[Any, Any, Any], done: Step
    ) -> None:
        """A task that is cancelled before its first step never enters ``_contained``."""
        if task.cancelled():
            coroutine.close()
            if self._task is task:
                self._task = None
                done(None, asyncio.CancelledError())
