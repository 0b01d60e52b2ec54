"""Virtual time: one scheduler, and an asyncio loop of its own for each simulated process.

What is ready runs in the order in which it became ready; when nothing is, the clock is turned to
the next thing that is due. A process that was killed has a dead loop: nothing of it runs any more,
not even a ``finally``.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import math
import random
import sys
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar

from .surroundings import TIME, real_monotonic

__all__ = ["Handle", "LivelockError", "NodeLoop", "OutOfTimeError", "Scheduler", "StarvedError"]

T = TypeVar("T")

TURNS_IN_AN_INSTANT: Final = 400_000  # callbacks; past it, nothing lets the time go on
SWEEP_AFTER: Final = 64  # tasks; fewer that are done are not looked for


class LivelockError(Exception):
    """Callbacks follow each other without end, and no time passes."""


class StarvedError(Exception):
    """Nothing is due any more, and what is waited for has not come."""


class OutOfTimeError(Exception):
    """Whoever plays has no more time; nothing is said of what is played."""


class Handle(asyncio.TimerHandle):
    """A callback that is to come, soon or at an instant; there are sixty of them an act."""

    __slots__ = ()
    _source_traceback = None  # what ``repr`` asks for

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: NodeLoop,
        context: Context | None = None,
        when: float = 0.0,
    ) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled, self._when = False, when

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None


class Scheduler:
    """Runs all loops of one simulation in one thread.

    Args:
        seed: of the threads' pauses.
        until: when it gives up, by the machine's monotonic clock.
    """

    def __init__(self, seed: str, *, until: float = math.inf) -> None:
        self.until = until
        self.rng = random.Random(f"threads {seed}")
        self.ready: deque[Handle] = deque()
        self._due: list[tuple[float, int, Any]] = []
        self._number = 0
        self.current: NodeLoop | None = None
        self.turns = 0
        self.graves: list[NodeLoop] = []

    def at(self, when: float, handle: Any) -> None:
        """Have a handle run at an instant."""
        self._number += 1
        heapq.heappush(self._due, (when, self._number, handle))

    def later(
        self, loop: NodeLoop, delay: float, call: Callable[..., object], *args: Any
    ) -> Handle:
        """Have a call made in a loop after ``delay`` seconds."""
        handle = Handle(call, args, loop)
        self.at(TIME.now + delay, handle)
        return handle

    def run_until(self, future: asyncio.Future[T]) -> T:
        """Run everything until ``future`` is done; returns what it is done with."""
        try:
            while not future.done():
                if real_monotonic() >= self.until:
                    raise OutOfTimeError
                self._run_ready(future)
                if future.done():
                    break
                if not self._advance():
                    raise StarvedError(f"nothing is due any more at {TIME.now:.3f}")
        finally:
            events._set_running_loop(None)
            self.current = None
        return future.result()

    def _run_ready(self, future: asyncio.Future[Any]) -> None:
        ready, left = self.ready, TURNS_IN_AN_INSTANT
        current: NodeLoop | None = None
        while ready:
            handle = ready.popleft()
            if handle._cancelled:
                continue
            loop: NodeLoop = handle._loop  # type: ignore[assignment]
            if loop.dead:
                continue
            if loop is not current:
                events._set_running_loop(loop)
                self.current = current = loop
            left -= 1
            if not left:
                raise LivelockError(f"no time passes at {TIME.now:.3f}: {handle!r}")
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - as asyncio's own loops do
                what = f"Exception in callback {handle!r}"
                loop.call_exception_handler({"message": what, "exception": error})
        self.turns += TURNS_IN_AN_INSTANT - left

    def _advance(self) -> bool:
        due, ready = self._due, self.ready
        while due:
            when, _, handle = heapq.heappop(due)
            if handle._cancelled or handle._loop.dead:
                continue
            if when > TIME.now:
                TIME.now = when
            ready.append(handle)
            while due and due[0][0] <= TIME.now:
                ready.append(heapq.heappop(due)[2])
            return True
        return False

    def timers_of(self, loop: NodeLoop) -> list[Any]:
        """What is still to come in a loop."""
        return [one for _, _, one in self._due if one._loop is loop and not one._cancelled]

    def forget(self, loop: NodeLoop) -> None:
        """Put aside what a dead loop has left behind."""
        loop.left = [one for one in self._due if one[2]._loop is loop]
        self._due = [one for one in self._due if one[2]._loop is not loop]
        heapq.heapify(self._due)

    def decay(self) -> None:
        """Let go of all that died; for the end of a run."""
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        warnings.simplefilter("ignore", RuntimeWarning)  # coroutines that were never begun
        try:
            for loop in self.graves:
                loop.decay()
            self.graves.clear()
            self._due.clear()
            self.ready.clear()
        finally:
            sys.unraisablehook = hook


class NodeLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process.

    Args:
        scheduler: who runs it.
        name: in traces.
    """

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.scheduler, self.name = scheduler, name
        self.dead = False
        self.network: Any = None
        self.run_in_thread: Callable[..., Any] | None = None
        self.threads: list[Any] = []
        self.connections: dict[Any, None] = {}
        self.trouble: Callable[[dict[str, Any]], object] | None = None
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._sweep_at = SWEEP_AFTER
        self.left: list[Any] = []
        self._ready = scheduler.ready

    def __repr__(self) -> str:
        return f"<NodeLoop {self.name}>"

    # Time and callbacks

    def time(self) -> float:
        return TIME.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # threads run in lock-step: nobody else is at it now

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> Handle:
        return self.call_at(TIME.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> Handle:
        timer = Handle(callback, args, self, context, when)
        self.scheduler.at(when, timer)
        return timer

    # Futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks[task] = None
        if len(self.tasks) >= self._sweep_at:
            self.sweep()
        return task

    def sweep(self) -> None:
        """Let go of the tasks that are done; one whose error nobody looked at says so then."""
        self.tasks = {task: None for task in self.tasks if not task.done()}
        self._sweep_at = 2 * len(self.tasks) + SWEEP_AFTER

    def get_task_factory(self) -> None:
        return None

    def set_task_factory(self, factory: Any) -> None:
        raise NotImplementedError  # nobody here sets one: who does sees it at once, in the run

    # What it is

    def is_running(self) -> bool:
        return not self.dead

    def is_closed(self) -> bool:
        return self.dead

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.trouble is not None and not self.dead:
            self.trouble(context)

    default_exception_handler = call_exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        raise NotImplementedError  # it would hide from the judge what goes wrong in a loop

    def get_exception_handler(self) -> Any:
        return None

    async def shutdown_asyncgens(self) -> None:
        pass

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        # As a loop says that cannot watch descriptors, on Windows; the tree's event loop is then
        # woken by ``call_soon_threadsafe``. No descriptor ever becomes ready in virtual time.
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> bool:
        return False

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        raise NotImplementedError  # a simulated process hears of no signal; SIGKILL is ``kill``

    # Threads and the network

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> Any:
        assert executor is None
        assert self.run_in_thread is not None
        return self.run_in_thread(self, func, *args)

    async def create_connection(
        self, factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> Any:  # type: ignore[override]
        return await self.network.dial(self, factory, host, port)

    async def create_server(
        self, factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **_: Any
    ) -> Any:  # type: ignore[override]
        return self.network.listen(self, factory, sock)

    # An end without a last word

    def kill(self) -> None:
        """End the process at once: connections break, threads are gone, nothing runs any more."""
        self.sweep()
        self.dead = True
        for connection in list(self.connections):
            connection.vanish()
        for thread in list(self.threads):
            thread.kill()
        # Kept until the run is over: a coroutine that is thrown away runs its ``finally``.
        self.scheduler.graves.append(self)
        self.scheduler.forget(self)

    def decay(self) -> None:
        """Let go of what died here; the run is over."""
        tasks, self.tasks = list(self.tasks), {}
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with contextlib.suppress(BaseException):
                task.get_coro().close()  # type: ignore[union-attr]
