"""A watchdog thread: reports a loop that does not turn, with the stack that holds it up.

An actor in the loop that blocks holds up all the others, and the loop cannot notice by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ...errors import InvalidSpecError
from .events import Event, LoopResumed, LoopStalled
from .stacks import thread_stack

logger = logging.getLogger(__name__)

EXIT_ABANDONED: Final = 70  # EX_SOFTWARE; tells a service manager that it has to start over


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopWatch:
    """How closely a loop is watched.

    Args:
        lag_limit: seconds that it may be busy with one thing before that is reported.
        fatal_after: seconds after which the process is ended with exit code 70; ``None`` never.
        every: seconds between two looks.
    """

    lag_limit: float = 1.0
    fatal_after: float | None = None
    every: float = 0.25

    def __post_init__(self) -> None:
        for name in ("lag_limit", "every"):
            if not getattr(self, name) > 0:
                raise InvalidSpecError(f"LoopWatch.{name}", getattr(self, name), "more than 0")
        if self.fatal_after is not None and self.fatal_after < self.lag_limit:
            raise InvalidSpecError(
                "LoopWatch.fatal_after", self.fatal_after, "lag_limit or more seconds, or None"
            )


def leave_process(code: int) -> None:
    """End the process at once; for when threads or the loop can be waited for no longer."""
    logging.shutdown()
    os._exit(code)


class LoopWatchdog:
    """Watches the loop that it is made in, from a thread of its own, until ``stop``.

    Args:
        how: limits.
        publish: gets ``LoopStalled`` and ``LoopResumed``, in the watchdog's thread.
        now: the clock for the events' ``at``.
        leave: ends the process, given an exit code.
    """

    def __init__(
        self,
        how: LoopWatch,
        *,
        publish: Callable[[Event], object],
        now: Callable[[], float],
        leave: Callable[[int], object] = leave_process,
    ) -> None:
        self._how, self._publish, self._now, self._leave = how, publish, now, leave
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._turned, self._done = threading.Event(), threading.Event()
        self._asked_at: float | None = None
        self._last = 0.0
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> float:
        """Seconds that the loop last took to get to a new task, or is taking now."""
        asked = self._asked_at
        return self._last if asked is None else max(self._last, time.monotonic() - asked)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Watch no more; from any thread."""
        self._done.set()
        self._turned.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._how.every):
            self._asked_at = asked = time.monotonic()
            self._turned.clear()
            if self._done.is_set():  # just now: whoever stops it may stand in the loop, and waits
                return
            try:
                self._loop.call_soon_threadsafe(self._turned.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._turned.wait(self._how.lag_limit):
                self._wait_out(asked)
            self._last, self._asked_at = time.monotonic() - asked, None

    def _wait_out(self, asked: float) -> None:
        """The loop is stalled: say so, and wait until it turns again or has to be given up."""
        stack = thread_stack(self._watched)
        lag = time.monotonic() - asked
        self._publish(LoopStalled(at=self._now(), child="", seconds=lag, stack=stack))
        fatal = self._how.fatal_after
        left = None if fatal is None else max(0.0, fatal - lag)
        if not self._turned.wait(left):
            logger.critical("loop given up seconds=%.1f exit=%d", fatal, EXIT_ABANDONED)
            self._leave(EXIT_ABANDONED)
            self._turned.wait()
        if not self._done.is_set():
            took = time.monotonic() - asked
            self._publish(LoopResumed(at=self._now(), child="", seconds=took))
