"""The states of a slot, what its mailbox does in each, and the protocol of what runs in it."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, Protocol, TypeAlias

import pykka

from ..policy.exit_reason import Exit
from .mailbox import Mailbox, Mode


class ChildState(Enum):
    """What a slot is doing."""

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


ALIVE: Final = frozenset({ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPING})
"""An incarnation is there."""

RESTING: Final = frozenset({ChildState.STOPPED, ChildState.QUARANTINED})
"""Nothing will run until somebody says so."""

MODES: Final = {
    ChildState.IDLE: Mode.HELD,
    ChildState.STARTING: Mode.HELD,
    ChildState.RUNNING: Mode.OPEN,
    ChildState.STOPPING: Mode.HELD,
    ChildState.RESTARTING: Mode.HELD,
    ChildState.STOPPED: Mode.UNAVAILABLE,
    ChildState.QUARANTINED: Mode.UNAVAILABLE,
    ChildState.GONE: Mode.CLOSED,
}
"""What happens to messages in each state."""

StartResult: TypeAlias = Literal[True] | Exit | None
"""Of a start: ``True`` it runs, an ``Exit`` it failed, ``None`` it will be reported."""


class Runner(Protocol):
    """Carries one incarnation after the other."""

    @property
    def mailbox(self) -> Mailbox:
        """Where its messages wait."""
        ...

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        ...

    def start(self, incarnation: int) -> StartResult:
        """Start an incarnation."""
        ...

    def stop(self) -> Exit | None:
        """Ask it to stop, before any waiting message. Its end, if that came at once."""
        ...

    def finish(self) -> None:
        """No incarnation follows the stop that was asked for: release the thread with it."""

    def kill(self) -> bool:
        """End it without any hook; tell whether it is off for certain."""
        ...

    def abort_start(self, exit_: Exit) -> bool:
        """Break off a start; tell whether its end will be reported as ``exit_``."""
        ...

    def fence(self) -> None:
        """Abandon it: whatever it still does has no effect here."""

    @property
    def has_zombies(self) -> bool:
        """Whether an incarnation that was abandoned still does something."""
        ...

    @property
    def busy_with(self) -> object | None:
        """What it is at now, different for each message; ``None`` when it waits."""
        ...

    def interrupt(self, error: Exception) -> bool:
        """End the present handler as if it had raised ``error``; tell whether that is possible."""
        ...

    def stack(self) -> str:
        """Where it is in the code."""
        ...

    def park(self) -> None:
        """Release what only a running child needs; the next start makes it again."""
