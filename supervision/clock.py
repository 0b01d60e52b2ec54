"""Where time comes from: the machine's, or a hand that turns it."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """Make sure it does not happen; harmless when it has."""


class Clock(Protocol):
    """Tells the time in seconds since some fixed instant, and calls back later.

    ``call_later`` is called in the tree's loop and calls back there.
    """

    def now(self) -> float:
        """Seconds; never goes backwards."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` in ``delay`` seconds."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, with timers of the running asyncio loop."""

    now = staticmethod(time.monotonic)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` in ``delay`` seconds, from the loop that is running now."""
        import asyncio

        return asyncio.get_running_loop().call_later(max(0.0, delay), callback)


class _ManualTimer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A clock that stands still until ``advance`` turns it; for tests and simulations.

    Turn it in the tree's own loop: what is due runs before ``advance`` returns. Messages that it
    causes are handled when the loop gets its turn.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._timers: list[tuple[float, int, _ManualTimer]] = []
        self._order = count()

    def now(self) -> float:
        """Seconds turned so far, plus the start."""
        return self._now

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` when the clock has been turned on by ``delay`` seconds."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (self._now + max(0.0, delay), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Turn the clock on by ``seconds``, running what falls due in order, each at its time."""
        until = self._now + seconds
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
        self._now = until

    @property
    def next_due(self) -> float | None:
        """When the next timer falls due, or ``None`` when none is set."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None
