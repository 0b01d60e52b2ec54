"""How many restarts a supervisor or a child may spend, and how many it has spent (S5, S8).

Pure: callers pass the clock's reading in. No thread, no actor, no I/O.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidSpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartBudget:
    """At most ``limit`` restarts in any ``within`` seconds, and ``in_a_row`` in one go.

    ``in_a_row`` has no window: it bounds failures that follow each other without the child ever
    staying up for its ``stable_after`` seconds. Without it a long backoff would outlast every
    window and retry for ever. ``None`` (the default) sets no such bound.
    """

    limit: int = 3
    within: float = 5.0
    in_a_row: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.limit, int) or self.limit < 0:  # type: ignore[redundant-expr]  # whatever is given
            raise InvalidSpecError("RestartBudget.limit", self.limit, "a whole number, 0 or more")
        if not self.within > 0:
            raise InvalidSpecError("RestartBudget.within", self.within, "more than 0 seconds")
        if self.in_a_row is not None and self.in_a_row < 0:
            raise InvalidSpecError("RestartBudget.in_a_row", self.in_a_row, "0 or more, or None")


class RestartWindow:
    """The restarts that have been spent inside a budget's window."""

    __slots__ = ("_spent", "budget")

    def __init__(self, budget: RestartBudget) -> None:
        self.budget = budget
        self._spent: list[float] = []  # a deque takes 0.7 KiB, and there are some in each session

    def spend(self, now: float, *, in_a_row: int = 0) -> bool:
        """Record a restart at ``now`` and tell whether the budget covers it.

        A restart exactly ``within`` seconds old still counts. ``in_a_row`` is how many attempts,
        this one included, have followed each other without stable uptime between them.
        """
        self._forget_before(now - self.budget.within)
        self._spent.append(now)
        if self.budget.in_a_row is not None and in_a_row > self.budget.in_a_row:
            return False
        return len(self._spent) <= self.budget.limit

    def recall(self, spent: Iterable[float]) -> None:
        """Take over what an earlier process spent, oldest first; what is too old falls out."""
        self._spent.extend(spent)

    def left(self, now: float) -> int:
        """How many restarts the window still covers at ``now``; only looks, from any thread."""
        oldest = now - self.budget.within
        spent = sum(at >= oldest for at in self._spent.copy())
        return max(0, self.budget.limit - spent)

    @property
    def spent(self) -> int:
        """How many restarts were in the window when it was last looked at."""
        return len(self._spent)

    def clear(self) -> None:
        """Forget everything spent, as after a release from quarantine."""
        self._spent.clear()

    def _forget_before(self, oldest: float) -> None:
        del self._spent[: bisect_left(self._spent, oldest)]


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
