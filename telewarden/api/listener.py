"""Event subscribers that run in a thread of their own.

A stream calls its subscribers where the fact happens, which for a warden is the loop that all
sessions live in. Whoever writes to a network or a slow disk upon an event listens here instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, Final, Self

from ..supervision import Event, EventStream, ObserverFailed, check_callback

logger = logging.getLogger(__name__)

KEPT: Final = 100_000  # events that may wait for a slow callback before it is given up

Item = Event | None


class Listener:
    """Calls ``callback`` with each event of ``kinds``, in order, in a thread of its own.

    One that raises, or falls ``kept`` events behind, is detached and logged, and ``ObserverFailed``
    says so to the others. Close it, or use it as a ``with`` block.

    Args:
        events: the stream.
        callback: called with each event; may take as long as it likes.
        kinds: the classes of events; all of them if empty.
        kept: how many events may wait.

    Raises:
        InvalidSpecError: nobody would await ``callback``, or ``kinds`` are no classes of events.
    """

    def __init__(
        self,
        events: EventStream,
        callback: Callable[[Any], object],
        kinds: Iterable[type[Event]] = (),
        *,
        kept: int = KEPT,
    ) -> None:
        check_callback(callback)
        self._events, self._callback, self._kept = events, callback, kept
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._closed = threading.Event()
        name = getattr(callback, "__qualname__", repr(callback))
        self._name = name
        self._thread = threading.Thread(target=self._serve, name=f"listener {name}", daemon=True)
        self._subscription = events.subscribe(self._put, kinds)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it hears nothing more, by ``close`` or because it was detached."""
        return self._closed.is_set()

    def close(self, *, timeout: float = 5.0) -> bool:
        """Hear nothing more; what is waiting is heard first.

        Returns whether the callback was done with it within ``timeout`` seconds.
        """
        self._subscription.close()
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, event: Event) -> None:
        if self._queue.qsize() >= self._kept:
            self._subscription.close()
            self._queue.put(None)
            error = BufferError(f"{self._kept} events behind")
            logger.error("observer detached observer=%s error=%s", self._name, error)
            self._report(event, error)
            return
        self._queue.put(event)

    def _serve(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._callback(event)
            except BaseException as error:  # S4: sys.exit() in a callback ends it, and is told, too
                self._subscription.close()
                logger.exception(
                    "observer detached observer=%s event=%s", self._name, type(event).__name__
                )
                self._report(event, error)
                break
        self._closed.set()

    def _report(self, event: Event, error: BaseException) -> None:
        self._events.publish(
            ObserverFailed(at=event.at, child="", observer=self._name, error=error)
        )
