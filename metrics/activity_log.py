"""The activity log: one plain sentence for each recent event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors.root import counted
from ..storage.events import RowsPruned
from ..supervision import (
    ChildAbandoned,
    ChildFailed,
    ChildQuarantined,
    ChildStarted,
    ChildStartFailed,
    Event,
    IntensityExceeded,
    LoopResumed,
    LoopStalled,
)
from ..telegram.account_facts import FactKind, Standing, in_words
from ..telegram.health import HealthStepTaken, VerdictChanged
from ..telegram.session_events import (
    AccountFactChanged,
    AccountLimited,
    CaughtUp,
    CopyRepaired,
    CopyShortened,
    DeadLettered,
    FloodBegan,
    FloodEnded,
    FloodRemembered,
    LayerDrifted,
    Noticed,
    PairPaused,
    PairResumed,
    PhaseChanged,
    RecoveryTried,
    SessionRecovered,
    SourceDeaf,
    SourceHeard,
    StarsPaid,
    said,
)

KEPT: Final = 60  # facts; a page shows no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One fact as shown; ``number`` rises by one from fact to fact, ``at`` is epoch seconds.

    ``tone`` is ``"good"``, ``"bad"`` or ``"plain"``. ``session`` and ``child``, a path in the tree,
    are whom it is about, as far as it is about one.
    """

    number: int
    at: float
    kind: str
    tone: str
    text: str
    session: str = ""
    child: str = ""


class ActivityLog:
    """Keeps the last facts; older ones are forgotten."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._facts: deque[Activity] = deque(maxlen=kept)
        self._heard = 0

    def hear(self, event: Event, *, at: float) -> None:
        """Keep one, if it is worth a sentence."""
        text = sentence(event)
        if text is None:
            return
        self._heard += 1
        self._facts.append(
            Activity(
                number=self._heard,
                at=at,
                kind=type(event).__name__,
                tone=TONES.get(type(event), "plain"),
                text=text,
                session=getattr(event, "session", ""),
                child=event.child,
            )
        )

    def newest(self) -> tuple[Activity, ...]:
        """What is kept, newest first."""
        return tuple(reversed(self._facts.copy()))  # facts may come from another thread


def sentence(event: Event) -> str | None:
    """Say what happened, in one line; ``None`` for what nobody wants to read each time."""
    words = WORDS.get(type(event))
    return None if words is None else words(event)


def _phase(event: PhaseChanged) -> str:
    reason = f" ({event.reason})" if event.reason else ""
    return f"{event.session}: {event.before.value} to {event.after.value}{reason}"


def _started(event: ChildStarted) -> str | None:
    return f"{event.child}: restarted by its supervisor" if event.restarted else None


def _failed(event: ChildFailed) -> str:
    return f"{event.child}: failed after {event.uptime:.1f} s ({event.exit.reason})"


def _tried(event: RecoveryTried) -> str | None:
    if not event.problem:
        return None
    return f"{event.session}: {event.rung}, try {event.attempt}: {event.problem}"


def _recovered(event: SessionRecovered) -> str:
    return (
        f"{event.session}: online by {event.rung} after {event.seconds:.3f} s, cause: {event.cause}"
    )


def _repaired(event: CopyRepaired) -> str:
    kept = f"; the damaged one is kept as {event.kept}" if event.kept else ""
    return f"{event.session}: {event.copy} made whole again ({event.problem}){kept}"


def _caught_up(event: CaughtUp) -> str | None:
    if not event.missed:
        return None
    return f"{event.session}: pair {event.pair} caught up on {counted(event.missed, 'message')}"


def _account_fact(event: AccountFactChanged) -> str:
    explanation, advice = event.explanation, event.advice
    if event.over:
        return f"{event.session}: over: {explanation}"
    fact = Standing(
        kind=FactKind(event.kind),
        explanation=explanation,
        advice=advice,
        until=event.until,
        url=event.url,
    )
    return f"{event.session}: {in_words(fact)}"


def _verdict(event: VerdictChanged) -> str | None:
    """Of groups; what becomes of a session is told by its phases."""
    if not event.group:
        return None
    why = f": {'; '.join(event.why)}" if event.why else ""
    return f"{event.session}/{event.group}: {event.health} ({event.reason}){why}"


def _step(event: HealthStepTaken) -> str:
    whom = f"{event.session}/{event.group}" if event.group else event.session
    if event.problem:
        return (
            f"{whom}: the health monitor could not {event.step} ({event.reason}): {event.problem}"
        )
    told = f": {event.detail}" if event.detail else ""
    return f"{whom}: step of the health monitor: {event.step} ({event.reason}){told}"


def _pruned(event: RowsPruned) -> str | None:
    gone = ", ".join(f"{table} {count}" for table, count in event.rows.items() if count)
    return f"rows past their time removed: {gone}" if gone else None


WORDS: Final[Mapping[type[Event], Callable[[Any], str | None]]] = {
    PhaseChanged: _phase,
    ChildStarted: _started,
    ChildFailed: _failed,
    RecoveryTried: _tried,
    SessionRecovered: _recovered,
    CopyRepaired: _repaired,
    CaughtUp: _caught_up,
    RowsPruned: _pruned,
    VerdictChanged: _verdict,
    HealthStepTaken: _step,
    ChildStartFailed: lambda e: f"{e.child}: did not start ({e.exit.reason})",
    ChildQuarantined: lambda e: f"{e.child}: quarantined: {e.reason}",
    ChildAbandoned: lambda e: f"{e.child}: did not stop within {e.seconds:g} s and was abandoned",
    IntensityExceeded: lambda e: f"{e.child}: gives up; {e.offender} failed too often",
    LoopStalled: lambda e: f"something holds the event loop up, for {e.seconds:.1f} s so far",
    LoopResumed: lambda e: f"the event loop turns again, after {e.seconds:.1f} s",
    FloodBegan: lambda e: f"{e.session}: Telegram asks for {e.seconds:g} s of quiet on {e.method}",
    FloodRemembered: lambda e: f"{e.session}: {e.method} still waits, as Telegram asked earlier",
    FloodEnded: lambda e: f"{e.session}: {e.method} goes on; {e.parked} parked",
    SourceDeaf: lambda e: (
        f"{e.session}: pair {e.pair} was not told of {e.missed} messages in its source; a look"
        " found them"
    ),
    SourceHeard: lambda e: f"{e.session}: pair {e.pair} hears its source again",
    LayerDrifted: lambda e: (
        f"{e.session}: constructor {e.constructor}: {e.explanation} {e.advice}" if e.first else None
    ),
    PairPaused: lambda e: f"{e.session}: pair {e.pair} paused: {e.reason}",
    PairResumed: lambda e: f"{e.session}: pair {e.pair} goes on",
    AccountLimited: lambda e: (
        f"{e.session}: Telegram limits the account, sending waits: {e.reason}"
    ),
    AccountFactChanged: _account_fact,
    StarsPaid: lambda e: f"{e.session}: pair {e.pair} paid {e.stars} Stars",
    Noticed: lambda e: f"{e.session}: {said(e)}",
    CopyShortened: lambda e: f"{e.session}: pair {e.pair} cut its copy of {e.source_id}: too long",
    DeadLettered: lambda e: f"{e.session}: pair {e.pair} put {e.source_id} aside: {e.reason}",
}

TONES: Final[Mapping[type[Event], str]] = {
    ChildStarted: "good",
    SessionRecovered: "good",
    CopyRepaired: "good",
    CaughtUp: "good",
    FloodEnded: "good",
    ChildFailed: "bad",
    ChildStartFailed: "bad",
    ChildQuarantined: "bad",
    ChildAbandoned: "bad",
    IntensityExceeded: "bad",
    LoopStalled: "bad",
    LoopResumed: "good",
    FloodBegan: "bad",
    FloodRemembered: "bad",
    SourceDeaf: "bad",
    SourceHeard: "good",
    LayerDrifted: "bad",
    PairPaused: "bad",
    PairResumed: "good",
    AccountFactChanged: "bad",
    AccountLimited: "bad",
    Noticed: "bad",
    DeadLettered: "bad",
    RecoveryTried: "bad",
    HealthStepTaken: "bad",
}
