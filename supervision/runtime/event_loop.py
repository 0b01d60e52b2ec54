"""One asyncio loop and the actors that live in it: who is next, and for how long."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

__all__ = ["LoopHost", "Servable"]

TURNS: Final = 128  # cells or calls served before the loop gets to look at its sockets and timers


class Servable(Protocol):
    """An actor's cell that has something to do."""

    def serve(self) -> None:
        """Do a bounded part of it."""


class LoopHost:
    """Runs cells and calls in a loop, woken once for however many are waiting.

    Until ``open`` other threads wake it as everybody wakes a loop; from then on through a bell of
    its own, which takes half as long. Who opens it closes it, in the loop, at the latest when
    nothing lives there any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._thread = threading.get_ident()
        self._bell: int | None = None
        self._ready: deque[Servable] = deque()
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._scheduled = False

    def open(self) -> None:
        """Hang up the bell, where the system has one and the loop can hear it."""
        if sys.platform != "linux":
            return
        bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # closed with the host and not before: a thread may be about to ring it
        weakref.finalize(self, os.close, bell)
        try:
            self.loop.add_reader(bell, self._rung, bell)
        except NotImplementedError:  # a loop that listens to nothing of the kind
            return
        self._bell = bell

    def close(self) -> None:
        """Take the bell down; more than once is fine."""
        bell, self._bell = self._bell, None
        if bell is not None:
            self.loop.remove_reader(bell)
            self._run()  # somebody may have rung just now

    def in_loop(self) -> bool:
        """Whether the caller runs in the loop's thread, while the loop runs."""
        return threading.get_ident() == self._thread and self.loop.is_running()

    def enqueue(self, cell: Servable) -> None:
        """Have ``cell`` served soon; from any thread."""
        self._ready.append(cell)
        if not self._scheduled:
            self._schedule()

    def post(self, call: Callable[..., object], *args: Any) -> None:
        """Have ``call`` made in the loop, soon and in order; from any thread."""
        self._calls.append((call, args))
        if not self._scheduled:
            self._schedule()

    def post_later(self, call: Callable[[], object]) -> None:
        """Have ``call`` made in the loop when what is ready now has been served."""
        if threading.get_ident() == self._thread:
            self.loop.call_soon(call)
            return
        try:
            self.loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed
            return

    def post_next(self, call: Callable[..., object], *args: Any) -> None:
        """Have ``call`` made when the loop has looked at everything else once; in the loop only."""
        self.loop.call_soon(call, *args)

    def _schedule(self) -> None:
        self._scheduled = True
        if threading.get_ident() == self._thread:
            self.loop.call_soon(self._run)
            return
        if self._bell is not None:
            os.eventfd_write(self._bell, 1)
            return
        try:
            self.loop.call_soon_threadsafe(self._run)
        except RuntimeError:  # the loop is closed, and with it everything that could be served
            self._scheduled = False

    def _rung(self, bell: int) -> None:
        os.eventfd_read(bell)
        self._run()

    def _run(self) -> None:
        try:
            self._serve_some()
        except BaseException:  # a fault of ours: cells contain what their actors raise
            # the loop's own handler reports it, and the others go on
            self.loop.call_soon(self._run)
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
        self.loop.call_soon(self._run)
