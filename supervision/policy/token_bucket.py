"""A token bucket: so many at once, and so many a second after that.

Pure: callers pass the clock's reading in. Nothing waits here.
"""

from __future__ import annotations

from typing import Final

ROUNDING: Final = 1e-9  # of a token: who comes back when told to is not refused for a last bit


class TokenBucket:
    """``rate`` tokens a second, at most ``burst`` saved up; full to begin with.

    Args:
        rate: tokens per second, above 0; may be changed.
        burst: how many may be spent at once after a rest, 1 or more; may be changed.
    """

    __slots__ = ("_last", "_tokens", "burst", "rate")

    def __init__(self, *, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, float(burst)
        self._tokens, self._last = float(burst), 0.0

    def reserve(self, now: float, count: int = 1) -> float:
        """Take tokens, now or in debt, and tell how many seconds to wait for them."""
        self._tokens = self._saved(now) - count
        self._last = max(now, self._last)
        return max(0.0, -self._tokens / self.rate)

    def room(self, now: float) -> int:
        """How many tokens there are to take without waiting."""
        return max(0, int(self._saved(now) + ROUNDING))

    def next_in(self, now: float) -> float:
        """Seconds until there is one to take."""
        return max(0.0, 1.0 - self._saved(now)) / self.rate

    def empty(self) -> None:
        """Forget what was saved up: the next one waits its whole turn."""
        self._tokens = min(self._tokens, 0.0)

    def full(self, now: float) -> bool:
        """Whether it has rested long enough to have everything saved up."""
        return self._saved(now) >= self.burst

    def _saved(self, now: float) -> float:
        elapsed = max(0.0, now - self._last)
        return min(self.burst, self._tokens + elapsed * self.rate)
