"""The call that a handler is given: world, caller, connection."""

from __future__ import annotations

from dataclasses import dataclass

from .data_centre import DataCentre
from .rpc import RpcError
from .transport.conversation import Conversation
from .updates.delivery import Delivery
from .updates.membership import Membership
from .world.peers import Peers
from .world.records import Account, Authorization
from .world.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One request's surroundings."""

    centre: DataCentre
    conversation: Conversation
    authorization: Authorization

    @property
    def world(self) -> World:
        """What the data centre knows."""
        return self.centre.world

    @property
    def delivery(self) -> Delivery:
        """What changes messages and tells people."""
        return self.centre.delivery

    @property
    def membership(self) -> Membership:
        """What brings people into chats and takes them out."""
        return self.centre.membership

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
