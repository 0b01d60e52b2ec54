"""A limit on how often each of many may do something in a while.

Pure: callers pass the clock's reading in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

KNOWN: Final = 1_000  # that are told apart; the one that was quiet for longest makes room


@dataclass(slots=True, kw_only=True)
class Tries:
    """At most ``limit`` in any ``within`` seconds, for each name.

    Args:
        limit: how many.
        within: seconds.
    """

    limit: int
    within: float
    _spent: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, name: str, now: float) -> float:
        """Seconds until it may be done again; 0 if it may be done now."""
        spent = self._spent.get(name)
        if spent is None or len(spent) < self.limit:
            return 0.0
        return max(0.0, spent[0] + self.within - now)

    def spend(self, name: str, now: float) -> bool:
        """Note one at ``now`` and tell whether it was covered."""
        covered = self.wait(name, now) == 0.0
        spent = self._spent.pop(name, None) or deque(maxlen=self.limit)
        if covered:
            spent.append(now)
        if len(self._spent) >= KNOWN:
            del self._spent[next(iter(self._spent))]
        self._spent[name] = spent  # the newest at the end
        return covered
