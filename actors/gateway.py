"""The gateway's actor: every client is closed when the tree stops.

The gateway itself is shared and outlives restarts; this actor's place in the tree (after the
journal, before the sessions) says when it is closed: after all sessions, before the journal.
"""

from __future__ import annotations

import logging

from ..supervision import LoopActor
from ..telegram import Gateway
from .context import KeyLeases

logger = logging.getLogger(__name__)


class GatewayActor(LoopActor):
    """Closes what is still open when it stops, then lets the keys go.

    Args:
        gateway: the way to Telegram.
        keys: the leases of this process.
        deadline: seconds that the clients get to disconnect.
    """

    def __init__(self, *, gateway: Gateway, keys: KeyLeases, deadline: float) -> None:
        super().__init__()
        self._gateway, self._keys, self._deadline = gateway, keys, deadline

    def on_start(self) -> None:
        self._gateway.api.end()  # whoever starts anew may have put it right

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        report = await self._gateway.close_all(deadline=self._deadline)
        if report.cut:
            logger.warning("clients cut off sessions=%s", ",".join(report.cut))
        self._keys.release_all()
