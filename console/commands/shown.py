"""What a result looks like to a person: sentences and tables of plain text.

A surface draws them as it can: the command line in colours, a pipe by tabs, a chat in lines. Times
are told in the zone of whoever runs the surface.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

STYLES: Final = {
    "healthy": "green",
    "ok": "green",
    "SAFE": "green",
    "running": "cyan",
    "finished": "green",
    "done": "green",
    "unhealthy": "red",
    "expired": "red",
    "failed": "red",
    "problem": "red",
    "UNSAFE": "red",
    "critical": "red",
    "unauthorized": "yellow",
    "CAUTION": "yellow",
    "warning": "yellow",
    "note": "yellow",
    "cancelled": "yellow",
    "unknown": "cyan",
    "deleted": "dim",
}
"""The colour of a cell that says just this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table. ``wide`` is the column that takes the room which is left; ``empty`` is said
    instead of a table without rows.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: int = -1
    empty: str = ""


Block = str | Grid


def grid(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    wide: int = -1,
    empty: str = "",
) -> Grid:
    """A table of whatever the cells are; ``None`` is an empty one."""
    cells = tuple(tuple("" if one is None else str(one) for one in row) for row in rows)
    return Grid(title=title, columns=tuple(columns), rows=cells, wide=wide, empty=empty)


def when(at: float | None) -> str:
    """A moment, with its date where that is not today's; empty for none."""
    if not at:
        return ""
    then, today = time.localtime(at), time.localtime()
    same = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M:%S", then)


def ago(at: float | None) -> str:
    """How long ago a moment was; empty for none."""
    return span(time.time() - at) if at else ""


def ahead(at: float | None) -> str:
    """A moment to come, and in how long; empty for none or one that has passed."""
    if not at or at <= time.time():
        return ""
    return f"{when(at)} (in {span(at - time.time())})"


def span(seconds: float) -> str:
    """A time in the unit that fits."""
    seconds = max(0.0, seconds)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.0f} d"


def size(count: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
