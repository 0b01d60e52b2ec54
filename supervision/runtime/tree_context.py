"""What everything in one tree shares: loop, clock, chance, events, dead letters."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pykka

from ..clock import Clock, MonotonicClock
from ..observe.crash_history import CrashHistory, Recollection
from ..observe.event_stream import EventStream
from ..observe.events import MessageDropped
from ..observe.stop_report import StopEntry
from ..policy.circuit_breaker import Bulkhead
from ..policy.exit_reason import Exit
from .shared_causes import Gates

if TYPE_CHECKING:
    from .event_loop import LoopHost

__all__ = ["DeadLetter", "DeadLetters", "Realm"]

KEPT_LETTERS = 100  # enough to see a pattern, too few to matter in memory


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that no incarnation handled to the end, and why."""

    at: float
    child: str
    message: object = field(repr=False)
    reason: str


class DeadLetters:
    """The last undelivered messages, and how many there have been."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, str, object, str]] = deque(maxlen=KEPT_LETTERS)
        self.count = 0
        """All of them since the tree was made."""

    def add(self, at: float, child: str, message: object, reason: str) -> None:
        """Keep one; the oldest goes when there are too many."""
        self._last.append((at, child, message, reason))
        self.count += 1

    def last(self) -> tuple[DeadLetter, ...]:
        """The ones that are kept, oldest first."""
        return tuple(DeadLetter(*letter) for letter in self._last.copy())


class Realm:
    """One tree's surroundings. ``host`` is set when the tree knows its loop."""

    host: LoopHost

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        events: EventStream | None = None,
        bulkhead: Bulkhead | None = None,
        history: CrashHistory | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.clock: Clock = clock or MonotonicClock()
        self.rng = rng or random.Random()
        self.events = events or EventStream()
        self.events.tell_everywhere()
        self.dead_letters = DeadLetters()
        self.abandoned = 0
        """Incarnations that had to be left behind."""
        self.when_abandoned: Callable[[int], object] | None = None
        """Told how many there are, each time that there is one more."""
        self.fences = 0
        """How often somebody was fenced off; while there is none, nobody has to be looked for."""
        now = self.clock.now()
        self.gates = (
            None
            if bulkhead is None
            else Gates(bulkhead, clock=self.clock, rng=self.rng, publish=self.events.publish)
        )
        self.past = None if history is None else Recollection(history, now=now, wall=wall())
        self.stops: list[StopEntry] | None = None
        """How each child stopped, kept while the whole tree is being stopped."""
        self.adopted: dict[type[pykka.Actor], type[pykka.Actor]] = {}
        """Thread-hosted classes, and what stands in for them; see ``adopt``."""

    def count_abandoned(self) -> int:
        """One more incarnation had to be left behind; return how many there are."""
        self.abandoned += 1
        if self.when_abandoned is not None:
            self.when_abandoned(self.abandoned)
        return self.abandoned

    def log_stop(self, child: str, exit_: Exit, seconds: float) -> None:
        """Note for the report how the stop of ``child`` went, if the tree is being stopped."""
        if self.stops is not None:
            self.stops.append(StopEntry(child, exit_, seconds))

    def drop(self, child: str, message: Any, reason: str) -> None:
        """Record that ``message`` to ``child`` will not be handled."""
        at = self.clock.now()
        self.dead_letters.add(at, child, message, reason)
        self.events.publish(
            MessageDropped(
                at=at,
                child=child,
                message=type(message).__name__,
                reason=reason,
                stopping=self.stops is not None,
            )
        )
