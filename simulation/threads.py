"""Threads in lock-step: real ones, of which exactly one runs at any time, in seeded order.

A thread goes on when the scheduler says so and runs until it waits: for its queue, or for time to
pass. So what it does is one step of the simulation, and nothing else happens meanwhile.
"""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import Empty
from typing import Any, Final

from .loop import NodeLoop, Scheduler
from .surroundings import TIME

__all__ = ["SimQueue", "SimThread", "SimTimer", "Threads"]

STUCK_AFTER: Final = 120.0  # real seconds; a thread that takes longer waits for what never comes

_LOCAL = threading.local()


class _Killed(BaseException):
    """The thread's process is dead."""


class Threads:
    """All threads of one simulation; the classes below find theirs here."""

    here: Threads

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.back = _thread.allocate_lock()
        self.back.acquire()
        self.slow = 0.0
        Threads.here = self
        TIME.sleep = sleep_in_thread

    def pause(self) -> float:
        """How long it takes until a thread that may go on does."""
        draw = self.scheduler.rng.random()
        if draw < 0.9:
            return draw * 0.0004
        return draw * (0.02 if draw < 0.99 else 0.5)


def sleep_in_thread(seconds: float) -> None:
    thread: SimThread | None = getattr(_LOCAL, "thread", None)
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
        self._go = _thread.allocate_lock()
        self._go.acquire()
        self._killed = self._done = self._begun = self._woken = False
        self._joining: list[SimThread] = []
        self.ident: int | None = None

    def start(self) -> None:
        self._begun = True
        self.loop.threads.append(self)
        _thread.start_new_thread(self._run, ())
        self.wake()

    def is_alive(self) -> bool:
        return self._begun and not self._done

    def join(self) -> None:
        """Wait for its end; in another thread."""
        waiting: SimThread = _LOCAL.thread
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
        self.threads.back.release()
        self._go.acquire()
        if self._killed:
            raise _Killed

    def kill(self) -> None:
        """Have it end where it waits, with nothing done any more."""
        self._killed = True
        if self._begun and not self._done:
            self._hand_over()

    def _step(self) -> None:
        self._woken = False
        if not self._done:
            self._hand_over()

    def _hand_over(self) -> None:
        running = asyncio.events._get_running_loop()
        self._go.release()
        if not self.threads.back.acquire(timeout=STUCK_AFTER):
            raise RuntimeError(f"thread {self.name} waits for what never comes")
        asyncio.events._set_running_loop(running)

    def _run(self) -> None:
        _LOCAL.thread = self
        self.ident = _thread.get_ident()
        self._go.acquire()
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
            self.threads.back.release()


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
            thread: SimThread = _LOCAL.thread
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
        thread: SimThread | None = getattr(_LOCAL, "thread", None)
        threads = Threads.here
        self._loop = thread.loop if thread is not None else threads.scheduler.current
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
