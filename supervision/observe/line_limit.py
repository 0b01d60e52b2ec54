"""A rate limit for log lines: so many of one kind a minute, then a count of the dropped ones.

A kind is a logger, a level and a text before its values are put in. Pure but for its clock; used
as a filter, of a logger whose lines strangers can provoke, or of the handler that writes them all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PER_MINUTE: Final = 20  # lines of one kind; enough to see a pattern in
WINDOW: Final = 60.0  # seconds
KINDS: Final = 500  # that are remembered; a text with its values in it is a kind each time
LONGEST_KIND: Final = 200  # characters


@dataclass(slots=True)
class _Window:
    began: float
    lines: int = 0
    withheld: int = 0


class LineLimit(logging.Filter):
    """Lets so many lines of one kind through each minute.

    The first line of the next minute tells how many were withheld. Thread-safe.

    Args:
        per_minute: lines of one kind.
        clock: monotonic seconds.
    """

    def __init__(
        self, per_minute: int = PER_MINUTE, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._most, self._clock = per_minute, clock
        self._windows: dict[tuple[str, int, str], _Window] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line may be written; it may bear a count of those that were not."""
        kind = (record.name, record.levelno, str(record.msg)[:LONGEST_KIND])
        with self._lock:
            withheld = self._spend(kind, self._clock())
        if withheld is None:
            return False
        if withheld:
            record.msg = f"{record.msg} (and {withheld} like it that were not written)"
        return True

    def _spend(self, kind: tuple[str, int, str], now: float) -> int | None:
        """What was withheld before this line; ``None`` if this one is, too."""
        window = self._windows.get(kind)
        if window is None or now - window.began >= WINDOW:
            self._make_room()
            before = 0 if window is None else window.withheld
            self._windows[kind] = _Window(began=now, lines=1)
            return before
        window.lines += 1
        if window.lines <= self._most:
            return 0
        window.withheld += 1
        return None

    def _make_room(self) -> None:
        if len(self._windows) >= KINDS:
            del self._windows[min(self._windows, key=lambda kind: self._windows[kind].began)]
