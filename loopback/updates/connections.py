"""Which connections there are, by key and by account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..world.records import Account, Authorization

if TYPE_CHECKING:
    from ..transport.connection import Connection

__all__ = ["Hub"]


class Hub:
    """The open connections. One loop owns it."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._by_key: dict[int, set[Connection]] = {}
        self._by_account: dict[int, set[Connection]] = {}

    def bind(self, connection: Connection, authorization: Authorization) -> None:
        """Note that a connection uses a key."""
        self._by_key.setdefault(authorization.key_id, set()).add(connection)
        if authorization.account is not None and authorization.void is None:
            self._by_account.setdefault(authorization.account.id, set()).add(connection)

    def rebind(self, authorization: Authorization) -> None:
        """Note that somebody signed in with a key."""
        for connection in self.of_key(authorization):
            self.bind(connection, authorization)

    def release(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self.connections.discard(connection)
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

    def of_key(self, authorization: Authorization) -> list[Connection]:
        """The connections that use a key."""
        return list(self._by_key.get(authorization.key_id, ()))

    def shared(self, authorization: Authorization) -> bool:
        """Whether more than one connection uses a key."""
        return len(self._by_key.get(authorization.key_id, ())) > 1

    def of_account(self, account: Account) -> list[Connection]:
        """The connections that an account is signed in on."""
        return list(self._by_account.get(account.id, ()))


def _discard(table: dict[int, set[Connection]], key: int, connection: Connection) -> None:
    connections = table.get(key)
    if connections is not None:
        connections.discard(connection)
        if not connections:
            del table[key]
