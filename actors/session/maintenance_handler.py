"""Handling of maintenance requests in a session actor.

Before a logout its client is given up, so that the end which was asked for is no loss to come
back from. Leaves the work of each step to ``maintenance``.
"""

from __future__ import annotations

from functools import partial

from ...supervision import Answer
from ...telegram import Client
from ..context import Services
from ..errors import to_public_error
from .client_slot import ClientSlot
from .control import SessionControl
from .maintenance import Done, Follow, LogOut, Maintenance, MaintenanceStep
from .sender import Sender
from .state import SessionState


class MaintenanceHandler:
    """Takes the steps of one session's care.

    Args:
        actor: the session, which switches over or ends.
        slot: the client to log out with.
        sender: what must be sent before a logout.
        state: where the session stands.
    """

    __slots__ = ("_actor", "_maintenance", "_name", "_sender", "_services", "_slot")

    def __init__(
        self,
        name: str,
        services: Services,
        actor: SessionControl,
        slot: ClientSlot,
        sender: Sender,
        state: SessionState,
    ) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._slot, self._sender = slot, sender
        self._maintenance = Maintenance(name, services, state)

    def take(self, step: MaintenanceStep) -> Answer:
        """Take one step; answered when it is done."""
        answer, client = Answer(), self._slot.client
        given_up = isinstance(step, LogOut) and client is not None
        self._slot.flush()
        if given_up:
            self._slot.detach()
            self._slot.close_generation()
            self._actor.pause_groups("logging out")
        self._actor.pipe(
            self._done(step, client),
            then=partial(self._went, answer),
            otherwise=partial(self._went_wrong, answer, given_up),
        )
        return answer

    async def _done(self, step: MaintenanceStep, client: Client | None) -> Done:
        if isinstance(step, LogOut):
            await self._sender.drain(within=self._services.settings.drain)
        return await self._maintenance.take(step, client)

    def _went_wrong(self, answer: Answer, given_up: bool, error: BaseException) -> None:
        answer.fail(to_public_error(error, session=self._name))
        if given_up:
            self._actor.switch("logout failed")

    def _went(self, answer: Answer, done: Done) -> None:
        """A step is done: follow, and answer."""
        if done.follow is Follow.NOTHING:
            answer.set(done.answer)
            return
        if done.follow is Follow.SWITCH:
            self._actor.switch("another login")
        else:
            self._actor.logged_out()
        answer.set(done.answer or self._actor.phase)
