"""The answer to an ask: a Pykka future that can be waited for by a thread and awaited by a loop.

Pykka's own future blocks the loop that awaits it, and costs a condition variable whether anybody
waits or not.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Generator
from functools import partial
from queue import Full
from types import TracebackType
from typing import Any, Final, TypeAlias

import pykka

from ..errors import BlockingAskError

__all__ = ["Answer", "Reply"]

GIVE_WAY: Final[Callable[[], object]] = getattr(os, "sched_yield", lambda: None)
"""Lets whoever was woken answer at once; going to sleep for him takes two more hand-overs."""

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException | None, TracebackType | None]


class Reply(pykka.Future[Any]):
    """Set once, from any thread; read by blocking ``get`` or by ``await``.

    ``here`` tells whether the caller stands in the loop that has to produce the answer, where a
    blocking ``get`` is refused because it would never return.
    """

    __slots__ = ("_callbacks", "_child", "_here", "_outcome")

    def __init__(self, here: Callable[[], bool] | None = None, child: str = "") -> None:
        super().__init__()
        self._here, self._child = here, child
        # one (value, error) pair; a list because append is atomic: the first one in is the answer
        self._outcome: list[tuple[Any, BaseException | None]] = []
        self._callbacks: list[Callable[[], object]] = []

    @property
    def done(self) -> bool:
        """Whether it has been answered."""
        return bool(self._outcome)

    def set(self, value: Any | None = None) -> None:
        """Answer with ``value``; ``queue.Full`` when it has been answered already."""
        self._settle((value, None))

    def set_exception(self, exc_info: Any | None = None) -> None:
        """Answer with an error: an ``exc_info`` triple, or the one being handled."""
        kind, error, traceback = exc_info or sys.exc_info()
        if error is None:
            error = kind() if kind is not None else RuntimeError("no error was being handled")
        if traceback is not None and error.__traceback__ is not traceback:
            error = error.with_traceback(traceback)
        self._settle((None, error))

    def fail(self, error: BaseException) -> bool:
        """Answer with ``error`` unless it has been answered; tell whether this was the answer."""
        try:
            self._settle((None, error))
        except Full:
            return False
        return True

    def _settle(self, outcome: tuple[Any, BaseException | None]) -> None:
        if self._get_hook is not None:
            raise Full
        self._outcome.append(outcome)
        if self._outcome[0] is not outcome:
            raise Full
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop()
            except IndexError:  # the waiter took it back
                return
            callback()

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once it is answered, in the thread that answers, or at once."""
        self._callbacks.append(callback)
        if self._outcome:
            try:
                self._callbacks.remove(callback)
            except ValueError:  # the answering thread has taken it
                return
            callback()

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the answer and return it, or raise the error that it is.

        Raises:
            pykka.Timeout: none came within ``timeout`` seconds.
            BlockingAskError: asked from inside the loop that has to answer.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._outcome:
            self._wait(timeout)
        value, error = self._outcome[0]
        if error is not None:
            raise error
        return value

    def _wait(self, timeout: float | None) -> None:
        if self._here is not None and self._here():
            raise BlockingAskError(self._child)
        GIVE_WAY()
        if self._outcome:
            return
        gate = threading.Lock()
        gate.acquire()
        self.when_done(gate.release)
        if not gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise pykka.Timeout(f"{timeout} seconds")

    def __await__(self) -> Generator[Any, None, Any]:
        if self._get_hook is None and not self._outcome:
            yield from self._wait_in_loop().__await__()
        return self.get()

    __iter__ = __await__

    async def _wait_in_loop(self) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def answered() -> None:
            try:
                running = asyncio.get_running_loop()
            except RuntimeError:
                running = None
            if running is loop:
                wake()
            else:
                _call_if_open(loop, wake)

        self.when_done(answered)
        await waiter


class Answer(Reply):
    """Returned by a handler of a ``LoopActor`` that will answer later: set it when you know.

    The one who asked gets what is set here; nobody else is kept waiting meanwhile.
    """

    def pass_on(self, asker: pykka.Future[Any]) -> None:
        """Give what is set here to ``asker`` as well, once it is set."""
        self.when_done(partial(self._copy, asker))  # a closure is four objects

    def _copy(self, asker: pykka.Future[Any]) -> None:
        value, error = self._outcome[0]
        try:
            if error is None:
                asker.set(value)
            else:
                asker.set_exception((type(error), error, error.__traceback__))
        except Full:  # answered meanwhile, as when its actor was fenced off
            return


def _call_if_open(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # the loop is closed: nobody awaits there any more
        return
