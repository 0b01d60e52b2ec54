"""The open connections, by auth key and by account."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..world.records import Account, Authorization


class Speaker(Protocol):
    """What is said on a connection, as those who tell something on it need it."""

    wants_updates: bool
    authorization: Authorization | None

    @property
    def connection(self) -> Link:
        """The connection that it is said on."""
        ...

    def send(self, obj: Any, *, content: bool = True) -> None:
        """Send a TL object that is no answer to a request."""

    def send_body(self, body: bytes, *, reply: bool, content: bool = True) -> None:
        """Send a message's body."""

    def corked(self) -> AbstractContextManager[None]:
        """Hold back what is said inside, and send it as one container."""
        ...


class Link(Protocol):
    """A client's connection, as the table of connections needs it."""

    @property
    def conversation(self) -> Speaker:
        """What is said on it."""
        ...

    @property
    def authorization(self) -> Authorization | None:
        """The key in use, once the client has sent something with it."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the client is still at the other end."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as has been noticed."""
        ...

    def abort(self, *, reset: bool = False) -> None:
        """Close at once."""


class Connections:
    """The open connections. One loop owns it."""

    def __init__(self) -> None:
        self.open: set[Link] = set()
        self._by_key: dict[int, set[Link]] = {}
        self._by_account: dict[int, set[Link]] = {}

    def bind(self, connection: Link, authorization: Authorization) -> None:
        """Note that a connection uses a key."""
        self._by_key.setdefault(authorization.key_id, set()).add(connection)
        if authorization.account is not None and authorization.void is None:
            self._by_account.setdefault(authorization.account.id, set()).add(connection)

    def rebind(self, authorization: Authorization) -> None:
        """Note that somebody signed in with a key."""
        for connection in self.of_key(authorization):
            self.bind(connection, authorization)

    def release(self, connection: Link) -> None:
        """Forget a closed connection."""
        self.open.discard(connection)
        authorization = connection.authorization
        if authorization is None:
            return
        _discard(self._by_key, authorization.key_id, connection)
        if authorization.account is not None:
            _discard(self._by_account, authorization.account.id, connection)

    def unbind_account(self, authorization: Authorization) -> None:
        """Note that nobody is signed in with a key any more."""
        if authorization.account is not None:
            for connection in self.of_key(authorization):
                _discard(self._by_account, authorization.account.id, connection)

    def of_key(self, authorization: Authorization) -> list[Link]:
        """The connections that use a key."""
        return list(self._by_key.get(authorization.key_id, ()))

    def shared(self, authorization: Authorization) -> bool:
        """Whether more than one connection uses a key."""
        return len(self._by_key.get(authorization.key_id, ())) > 1

    def of_account(self, account: Account) -> list[Link]:
        """The connections that an account is signed in on."""
        return list(self._by_account.get(account.id, ()))


def _discard(table: dict[int, set[Link]], key: int, connection: Link) -> None:
    connections = table.get(key)
    if connections is not None:
        connections.discard(connection)
        if not connections:
            del table[key]
