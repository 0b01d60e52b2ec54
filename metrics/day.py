"""What the process keeps of the last day for small charts: a point a minute.

A ring of fixed size, filled from what is counted and looked at anyway. Pure: callers pass the
clock's reading in. A minute in which nobody looked, as while the machine slept, is not known.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CHART_STEP: Final = 60  # seconds
CHART_POINTS: Final = 1_440  # a day of minutes
GAUGES: Final = ("online", "sessions", "outbox")
COUNTS: Final = ("restarts", "forwarded", "dead")
SERIES: Final = (*GAUGES, *COUNTS, "lag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How things stand at a look; counts and sums since the process started.

    ``lag`` is the sum of seconds from a message to its copy, over ``lags`` of them.
    """

    online: int = 0
    sessions: int = 0
    outbox: int = 0
    restarts: float = 0
    forwarded: float = 0
    dead: float = 0
    lag: float = 0.0
    lags: int = 0


class Day:
    """The minutes of the last day, oldest first."""

    def __init__(self, *, points: int = CHART_POINTS) -> None:
        self._points = points
        self._series = {name: array("d", [math.nan] * points) for name in SERIES}
        self._minute: int | None = None
        self._begun = self._last = Totals()
        self.closed: int | None = None
        """The number of the last whole minute since the epoch."""

    def look(self, now: float, totals: Totals) -> None:
        """Take in how things stand at ``now`` (epoch seconds)."""
        minute = int(now // CHART_STEP)
        if self._minute is None:
            self._minute, self._begun = minute, totals
        elif minute > self._minute:
            self._close(minute, totals)
        self._last = totals

    def newest(self) -> dict[str, float | None]:
        """The last whole minute, with its beginning as ``at``; empty while there is none."""
        if self.closed is None:
            return {}
        return {"at": self.closed * CHART_STEP} | {
            name: _known(values[self.closed % self._points])
            for name, values in self._series.items()
        }

    def last(self, minutes: int) -> tuple[int, Mapping[str, list[float | None]]]:
        """So many minutes: the beginning of the first, and each series with nulls for gaps."""
        if self.closed is None:
            return 0, {name: [] for name in SERIES}
        count = min(minutes, self._points)
        first = self.closed - count + 1
        places = [minute % self._points for minute in range(first, self.closed + 1)]
        return first * CHART_STEP, {
            name: [_known(values[place]) for place in places]
            for name, values in self._series.items()
        }

    def _close(self, minute: int, totals: Totals) -> None:
        """End the minute under way, and begin another; those between are not known."""
        assert self._minute is not None  # noqa: S101 - who calls has looked
        begun, last = self._begun, self._last
        lags = totals.lags - begun.lags
        point = {name: float(getattr(last, name)) for name in GAUGES}
        point |= {name: float(getattr(totals, name) - getattr(begun, name)) for name in COUNTS}
        point["lag"] = (totals.lag - begun.lag) / lags if lags else math.nan
        for name, value in point.items():
            self._series[name][self._minute % self._points] = value
        for between in range(max(self._minute + 1, minute - self._points), minute):
            for values in self._series.values():
                values[between % self._points] = math.nan
        self._minute, self._begun, self.closed = minute, totals, minute - 1


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)
