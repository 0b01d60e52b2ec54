"""The warden's orders for the health monitor: recover a session, give its pairs to another.

Each is what an operator would order, with the same checks, and is noted in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable

from ..actors.forwarding.pausing import MONITOR
from ..api.pairs import Pairs
from ..api.session import SessionHandle


class MonitorOrders:
    """What the health monitor has a warden do.

    Args:
        session: a handle on a session, by name.
        pairs: the warden's.
    """

    def __init__(self, session: Callable[[str], SessionHandle], pairs: Callable[[], Pairs]) -> None:
        self._session, self._pairs = session, pairs

    async def recover(self, session: str) -> None:
        """End a session's quarantine, its worker groups' too, and have it come online."""
        await self._session(session).recover(who=MONITOR)

    async def move_pairs(self, session: str, to: str) -> tuple[int, ...]:
        """Give all pairs of a session to another; returns which."""
        move = await self._pairs().reassign(f"all_from:{session}", to, who=MONITOR)
        return tuple(sorted(move.pairs))
