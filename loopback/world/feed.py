"""A numbered sequence of events (``pts``): an account's, or a channel's.

Pure: it counts and remembers; who hears of an event is decided elsewhere.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

M = TypeVar("M")  # what a message is, which nothing here looks into


class EventKind(StrEnum):
    """What happened to messages."""

    NEW = "new"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[M]):
    """One step of a feed: ``pts`` after it, ``count`` it took, what it was about."""

    pts: int
    count: int
    kind: EventKind
    date: int
    message: M | None = None
    ids: tuple[int, ...] = ()


@dataclass(slots=True)
class MessageFeed(Generic[M]):
    """A ``pts`` and the events that led to it.

    It starts at 1, because Telethon takes 0 for "no state". ``floor`` is the
    oldest ``pts`` from which the difference can still be told; below it, it is
    too long. ``changed`` is the date of the last event, forgotten or not; 0 for none.
    """

    pts: int = 1
    floor: int = 1
    events: list[Event[M]] = field(default_factory=list)
    changed: int = 0

    def add_message(self, kind: EventKind, message: M, *, date: int) -> Event[M]:
        """Count one message that came or was edited."""
        return self._add(Event(pts=self.pts + 1, count=1, kind=kind, date=date, message=message))

    def add_deletion(self, ids: tuple[int, ...], *, date: int) -> Event[M]:
        """Count ``ids`` that went."""
        count = len(ids)
        return self._add(
            Event(pts=self.pts + count, count=count, kind=EventKind.DELETE, date=date, ids=ids)
        )

    def after(self, pts: int) -> list[Event[M]]:
        """The events later than ``pts``, oldest first; ask ``reaches`` before."""
        return self.events[bisect_right(self.events, pts, key=lambda event: event.pts) :]

    def reaches(self, pts: int) -> bool:
        """Whether everything since ``pts`` is still remembered."""
        return pts >= self.floor

    def forget(self) -> None:
        """Drop the events: whoever is behind now hears that it is too long."""
        self.events.clear()
        self.floor = self.pts

    def _add(self, event: Event[M]) -> Event[M]:
        self.events.append(event)
        self.pts, self.changed = event.pts, event.date
        return event
