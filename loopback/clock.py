"""The data centre's clock: the wall's, or a hand-turned one."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""A reading in seconds since 1970."""


class ManualClock:
    """A clock that stands still until it is turned.

    The data centre dates messages, codes and waits by it; the ids of the wire's own
    messages stay on the wall clock, as Telethon refuses ids that are minutes off.

    Args:
        start: its first reading, in seconds since 1970.
    """

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self._now = start

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> float:
        """Turn it forward by ``seconds`` and read it."""
        if seconds < 0:
            raise ValueError(f"ManualClock.advance is {seconds:g}; give 0 or more")
        self._now += seconds
        return self._now
