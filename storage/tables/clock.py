"""Data access for ``clock``: the time base of all stored deadlines.

Owns the one row of ``clock``. Deadlines are kept as epoch seconds of one count: the wall clock when
the first process of a boot began, and the monotonic clock from there. Whoever reads or writes them
in the same boot takes that count over, whatever the wall says by then. A writer that finds the wall
set moves count and deadlines along together, so that what is shown is right again. After another
boot the deadlines go on by Telegram's time, as far as it was told, and none is further off than
Telegram said when it made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..epoch import Epoch, boot_id
from .connection import TableAccess

STEP: Final = 1.0  # seconds; two clocks that differ by less were not set


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBase:
    """The count: epoch seconds at the monotonic clock's zero, in one boot.

    ``ahead`` are the seconds that Telegram's time is ahead of it; ``None`` if it never was told.
    """

    boot: str
    base: float
    ahead: float | None = None


class ClockRows(TableAccess):
    """The count that deadlines are kept by."""

    def time_base(self) -> TimeBase | None:
        """The count, as a writer left it; ``None`` before the first."""
        rows = self._all("select boot, base, ahead from clock where id = 1", ())
        return TimeBase(boot=rows[0][0], base=rows[0][1], ahead=rows[0][2]) if rows else None

    def adopt_time_base(self, epoch: Epoch, *, boot: str | None = None) -> None:
        """Let ``epoch`` count as the deadlines do, if they are of this boot; nothing is written."""
        found, boot = self.time_base(), boot_id() if boot is None else boot
        if found is not None and boot and found.boot == boot:
            epoch.base = found.base

    def continue_time_base(self, epoch: Epoch, *, boot: str | None = None) -> None:
        """Go on counting; for the one writer, before anything is read of deadlines."""
        found, boot = self.time_base(), boot_id() if boot is None else boot
        if found is not None and boot and found.boot == boot:
            shift = epoch.base - found.base
            if abs(shift) < STEP:
                epoch.base = found.base
                return
            self._shift(shift)
            self._keep(TimeBase(boot=boot, base=epoch.base, ahead=_less(found.ahead, shift)))
            return
        if found is not None and found.ahead is not None:
            self._shift(found.ahead)
        self._run("update floods set until = min(until, ? + seconds)", (epoch.now(),))
        self._run("update login_codes set at = min(at, ?)", (epoch.now(),))
        self._keep(TimeBase(boot=boot, base=epoch.base))

    def record_server_time(self, ahead: float) -> None:
        """Keep by how many seconds Telegram's time is ahead of the count."""
        self._run("update clock set ahead = ? where id = 1", (ahead,))

    def _shift(self, seconds: float) -> None:
        self._run("update floods set until = until + ?", (seconds,))
        self._run("update login_codes set at = at + ?", (seconds,))

    def _keep(self, found: TimeBase) -> None:
        self._run(
            "insert into clock (id, boot, base, ahead) values (1, ?, ?, ?)"
            " on conflict (id) do update set"
            " boot = excluded.boot, base = excluded.base, ahead = excluded.ahead",
            (found.boot, found.base, found.ahead),
        )


def _less(ahead: float | None, shift: float) -> float | None:
    return None if ahead is None else ahead - shift
