"""A pause of the cyclic garbage collector while many sessions start.

Nearly everything that a start makes stays. Python's cyclic collector looks through all of it again
whenever it has grown by a quarter, which is two fifths of the time in which a thousand sessions
come online. So it rests until they have, a few seconds at most; counting references goes on.

What is there then is set aside (``gc.freeze``), since looking through it once takes the loop a
fifth of a second for a thousand sessions, and none of it is garbage: a start drops no cycles.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

from ..supervision import Event, EventStream, Subscription
from ..telegram import Phase, PhaseChanged

MANY: Final = 100  # sessions; below that a collection is no matter
AT_MOST: Final = 5.0  # seconds; sessions that connect one after the other leave it time enough
UNDER_WAY: Final = frozenset({Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING})


class GcPause:
    """Lets the collector rest until ``sessions`` of them have come online, or cannot.

    Does nothing for few sessions, or where the app has switched the collector off itself.

    Args:
        events: where the sessions' phases are told.
        sessions: how many there are.
    """

    def __init__(self, events: EventStream, sessions: int) -> None:
        self._events, self._sessions = events, sessions
        self._settled: set[str] = set()
        self._hearing: Subscription | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Let it rest from now on; in the loop in which the sessions live."""
        if self._sessions >= MANY and gc.isenabled():
            self._timer = asyncio.get_running_loop().call_later(AT_MOST, self._over)
            self._hearing = self._events.subscribe(self._hear, (PhaseChanged,))
            gc.disable()

    def end(self) -> None:
        """Let it work again; a second time does nothing."""
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing.close()
            gc.enable()
        if self._timer is not None:
            self._timer.cancel()

    def _over(self) -> None:
        gc.freeze()
        self.end()

    def _hear(self, event: Event) -> None:
        if isinstance(event, PhaseChanged) and event.after not in UNDER_WAY:
            self._settled.add(event.session)
            if len(self._settled) >= self._sessions:
                self._over()


def set_aside() -> None:
    """Let the collector look no more at what is there now, as nearly all of it stays.

    For a process of our own, once everything is imported and made: each of the looks that come by
    themselves would hold up the loop, and with it all sessions, for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
