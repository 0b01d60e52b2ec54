"""Waiting for events with a deadline, instead of sleeping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from ..supervision import Event, EventStream

SOON: Final = 10.0  # seconds in which anything that is going to happen has happened
E = TypeVar("E", bound=Event)


class EventLog:
    """Everything that a stream has told, and a wait for what it has not told yet.

    Args:
        events: a warden's ``events``, or any other stream.
        within: seconds that a wait takes at most.
    """

    def __init__(self, events: EventStream, *, within: float = SOON) -> None:
        self._heard: list[Event] = []
        self._news = threading.Condition()
        self._within = within
        self._subscription = events.subscribe(self._hear)

    def close(self) -> None:
        """Hear nothing more."""
        self._subscription.close()

    def of(self, kind: type[E], **fields: object) -> tuple[E, ...]:
        """The events of ``kind`` with these fields so far, oldest first."""
        with self._news:
            return tuple(_matching(self._heard, kind, fields))

    def clear(self) -> None:
        """Forget them, to wait for what comes after."""
        with self._news:
            self._heard.clear()

    def waits_for(self, kind: type[E], **fields: object) -> E:
        """Wait, in plain code, for an event of ``kind`` with these fields.

        Raises:
            TimeoutError: it did not come in time.
        """
        with self._news:
            self._news.wait_for(lambda: self._first(kind, fields), self._within)
            found = self._first(kind, fields)
        if found is None:
            raise TimeoutError(_missed(kind, fields, self._within))
        return found

    async def hears(self, kind: type[E], **fields: object) -> E:
        """Wait, in a coroutine, for an event of ``kind`` with these fields.

        Raises:
            TimeoutError: it did not come in time.
        """
        return await asyncio.to_thread(lambda: self.waits_for(kind, **fields))

    def _hear(self, event: Event) -> None:
        with self._news:
            self._heard.append(event)
            self._news.notify_all()

    def _first(self, kind: type[E], fields: dict[str, object]) -> E | None:
        return next(_matching(self._heard, kind, fields), None)


def _matching(events: list[Event], kind: type[E], fields: dict[str, object]) -> Iterator[E]:
    for event in events:
        if isinstance(event, kind) and all(getattr(event, key) == fields[key] for key in fields):
            yield event


def _missed(kind: type[Any], fields: dict[str, object], within: float) -> str:
    wanted = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    return f"no {kind.__name__}({wanted}) within {within:g} s"
