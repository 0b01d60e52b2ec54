"""A supervisor's record of one child.

The record is the supervisor's own and dies with it; the slot stays. What follows from the child's
end is decided in ``policy.decision``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING, Final

from ...errors import ChildStartError
from ..policy.decision import DICTATED, WAITS_FOR_CAUSE, RestartAfter
from ..policy.exit_reason import Exit
from ..policy.restart_intensity import RestartWindow, Streak
from ..runtime.child_slot import ChildSlot
from ..runtime.states import ChildState
from ..spec.child_spec import ChildSpec
from .messages import ChildCounts, ChildInfo

if TYPE_CHECKING:
    from ..clock import Timer

NEXT_ATTEMPT: Final = "next attempt"
SIBLING: Final = "sibling"
ABANDONED_AT_STOP: Final = "it did not stop and was abandoned"


class Child:
    """One child's record."""

    __slots__ = (
        "awaited",
        "cause",
        "restart_window",
        "slot",
        "spec",
        "streak",
        "timer",
        "waiters",
        "was_asked",
    )

    def __init__(self, slot: ChildSlot) -> None:
        self.slot = slot
        self.spec: ChildSpec = slot.spec
        self.streak = Streak(self.spec.stable_after)
        intensity = self.spec.intensity
        self.restart_window = None if intensity is None else RestartWindow(intensity)
        self.timer: Timer | None = None
        self.awaited: Child | None = None
        """Who could not be started, when it waits for a sibling."""
        self.was_asked = False
        """Whether its last end was a stop that its supervisor asked for."""
        self.cause: Hashable | None = None
        """The shared cause that held it back last."""
        self.waiters: list[Callable[[Exit | None], object]] = []
        """Who waits for its start (and is told ``None`` when it runs) or for its end."""

    @property
    def id(self) -> str:
        """Its name under its supervisor."""
        return self.spec.id

    def still_waits(self, now: float) -> RestartAfter | None:
        """What it waits for when its error, or a shared cause, says how long; else ``None``."""
        slot = self.slot
        if slot.state is not ChildState.RESTARTING:
            return None
        if slot.why == WAITS_FOR_CAUSE and self.cause is not None:
            return RestartAfter(0.0, cause=self.cause)
        left = (slot.until or 0.0) - now
        return RestartAfter(left, dictated=True) if slot.why == DICTATED and left > 0 else None

    @property
    def waits_for_sibling(self) -> bool:
        """Whether it is down only until another child of its group can be started."""
        return self.slot.state is ChildState.RESTARTING and self.slot.why == SIBLING

    def cancel_timer(self) -> None:
        """Call off whatever timer is running for it."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def tell_waiters(self, exit_: Exit | None) -> bool:
        """Call the waiters with ``None`` (it runs) or its exit; tell whether there were any."""
        if not self.waiters:
            return False
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter(exit_)
        return True

    def reset_failures(self) -> None:
        """Forget its past failures."""
        self.streak.reset()
        if self.restart_window is not None:
            self.restart_window.clear()


def start_error(slot: ChildSlot, exit_: Exit) -> ChildStartError:
    """Name the child that did not start, however deep it lives, and why (S12)."""
    cause = exit_.error or RuntimeError(exit_.reason)
    return cause if isinstance(cause, ChildStartError) else ChildStartError(slot.path, cause)


def child_info(child: Child) -> ChildInfo:
    """A child as ``WhichChild`` answers it."""
    slot = child.slot
    return ChildInfo(
        id=child.id,
        ref=slot.ref,
        state=slot.state,
        restart=child.spec.restart,
        supervises=child.spec.supervises,
        incarnation=slot.incarnation,
    )


def count(children: Collection[Child]) -> ChildCounts:
    """Children as ``CountChildren`` answers them (S27)."""
    supervisors = sum(child.spec.supervises for child in children)
    return ChildCounts(
        specs=len(children),
        active=sum(child.slot.state in UP for child in children),
        supervisors=supervisors,
        workers=len(children) - supervisors,
    )


UP: Final = frozenset({ChildState.RUNNING, ChildState.STOPPING})


def child_of(home: ChildSlot, spec: ChildSpec) -> Child:
    """Make a record for a child, in the slot that it had under an earlier incarnation.

    Args:
        home: the supervisor's own slot.
        spec: describes the child.
    """
    slot = home.children.get(spec.id)
    if slot is not None and (slot.added or slot.spec.placed_on is not spec.placed_on):
        slot.forget()  # it only bears the same name
        slot = None
    if slot is None:
        slot = home.children[spec.id] = ChildSlot(home.context, spec, home)
    elif slot.spec is not spec:
        slot.describe(spec)
    slot.expect()
    child = Child(slot)
    slot.restart_window = child.restart_window
    if child.restart_window is not None and home.context.past is not None:
        child.restart_window.recall(home.context.past.recall(slot.path))
    return child
