"""The decision when a child has ended: another incarnation, or what else follows.

``decide`` looks at nothing but its arguments; all it changes is what streak and windows have
counted. Its supervisor carries the decision out (``supervisor.base``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias

from tenacity.wait import wait_base

from ..frozen import frozen_positional
from .backoff import delay_before
from .directive import Directive, Quarantine, SharedCause, WaitUntil
from .exit_reason import Exit, ExitKind, Restart, calls_for_restart
from .restart_intensity import RestartWindow, Streak

DICTATED: Final = "dictated"
WAITS_FOR_CAUSE: Final = "shared cause"
ABANDONED_BEFORE: Final = "it did not come to an end and was abandoned"

TEMPORARY: Final = Restart.TEMPORARY
ABANDONED: Final = ExitKind.ABANDONED
RESTART: Final = Directive.RESTART


@frozen_positional
class RestartAfter:
    """Another incarnation after ``delay`` seconds."""

    delay: float
    dictated: bool = False
    in_a_row: int = 0
    cause: Hashable | None = None
    """The shared cause that decides when, instead of ``delay``."""

    @property
    def waits(self) -> bool:
        """Whether it is not at once."""
        return self.delay > 0 or self.cause is not None

    @property
    def why(self) -> str:
        """What it waits for, in a word or two."""
        if self.cause is not None:
            return WAITS_FOR_CAUSE
        return DICTATED if self.dictated else "backoff"


@dataclass(frozen=True, slots=True)
class KeepDown:
    """It stays down; ``forget`` it altogether when it is temporary."""

    forget: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The supervisor's own intensity is exceeded: it shuts down."""

    restarts: int
    period: float


@dataclass(frozen=True, slots=True)
class Escalate:
    """The supervisor fails with the child's error."""

    error: BaseException


Decision: TypeAlias = RestartAfter | KeepDown | Quarantine | GiveUp | Escalate


@dataclass(frozen=True, slots=True)
class Past:
    """What is counted of a child's failures: in a row, in its own window or else in its group's."""

    streak: Streak
    own: RestartWindow | None
    group: RestartWindow


def decide(
    exit_: Exit,
    restart: Restart,
    past: Past,
    *,
    now: float,
    uptime: float,
    backoff: wait_base | None = None,
    joins: Callable[[Hashable], bool] = lambda _: False,
) -> Decision:
    """Decide what follows from the end of one of a supervisor's children.

    A restart that follows from a failure counts towards the child's own intensity if it has one,
    else towards the group's.

    Args:
        exit_: how it ended, with the directive that its error asks for.
        restart: the child's restart type.
        past: its failures so far.
        now: the tree's clock, in seconds.
        uptime: seconds that it had been up.
        backoff: how long a restart waits.
        joins: notes a failure by a shared cause; whether the child waits for its end with others.
    """
    if restart is TEMPORARY:
        return KeepDown(forget=True)
    if exit_.kind is ABANDONED:
        return Quarantine(ABANDONED_BEFORE)
    if not calls_for_restart(restart, exit_):
        return KeepDown(forget=False)
    directive = exit_.directive
    if exit_.is_failure and directive is not None and directive is not RESTART:
        match directive:
            case Directive.STOP:
                return KeepDown(forget=False)
            case Directive.ESCALATE:
                return Escalate(exit_.error or RuntimeError(exit_.reason))
            case Quarantine():
                return directive
            case WaitUntil(seconds):
                return RestartAfter(seconds, dictated=True)
            case SharedCause(key) if joins(key):
                return RestartAfter(0.0, cause=key)
            case _:
                pass
    return _count_restart(exit_, past, now=now, uptime=uptime, backoff=backoff)


def _count_restart(
    exit_: Exit, past: Past, *, now: float, uptime: float, backoff: wait_base | None
) -> Decision:
    in_a_row = past.streak.failed(uptime)
    window = past.own or past.group
    if not window.record(now, in_a_row=in_a_row):
        if past.own is not None:
            return Quarantine(f"it failed {window.count} times in {window.intensity.period:g} s")
        return GiveUp(window.count, window.intensity.period)
    delay = 0.0 if backoff is None else delay_before(backoff, in_a_row, exit_.error)
    return RestartAfter(delay, in_a_row=in_a_row)
