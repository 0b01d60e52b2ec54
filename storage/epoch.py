"""Epoch seconds that follow the monotonic clock, across processes of one boot.

The wall clock is read once, when a process begins; from there the monotonic clock counts, so that
a step of the wall makes no call early and parks nothing for longer. Within one boot of the machine
the next process goes on by the same count; see ``ClockRows``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


class Epoch:
    """Epoch seconds as the wall had them at the start, and what has passed since.

    Args:
        wall: epoch seconds of the machine's clock, which may be set.
        steady: seconds since some instant of the machine's boot.
    """

    __slots__ = ("_steady", "ahead", "base", "wall")

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wall, self._steady = wall, steady
        self.base = wall() - steady()
        self.ahead: float | None = None  # seconds that Telegram's time is, once it was told

    def now(self) -> float:
        """Epoch seconds; never steps."""
        return self.base + self._steady()

    def shown(self, at: float) -> float:
        """The same instant by the wall clock as it is now, for people and for other programs."""
        return at + (self.wall() - self.now())


def boot_id() -> str:
    """Which boot of the machine this is; empty where that is not told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
