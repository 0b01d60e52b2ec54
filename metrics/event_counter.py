"""The table from event classes to the counters that they raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..storage.events import RowsPruned
from ..supervision import (
    ChildAbandoned,
    ChildQuarantined,
    ChildRestarting,
    ChildStuck,
    Event,
    LoopResumed,
    LoopStalled,
    MessageDropped,
)
from ..telegram import HealthStep, HealthStepTaken, NoticeKind, session_events
from .counters import Bins, LabelledBins, Tally
from .floods import Floods
from .labels import (
    COPIES,
    DROPS,
    ENDS,
    KINDS,
    METHODS,
    OUTCOMES,
    REASONS,
    RUNGS,
    cause_class,
    end_word,
    kind_of,
)

# seconds; issue: recovery is to take under 5 s and aims at 0.25 s
RECOVERY_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
LAG_BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
PROBE_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMIT_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)

OUTCOMES_OUT: Final = ("sent", "failed", "dropped")
SHARED_RESULTS: Final = ("ok", "refused", "flood", "error", "failed")
STEP_ENDS: Final = ("taken", "failed")


class Counts:
    """Every number that only grows, and the floods that are still to end."""

    def __init__(self) -> None:
        self.restarts, self.quarantines, self.stuck = Tally(KINDS, ENDS), Tally(KINDS), Tally(KINDS)
        self.recoveries, self.tries = Tally(RUNGS, REASONS), Tally(RUNGS, OUTCOMES)
        self.copies, self.drops = Tally(COPIES), Tally(DROPS)
        self.flood_waits = Tally(METHODS)
        self.forwarded = self.repeated = self.dead_letters = self.caught_up = 0
        self.deaf_sources = self.layer_drift = 0
        self.notices = Tally(tuple(NoticeKind))
        self.health_steps = Tally(tuple(HealthStep), STEP_ENDS)
        self.abandoned = 0
        self.notifications, self.notifications_waiting = Tally(), dict[str, int]()
        self.shared_requests, self.programs = Tally(), set[str]()
        self.pruned = Tally(RowsPruned(at=0.0).rows)
        self.loop_stalls, self.loop_stalled = 0, 0.0
        self.floods = Floods()
        self.recovery_seconds = LabelledBins(RECOVERY_BOUNDS, REASONS)
        self.lag_seconds, self.probe_seconds = Bins(LAG_BOUNDS), Bins(PROBE_BOUNDS)
        self.journal_writes = self.journal_commits = self.journal_failures = 0
        self.commit_seconds = Bins(COMMIT_BOUNDS)

    def hear(self, event: Event) -> None:
        """Count one fact; what is not in ``HEARD`` is not counted."""
        count = HEARD.get(type(event))
        if count is not None:
            count(self, event)


def _restarting(counts: Counts, event: ChildRestarting) -> None:
    counts.restarts.add(kind_of(event.child), end_word(event.reason))


def _quarantined(counts: Counts, event: ChildQuarantined) -> None:
    counts.quarantines.add(kind_of(event.child))


def _stuck(counts: Counts, event: ChildStuck) -> None:
    counts.stuck.add(kind_of(event.child))


def _abandoned(counts: Counts, event: ChildAbandoned) -> None:
    counts.abandoned = event.abandoned


def _stalled(counts: Counts, _: LoopStalled) -> None:
    counts.loop_stalls += 1


def _turns_again(counts: Counts, event: LoopResumed) -> None:
    counts.loop_stalled += event.seconds


def _dropped(counts: Counts, event: MessageDropped) -> None:
    counts.drops.add(event.reason)


def _recovered(counts: Counts, event: session_events.SessionRecovered) -> None:
    cause = cause_class(event.cause)
    counts.recoveries.add(event.rung, cause)
    counts.recovery_seconds.add(cause, event.seconds)


def _tried(counts: Counts, event: session_events.RecoveryTried) -> None:
    counts.tries.add(event.rung, "failed" if event.problem else "worked")


def _repaired(counts: Counts, event: session_events.CopyRepaired) -> None:
    counts.copies.add(event.copy)


def _flood_began(counts: Counts, event: session_events.FloodBegan) -> None:
    counts.flood_waits.add(event.method)
    counts.floods.began(event.session, event.method, event.until)


def _flood_remembered(counts: Counts, event: session_events.FloodRemembered) -> None:
    counts.floods.began(event.session, event.method, event.until)


def _flood_ended(counts: Counts, event: session_events.FloodEnded) -> None:
    counts.floods.ended(event.session, event.method)


def _forwarded(counts: Counts, event: session_events.Forwarded) -> None:
    counts.forwarded += 1
    counts.repeated += event.repeated
    counts.lag_seconds.add(event.lag)


def _put_aside(counts: Counts, _: session_events.DeadLettered) -> None:
    counts.dead_letters += 1


def _caught_up(counts: Counts, event: session_events.CaughtUp) -> None:
    counts.caught_up += event.missed


def _probed(counts: Counts, event: session_events.Probed) -> None:
    counts.probe_seconds.add(event.seconds)


def _noticed(counts: Counts, event: session_events.Noticed) -> None:
    counts.notices.add(event.kind)


def _deaf(counts: Counts, event: session_events.SourceDeaf) -> None:
    counts.deaf_sources += not event.again


def _drifted(counts: Counts, _: session_events.LayerDrifted) -> None:
    counts.layer_drift += 1


def _stepped(counts: Counts, event: HealthStepTaken) -> None:
    counts.health_steps.add(event.step, STEP_ENDS[bool(event.problem)])


def _pruned(counts: Counts, event: RowsPruned) -> None:
    for table, rows in event.rows.items():
        counts.pruned.add(table, amount=rows)


HEARD: Final[Mapping[type[Event], Callable[[Counts, Any], None]]] = {
    ChildRestarting: _restarting,
    ChildQuarantined: _quarantined,
    ChildStuck: _stuck,
    ChildAbandoned: _abandoned,
    LoopStalled: _stalled,
    LoopResumed: _turns_again,
    MessageDropped: _dropped,
    session_events.SessionRecovered: _recovered,
    session_events.RecoveryTried: _tried,
    session_events.CopyRepaired: _repaired,
    session_events.FloodBegan: _flood_began,
    session_events.FloodRemembered: _flood_remembered,
    session_events.FloodEnded: _flood_ended,
    session_events.Forwarded: _forwarded,
    session_events.DeadLettered: _put_aside,
    session_events.CaughtUp: _caught_up,
    session_events.Probed: _probed,
    session_events.Noticed: _noticed,
    session_events.SourceDeaf: _deaf,
    session_events.LayerDrifted: _drifted,
    HealthStepTaken: _stepped,
    RowsPruned: _pruned,
}
