"""Everything that waits in a warden: for what, and since when.

Owns the ledger into which whoever waits writes that he does, and the whole picture: what is in the
ledger, what sessions and pairs report, and what the supervisor tree keeps down. The second half is
pure.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from ..supervision import ChildState, Snapshot
from ..telegram import Health, Overview, Phase, SessionReport
from ..telegram.reports import Wait, WaitKind

JOURNAL: Final = "journal"

REASONS: Final = {  # by the word that a session's reason begins with
    "LEASE_HELD": WaitKind.LEASE,
    "SHARED_OUTAGE": WaitKind.OUTAGE,
    "TRANSPORT_FLOOD": WaitKind.CROWDED,
    "FLOOD_WAIT": WaitKind.FLOOD,
    "FLOOD": WaitKind.FLOOD,
}
PHASES: Final = {
    Phase.NEEDS_LOGIN: WaitKind.LOGIN,
    Phase.AWAITING_CODE: WaitKind.LOGIN,
    Phase.AWAITING_EMAIL: WaitKind.LOGIN,
    Phase.AWAITING_PASSWORD: WaitKind.LOGIN,
    Phase.AWAITING_QR: WaitKind.LOGIN,
    Phase.QUARANTINED: WaitKind.QUARANTINE,
}


class WaitLedger:
    """Who waits now for what, as far as he says so himself. Thread-safe.

    Args:
        wall: reads the clock in epoch seconds.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._waits: dict[object, Wait] = {}

    def begin(self, who: str, kind: WaitKind, what: str, *, until: float | None = None) -> bool:
        """Somebody waits, or still does, for something else perhaps; tells whether that is new."""
        return self._put((who, kind), who, kind, what, until)

    def end(self, who: str, kind: WaitKind) -> bool:
        """He waits no more; tells whether he did."""
        with self._lock:
            return self._waits.pop((who, kind), None) is not None

    @contextlib.contextmanager
    def during(self, who: str, kind: WaitKind, what: str) -> Iterator[None]:
        """Somebody waits for the length of a block."""
        key = object()
        self._put(key, who, kind, what, None)
        try:
            yield
        finally:
            with self._lock:
                self._waits.pop(key, None)

    def now(self) -> tuple[Wait, ...]:
        """Those who wait; whose time is over is forgotten."""
        now = self._wall()
        with self._lock:
            over = [one for one, wait in self._waits.items() if (wait.until or now) < now]
            for one in over:
                del self._waits[one]
            return tuple(self._waits.values())

    def _put(self, key: object, who: str, kind: WaitKind, what: str, until: float | None) -> bool:
        with self._lock:
            known = self._waits.get(key)
            since = self._wall() if known is None else known.since
            self._waits[key] = Wait(who=who, kind=kind, what=what, since=since, until=until)
            return known is None


def session_wait(
    session: str, *, phase: Phase, reason: str, since: float, until: float | None
) -> Wait | None:
    """What a session waits for, by its phase; ``None`` while it works, or is at it."""
    kind = PHASES.get(phase)
    if phase is Phase.WAITING:
        word = reason.partition(":")[0].partition(";")[0]
        kind = REASONS.get(word, WaitKind.BACKOFF)
    if kind is None:
        return None
    who = f"session {session}"
    return Wait(who=who, kind=kind, what=reason or phase.value, since=since, until=until)


def with_waits(
    overview: Overview, tree: Snapshot | None, noted: Iterable[Wait], *, now: float
) -> Overview:
    """The overview with everything that waits, and sessions that are not well for it.

    Args:
        overview: what sessions and groups report.
        tree: the supervisor tree.
        noted: what is in the ledger.
        now: epoch seconds.
    """
    noted = tuple(noted)
    kept_down = () if tree is None else tuple(_kept_down(tree, now))
    waits = [*noted, *kept_down]
    for session in overview.sessions:
        waits += session.waits
    for group in overview.groups:
        for pair in group.pairs:
            waits += pair.waits
    disk = next((one for one in noted if one.kind is WaitKind.DISK), None)
    return replace(
        overview,
        sessions=tuple(_judged(one, disk, kept_down) for one in overview.sessions),
        waits=tuple(sorted(waits, key=lambda one: one.since)),
    )


def _kept_down(tree: Snapshot, now: float) -> Iterator[Wait]:
    for place in tree.walk():
        since = now - place.seconds
        if place.state is ChildState.QUARANTINED:
            yield Wait(who=place.path, kind=WaitKind.QUARANTINE, what=place.why, since=since)
        elif place.resumes_in is not None:
            until = now + place.resumes_in
            yield Wait(
                who=place.path, kind=WaitKind.RESTART, what=place.why, since=since, until=until
            )


def _judged(report: SessionReport, disk: Wait | None, kept_down: tuple[Wait, ...]) -> SessionReport:
    """A session of which a part is kept down, or that can keep nothing, is not healthy."""
    if report.health is not Health.HEALTHY:
        return report
    below = f"session:{report.session}/"
    down = next(
        (one for one in kept_down if one.kind is WaitKind.QUARANTINE and below in one.who), None
    )
    if down is not None:
        return _unwell(report, f"{down.who.rpartition('/')[2]} is quarantined: {down.what}")
    return report if disk is None else _unwell(report, f"nothing can be stored: {disk.what}")


def _unwell(report: SessionReport, reason: str) -> SessionReport:
    return replace(report, health=Health.UNHEALTHY, reason=reason)
