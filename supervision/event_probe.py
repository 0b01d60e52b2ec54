"""A probe for tests and drills: records events, and waits for one instead of sleeping."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

from .observe.event_stream import EventStream
from .observe.events import Event
from .runtime.future import Reply

E = TypeVar("E", bound=Event)


class EventProbe:
    """Records every event of a stream, and tells when the one that is waited for has come."""

    def __init__(self, events: EventStream) -> None:
        self._lock = threading.Lock()
        self._seen: list[Event] = []
        self._expected: list[tuple[type[Event], str | None, int, Reply]] = []
        self._subscription = events.subscribe(self._take)

    def close(self) -> None:
        """Record nothing more."""
        self._subscription.close()

    def seen(self, kind: type[E], child: str | None = None) -> list[E]:
        """The events of that kind so far, oldest first; of one child, or of all."""
        return [e for e in self._seen if isinstance(e, kind) and child in {None, e.child}]

    def story(self, *kinds: type[Event]) -> list[tuple[str, str]]:
        """Kind and child of each event so far, of the given kinds or of all."""
        wanted = kinds or (Event,)
        return [(type(e).__name__, e.child) for e in self._seen if isinstance(e, wanted)]

    def expect(self, kind: type[Event], child: str | None = None, *, count: int = 1) -> Reply:
        """The ``count``-th such event since the probe was made: to ``await``, or to ``get``."""
        reply = Reply()
        with self._lock:
            self._expected.append((kind, child, count, reply))
        self._look()
        return reply

    def clear(self) -> None:
        """Forget what has been seen, so that counting starts anew."""
        with self._lock:
            self._seen = []

    def _take(self, event: Any) -> None:
        with self._lock:
            self._seen.append(event)
        self._look()

    def _look(self) -> None:
        came = []
        with self._lock:
            for one in tuple(self._expected):
                kind, child, count, reply = one
                seen = self.seen(kind, child)
                if len(seen) >= count:
                    self._expected.remove(one)
                    came.append((reply, seen[count - 1]))
        for reply, event in came:
            reply.set(event)
