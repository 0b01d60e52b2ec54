"""The answer to an ask: a Pykka future that can be waited for by a thread and awaited by a loop.

Pykka's own future blocks the loop that awaits it, and costs a condition variable whether anybody
waits or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Generator
from functools import partial
from queue import Full
from types import TracebackType
from typing import Any, Final, TypeAlias

import pykka

from ...errors import BlockingAskError

GIVE_WAY: Final[Callable[[], object]] = getattr(os, "sched_yield", lambda: None)
"""Yields the processor to the answering thread; waiting for a lock costs two switches more."""

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException | None, TracebackType | None]


class Reply(pykka.Future[Any]):
    """Set once, from any thread; read by blocking ``get`` or by ``await``.

    ``here`` tells whether the caller stands in the loop that has to produce the answer, where a
    blocking ``get`` is refused because it would never return.
    """

    __slots__ = ("_child", "_here", "_open", "_outcome")

    # Pykka's own initial values, which it would set on each: an answer is made for every ask.
    _get_hook: Any = None
    _get_hook_result: Any = vars(pykka.Future())["_get_hook_result"]
    _callbacks: list[Callable[[], object]] | None = None
    """The callbacks; the list is made for the first of them."""

    def __init__(self, here: Callable[[], bool] | None = None, child: str = "") -> None:
        self._here, self._child = here, child
        self._open = True  # deleting is atomic and happens once: who does it has the answer
        self._outcome: tuple[Any, BaseException | None] | None = None

    @property
    def done(self) -> bool:
        """Whether it has been answered."""
        return self._outcome is not None

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
        try:
            del self._open
        except AttributeError:
            raise Full from None
        self._outcome = outcome
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop()
            except IndexError:  # the waiter took it back
                return
            callback()

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once it is answered, in the thread that answers, or at once."""
        callbacks = self.__dict__.setdefault("_callbacks", [])  # atomic: the first list counts
        callbacks.append(callback)
        if self._outcome is not None:
            try:
                callbacks.remove(callback)
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
        if self._outcome is None:
            self._wait(timeout)
        value, error = self._outcome  # type: ignore[misc]  # there is one by now
        if error is not None:
            raise error
        return value

    def _wait(self, timeout: float | None) -> None:
        if self._here is not None and self._here():
            raise BlockingAskError(self._child)
        GIVE_WAY()
        if self._outcome is not None:
            return
        gate = threading.Lock()
        gate.acquire()
        self.when_done(gate.release)
        if not gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise pykka.Timeout(f"{timeout} seconds")

    def __await__(self) -> Generator[Any, None, Any]:
        if self._get_hook is None and self._outcome is None:
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

    __slots__ = ("_asker", "_pending")

    def __init__(self) -> None:
        super().__init__()
        self._asker: pykka.Future[Any] | None = None
        self._pending: set[Answer] | None = None

    @property
    def awaited(self) -> bool:
        """Whether there is anybody to tell."""
        return self._asker is not None or bool(self._callbacks)

    def forward_to(self, asker: pykka.Future[Any]) -> None:
        """Set ``asker`` to the same outcome, once there is one."""
        if self._asker is not None:
            self.when_done(partial(self._copy, asker))
            return
        self._asker = asker  # nearly always the only one, for which a callback would be too much
        if self._outcome is not None:
            self._copy(asker)

    def register_pending(self, pending: set[Answer]) -> None:
        """Stay in ``pending`` until it is set; an actor that ends before that refuses it."""
        self._pending = pending
        pending.add(self)
        if self._outcome is not None:  # by another thread, just now
            pending.discard(self)

    def refuse(self, error: BaseException) -> None:
        """Tell the asker that no answer will come; one that does is nobody's."""
        if self._asker is not None:
            with contextlib.suppress(Full):
                self._asker.set_exception((type(error), error, error.__traceback__))

    def _settle(self, outcome: tuple[Any, BaseException | None]) -> None:
        super()._settle(outcome)
        if self._pending is not None:
            self._pending.discard(self)
        if self._asker is not None:
            self._copy(self._asker)

    def _copy(self, asker: pykka.Future[Any]) -> None:
        value, error = self._outcome  # type: ignore[misc]  # only called when there is one
        try:
            if error is None:
                asker.set(value)
            else:
                asker.set_exception((type(error), error, error.__traceback__))
        except Full:  # answered meanwhile, as when its actor was fenced off, or by the other thread
            return


def _call_if_open(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # the loop is closed: nobody awaits there any more
        return
