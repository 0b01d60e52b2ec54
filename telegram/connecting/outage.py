"""A circuit breaker for addresses that fail for many sessions at once.

An address is whatever fails or works as a whole: a server, the way there through a proxy, a proxy.
Pure but for the waiting for better times: readings of a clock come in. A session that is refused
here has sent no packet; it waits for ``wait_closed`` and comes back by the usual limit of connects.

What counts as one failure is supervision's ``FailureWindow``. The rest of its circuit breaker is
for children that are restarted: it has timers, probes after a pause, and learns of failures only.
Here a session asks when it wants to connect, the scout never rests, and one success is proof.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ...supervision import FailureWindow

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageLimit:
    """So many different ``sessions`` failing ``within`` seconds, none succeeding, are an outage.

    Then one of them, the scout, goes on trying; it is replaced after ``scout_for`` seconds
    without a try.
    """

    sessions: int = 5
    within: float = 30.0
    scout_for: float = 60.0


@dataclass(slots=True)
class _Address:
    failures: FailureWindow
    scout: str | None = None
    scout_at: float = 0.0
    calm: asyncio.Event | None = None


class OutageWatch:
    """Who may connect where while an address is in trouble.

    Args:
        limit: what counts as one.
        tell: told the address and its scout when an outage begins, and again, without a scout,
            when it is over.
    """

    def __init__(
        self,
        limit: OutageLimit | None = None,
        *,
        tell: Callable[[str, str | None], None] = lambda *_: None,
    ) -> None:
        self._limit, self._tell = limit or OutageLimit(), tell
        self._addresses: dict[Hashable, _Address] = {}
        self._refused: dict[str, Hashable] = {}

    def is_open(self, address: Hashable) -> bool:
        """Whether connects to ``address`` are paused."""
        found = self._addresses.get(address)
        return found is not None and found.calm is not None

    def allows(self, address: Hashable, session: str, now: float) -> bool:
        """Whether ``session`` may connect now; who may not is remembered for ``wait_closed``."""
        found = self._addresses.get(address)
        if found is None or found.calm is None:
            return True
        if found.scout != session and now - found.scout_at < self._limit.scout_for:
            self._refused[session] = address
            return False
        found.scout, found.scout_at = session, now
        return True

    def record_failure(self, address: Hashable, session: str, now: float) -> None:
        """The address did not serve ``session``."""
        found = self._addresses.get(address)
        if found is None:
            failures = FailureWindow(self._limit.sessions, self._limit.within)
            found = self._addresses[address] = _Address(failures)
        if found.calm is None and found.failures.record(session, now):
            found.calm, found.scout, found.scout_at = asyncio.Event(), session, now
            logger.warning(
                "connects paused address=%s sessions=%d scout=%s",
                address,
                self._limit.sessions,
                session,
            )
            self._tell(str(address), session)

    def record_success(self, address: Hashable) -> None:
        """The address served somebody: all may come."""
        found = self._addresses.pop(address, None)
        if found is not None and found.calm is not None:
            logger.info("connects go on address=%s", address)
            found.calm.set()
            self._tell(str(address), None)

    async def wait_closed(self, session: str) -> None:
        """Wait until the address that ``session`` was refused works again."""
        found = self._addresses.get(self._refused.pop(session, None))
        if found is not None and found.calm is not None:
            await found.calm.wait()
