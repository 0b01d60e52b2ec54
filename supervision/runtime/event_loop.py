"""The scheduler of loop-hosted actors: runners served in turn, calls from any thread, one loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final, Protocol

TURNS: Final = 128  # runners or calls served before the loop gets to look at its sockets and timers


class Servable(Protocol):
    """A runner whose mailbox has something to serve."""

    def serve(self) -> None:
        """Do a bounded part of it."""


class LoopHost:
    """Serves runners and makes calls in a loop, woken once for however many are waiting.

    Until ``open`` other threads wake it as everybody wakes a loop; from then on through a waker of
    its own, which takes half as long. Who opens it closes it, in the loop, at the latest when
    nothing lives there any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._thread = threading.get_ident()
        self._waker: int | None = None
        self._ready: deque[Servable] = deque()
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._scheduled = False
        self._context = copy_context()
        """What everything is served in: a callback would inherit whose work it was scheduled in."""

    def open(self) -> None:
        """Make the waker, where the system has one and the loop can listen to it."""
        if sys.platform != "linux":
            return
        waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # closed with the host and not before: a thread may be about to use it
        weakref.finalize(self, os.close, waker)
        try:
            self.loop.add_reader(waker, self._woken, waker)
        except NotImplementedError:  # a loop that listens to nothing of the kind
            return
        self._waker = waker

    def close(self) -> None:
        """Remove the waker; more than once is fine."""
        waker, self._waker = self._waker, None
        if waker is not None:
            self.loop.remove_reader(waker)
            self._run()  # somebody may have woken it just now

    def in_loop(self) -> bool:
        """Whether the caller runs in the loop's thread, while the loop runs."""
        return threading.get_ident() == self._thread and self.loop.is_running()

    def enqueue(self, runner: Servable) -> None:
        """Have ``runner`` served soon; from any thread."""
        self._ready.append(runner)
        if not self._scheduled:
            self._schedule()

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        """Have ``call`` made in the loop, soon and in order; from any thread."""
        self._calls.append((call, args))
        if not self._scheduled:
            self._schedule()

    def call_when_idle(self, call: Callable[[], object]) -> None:
        """Have ``call`` made in the loop when what is ready now has been served."""
        if threading.get_ident() == self._thread:
            self.loop.call_soon(call, context=self._context)
            return
        try:
            self.loop.call_soon_threadsafe(call, context=self._context)
        except RuntimeError:  # the loop is closed
            return

    def call_next_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Have ``call`` made when the loop has looked at everything else once; in the loop only."""
        self.loop.call_soon(call, *args, context=self._context)

    def _schedule(self) -> None:
        self._scheduled = True
        if threading.get_ident() == self._thread:
            self.loop.call_soon(self._run, context=self._context)
            return
        if self._waker is not None:
            os.eventfd_write(self._waker, 1)
            return
        try:
            self.loop.call_soon_threadsafe(self._run, context=self._context)
        except RuntimeError:  # the loop is closed, and with it everything that could be served
            self._scheduled = False

    def _woken(self, waker: int) -> None:
        os.eventfd_read(waker)
        self._run()

    def _run(self) -> None:
        try:
            self._serve_some()
        except BaseException:  # a fault of ours: runners contain what their actors raise
            # the loop's own handler reports it, and the others go on
            self.loop.call_soon(self._run, context=self._context)
            raise

    def _serve_some(self) -> None:
        calls, ready = self._calls, self._ready
        for _ in range(TURNS):
            if calls:
                call, args = calls.popleft()
                call(*args)
            elif ready:
                ready.popleft().serve()
            else:
                self._scheduled = False
                if not (calls or ready):
                    return
                self._scheduled = True
        self.loop.call_soon(self._run, context=self._context)
