"""What a place can be doing, and the two sides of it: who runs an incarnation, who is told."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import pykka

from ..policy.exit_reason import Exit
from .mailbox import Mode

if TYPE_CHECKING:
    from .child_slot import Place

__all__ = ["ALIVE", "MODES", "RESTING", "Outcome", "Phase", "Runner", "Watcher"]


class Phase(Enum):
    """What a place is doing."""

    __hash__ = object.__hash__  # members are alone of their kind; Enum's own is slow

    IDLE = "idle"
    """Nothing has run here yet, or its last incarnation ended a moment ago."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    """Another incarnation will follow: after a backoff, at a dictated time, or in its turn."""
    STOPPED = "stopped"
    QUARANTINED = "quarantined"
    GONE = "gone"


ALIVE: Final = frozenset({Phase.STARTING, Phase.RUNNING, Phase.STOPPING})
"""An incarnation is there."""

RESTING: Final = frozenset({Phase.STOPPED, Phase.QUARANTINED})
"""Nothing will run until somebody says so."""

MODES: Final = {
    Phase.IDLE: Mode.HELD,
    Phase.STARTING: Mode.HELD,
    Phase.RUNNING: Mode.OPEN,
    Phase.STOPPING: Mode.HELD,
    Phase.RESTARTING: Mode.HELD,
    Phase.STOPPED: Mode.UNAVAILABLE,
    Phase.QUARANTINED: Mode.UNAVAILABLE,
    Phase.GONE: Mode.CLOSED,
}
"""What happens to messages in each phase."""

Outcome: TypeAlias = Literal[True] | Exit | None
"""Of a start: ``True`` it runs, an ``Exit`` it failed, ``None`` it will be reported."""


class Runner(Protocol):
    """Carries one incarnation after the other."""

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        ...

    def begin(self, incarnation: int) -> Outcome:
        """Start an incarnation."""
        ...

    def halt(self) -> Exit | None:
        """Ask it to stop, before any waiting message. Its end, if that came at once."""
        ...

    def retire(self) -> None:
        """It was asked to stop, and nothing follows: let it take down what it runs on."""
        ...

    def kill(self) -> bool:
        """End it without any hook; tell whether it is off for certain."""
        ...

    def abort_start(self, exit_: Exit) -> bool:
        """Break off a start; tell whether its end will be reported as ``exit_``."""
        ...

    def fence(self) -> None:
        """Leave it behind: whatever it still does has no effect here."""
        ...

    @property
    def haunted(self) -> bool:
        """Whether an incarnation that was left behind still does something."""
        ...

    @property
    def busy_with(self) -> object | None:
        """What it is at now, different for each message; ``None`` when it waits."""
        ...

    def break_off(self, error: Exception) -> bool:
        """End the present handler as if it had raised ``error``; tell whether that is possible."""
        ...

    def stack(self) -> str:
        """Where it is in the code."""
        ...

    def rest(self) -> None:
        """Nothing will run here for a while: give back what only a running child needs."""
        ...


class Watcher(Protocol):
    """Who is told what became of a place's incarnation; always in the loop."""

    def started(self, place: Place, incarnation: int) -> None:
        """A start that had been left open succeeded."""
        ...

    def ended(self, place: Place, incarnation: int, exit_: Exit) -> None:
        """An incarnation ended."""
        ...
