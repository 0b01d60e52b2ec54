"""How long a child may take: to start (S18), at one message, to stop (S14).

Each limit is the child's one timer. Past it the child is broken off if it can be, else abandoned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from ...errors import HandlerStuckError
from ..clock import Clock
from ..policy.exit_reason import Exit, ExitKind
from .child import Child

CHECKS: Final = 4  # of a busy child in the time that one message may take


class TimeLimits:
    """The limits of one supervisor's children.

    Args:
        clock: the tree's.
        abandon: fences off that incarnation of a child, after so many seconds.
        stuck: told of a child that has been at one message for so many seconds.
    """

    __slots__ = ("_abandon", "_clock", "_stuck")

    def __init__(
        self,
        clock: Clock,
        *,
        abandon: Callable[[Child, int, float], object],
        stuck: Callable[[Child, float], object],
    ) -> None:
        self._clock, self._abandon, self._stuck = clock, abandon, stuck

    def limit_start(self, child: Child) -> None:
        """Break a start off that takes longer than its spec allows."""
        within = child.spec.start_within
        if within is not None:
            late = partial(self._start_timed_out, child, child.slot.incarnation, within)
            child.timer = self._clock.call_later(within, late)

    def limit_stop(self, child: Child, within: float) -> None:
        """Abandon a child that has been asked to stop and does not within so many seconds."""
        late = partial(self._abandon, child, child.slot.incarnation, within)
        child.timer = self._clock.call_later(within, late)

    def limit_messages(self, child: Child, within: float) -> None:
        """Look from time to time whether the child is still at the same message."""
        self._check(child, within, None, 0.0)

    def _start_timed_out(self, child: Child, incarnation: int, seconds: float) -> None:
        slot = child.slot
        if slot.incarnation != incarnation or not slot.alive:
            return
        late = Exit(ExitKind.START_FAILED, TimeoutError(f"no start within {seconds:g} s"))
        if slot.runner.abort_start(late):
            self.limit_stop(child, child.spec.failure_timeout)
        else:
            self._abandon(child, incarnation, seconds)

    def _check(self, child: Child, within: float, seen: object, since: float) -> None:
        now, busy = self._clock.now(), child.slot.runner.busy_with
        if busy is None or busy is not seen:
            seen, since = busy, now
        elif now - since >= within:
            self._break_off(child, now - since)
            return
        again = partial(self._check, child, within, seen, since)
        child.timer = self._clock.call_later(within / CHECKS, again)

    def _break_off(self, child: Child, seconds: float) -> None:
        slot = child.slot
        self._stuck(child, seconds)
        child.timer = None
        if not slot.runner.interrupt(HandlerStuckError(slot.path, seconds)):
            self._abandon(child, slot.incarnation, seconds)
