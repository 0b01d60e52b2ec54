"""Open flood waits by method, and their deadlines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A session's work on ``method`` is parked until ``until`` (epoch seconds)."""

    session: str
    method: str
    until: float


class Floods:
    """The deadlines that are still to come, as far as this process was told of them."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def began(self, session: str, method: str, until: float) -> None:
        """Telegram set a deadline."""
        self._until[session, method] = until

    def ended(self, session: str, method: str) -> None:
        """The deadline has passed and work goes on."""
        self._until.pop((session, method), None)

    def last(self, now: float) -> float:
        """When the last of them is over; 0 without any."""
        return max((until for until in self._until.values() if until > now), default=0.0)

    def ahead(self, now: float) -> tuple[Flood, ...]:
        """Those that are not over at ``now``, the one that ends first at the front."""
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]
        rows = sorted((until, *key) for key, until in self._until.items())
        return tuple(
            Flood(session=session, method=method, until=until) for until, session, method in rows
        )
