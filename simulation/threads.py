"""Threads in lock-step, each a greenlet: exactly one runs at any time, in seeded order.

A thread goes on when the scheduler says so and runs until it waits: for its queue, or for time to
pass. So what it does is one step of the simulation, and nothing else happens meanwhile. It has a
stack, an identity, a context and a running loop (none) of its own, as the system's threads have;
handing over to it takes a function call instead of two switches by the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty
from typing import Any, Final

from greenlet import greenlet

from .loop import NodeLoop, Scheduler
from .surroundings import TIME

__all__ = ["SimQueue", "SimThread", "SimTimer", "Threads", "install"]

STUCK_AFTER: Final = 60.0  # real seconds; a step that takes longer waits for what never comes
FIRST_IDENT: Final = 1  # the system's are addresses, and far from those

_native_ident = threading.get_ident
_get_running_loop = asyncio.events._get_running_loop
_set_running_loop = asyncio.events._set_running_loop


class _Killed(BaseException):
    """The thread's process is dead."""


class Threads:
    """All threads of one simulation; the classes below find theirs here."""

    here: Threads
    running: SimThread | None = None
    """The one whose turn it is; none when a loop's is."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.idents = itertools.count(FIRST_IDENT)
        Threads.here, Threads.running = self, None
        TIME.sleep = sleep_in_thread

    def pause(self) -> float:
        """How long it takes until a thread that may go on does."""
        draw = self.scheduler.rng.random()
        if draw < 0.9:
            return draw * 0.0004
        return draw * (0.02 if draw < 0.99 else 0.5)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """See that no step waits for a lock of the system's: whoever holds it never goes on."""
        seen = -1

        def look(*_: Any) -> None:
            nonlocal seen
            if seen == self.scheduler.turns:
                name = "the loop" if Threads.running is None else f"thread {Threads.running.name}"
                raise RuntimeError(f"{name} waits for what never comes")
            seen = self.scheduler.turns

        before = signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, STUCK_AFTER, STUCK_AFTER)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)


def install() -> None:
    """Give each simulated thread an identity of its own."""
    threading.get_ident = _ident
    logging.logThreads = False  # it would look up a thread of the system's for each


def _ident() -> int:
    thread = Threads.running
    return _native_ident() if thread is None else thread.ident


def sleep_in_thread(seconds: float) -> None:
    thread = Threads.running
    if thread is None:
        raise RuntimeError("time.sleep in a loop's thread: it blocks everybody")
    thread.sleep(seconds)


class SimThread:
    """Stands for ``threading.Thread``, in the process whose turn it is."""

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str = "",
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        self.threads = Threads.here
        loop = self.threads.scheduler.current
        assert loop is not None
        self.loop: NodeLoop = loop
        self.name, self.daemon = name, daemon
        self._target, self._args, self._kwargs = target, args, kwargs or {}
        self._greenlet: Any = greenlet(self._run)
        self._killed = self._done = self._begun = self._woken = False
        self._joining: list[SimThread] = []
        self.ident = next(self.threads.idents)

    def start(self) -> None:
        self._begun = True
        self.loop.threads.append(self)
        self.wake()

    def is_alive(self) -> bool:
        return self._begun and not self._done

    def join(self) -> None:
        """Wait for its end; in another thread."""
        waiting = Threads.running
        if waiting is None:
            raise RuntimeError("join in a loop's thread: it blocks everybody")
        while self.is_alive():
            self._joining.append(waiting)
            waiting.park()

    def wake(self) -> None:
        """Let it go on soon."""
        if not self._woken:
            self._woken = True
            threads = self.threads
            threads.scheduler.later(self.loop, threads.pause(), self._step)

    def sleep(self, seconds: float) -> None:
        """Wait for time to pass; in the thread itself."""
        self._woken = True
        self.threads.scheduler.later(self.loop, seconds, self._step)
        self.park()

    def park(self) -> None:
        """Wait to be woken; in the thread itself."""
        if not self._killed:
            self._greenlet.parent.switch()
        if self._killed:
            raise _Killed

    def kill(self) -> None:
        """Have it end where it waits, with nothing done any more."""
        self._killed = True
        if self.is_alive():
            self._hand_over()

    def _step(self) -> None:
        self._woken = False
        if not self._done:
            self._hand_over()

    def _hand_over(self) -> None:
        loop = _get_running_loop()
        _set_running_loop(None)
        Threads.running = self
        try:
            self._greenlet.switch()
        finally:
            Threads.running = None
            _set_running_loop(loop)

    def _run(self) -> None:
        try:
            if not self._killed and self._target is not None:
                self._target(*self._args, **self._kwargs)
        except _Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - told where somebody looks
            self.loop.call_exception_handler({"message": "thread", "exception": error})
        finally:
            self._done = True
            if self in self.loop.threads:
                self.loop.threads.remove(self)
            for waiting in self._joining:
                waiting.wake()


class SimQueue:
    """Stands for ``queue.SimpleQueue``: one thread takes, anybody puts."""

    __slots__ = ("_items", "_waiting")

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: SimThread | None = None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._items.append(item)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.wake()

    put_nowait = put

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        while not self._items:
            thread = Threads.running
            if thread is None:
                raise RuntimeError("SimpleQueue.get in a loop's thread: it blocks everybody")
            self._waiting = thread
            thread.park()
        return self._items.popleft()

    def get_nowait(self) -> Any:
        if not self._items:
            raise Empty
        return self._items.popleft()

    def qsize(self) -> int:
        return len(self._items)

    def empty(self) -> bool:
        return not self._items


class SimTimer:
    """Stands for ``threading.Timer``."""

    def __init__(
        self, interval: float, function: Callable[..., object], args: Sequence[Any] = ()
    ) -> None:
        thread, scheduler = Threads.running, Threads.here.scheduler
        self._loop = thread.loop if thread is not None else scheduler.current
        self._interval, self._function, self._args = interval, function, args
        self._handle: Any = None
        self.daemon = True

    def start(self) -> None:
        assert self._loop is not None
        scheduler = Threads.here.scheduler
        self._handle = scheduler.later(self._loop, self._interval, self._function, *self._args)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


def run_in_thread(loop: NodeLoop, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
    """Run a function in a thread of its own; for ``asyncio.to_thread``."""
    future = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def work() -> None:
        try:
            result = func(*args)
        except _Killed:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    SimThread(target=work, name="worker").start()
    return future
