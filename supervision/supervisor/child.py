"""What a supervisor remembers about one child, and what it concludes from its end.

The record is the supervisor's own and dies with it; the place stays.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ..frozen import value
from ..policy.backoff import Streak, delay_before
from ..policy.directive import Quarantine, SharedCause, Verdict, WaitUntil
from ..policy.exit_reason import Exit, ExitKind, Restart, calls_for_restart
from ..policy.restart_intensity import RestartLedger
from ..runtime.child_slot import Place
from ..runtime.states import Phase
from ..spec.child_spec import ChildSpec

if TYPE_CHECKING:
    from ..clock import Timer
    from ..runtime.shared_causes import Gates

__all__ = [
    "NEXT_ATTEMPT",
    "SIBLING",
    "Again",
    "Child",
    "Conclusion",
    "Escalate",
    "GiveUp",
    "Isolate",
    "Leave",
    "conclude",
]


DICTATED: Final = "dictated"
TEMPORARY: Final = Restart.TEMPORARY
ABANDONED: Final = ExitKind.ABANDONED
RESTART: Final = Verdict.RESTART
WAITS_FOR_CAUSE: Final = "shared cause"
NEXT_ATTEMPT: Final = "next attempt"
SIBLING: Final = "sibling"


class Child:
    """One child's record."""

    __slots__ = (
        "awaited",
        "gate",
        "ledger",
        "place",
        "spec",
        "streak",
        "timer",
        "waiters",
        "was_asked",
    )

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spec: ChildSpec = place.spec
        self.streak = Streak(self.spec.stable_after)
        self.ledger = RestartLedger(self.spec.budget) if self.spec.budget is not None else None
        self.timer: Timer | None = None
        self.awaited: Child | None = None
        """Who could not be started, when it waits for a sibling."""
        self.was_asked = False
        """Whether its last end was a stop that its supervisor asked for."""
        self.gate: Hashable | None = None
        """The shared cause that held it back last."""
        self.waiters: list[Callable[[Exit | None], object]] = []
        """Who waits for its start (and is told ``None`` when it runs) or for its end."""

    @property
    def id(self) -> str:
        """Its name under its supervisor."""
        return self.spec.id

    def still_waits(self, now: float) -> Again | None:
        """What it waits for when its error, or a shared cause, says how long; else ``None``."""
        place = self.place
        if place.phase is not Phase.RESTARTING:
            return None
        if place.why == WAITS_FOR_CAUSE and self.gate is not None:
            return Again(0.0, gate=self.gate)
        left = (place.until or 0.0) - now
        return Again(left, dictated=True) if place.why == DICTATED and left > 0 else None

    @property
    def waits_for_sibling(self) -> bool:
        """Whether it is down only until another child of its group can be started."""
        return self.place.phase is Phase.RESTARTING and self.place.why == SIBLING

    def disarm(self) -> None:
        """Call off whatever timer is running for it."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def tell_waiters(self, exit_: Exit | None) -> bool:
        """Tell whoever waits that it runs, or how it ended; and whether anybody did."""
        if not self.waiters:
            return False
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter(exit_)
        return True

    def absolve(self) -> None:
        """Forget its past failures."""
        self.streak.reset()
        if self.ledger is not None:
            self.ledger.clear()


@dataclass(frozen=True, slots=True)
class Leave:
    """It stays down; ``forget`` it altogether when it is temporary."""

    forget: bool


@value
class Again:
    """Another incarnation after ``delay`` seconds."""

    delay: float
    dictated: bool = False
    in_a_row: int = 0
    gate: Hashable | None = None
    """The shared cause that decides when, instead of ``delay``."""

    @property
    def waits(self) -> bool:
        """Whether it is not at once."""
        return self.delay > 0 or self.gate is not None

    @property
    def why(self) -> str:
        """What it waits for, in a word or two."""
        if self.gate is not None:
            return WAITS_FOR_CAUSE
        return DICTATED if self.dictated else "backoff"


@dataclass(frozen=True, slots=True)
class Isolate:
    """It is kept down until a command releases it."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The supervisor's budget is spent."""

    spent: int
    within: float


@dataclass(frozen=True, slots=True)
class Escalate:
    """The supervisor fails with the child's error."""

    error: BaseException


Conclusion: TypeAlias = Leave | Again | Isolate | GiveUp | Escalate


def conclude(
    child: Child,
    exit_: Exit,
    *,
    group: RestartLedger,
    now: float,
    uptime: float,
    gates: Gates | None = None,
) -> Conclusion:
    """Decide what follows from the end of one of a supervisor's children.

    Spends a restart from the child's own budget if it has one, else from the group's, when the
    restart is a consequence of a failure.
    """
    spec = child.spec
    if spec.restart is TEMPORARY:
        return Leave(forget=True)
    if exit_.kind is ABANDONED:
        return Isolate("it did not come to an end and was left behind")
    if not calls_for_restart(spec.restart, exit_):
        return Leave(forget=False)
    directive = exit_.directive
    if exit_.is_failure and directive is not None and directive is not RESTART:
        match directive:
            case Verdict.STOP:
                return Leave(forget=False)
            case Verdict.ESCALATE:
                return Escalate(exit_.error or RuntimeError(exit_.reason))
            case Quarantine(reason):
                return Isolate(reason)
            case WaitUntil(seconds):
                return Again(seconds, dictated=True)
            case SharedCause(key) if gates and gates.failed(key, child.place.path, now):
                return Again(0.0, gate=key)
            case _:
                pass
    return _spend(child, exit_, group=group, now=now, uptime=uptime)


def _spend(
    child: Child, exit_: Exit, *, group: RestartLedger, now: float, uptime: float
) -> Conclusion:
    in_a_row = child.streak.failed(uptime)
    ledger = child.ledger or group
    if not ledger.spend(now, in_a_row=in_a_row):
        if child.ledger is not None:
            return Isolate(f"it failed {ledger.spent} times in {ledger.budget.within:g} s")
        return GiveUp(ledger.spent, ledger.budget.within)
    backoff = child.spec.backoff
    delay = 0.0 if backoff is None else delay_before(backoff, in_a_row, exit_.error)
    return Again(delay, in_a_row=in_a_row)
