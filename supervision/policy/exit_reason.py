"""How one incarnation of a child came to its end, and which ends call for another one (S1).

Pure: no thread, no actor, no clock.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import Final

from ..frozen import frozen_positional
from .directive import AnyDirective


class Restart(Enum):
    """Which ends of a child call for a new incarnation."""

    __hash__ = object.__hash__  # members are alone of their kind; Enum's own is slow

    PERMANENT = "permanent"
    """Always, whatever the reason."""
    TRANSIENT = "transient"
    """Only when it ended with an error."""
    TEMPORARY = "temporary"
    """Never; the child is forgotten, with its arguments, as soon as it ends."""


class ExitKind(Enum):
    """Why an incarnation ended; each has exactly one."""

    __hash__ = object.__hash__

    NORMAL = "normal"
    """It stopped by itself, or somebody other than its supervisor stopped it."""
    SHUTDOWN = "shutdown"
    """Its supervisor asked it to stop; or it is a supervisor that gave up in order."""
    ERROR = "error"
    """An error left one of its handlers."""
    START_FAILED = "start_failed"
    """It could not be built, or ``on_start`` raised or took too long."""
    IGNORED = "ignored"
    """It answered its start with ``Ignore``: there is nothing to run."""
    ABANDONED = "abandoned"
    """It did not come to an end in time and was fenced off."""


@frozen_positional
class Exit:
    """The end of one incarnation.

    ``error`` is kept out of the repr: what an exception says may be private.
    """

    kind: ExitKind
    error: BaseException | None = field(default=None, repr=False)
    detail: str = ""
    directive: AnyDirective | None = field(default=None, repr=False, compare=False)
    """What the child's spec wants to follow from the error."""

    @property
    def reason(self) -> str:
        """The end in a few words, without the error's own text: fit for labels and pages."""
        if self.error is not None:
            return f"{self.kind.value}: {type(self.error).__name__}"
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value

    @property
    def is_failure(self) -> bool:
        """Whether a transient child would be restarted after this."""
        return self.kind in FAILURES


FAILURES: Final = frozenset({ExitKind.ERROR, ExitKind.START_FAILED, ExitKind.ABANDONED})

CALLS_FOR_RESTART: Final[dict[Restart, frozenset[ExitKind]]] = {
    Restart.PERMANENT: frozenset(ExitKind) - {ExitKind.IGNORED},
    Restart.TRANSIENT: FAILURES,
    Restart.TEMPORARY: frozenset(),
}


def calls_for_restart(restart: Restart, exit_: Exit) -> bool:
    """Tell whether a child of this kind gets a new incarnation after this end."""
    return exit_.kind in CALLS_FOR_RESTART[restart]
