"""Sessions and operations as immutable values, and their limits.

Times are epoch seconds, durations seconds. No phone number is in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...errors import InvalidSpecError
from ...storage import Operation, OperationState, SessionRecord
from ...supervision import frozen
from ...telegram import Health, Phase, SessionReport

HOUR: Final = 3600.0
SHORTEST, LONGEST = 0.001, 1e9  # seconds: shorter is a busy loop; no timer can be set for ever
MOST: Final = 10**9  # entries
DURATIONS: Final = (
    "keep_finished",
    "keep_failed",
    "keep_any",
    "stuck_after",
    "tidy_every",
    "sessions_every",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """How a session was when it last reported; not stored, a restart finds it out again."""

    health: Health = Health.UNKNOWN
    phase: Phase = Phase.REGISTERED
    reason: str = ""
    since: float = 0.0
    until: float | None = None
    user_id: int | None = None


UNHEARD: Final = SessionStatus()


@frozen
class SessionEntry:
    """A session as the registry knows it: what was declared, how it is, how many pairs it has."""

    record: SessionRecord
    status: SessionStatus = UNHEARD
    pairs: int = 0

    def reported(self, report: SessionReport) -> SessionEntry:
        """The session as it says that it is."""
        status = SessionStatus(
            health=report.health,
            phase=report.phase,
            reason=report.reason,
            since=report.since,
            until=report.until,
            user_id=report.user_id,
        )
        return SessionEntry(record=self.record, status=status, pairs=self.pairs)

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def phone(self) -> str | None:
        """In E.164; not for logs."""
        return self.record.phone

    @property
    def priority(self) -> int:
        """1 (first) to 10 (last)."""
        return self.record.priority

    @property
    def max_pairs(self) -> int:
        """How many pairs it takes."""
        return self.record.max_pairs

    @property
    def free(self) -> int:
        """How many more pairs it takes."""
        return max(0, self.record.max_pairs - self.pairs)

    @property
    def metadata(self) -> Mapping[str, object]:
        """Whatever its owner noted; cannot be changed in place."""
        return self.record.metadata

    @property
    def health(self) -> Health:
        """One of the six words."""
        return self.status.health

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self.status.phase


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLimits:
    """How much the registry holds and for how long. Durations are seconds.

    Args:
        keep_any: how long an entry without progress is kept, whatever its state.
        stuck_after: how long a running operation may make no progress before it is called stuck.
        tidy_every: how often expired operations are removed.
        sessions_every: how often the health monitor looks at every session.
        warning_at, critical_at: utilisation (0 to 1) from which overall health is no more healthy.
    """

    max_sessions: int = 10_000
    max_operations: int = 10_000
    keep_finished: float = 6 * HOUR
    keep_failed: float = HOUR
    keep_any: float = 24 * HOUR
    stuck_after: float = 0.5 * HOUR
    tidy_every: float = 60.0
    sessions_every: float = 300.0
    warning_at: float = 0.7
    critical_at: float = 0.9

    def __post_init__(self) -> None:
        for name in ("max_sessions", "max_operations"):
            whole = type(getattr(self, name)) is int
            allowed = f"a whole number from 1 to {MOST}"
            self._must(name, whole and 1 <= getattr(self, name) <= MOST, allowed)
        for name in DURATIONS:
            seconds = getattr(self, name)
            allowed = f"seconds from {SHORTEST:g} to {LONGEST:g}"
            self._must(name, _number(seconds) and SHORTEST <= seconds <= LONGEST, allowed)
        for name in ("warning_at", "critical_at"):
            share = getattr(self, name)
            self._must(name, _number(share) and share <= 1, "a share above 0, at most 1")
        self._must("warning_at", self.warning_at <= self.critical_at, "at most critical_at")

    def _must(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise InvalidSpecError(f"RegistryLimits.{name}", getattr(self, name), allowed)

    def expired(self, operation: Operation, now: float) -> bool:
        """Whether an operation has been kept for long enough."""
        if operation.ended is None:
            return now - operation.updated >= self.keep_any
        failed = operation.state is OperationState.FAILED
        keep = self.keep_failed if failed else self.keep_finished
        return now - operation.ended >= min(keep, self.keep_any)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
