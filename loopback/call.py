"""What a handler is given: the data centre, who asks, and on which connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rpc import RpcError
from .world.peers import Peers
from .world.records import Account, Authorization
from .world.world import World

if TYPE_CHECKING:
    from .engine import Engine
    from .transport.conversation import Conversation
    from .updates.delivery import Delivery

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request's surroundings."""

    engine: Engine
    conversation: Conversation
    authorization: Authorization

    @property
    def world(self) -> World:
        """What the data centre knows."""
        return self.engine.world

    @property
    def delivery(self) -> Delivery:
        """What changes messages and tells people."""
        return self.engine.delivery

    @property
    def me(self) -> Account:
        """Who asks; raises the error that an unknown or banned one is answered with."""
        if self.authorization.void is not None:
            raise RpcError(self.authorization.void)
        account = self.authorization.account
        if account is None:
            raise RpcError("AUTH_KEY_UNREGISTERED")
        if account.ban is not None:
            raise RpcError(account.ban)
        return account

    @property
    def peers(self) -> Peers:
        """Names in requests resolved, and answers written, for whoever asks."""
        return Peers(self.world, self.me)
