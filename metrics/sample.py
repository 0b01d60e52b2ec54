"""A sample of all sessions and groups, aggregated for one scrape.

Made once for each look, so that a scrape costs the same for three sessions and ten thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from ..supervision import ChildState, Snapshot
from ..telegram import Health, HealthReason, Phase
from ..telegram.reports import Overview, SessionReport, Wait, WaitKind

AT_REST: Final = frozenset({Phase.STOPPING, Phase.STOPPED, Phase.DELETED})
"""Phases in which nobody expects a session to be online."""

STEP: Final = 50  # groups that are counted between two steps
NAMED: Final = 5  # sessions that a sentence names before it only counts the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counts at ``at`` (epoch seconds).

    ``paused`` has session, number and reason of each paused pair; ``alarms`` are waits that
    concern everything; ``verdicts`` counts the sessions and groups that are not well, by reason.
    """

    at: float = 0.0
    healthy: int = 0
    ready: tuple[bool, str] = (False, "nothing has been looked at yet")
    groups: int = 0
    pairs_active: int = 0
    pairs_paused: int = 0
    pairs_deaf: int = 0
    frozen: int = 0
    waiting: int = 0
    children: dict[ChildState, int] | None = None
    mailboxes: int = 0
    restarts_left: int | None = None
    loop_lag: float = 0.0
    waits: dict[WaitKind, int] = field(default_factory=dict)
    waiting_since: dict[WaitKind, float] = field(default_factory=dict)
    paused: tuple[tuple[str, int, str], ...] = ()
    alarms: tuple[Wait, ...] = ()
    verdicts: dict[HealthReason, int] = field(default_factory=dict)


def stand(
    overview: Overview, tree: Snapshot | None, *, now: float, loop_lag: float = 0.0
) -> Generator[None, None, Sample]:
    """Count what ``overview`` and ``tree`` show, in steps between which others may do something."""
    sessions = overview.sessions
    pairs, halted, deaf, waiting = 0, list[tuple[str, int, str]](), 0, 0
    for number, group in enumerate(overview.groups):
        if number % STEP == 0:
            yield
        for pair in group.pairs:
            pairs, waiting = pairs + 1, waiting + pair.waiting
            deaf += pair.deaf_since is not None
            if pair.paused is not None:
                halted.append((group.session, pair.id, pair.paused))
    yield
    states, mailboxes, left = Counter[ChildState](), 0, list[int]()
    for number, place in enumerate(() if tree is None else tree.walk()):
        if number % (STEP * 4) == 0:
            yield
        states[place.state] += 1
        mailboxes += place.waiting
        if place.restarts_left is not None:
            left.append(place.restarts_left)
    healthy = sum(session.health is Health.HEALTHY for session in sessions)
    yield
    frozen = sum(one.account is not None and one.account.frozen for one in sessions)
    yield
    ready = readiness(sessions, overview.waits)
    yield
    return Sample(
        at=now,
        healthy=healthy,
        ready=ready,
        groups=len(overview.groups),
        pairs_active=pairs - len(halted),
        pairs_paused=len(halted),
        pairs_deaf=deaf,
        frozen=frozen,
        waiting=waiting,
        children=states or None,
        mailboxes=mailboxes,
        restarts_left=min(left, default=None),
        loop_lag=loop_lag,
        waits=Counter(wait.kind for wait in overview.waits),
        waiting_since=_since(overview.waits),
        paused=tuple(halted),
        verdicts=Counter(one.reason for one in overview.verdicts if one.ill),
        alarms=tuple(one for one in overview.waits if one.alarming or one.kind is WaitKind.OUTAGE),
    )


def _since(waits: tuple[Wait, ...]) -> dict[WaitKind, float]:
    since: dict[WaitKind, float] = {}
    for wait in waits:
        since[wait.kind] = min(wait.since, since.get(wait.kind, wait.since))
    return since


def readiness(
    sessions: tuple[SessionReport, ...], waits: tuple[Wait, ...] = ()
) -> tuple[bool, str]:
    """Whether every session that should be online is, and nothing is in its way; and a sentence.

    What is in the way comes first: a disk that takes nothing, a part of the tree that is kept down.
    """
    alarming = [f"{one.who} waits ({one.kind}): {one.what}" for one in waits if one.alarming]
    if alarming:
        more = f"; and {len(alarming) - NAMED} more" if len(alarming) > NAMED else ""
        return False, f"{'; '.join(alarming[:NAMED])}{more}"
    if not sessions:
        return False, "no session has reported yet"
    wanted = [session for session in sessions if session.phase not in AT_REST]
    missing = [session for session in wanted if session.phase is not Phase.ONLINE]
    if not missing:
        return True, f"{len(wanted)} of {len(wanted)} sessions online"
    named = [f"{one.session} {one.phase.value.replace('_', ' ')}" for one in missing[:NAMED]]
    if len(missing) > NAMED:
        named.append(f"{len(missing) - NAMED} more")
    return False, f"{len(missing)} of {len(wanted)} sessions not online: {', '.join(named)}"
