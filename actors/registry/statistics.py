"""Statistics of the registry, computed from one snapshot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ...storage import Operation, OperationState
from ...telegram import Health
from .model import RegistryLimits
from .snapshot import RegistrySnapshot

HOUR: Final = 3600.0
AGES: Final[tuple[tuple[str, float], ...]] = (
    ("<1h", HOUR),
    ("1-6h", 6 * HOUR),
    ("6-24h", 24 * HOUR),
    (">24h", float("inf")),
)

Overall = Literal["healthy", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How old the operations are, in seconds since each began; ``None`` if there are none.

    ``buckets`` counts them under ``<1h``, ``1-6h``, ``6-24h`` and ``>24h``.
    """

    buckets: Mapping[str, int]
    average: float | None = None
    oldest: float | None = None
    newest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatistics:
    """The registry in numbers.

    Args:
        sessions, operations: how many, under each state's word.
        kinds: how many operations of each kind are in which state.
        session_use, operation_use, pair_use: utilisation, 0 to 1 (more after a limit was lowered).
        pairs, pair_room: pairs assigned, and pairs that all sessions together take.
        stuck: the operations that make no progress.
        overall: ``"healthy"``, ``"warning"`` or ``"critical"``.
        reasons: why it is not healthy; empty if it is.
    """

    at: float
    sessions: Mapping[str, int]
    operations: Mapping[str, int]
    kinds: Mapping[tuple[str, str], int]
    session_use: float
    operation_use: float
    pair_use: float
    pairs: int
    pair_room: int
    ages: Ages
    stuck: tuple[int, ...]
    overall: Overall
    reasons: tuple[str, ...]


def statistics(snapshot: RegistrySnapshot, now: float) -> RegistryStatistics:
    """Work out the numbers of one snapshot as of ``now`` (epoch seconds)."""
    limits, entries = snapshot.limits, snapshot.sessions.values()
    operations = tuple(snapshot.operations.values())
    pairs, room = sum(one.pairs for one in entries), sum(one.max_pairs for one in entries)
    session_use = len(snapshot.sessions) / limits.max_sessions
    operation_use = len(operations) / limits.max_operations
    stuck = tuple(sorted(one.id for one in operations if one.stuck(now, limits.stuck_after)))
    overall, reasons = _overall(limits, session_use, operation_use, stuck)
    health = Counter(one.status.health for one in entries)
    health[Health.DELETED] += len(snapshot.deleted)
    states = Counter(one.state for one in operations)
    return RegistryStatistics(
        at=now,
        sessions={word.value: health[word] for word in Health},
        operations={state.value: states[state] for state in OperationState},
        kinds=Counter((one.kind, one.state.value) for one in operations),
        session_use=session_use,
        operation_use=operation_use,
        pair_use=pairs / room if room else 0.0,
        pairs=pairs,
        pair_room=room,
        ages=_ages(operations, now),
        stuck=stuck,
        overall=overall,
        reasons=reasons,
    )


def _ages(operations: Iterable[Operation], now: float) -> Ages:
    ages = [max(0.0, now - one.started) for one in operations]
    buckets = dict.fromkeys((name for name, _ in AGES), 0)
    for age in ages:
        buckets[next(name for name, below in AGES if age < below)] += 1
    if not ages:
        return Ages(buckets=buckets)
    average = sum(ages) / len(ages)
    return Ages(buckets=buckets, average=average, oldest=max(ages), newest=min(ages))


def _overall(
    limits: RegistryLimits, sessions: float, operations: float, stuck: tuple[int, ...]
) -> tuple[Overall, tuple[str, ...]]:
    overall: Overall = "healthy"
    reasons = []
    for what, use in (("sessions", sessions), ("operations", operations)):
        if use >= limits.warning_at:
            reasons.append(f"{use:.0%} of max_{what} in use")
            critical = use >= limits.critical_at
            overall = "critical" if critical or overall == "critical" else "warning"
    if stuck:
        reasons.append(f"{len(stuck)} operations stuck")
        overall = "critical" if overall == "critical" else "warning"
    return overall, tuple(reasons)
