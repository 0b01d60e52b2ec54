"""The reconnect policy: at once, then after pauses that grow with failures. Pure.

Pure but for its chance: callers pass the clock's reading in. What is tried is ``recovery``'s.
"""

from __future__ import annotations

from typing import Final

from tenacity import RetryCallState, wait_random_exponential

LONG_LIFE: Final = 10.0  # seconds online after which a loss is a fresh one
SHORT_LIVES: Final = 1  # losses soon after coming online that are made good at once


class ReconnectPolicy:
    """One session's losses and failed tries.

    Args:
        initial: seconds of the first pause, at most.
        longest: seconds that no pause exceeds.
    """

    __slots__ = (
        "_backoff",
        "_failures",
        "_lost_at",
        "_online_at",
        "_rebuilt",
        "_short_lives",
        "cause",
        "recoveries",
        "rung",
    )

    def __init__(self, *, initial: float, longest: float) -> None:
        self.change(initial=initial, longest=longest)
        self._failures = self._short_lives = self.recoveries = 0
        self._online_at, self._rebuilt = 0.0, False
        self._lost_at: float | None = None
        self.cause, self.rung = "start", ""

    def change(self, *, initial: float, longest: float) -> None:
        """Let other pauses follow from now on."""
        self._backoff = wait_random_exponential(initial, longest)

    def on_request(self, cause: str) -> None:
        """Somebody asks for it: earlier failures do not count any more."""
        self.cause, self._failures, self._rebuilt = cause, 0, False

    def on_attempt(self, now: float) -> None:
        """A recovery begins."""
        self._lost_at = self._lost_at or now

    def on_lost(self, now: float, cause: str) -> bool:
        """An online session is lost; tells whether it may come back at once."""
        short = now - self._online_at < LONG_LIFE
        self._short_lives = self._short_lives + 1 if short else 0
        self._rebuilt = self._rebuilt and short
        self._lost_at, self.cause = now, cause
        if self._short_lives <= SHORT_LIVES:
            return True
        # Taken and dropped again and again: at once would be a storm.
        self._failures = max(self._failures, self._short_lives - SHORT_LIVES)
        return False

    def on_online(self, now: float, *, rung: str) -> float:
        """A recovery has ended well; returns the seconds since the session was lost."""
        self.rung, self._failures, self._online_at = rung, 0, now
        self.recoveries += self.cause != "start"
        seconds = now - (self._lost_at or now)
        self._lost_at = None
        return seconds

    def on_give_up(self) -> None:
        """No way back without a person: the time until then is no recovery."""
        self._lost_at = None

    def may_rebuild(self) -> bool:
        """A fresh client is to put it right, once; tells whether there is one more to be had."""
        again, self._rebuilt = not self._rebuilt, True
        return again

    def next_delay(self) -> float:
        """A try has failed; returns the seconds until the next."""
        self._failures += 1
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only counts
        state.attempt_number = self._failures
        return self._backoff(state)
