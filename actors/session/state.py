"""The state of one session: phase, reason, since when, until when."""

from __future__ import annotations

from ...errors import SessionOfflineError
from ...telegram import COMING, PHASES, Event, Phase, PhaseChanged, step
from ..context import Services


class SessionState:
    """One session's phase and what is said of it.

    Args:
        services: the clock, and who is told of changes.
    """

    __slots__ = ("_name", "_services", "phase", "reason", "since", "until")

    def __init__(self, name: str, services: Services) -> None:
        self._name, self._services = name, services
        self.phase, self.reason, self.since = Phase.REGISTERED, "", services.now()
        self.until: float | None = None

    def move(self, event: Event, reason: str, *, until: float | None = None) -> Phase:
        """Move along the table of phases and publish a change; returns the phase before.

        Raises:
            IllegalStepError: the table has no such step; nothing has changed.
        """
        before, after = self.phase, step(self.phase, event)
        self.phase, self.reason, self.until = after, reason, until
        self.since = now = self._services.now()
        if before is not after:
            self._services.publish(
                PhaseChanged(session=self._name, at=now, before=before, after=after, reason=reason)
            )
        return before

    @property
    def pause(self) -> float:
        """Seconds until it tries again; 0 when it is at it."""
        return 0.0 if self.until is None else max(0.0, self.until - self._services.now())

    def offline(self) -> SessionOfflineError:
        """What is raised for whoever wants something that needs the session online."""
        return SessionOfflineError(
            self._name,
            phase=self.phase,
            reason=self.reason,
            advice=PHASES[self.phase].advice,
            until=self.until,
            coming=self.phase in COMING,
        )
