"""Termination of one child: asked to stop, given its time, killed, or abandoned (S14, S15).

Owns how an incarnation ends that is not wanted any more; what follows is the supervisor's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ...errors import ChildAbandonedError
from ..clock import Clock
from ..observe import events
from ..policy.exit_reason import Exit, ExitKind
from ..runtime.child_slot import ChildSlot
from ..runtime.states import ChildState
from ..spec.child_spec import Shutdown
from .child import Child
from .time_limits import TimeLimits

STOPPED: Final = Exit(ExitKind.SHUTDOWN)
KILLED: Final = Exit(ExitKind.SHUTDOWN, detail="killed")
KILLED_WITH_PARENT: Final = Exit(ExitKind.SHUTDOWN, detail="killed with its supervisor")


class ChildTermination:
    """Ends the children of one supervisor.

    Args:
        clock: the tree's.
        exited: told of an incarnation that did not end in time, as if it had.
        tell: publishes an event with its facts.
    """

    __slots__ = ("_clock", "_exited", "_tell", "limits")

    def __init__(
        self,
        clock: Clock,
        *,
        exited: Callable[[ChildSlot, int, Exit], object],
        tell: Callable[..., None],
    ) -> None:
        self._clock, self._exited, self._tell = clock, exited, tell
        self.limits = TimeLimits(clock, abandon=self._abandon, stuck=self._publish_stuck)

    async def stop_and_wait(self, child: Child) -> Exit:
        """Stop a child within its limit, whatever it is doing; return how it ended."""
        stopped: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        exit_ = self.begin(child, partial(resolve, stopped))
        return await stopped if exit_ is None else exit_

    def begin(
        self, child: Child, then: Callable[[Exit], object], *, for_good: bool = False
    ) -> Exit | None:
        """Begin to stop a child; its end, if that comes at once, else ``then`` is told of it.

        ``for_good``: no other incarnation comes after it.
        """
        slot, begun = child.slot, self._clock.now()
        child.cancel_timer()
        if not slot.alive:
            return slot.last_exit or STOPPED

        def stopped(exit_: Exit | None) -> Exit:
            exit_ = exit_ or STOPPED
            slot.context.log_stop(slot.path, exit_, self._clock.now() - begun)
            self._tell(
                events.ChildStopped, child=slot.path, incarnation=slot.incarnation, exit=exit_
            )
            return exit_

        exit_ = self._ask_to_stop(child, for_good=for_good)
        if exit_ is not None:
            return stopped(exit_)
        child.waiters.append(lambda exit_: then(stopped(exit_)))
        return None

    def _ask_to_stop(self, child: Child, *, for_good: bool) -> Exit | None:
        slot, within = child.slot, child.spec.stop_within
        if within is Shutdown.IMMEDIATE or within == 0:
            return self._kill(child)
        slot.state = ChildState.STOPPING
        exit_ = slot.runner.stop()
        if exit_ is not None:
            child.was_asked = True
            slot.on_exited(exit_)
            child.tell_waiters(exit_)
            return exit_
        if for_good:
            slot.runner.finish()
        if isinstance(within, float | int):
            self.limits.limit_stop(child, within)
        return None

    def _kill(self, child: Child) -> Exit:
        slot = child.slot
        self._kill_below(slot)
        if slot.runner.kill():
            slot.on_exited(KILLED)
            child.tell_waiters(KILLED)
            return KILLED
        exit_ = Exit(ExitKind.ABANDONED, ChildAbandonedError(slot.path, 0.0))
        self._exited(slot, slot.incarnation, exit_)
        return exit_

    def _kill_below(self, slot: ChildSlot) -> None:
        """Kill all children of a supervisor that gets no time to stop them itself."""
        for below in reversed(tuple(slot.walk())[1:]):
            if not below.alive:
                continue
            if not below.runner.kill():
                self.count_abandoned(below, 0.0)
            below.on_exited(KILLED_WITH_PARENT)
            self._tell(
                events.ChildStopped,
                child=below.path,
                incarnation=below.incarnation,
                exit=KILLED_WITH_PARENT,
            )

    def _abandon(self, child: Child, incarnation: int, seconds: float) -> None:
        """Fence an incarnation off that did not come to an end in time (S15)."""
        slot = child.slot
        if slot.incarnation != incarnation or not slot.alive:
            return
        self._kill_below(slot)
        slot.runner.fence()
        cause = ChildAbandonedError(slot.path, seconds)
        self._exited(slot, incarnation, Exit(ExitKind.ABANDONED, cause))

    def _publish_stuck(self, child: Child, seconds: float) -> None:
        slot = child.slot
        self._tell(
            events.ChildStuck,
            child=slot.path,
            incarnation=slot.incarnation,
            seconds=seconds,
            stack=slot.runner.stack(),
        )

    def count_abandoned(self, slot: ChildSlot, seconds: float) -> None:
        """Count an incarnation that goes on although nobody waits for it any more."""
        abandoned = slot.context.count_abandoned()
        self._tell(
            events.ChildAbandoned,
            child=slot.path,
            incarnation=slot.incarnation,
            seconds=seconds,
            abandoned=abandoned,
        )


def resolve(future: asyncio.Future[Any], result: object) -> None:
    """Give a future its result, unless it was cancelled."""
    if not future.done():
        future.set_result(result)
