"""One value for each frozen in a child's life: log lines, metrics, pages, audit rows come from it.

Every event has ``at`` (the clock's reading, seconds) and ``child`` (its path). None holds a message
or an argument; ``error`` fields stay out of the repr.
"""

from __future__ import annotations

from dataclasses import field

from ..frozen import frozen
from ..policy.exit_reason import Exit


@frozen
class Event:
    """A frozen about ``child``, true at ``at`` seconds on the tree's clock."""

    at: float
    child: str


@frozen
class ChildStarted(Event):
    """Its ``on_start`` is done; it handles messages from now on."""

    incarnation: int
    restarted: bool = False


@frozen
class ChildStartFailed(Event):
    """An incarnation could not be started."""

    incarnation: int
    exit: Exit


@frozen
class ChildIgnored(Event):
    """It answered its start with ``Ignore``; its supervisor goes on without it."""

    incarnation: int


@frozen
class ChildFailed(Event):
    """An error ended an incarnation that had been up for ``uptime`` seconds."""

    incarnation: int
    exit: Exit
    uptime: float


@frozen
class ChildResumed(Event):
    """An error was answered by going on with the same incarnation."""

    incarnation: int
    error: BaseException = field(repr=False)


@frozen
class ChildRestarting(Event):
    """Another incarnation follows in ``delay`` seconds.

    ``reason`` is its last end in a few words; ``dictated`` tells a wait that the error asked for.
    Siblings that are restarted with it have events of their own: stopped, then started.
    ``in_a_row`` counts failures without stable uptime between them. With a ``cause``, shared with
    others, it follows when the cause lets it, instead of after ``delay``.
    """

    reason: str
    delay: float = 0.0
    dictated: bool = False
    in_a_row: int = 0
    cause: str = ""


@frozen
class ChildStopped(Event):
    """It ended: asked to, by itself, or it failed and its kind is not restarted.

    After a stop that is part of a group restart a ``ChildStarted`` follows.
    """

    incarnation: int
    exit: Exit


@frozen
class ChildForgotten(Event):
    """Its slot is gone for good; its reference answers that the actor is dead."""


@frozen
class ChildQuarantined(Event):
    """It is kept down, and its siblings are not concerned, until a command restarts it."""

    reason: str


@frozen
class ChildReleased(Event):
    """A command ended its quarantine."""


@frozen
class ChildAbandoned(Event):
    """It did not come to an end within ``seconds`` and was fenced off.

    ``abandoned`` is how many incarnations the tree has abandoned so far.
    """

    incarnation: int
    seconds: float
    abandoned: int


@frozen
class ChildStuck(Event):
    """It has been at one message for ``seconds``: cancelled and restarted, abandoned, or left.

    Left is what an app only watches from outside, as a warden its journal: it may come back.

    ``stack`` is where it was; code, no values.
    """

    incarnation: int
    seconds: float
    stack: str = field(default="", repr=False)


@frozen
class LoopStalled(Event):
    """The tree's loop has been busy with one thing for ``seconds``; ``child`` is empty."""

    seconds: float
    stack: str = field(default="", repr=False)


@frozen
class LoopResumed(Event):
    """The tree's loop turns again, after ``seconds``; ``child`` is empty."""

    seconds: float


@frozen
class CausePaused(Event):
    """Too many failed for one cause, ``child`` the last: they all wait ``seconds`` for a probe."""

    cause: str
    seconds: float


@frozen
class CauseProbed(Event):
    """``child`` is let go, to see whether the cause is still there."""

    cause: str


@frozen
class CauseCleared(Event):
    """Nobody waits for the cause any more; ``child`` is empty."""

    cause: str


@frozen
class IntensityExceeded(Event):
    """Too many restarts. ``child`` is the supervisor that gives up over ``offender``."""

    offender: str
    restarts: int
    period: float


@frozen
class MessageDropped(Event):
    """A message was not delivered; ``message`` is its type's name.

    ``reason`` is ``crashed`` (it was being handled), ``overflow``, ``unavailable`` or ``gone``.
    ``stopping`` tells that the whole tree was being stopped, or had not come up, when that is
    nothing to worry about.
    """

    message: str
    reason: str
    stopping: bool = False


@frozen
class ObserverFailed(Event):
    """A subscriber raised and has been detached; ``child`` is empty."""

    observer: str
    error: BaseException = field(repr=False)
