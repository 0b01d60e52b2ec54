"""The data centre as one thing: its world, its connections, its ports and its rules."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable
from typing import Final

from ..errors import ListenError
from ._tl import types
from .clock import Clock
from .faults.rules import FaultRules
from .handlers import ALL_HANDLERS
from .rpc import RpcError
from .rsakey import RsaKey
from .stats import Stats
from .threads import LoopGate
from .transport.connection import Connection
from .updates.connections import Hub
from .updates.delivery import Delivery
from .updates.membership import Membership
from .updates.pushes import Pushes
from .world.records import Authorization
from .world.world import World

__all__ = ["Engine"]

_BACKLOG: Final = 4096  # a thousand clients may dial at once


class Engine:
    """Everything a connection or handler needs of the data centre.

    Args:
        world: what is known.
        host: the address to listen on; 127.0.0.1 unless a test needs another loopback one.
        port: the first data centre's port; 0 for any free one.
        dc_ids: the numbers of the data centres played, the first one being home.
        code: the login code that everybody is sent; None for a fresh one each time.
        wall: the clock of the wire's own message ids, which must agree with the client's.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str,
        port: int,
        dc_ids: tuple[int, ...],
        code: str | None,
        wall: Clock = time.time,
    ) -> None:
        self.world, self.host, self.wall = world, host, wall
        self.handlers = ALL_HANDLERS
        self.rsa = RsaKey()
        self.hub = Hub()
        self.stats = Stats()
        self.gate = LoopGate()
        self.faults = FaultRules(
            self.stats, world.clock, lambda: self.gate.call(self._open_or_close_doors)
        )
        self.pushes = Pushes(self)
        self.delivery = Delivery(self)
        self.membership = Membership(self)
        self.void_duplicates = True
        self.api_ids: frozenset[int] | None = None
        self.ports: dict[int, int] = {
            dc_id: port if i == 0 else 0 for i, dc_id in enumerate(dc_ids)
        }
        self._code = code
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: dict[int, asyncio.Server] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    # Ports

    async def open(self) -> None:
        """Listen; raises ``ListenError`` when a port is taken."""
        self._loop = asyncio.get_running_loop()
        self.gate.enter()
        for dc_id in self.ports:
            await self._listen(dc_id, self._bound(dc_id))

    async def close(self) -> None:
        """Close ports and connections, and forget what was to happen later."""
        for timer in list(self._timers):
            timer.cancel()
        self._timers.clear()
        self._loop = None
        self.gate.leave()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        self._close_doors()
        for connection in list(self.hub.connections):
            connection.abort()
        await asyncio.sleep(0)  # lets the transports report that they are closed

    def _bound(self, dc_id: int) -> socket.socket:
        port = self.ports[dc_id]
        try:
            listener = socket.create_server((self.host, port), backlog=_BACKLOG)
        except OSError as error:
            address = f"{self.host}:{port}"
            raise ListenError("loopback Telegram", address, _reason(error)) from error
        self.ports[dc_id] = listener.getsockname()[1]
        return listener

    async def _listen(self, dc_id: int, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._servers[dc_id] = await loop.create_server(
            lambda: Connection(self, dc_id), sock=listener, backlog=_BACKLOG
        )
        self._opening.pop(dc_id, None)
        if self._loop is None or self.faults.refuses():  # things changed while it opened
            self._close_doors()

    def _open_or_close_doors(self) -> None:
        """Let the ports refuse while a ``Refuse`` rule stands, and open them afterwards."""
        if self._loop is None:
            return
        if self.faults.refuses():
            self._close_doors()
            return
        for dc_id in self.ports:
            if dc_id not in self._servers and dc_id not in self._opening:
                # Bound at once, so that whoever dials next is queued and not refused.
                listener = self._bound(dc_id)
                self._opening[dc_id] = self._loop.create_task(self._listen(dc_id, listener))

    def _close_doors(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    # Time

    def later(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do something in ``seconds`` of real time, unless the data centre closes before."""

        def due() -> None:
            self._timers.discard(timer)
            deed()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    # Logins

    def new_code(self) -> str:
        """The next login code."""
        if self._code is not None:
            return self._code
        return f"{int.from_bytes(self.world.entropy(4), 'little') % 100_000:05}"

    def accepts_api_id(self, api_id: int) -> bool:
        """Whether an application id is one of those allowed; all are, unless some are named."""
        return api_id > 0 and (self.api_ids is None or api_id in self.api_ids)

    # Keys

    def two_on_one_key(self, authorization: Authorization) -> None:
        """Void a key that two open connections use, as Telegram does."""
        if not self.void_duplicates or authorization.void is not None:
            return
        users = [link for link in self.hub.of_key(authorization) if link.is_open]
        if len(users) > 1:
            self.stats.duplicate_keys += 1
            self.void_key(authorization, "AUTH_KEY_DUPLICATED")

    def void_key(self, authorization: Authorization, text: str) -> None:
        """Let a key die: from now on every request with it is answered with ``text``."""
        authorization.void = text
        self.hub.unbind_account(authorization)
        self.world.touch()

    def end_authorization(
        self, authorization: Authorization, text: str, *, notify: bool = True
    ) -> None:
        """End a login from elsewhere; with ``notify`` its client is nudged to ask and find out."""
        self.void_key(authorization, text)
        if notify:
            for link in self.hub.of_key(authorization):
                link.conversation.send(types.UpdatesTooLong())

    def forget_key(self, authorization: Authorization | None) -> None:
        """Forget a key altogether: whoever uses it is answered -404."""
        if authorization is not None:
            self.hub.unbind_account(authorization)
            self.world.keys.pop(authorization.key_id, None)
            self.world.touch()

    def count_error(self, error: RpcError) -> None:
        """Count an error answer, numbers cut off its text."""
        self.stats.errors[re.sub(r"_\d+$", "", error.text)] += 1


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
