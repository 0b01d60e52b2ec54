"""A slot's runner in the loop: one incarnation of a ``LoopActor`` after the other, start to end.

One message at a time; while an ``async def`` handler waits, so does the mailbox. An end is reported
only when whatever the incarnation had going has come to an end, too, or has taken too long to.
Everything here runs in the loop's thread, ``wake`` excepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from ...errors import ChildAbandonedError, ChildUnavailableError, DrillError
from ..fencing import TOKEN, FencingToken
from ..observe.stacks import task_stack
from ..policy.directive import Directive
from ..policy.exit_reason import Exit, ExitKind
from .failures import (
    Drill,
    directive_for,
    run_failure_hook,
    run_stop_hook,
    start_exit,
    take_failure,
)
from .future import Answer
from .mailbox import Continue, LoopMailbox, OwnEnvelope, answer, wrapped
from .states import StartResult
from .tree_context import STARTING_SLOT, Slot

if TYPE_CHECKING:
    from ..clock import Timer

logger = logging.getLogger(__name__)

BATCH: Final = 32  # messages an actor may handle before the others get their turn

Step: TypeAlias = Callable[[Any, BaseException | None], object]
"""Told the result or the error of a coroutine."""


class LoopRunner:
    """The runner of loop-hosted slots."""

    __slots__ = (
        "_abandoned",
        "_ending",
        "_envelope",
        "_halting",
        "_late",
        "_pending",
        "_serving",
        "_slot",
        "_task",
        "actor",
        "incarnation",
        "mailbox",
        "tasks",
        "timers",
        "token",
    )

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.mailbox = LoopMailbox(
            limit=slot.spec.mailbox_limit, refuse=slot.refuse, wake=self.wake
        )
        self.actor: pykka.Actor | None = None
        self.incarnation = 0
        self.token = FencingToken(slot.path, 0)
        self.tasks: set[asyncio.Task[Any]] = set()
        """Work that the incarnation has going on beside its mailbox."""
        self.timers: set[Timer] = set()
        self._serving = False
        self._task: asyncio.Task[None] | None = None
        self._envelope: Envelope[Any] | None = None
        self._halting: Exit | None = None
        self._ending: Exit | None = None
        self._late: Timer | None = None
        self._abandoned: tuple[asyncio.Task[Any], ...] = ()
        self._pending: set[Answer] | None = None  # made for the first: most actors answer at once

    def wake(self) -> None:
        """Have the mailbox served; from any thread."""
        self._slot.context.host.enqueue(self)

    # starting

    def start(self, incarnation: int) -> StartResult:
        """Build the next incarnation and run its ``on_start``."""
        self.incarnation, self._halting, self._ending = incarnation, None, None
        self.token = FencingToken(self._slot.path, incarnation)
        token = STARTING_SLOT.set(self._slot)
        try:
            self.actor = actor = self._slot.build(self._slot.spec.actor)
            result: Any = actor.on_start()  # type: ignore[func-returns-value]  # hooks may be async
            if type(result) is CoroutineType:
                self._step(result, self._start_done)
                return None
        except BaseException as error:  # noqa: BLE001 - nothing a child raises may reach others
            return self._start_failed(start_exit(self._slot, error))
        finally:
            STARTING_SLOT.reset(token)
        self._serve_from_now_on()
        return True

    def _start_done(self, _: Any, error: BaseException | None) -> None:
        if error is not None:
            self._end(self._halting or start_exit(self._slot, error))
        elif self._halting is not None:
            self._stop_with(self._halting)
        else:
            self._serve_from_now_on()
            self._slot.report_started(self.incarnation)

    def _start_failed(self, exit_: Exit) -> StartResult:
        if not self.tasks:
            self._let_go()
            return exit_
        self._end(exit_)
        return None

    def _serve_from_now_on(self) -> None:
        self._serving = True
        self.mailbox.idle = False
        self.wake()

    # serving

    def serve(self) -> None:
        """Handle waiting messages: a batch, then it is the others' turn. All of it counts."""
        mailbox, items = self.mailbox, self.mailbox.items
        left = BATCH
        while self._serving and self._task is None:
            if not items:
                mailbox.idle = True
                if not items:
                    return
                mailbox.idle = False
            if not left:
                self.wake()
                return
            left -= 1
            try:
                item = items.popleft()
            except IndexError:  # refused by another thread meanwhile
                continue
            if type(item) in SPECIAL:
                self._handle(wrapped(item))
                continue
            try:
                result = self.actor.on_receive(item)  # type: ignore[union-attr]  # it is served
            except BaseException as error:  # noqa: BLE001 - S4: nothing may reach others
                self._failed(Envelope(item), error)
                continue
            if type(result) is CoroutineType:
                self._envelope = Envelope(item)
                self._step(result, self._handled)

    def _handle(self, envelope: Envelope[Any]) -> None:
        actor, message = self.actor, envelope.message
        assert actor is not None  # noqa: S101 - only served while there is one
        if type(envelope) is OwnEnvelope and envelope.incarnation != self.incarnation:
            return
        try:
            if type(message) not in SPECIAL:
                result = actor.on_receive(message)
            elif type(message) is Continue:
                result = message()
            elif type(message) is _ActorStop:
                self._stop_itself(envelope)
                return
            elif type(message) is Drill:
                raise DrillError(message.reason)
            else:
                result = actor._handle_receive(message)  # noqa: SLF001 - what Pykka's own loop calls
        except BaseException as error:  # noqa: BLE001 - S4: nothing a child raises may reach others
            self._failed(envelope, error)
            return
        if type(result) is CoroutineType:
            self._envelope = envelope
            self._step(result, self._handled)
        elif envelope.reply_to is not None:
            self._reply(envelope, result)

    def _handled(self, result: Any, error: BaseException | None) -> None:
        envelope, self._envelope = self._envelope, None
        assert envelope is not None  # noqa: S101 - set when the step began
        if self._halting is not None:
            self._answer_halted(envelope, result, error)
            self._stop_with(self._halting)
        elif error is not None:
            self._failed(envelope, error)
            self.wake()
        else:
            if envelope.reply_to is not None:
                self._reply(envelope, result)
            self.wake()

    def _answer_halted(
        self, envelope: Envelope[Any], result: Any, error: BaseException | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = ChildUnavailableError(self._slot.path, "it is stopping")
        answer(envelope, value=result, error=error)

    def _reply(self, envelope: Envelope[Any], result: Any) -> None:
        if isinstance(result, Answer):
            assert envelope.reply_to is not None  # noqa: S101 - the caller looked
            result.forward_to(envelope.reply_to)
            if not result.done:
                self._promise(result)
        else:
            answer(envelope, value=result)

    def _failed(self, envelope: Envelope[Any], error: BaseException) -> None:
        exit_ = take_failure(self._slot, envelope, error)
        if exit_ is not None:
            self._crash(error, exit_)

    def _stop_itself(self, envelope: Envelope[Any]) -> None:
        self._halting = Exit(ExitKind.NORMAL)
        self._stop_with(self._halting)
        answer(envelope)

    # crashing, stopping

    def crash(self, error: BaseException) -> None:
        """End the incarnation with an error that did not come from one of its messages."""
        directive = directive_for(self._slot, error)
        if directive is not Directive.RESUME:
            self._crash(error, Exit(ExitKind.ERROR, error, directive=directive))

    def _crash(self, error: BaseException, exit_: Exit) -> None:
        actor = self.actor
        if actor is None or self._ending is not None or self._halting is not None:
            return
        if self._task is not None or self._envelope is not None:
            self._set_step_aside(exit_.reason)
        actor.actor_stopped.set()
        hook = run_failure_hook(self._slot, actor, error)
        if self._end(exit_, hook, at_once=True) is not None:
            self._slot.report_exited(self.incarnation, exit_)

    def leave(self, exit_: Exit) -> None:
        """Stop by itself, in order, for a reason of its own."""
        if self._ending is None and self._halting is None:
            self._halting = exit_
            self._stop_with(exit_)

    def stop(self) -> Exit | None:
        """Stop it now, before any waiting message; a running ``async def`` handler is cancelled."""
        if self._halting is None and self._ending is None and self.actor is not None:
            self._halting = Exit(ExitKind.SHUTDOWN)
            if self._task is not None:
                self._task.cancel()
            else:
                return self._stop_with(self._halting, at_once=True)
        return None

    def finish(self) -> None:
        """It runs on nothing of its own."""

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
        """Abandon it: cancel its tasks and ignore what they still do."""
        self._envelope_lost("it was abandoned")
        self._abandoned = tuple(task for task in (self._task, *self.tasks) if task is not None)
        for zombie in self._abandoned:
            zombie.cancel()
        self._task = None
        self.token.fenced = True
        self._slot.context.fences += 1
        self.incarnation = -1
        self._let_go()

    # what can be seen of it

    @property
    def has_zombies(self) -> bool:
        """Whether a task that was abandoned is still there."""
        return any(not zombie.done() for zombie in self._abandoned)

    @property
    def busy_with(self) -> object | None:
        """The task of the ``async def`` handler that waits, if there is one."""
        return None if self._envelope is None else self._task

    def interrupt(self, error: Exception) -> bool:
        """Cancel the handler that waits; its incarnation ends as if it had raised ``error``."""
        self._crash(error, Exit(ExitKind.ERROR, error, directive=directive_for(self._slot, error)))
        return True

    def stack(self) -> str:
        """Where the handler that waits is in the code."""
        return task_stack(self._task)

    def park(self) -> None:
        """Nothing to give back: it costs nothing while it is empty."""

    # its end

    def _stop_with(self, exit_: Exit, *, at_once: bool = False) -> Exit | None:
        actor = self.actor
        assert actor is not None  # noqa: S101 - an incarnation ends once
        self._serving = False
        self._set_step_aside("it is stopping")
        actor.actor_stopped.set()
        hook = run_stop_hook(self._slot, actor)
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
            host = self._slot.context.host
            host.call_soon(self._slot.report_exited, self.incarnation, exit_)
            return None
        # a shutdown is timed by whoever asked for it; a supervisor's children have their own limits
        if exit_.kind is not ExitKind.SHUTDOWN and not self._slot.spec.supervises:
            clock = self._slot.context.clock
            self._late = clock.call_later(self._slot.spec.failure_timeout, self._too_late)
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
                logger.warning("hook failed child=%s", self._slot.path, exc_info=True)
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(tuple(self.tasks))

    def _taken_down(self, *_: object) -> None:
        assert self._ending is not None  # noqa: S101 - set when the end began
        exit_ = self._ending
        self._let_go()
        self._slot.report_exited(self.incarnation, exit_)

    def _too_late(self) -> None:
        """A failed incarnation could not be proven off: nothing may follow it."""
        assert self._ending is not None  # noqa: S101 - set when the end began
        seconds = self._slot.spec.failure_timeout
        cause = ChildAbandonedError(self._slot.path, seconds)
        cause.__cause__ = self._ending.error
        incarnation = self.incarnation
        self.fence()
        self._slot.report_exited(incarnation, Exit(ExitKind.ABANDONED, cause))

    def _let_go(self) -> None:
        self._serving = False
        self._cancel_timers()
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.actor = None
        pending, self._pending = self._pending, None
        if pending:
            self._refuse_pending(pending)

    def _cancel_timers(self) -> None:
        if self.timers:
            timers, self.timers = self.timers, set()
            for timer in timers:
                timer.cancel()

    def _set_step_aside(self, why: str) -> None:
        """Whatever handler is waiting is to be cancelled, and awaited, with the other work."""
        task, self._task = self._task, None
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        self._envelope_lost(why)

    def _promise(self, later: Answer) -> None:
        """Remember a reply that comes later; the end of the incarnation refuses it."""
        if self._pending is None:
            self._pending = set()
        later.register_pending(self._pending)

    def _refuse_pending(self, pending: set[Answer]) -> None:
        """Whoever still waits for an answer of this incarnation's will get none."""
        for one in pending.copy():  # another thread may be answering one of them
            one.refuse(ChildUnavailableError(self._slot.path, "it ended before it had the answer"))

    def _envelope_lost(self, why: str) -> None:
        envelope, self._envelope = self._envelope, None
        if envelope is not None:
            answer(envelope, error=ChildUnavailableError(self._slot.path, why))

    # coroutines

    def _step(self, coroutine: Coroutine[Any, Any, Any], done: Step) -> None:
        """Run a coroutine of the incarnation to its end; the mailbox waits meanwhile."""
        task = asyncio.get_running_loop().create_task(
            self._contained(coroutine, done),
            name=f"{self._slot.path}#{self.incarnation}",
        )
        self._task = task
        task.add_done_callback(lambda task: self._never_ran(task, coroutine, done))

    async def _contained(self, coroutine: Coroutine[Any, Any, Any], done: Step) -> None:
        TOKEN.set(self.token)
        try:
            outcome: tuple[Any, BaseException | None] = (await coroutine, None)
        except BaseException as error:  # noqa: BLE001 - S4: not even SystemExit may leave the actor
            outcome = (None, error)
        TOKEN.set(None)  # what follows is the tree's own doing, and so is what that sets going
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


SPECIAL: Final = frozenset(
    {Continue, Envelope, OwnEnvelope, _ActorStop, Drill, ProxyCall, ProxyGetAttr, ProxySetAttr}
)
"""Types of messages that ``on_receive`` does not get as they are."""
