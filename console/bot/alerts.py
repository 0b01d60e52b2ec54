"""Alerts: which events somebody is told of unasked, gathered so that a storm is one message. Pure.

Owns which events these are, who has them switched on, and when the next message is due. The words
are those of the activity log.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from ...metrics.activity_log import sentence
from ...supervision import ChildQuarantined, Event, IntensityExceeded
from ...telegram import (
    AccountLimited,
    DeadLettered,
    FloodBegan,
    PairPaused,
    PairResumed,
    Phase,
    PhaseChanged,
)

KINDS: Final[tuple[type[Event], ...]] = (
    AccountLimited,
    ChildQuarantined,
    DeadLettered,
    FloodBegan,
    IntensityExceeded,
    PairPaused,
    PairResumed,
    PhaseChanged,
)
NEEDS_SOMEBODY: Final = frozenset({Phase.NEEDS_LOGIN, Phase.QUARANTINED})
LONG_FLOOD: Final = 60.0  # seconds; shorter ones are everyday
FIRST_AFTER: Final = 2.0  # seconds in which what belongs together comes together
NEXT_AFTER: Final = 30.0  # seconds between two messages to one person
GATHERED: Final = 50  # lines of one message; what is more is counted


class Alerts:
    """Who is told what, and when. Times are monotonic seconds."""

    def __init__(self, people: Iterable[int]) -> None:
        self._muted_until: dict[int, float] = dict.fromkeys(people, 0.0)
        self._lines: dict[int, list[str]] = {}
        self._more: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._troubled: set[str] = set()

    def switch_on(self, user: int) -> None:
        """Tell this person from now on."""
        self._muted_until[user] = 0.0

    def switch_off(self, user: int, *, until: float = math.inf) -> None:
        """Tell this person nothing, or nothing before ``until``."""
        self._muted_until[user] = until
        self._forget(user)

    def on(self, user: int, *, now: float) -> bool:
        """Whether this person is told."""
        return self._muted_until.get(user, math.inf) <= now

    def hear(self, event: Event, *, now: float) -> None:
        """Gather an event for everybody who is told."""
        text = self._words(event)
        if text is None:
            return
        for user in self._muted_until:
            if self.on(user, now=now):
                self._gather(user, text, now)

    def next_due(self) -> float | None:
        """When the next message is due; ``None`` while there is nothing to tell."""
        return min(self._due.values(), default=None)

    def take_due(self, *, now: float) -> list[tuple[int, str]]:
        """The messages that are due, each with its reader."""
        ready = [user for user, at in self._due.items() if at <= now]
        told = []
        for user in ready:
            lines, more = self._lines[user], self._more.get(user, 0)
            if more:
                lines.append(f"and {more} more; see /alerts")
            told.append((user, "\n".join(lines)))
            self._forget(user)
            self._last[user] = now
        return told

    def _gather(self, user: int, text: str, now: float) -> None:
        lines = self._lines.setdefault(user, [])
        if text in lines:
            return
        if len(lines) < GATHERED:
            lines.append(text)
        else:
            self._more[user] = self._more.get(user, 0) + 1
        earliest = self._last.get(user, -math.inf) + NEXT_AFTER
        self._due.setdefault(user, max(now + FIRST_AFTER, earliest))

    def _forget(self, user: int) -> None:
        for kept in (self._lines, self._more, self._due):
            kept.pop(user, None)

    def _words(self, event: Event) -> str | None:
        match event:
            case PhaseChanged() if event.after in NEEDS_SOMEBODY:
                self._troubled.add(event.session)
                return sentence(event)
            case PhaseChanged():
                if event.after is not Phase.ONLINE or event.session not in self._troubled:
                    return None
                self._troubled.discard(event.session)
                return f"{event.session}: online again"
            case FloodBegan():
                return sentence(event) if event.seconds >= LONG_FLOOD else None
            case _:
                return sentence(event)
