"""How many restarts are too many, and how many there have been (S5, S8).

Pure: callers pass the clock's reading in. No thread, no actor, no I/O.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidSpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartIntensity:
    """At most ``limit`` restarts in any ``period`` seconds, and ``in_a_row`` in one go.

    ``in_a_row`` has no window: it bounds failures that follow each other without the child ever
    staying up for its ``stable_after`` seconds. Without it a long backoff would outlast every
    window and retry for ever. ``None`` (the default) sets no such bound.
    """

    limit: int = 3
    period: float = 5.0
    in_a_row: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.limit, int) or self.limit < 0:  # type: ignore[redundant-expr]  # whatever is given
            raise InvalidSpecError("RestartIntensity.limit", self.limit, "a whole number from 0")
        if not self.period > 0:
            raise InvalidSpecError("RestartIntensity.period", self.period, "more than 0 seconds")
        if self.in_a_row is not None and self.in_a_row < 0:
            raise InvalidSpecError("RestartIntensity.in_a_row", self.in_a_row, "0 or more, or None")


class RestartWindow:
    """The restarts inside an intensity's period."""

    __slots__ = ("_restarts", "intensity")

    def __init__(self, intensity: RestartIntensity) -> None:
        self.intensity = intensity
        self._restarts: list[float] = []  # a deque takes 0.7 KiB, and each session has some

    def record(self, now: float, *, in_a_row: int = 0) -> bool:
        """Record a restart at ``now`` and tell whether it is within the intensity.

        A restart exactly ``period`` seconds old still counts. ``in_a_row`` is how many attempts,
        this one included, have followed each other without stable uptime between them.
        """
        self._forget_before(now - self.intensity.period)
        self._restarts.append(now)
        if self.intensity.in_a_row is not None and in_a_row > self.intensity.in_a_row:
            return False
        return len(self._restarts) <= self.intensity.limit

    def recall(self, restarts: Iterable[float]) -> None:
        """Take over those of an earlier process, oldest first; what is too old falls out."""
        self._restarts.extend(restarts)

    def left(self, now: float) -> int:
        """How many more are within the intensity at ``now``; only looks, from any thread."""
        oldest = now - self.intensity.period
        count = sum(at >= oldest for at in self._restarts.copy())
        return max(0, self.intensity.limit - count)

    @property
    def count(self) -> int:
        """How many restarts were in the window when it was last looked at."""
        return len(self._restarts)

    def clear(self) -> None:
        """Forget all of them, as after a release from quarantine."""
        self._restarts.clear()

    def _forget_before(self, oldest: float) -> None:
        del self._restarts[: bisect_left(self._restarts, oldest)]


class Streak:
    """Failures in a row: reset when the child has been up for ``stable_after`` seconds."""

    __slots__ = ("length", "stable_after")

    def __init__(self, stable_after: float) -> None:
        self.stable_after = stable_after
        self.length = 0

    def failed(self, uptime: float) -> int:
        """Count a failure after ``uptime`` seconds and tell how many there are in a row now."""
        self.length = 1 if uptime >= self.stable_after else self.length + 1
        return self.length

    def reset(self) -> None:
        """Start over, as after a release from quarantine."""
        self.length = 0
