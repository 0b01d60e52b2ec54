"""What the parts of a tree see of each other: the context that all share, a slot, its supervisor.

``TreeContext`` is the tree's loop, clock, chance, events and dead letters. ``Slot`` is what
runners, references and monitors see of a child's slot, ``SlotSupervisor`` what the slot sees of its
supervisor.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import pykka
from pykka._envelope import Envelope

from ..clock import Clock, MonotonicClock
from ..observe.crash_history import CrashHistory, PastCrashes
from ..observe.event_stream import EventStream
from ..observe.events import MessageDropped
from ..observe.stop_report import StopEntry
from ..policy.circuit_breaker import CircuitBreaker
from ..policy.exit_reason import Exit
from ..spec.child_spec import ChildSpec
from .event_loop import LoopHost
from .mailbox import Mailbox
from .shared_causes import SharedCauses
from .states import ChildState, Runner

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


class TreeContext:
    """What one tree shares. ``host`` is set when the tree knows its loop.

    Args:
        make_runner: makes what runs a slot's incarnations.
    """

    host: LoopHost

    def __init__(
        self,
        *,
        make_runner: Callable[[Slot], Runner],
        clock: Clock | None = None,
        rng: random.Random | None = None,
        events: EventStream | None = None,
        circuit_breaker: CircuitBreaker | None = None,
        history: CrashHistory | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.make_runner = make_runner
        self.clock: Clock = clock or MonotonicClock()
        self.rng = rng or random.Random()
        self.events = events or EventStream()
        self.events.tell_everywhere()
        self.dead_letters = DeadLetters()
        self.abandoned = 0
        """Incarnations that had to be abandoned."""
        self.when_abandoned: Callable[[int], object] | None = None
        """Told how many there are, each time that there is one more."""
        self.fences = 0
        """The number of fenced incarnations; at 0 no sender has to be checked."""
        now = self.clock.now()
        self.causes: SharedCauses | None = None
        """Whom shared causes hold back; ``None`` without a circuit breaker."""
        if circuit_breaker is not None:
            publish = self.events.publish
            self.causes = SharedCauses(
                circuit_breaker, clock=self.clock, rng=self.rng, publish=publish
            )
        self.past = None if history is None else PastCrashes(history, now=now, wall=wall())
        self.stops: list[StopEntry] | None = None
        """How each child stopped, kept while the whole tree is being stopped."""
        self.adopted: dict[type[pykka.Actor], type[pykka.Actor]] = {}
        """Thread-hosted classes, and what stands in for them; see ``adopted_class``."""

    def count_abandoned(self) -> int:
        """One more incarnation had to be abandoned; return how many there are."""
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


class ExitListener(Protocol):
    """A listener to the ends of a slot's incarnations."""

    @property
    def key(self) -> Hashable:
        """The same for two that would be told the same."""
        ...

    def on_exited(self) -> None:
        """The present incarnation has ended."""

    def on_removed(self) -> None:
        """The slot is gone for good."""


class Slot(Protocol):
    """A child's slot, as runners, references and monitors see it."""

    watches: tuple[ExitListener, ...]
    last_exit: Exit | None

    @property
    def context(self) -> TreeContext:
        """What its tree shares."""
        ...

    @property
    def spec(self) -> ChildSpec:
        """What is to run here."""
        ...

    @property
    def id(self) -> str:
        """Its name under its supervisor."""
        ...

    @property
    def path(self) -> str:
        """The ids from below the root down to its own, joined by ``/``."""
        ...

    @property
    def urn(self) -> str:
        """Its name in Pykka's registry."""
        ...

    @property
    def parent(self) -> Slot | None:
        """The slot of its supervisor; ``None`` at the top."""
        ...

    @property
    def state(self) -> ChildState:
        """What it is doing."""
        ...

    @property
    def incarnation(self) -> int:
        """How many have begun here."""
        ...

    @property
    def gone(self) -> threading.Event:
        """Set when nothing will run here any more."""
        ...

    @property
    def mailbox(self) -> Mailbox:
        """Where messages wait."""
        ...

    @property
    def ref(self) -> pykka.ActorRef[Any]:
        """The reference that outlives incarnations."""
        ...

    @property
    def runner(self) -> Runner:
        """What runs incarnations."""
        ...

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        ...

    def actor_view(self) -> Any:
        """What a Pykka proxy looks through; ``None`` when the slot is gone."""
        ...

    def build(self, actor_class: type[pykka.Actor]) -> pykka.Actor:
        """Make an incarnation, with siblings' references filled into its arguments."""
        ...

    def refuse(self, envelope: Envelope[Any], reason: str) -> None:
        """Answer a message that will not be handled, or drop it; from any thread."""

    def check_asker(self) -> None:
        """Refuse an ask from a child of this supervisor that is still starting (S24)."""

    def report_started(self, incarnation: int) -> None:
        """A start that had been left open succeeded."""

    def report_exited(self, incarnation: int, exit_: Exit) -> None:
        """An incarnation ended by itself, or after it was asked to."""


class SlotSupervisor(Protocol):
    """The receiver of a slot's reports; called in the loop only."""

    def child_started(self, slot: Slot, incarnation: int, /) -> None:
        """A start that had been left open succeeded."""

    def child_exited(self, slot: Slot, incarnation: int, exit_: Exit, /) -> None:
        """An incarnation ended."""


STARTING_SLOT: ContextVar[Slot | None] = ContextVar("starting", default=None)
"""The slot whose ``on_start`` runs in this context, to catch it asking its own supervisor."""
