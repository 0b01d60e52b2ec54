"""The liveness probe of a connected session: it answers, and it hears.

``is_connected()`` would say yes to a line that is dead or deaf; so a probe asks Telegram, and
compares how far Telegram has told with how far the client has heard.
"""

from __future__ import annotations

import logging

from ...telegram import LAYER_DRIFT, ErrorClass, Phase, Probed, classify
from ..context import Services
from ..messages import CatchUp, Probe
from .client_slot import ClientSlot
from .control import SessionControl
from .internal import Flush
from .worker_groups import WorkerGroups

logger = logging.getLogger(__name__)

LISTEN_AGAIN = 2.0  # seconds in which an update that is on its way arrives


class Prober:
    """Probes one session's client.

    Args:
        actor: the session, which is told of losses.
        slot: the client to ask.
        groups: who reads on when the line may have been silent.
    """

    __slots__ = (
        "_actor",
        "_deaf",
        "_groups",
        "_name",
        "_services",
        "_slot",
        "_under_way",
        "seconds",
    )

    def __init__(
        self,
        name: str,
        services: Services,
        actor: SessionControl,
        slot: ClientSlot,
        groups: WorkerGroups,
    ) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._slot, self._groups = slot, groups
        self._under_way, self._deaf = False, 0
        self.seconds: float | None = None

    def start_afresh(self) -> None:
        """A new client has come: it has not been found deaf yet."""
        self._deaf = 0

    def probe(self) -> None:
        """Ask, unless one is under way; without a client only report."""
        if self._slot.client is None or self._under_way:
            self._actor.tell_monitor()
            return
        self._under_way = True
        self._actor.pipe(self._slot.client.probe(), then=self._answered, otherwise=self._failed)

    def _answered(self, seconds: float) -> None:
        """Telegram has answered: publish how fast, and see whether the client hears."""
        self._under_way, self.seconds = False, seconds
        self._services.publish(
            Probed(
                session=self._name,
                at=self._services.now(),
                seconds=seconds,
                update_age=self._slot.update_age,
            )
        )
        self._actor.tell_monitor()
        self._listen_closely()

    def _listen_closely(self) -> None:
        """Connected and answering, and yet deaf? Then a fresh client hears."""
        client = self._slot.client
        if client is None:
            return
        self._deaf = self._deaf + 1 if client.behind else 0
        if self._deaf > 1:  # once may be an update that is on its way
            logger.warning("deaf session=%s behind=%d", self._name, client.behind)
            self._actor.lose(ConnectionError("connected but deaf"), cause="deaf")
        elif self._deaf:
            self._actor.after(LISTEN_AGAIN, Probe())
        elif (self._slot.update_age or 0.0) > self._services.settings.deaf_after:
            self._groups.tell(CatchUp(routine=True))  # a channel may be silent, or not told of

    def _failed(self, error: BaseException) -> None:
        """No answer, or none that is good: hold the session, or have its line rebuilt."""
        self._under_way = False
        if self._actor.phase is not Phase.ONLINE:
            return
        verdict = classify(error)
        if verdict.terminal:
            self._actor.retire(verdict)
        elif verdict.name == LAYER_DRIFT:
            self._actor.tell_monitor()  # it has answered; no other line reads it better
        elif verdict.kind is not ErrorClass.FLOOD:
            self._actor.pipe(self._services.gateway.close(self._name), done=lambda _: Flush())
