"""One value for each fact in a child's life: log lines, metrics, pages, audit rows come from it.

Every event has ``at`` (the clock's reading, seconds) and ``child`` (its path). None holds a message
or an argument; ``error`` fields stay out of the repr.
"""

from __future__ import annotations

from dataclasses import field

from ..frozen import fact
from ..policy.exit_reason import Exit


@fact
class Event:
    """A fact about ``child``, true at ``at`` seconds on the tree's clock."""

    at: float
    child: str


@fact
class ChildStarted(Event):
    """Its ``on_start`` is done; it handles messages from now on."""

    incarnation: int
    restarted: bool = False


@fact
class ChildStartFailed(Event):
    """An incarnation could not be started."""

    incarnation: int
    exit: Exit


@fact
class ChildIgnored(Event):
    """It answered its start with ``Ignore``; its supervisor goes on without it."""

    incarnation: int


@fact
class ChildFailed(Event):
    """An error ended an incarnation that had been up for ``uptime`` seconds."""

    incarnation: int
    exit: Exit
    uptime: float


@fact
class ChildResumed(Event):
    """An error was answered by going on with the same incarnation."""

    incarnation: int
    error: BaseException = field(repr=False)


@fact
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


@fact
class ChildStopped(Event):
    """It ended: asked to, by itself, or it failed and its kind is not restarted.

    After a stop that is part of a group restart a ``ChildStarted`` follows.
    """

    incarnation: int
    exit: Exit


@fact
class ChildForgotten(Event):
    """Its slot is gone for good; its reference answers that the actor is dead."""


@fact
class ChildQuarantined(Event):
    """It is kept down, and its siblings are not concerned, until a command restarts it."""

    reason: str


@fact
class ChildReleased(Event):
    """A command ended its quarantine."""


@fact
class ChildAbandoned(Event):
    """It did not come to an end within ``seconds`` and was fenced off.

    ``abandoned`` is how many incarnations the tree has abandoned so far.
    """

    incarnation: int
    seconds: float
    abandoned: int


@fact
class ChildStuck(Event):
    """It has been at one message for ``seconds``: cancelled and restarted, or abandoned.

    ``stack`` is where it was; code, no values.
    """

    incarnation: int
    seconds: float
    stack: str = field(default="", repr=False)


@fact
class LoopStalled(Event):
    """The tree's loop has been busy with one thing for ``seconds``; ``child`` is empty."""

    seconds: float
    stack: str = field(default="", repr=False)


@fact
class LoopResumed(Event):
    """The tree's loop turns again, after ``seconds``; ``child`` is empty."""

    seconds: float


@fact
class CausePaused(Event):
    """Too many failed for one cause, ``child`` the last: they all wait ``seconds`` for a probe."""

    cause: str
    seconds: float


@fact
class CauseProbed(Event):
    """``child`` is let go, to see whether the cause is still there."""

    cause: str


@fact
class CauseCleared(Event):
    """Nobody waits for the cause any more; ``child`` is empty."""

    cause: str


@fact
class IntensityExceeded(Event):
    """Too many restarts. ``child`` is the supervisor that gives up over ``offender``."""

    offender: str
    restarts: int
    period: float


@fact
class MessageDropped(Event):
    """A message was not delivered; ``message`` is its type's name.

    ``reason`` is ``crashed`` (it was being handled), ``overflow``, ``unavailable`` or ``gone``.
    ``stopping`` tells that the whole tree was being stopped, or had not come up, when that is
    nothing to worry about.
    """

    message: str
    reason: str
    stopping: bool = False


@fact
class ObserverFailed(Event):
    """A subscriber raised and has been detached; ``child`` is empty."""

    observer: str
    error: BaseException = field(repr=False)
